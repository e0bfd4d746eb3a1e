// 50,000 people in 2,000 departments, brought into a real NocoBase: how long it takes, what it costs, what it does to
// everybody else, and that a run which is broken off goes on where it was.
//
//   node directory-large.mjs [postgres|mariadb]
//
// PEOPLE, DEPARTMENTS make it smaller; KEEP=1 leaves everything running. Takes about half an hour.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { APP, LI_LEI, NAME, Site, Steps, until } from './site.mjs';
import { DEMO_CORP_ID } from './programs.mjs';

const dialect = process.argv[2] ?? 'postgres';
const PEOPLE = Number(process.env.PEOPLE ?? 50_000);
const DEPARTMENTS = Number(process.env.DEPARTMENTS ?? 2_000);
/** Calls that DingTalk lets out in a second, for each API. */
const CALLS_A_SECOND = 20;
const SOURCE = 'dingtalk';
const MEGABYTE = 1 << 20;
const PROBES_A_SECOND = 10;
/** What others ask meanwhile: one that takes as long whoever is there, and one for which NocoBase counts and sorts its users. */
const ASKED = { check: 'auth:check', list: 'users:list?pageSize=20&appends=roles' };
/** How long they are asked with nothing beside them, in seconds. */
const QUIET = 60;
const EVENTS_A_SECOND = 20;
const EVENTS = { stream: EVENTS_A_SECOND * 60, callback: EVENTS_A_SECOND * 15 };
const CALLBACK_KEYS = { token: 'a token of ours', encodingAesKey: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG' };

const steps = new Steps();
const site = await Site.open('large', { dialect });
const { nocobase } = site;

const run = () => site.asAdministrator(`dingtalk:run?source=${SOURCE}`, { method: 'GET' });
const isUnderWay = ({ state }) => ['waiting', 'reading', 'comparing', 'writing'].includes(state);
const since = (begun) => (Date.now() - begun) / 1000;
const rowsOf = async (sql) => Number((await nocobase.database.query(sql))[0][0]);
const quoted = (name) => (dialect === 'postgres' ? `"${name}"` : `\`${name}\``);
const written = () => rowsOf(`SELECT COUNT(*) FROM ${quoted('userDataSyncRecords')} WHERE ${quoted('dataType')} = 'user'`);

/** The memory of the sidecar's process in bytes. */
function memory() {
  const status = fs.readFileSync(`/proc/${site.sidecar.program.child.pid}/status`, 'utf8');
  return Number(status.match(/VmRSS:\s+(\d+)/)[1]) * 1024;
}

/** Somebody else's work meanwhile: how long each of their requests took, and the most memory that the sidecar had. */
class Meanwhile {
  #times = { check: [], list: [] };
  #failures = [];
  #most = 0;
  #isOver = false;

  static begin(token) {
    const meanwhile = new Meanwhile();
    meanwhile.ended = meanwhile.#go(token);
    return meanwhile;
  }

  async #go(token) {
    for (let count = 0; !this.#isOver; count += 1) {
      const begun = performance.now();
      const asked = count % 2 ? 'check' : 'list';
      const answer = await nocobase.request(ASKED[asked], { method: 'GET', token });
      this.#times[asked].push(performance.now() - begun);
      if (answer.status !== 200) this.#failures.push(`${ASKED[asked]}: ${answer.status}`);
      if (site.sidecar.program.child.exitCode === null) this.#most = Math.max(this.#most, memory());
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, 1000 / PROBES_A_SECOND - (performance.now() - begun))));
    }
  }

  async end() {
    this.#isOver = true;
    await this.ended;
    assert.deepEqual(this.#failures, []);
    return { check: spread(this.#times.check), list: spread(this.#times.list), memory: this.#most };
  }
}

const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

function spread(times) {
  const sorted = [...times].sort((a, b) => a - b);
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), requests: sorted.length };
}

/** Waits until the run that was begun then is in one of these states. */
async function follow(begun, wanted, seconds) {
  const found = await until(`the run is ${wanted.join(' or ')}`, async () => {
    const now = await run();
    return (wanted.includes(now.state) || !isUnderWay(now)) && now;
  }, seconds);
  return { run: found, seconds: since(begun) };
}

/** So that the source is found changed as soon as it is looked for. */
async function receive(mode) {
  const [{ id, options }] = (await site.asAdministrator('userDataSyncSources:list', { method: 'GET' })).filter(({ name }) => name === SOURCE);
  await site.asAdministrator(`userDataSyncSources:update?filterByTk=${id}`, { body: { options: { ...options, ...CALLBACK_KEYS, receiveMode: mode } } });
  await until(`it receives by ${mode}`, async () => {
    const [source] = await site.asAdministrator('dingtalk:sources', { method: 'GET' });
    return mode === 'stream' ? source.stream?.state === 'connected' : source.receiveMode === mode;
  }, 60);
}

/** Changes so many people a second, and sees when each of them is changed in NocoBase: seconds, sorted. */
async function changeAndWait(count, family) {
  const changed = new Map();
  const lasted = [];
  const name = (number) => `${family} ${number}`;
  const look = async () => {
    const rows = await nocobase.database.query(`SELECT ${quoted('nickname')} FROM ${quoted('users')} WHERE ${quoted('nickname')} LIKE '${family} %'`);
    const now = Date.now();
    for (const [nickname] of rows) {
      if (!changed.has(nickname)) continue;
      lasted.push((now - changed.get(nickname)) / 1000);
      changed.delete(nickname);
    }
  };
  const begun = Date.now();
  for (let number = 0; number < count; number += 1) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, begun + (number * 1000) / EVENTS_A_SECOND - Date.now())));
    changed.set(name(number), Date.now());
    await site.dingtalk.rename(`p${String(number).padStart(6, '0')}`, name(number));
    if (number % 5 === 0) await look();
  }
  const took = since(begun);
  await until('everybody is changed', async () => {
    await look();
    return changed.size === 0;
  }, 300);
  return { lasted: lasted.sort((a, b) => a - b), took };
}

const told = ({ p50, p99, requests }) => `p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms (${requests})`;
const toldAll = ({ check, list }) => `check ${told(check)}, list ${told(list)}`;

try {
  await site.createUser({ nickname: 'Lei', username: 'lilei', phone: LI_LEI.phone });
  await site.installPlugin();
  assert.equal((await site.setEnabled(true, '@nocobase/plugin-departments')).status, 200);
  site.token = undefined;
  await site.createAuthenticator();
  await site.dingtalk.fill({ corpId: DEMO_CORP_ID, departments: DEPARTMENTS, people: PEOPLE });
  await site.asAdministrator('userDataSyncSources:create', {
    body: { name: SOURCE, sourceType: 'dingtalk', displayName: 'DingTalk', enabled: true, options: { authenticator: NAME, uniqueField: 'mobile', preview: false, leavers: 'removeRoles' } },
  });
  const token = await nocobase.administrator();

  /** Others' requests with nothing beside them. */
  async function quiet() {
    const meanwhile = Meanwhile.begin(token);
    const begun = Date.now();
    await until('it was quiet long enough', () => since(begun) > QUIET, 2 * QUIET);
    return meanwhile.end();
  }

  let before;
  let beside;
  await steps.step('requests of others, while nothing runs and hardly anybody is there', async () => {
    // The first requests of a server are slower than those that follow.
    await quiet();
    before = await quiet();
    return toldAll(before);
  });
  await steps.step(`${PEOPLE} new people are read and written, and signing in goes on beside it`, async () => {
    const besideReading = Meanwhile.begin(token);
    const begun = Date.now();
    await site.asAdministrator(`dingtalk:startRun?source=${SOURCE}`, { body: {} });
    const reading = await follow(begun, ['writing'], 900);
    const besideRead = await besideReading.end();
    const besideWriting = Meanwhile.begin(token);
    assert.equal(reading.run.state, 'writing', JSON.stringify(reading.run));
    const calls = await site.dingtalk.calls();
    const ofOneKind = Math.max(...Object.values(calls));
    // What DingTalk's limit alone would take, for the call that is made most.
    const least = ofOneKind / CALLS_A_SECOND;
    assert.ok(reading.seconds <= Math.max(least * 1.1, least + 5), `read and compared after ${reading.seconds} s; the limit allows ${least} s`);
    let signedIn = 0;
    for (let count = 0; count < 10; count += 1) {
      const { user } = await site.signIn(LI_LEI.person);
      signedIn += user ? 1 : 0;
    }
    const ended = await follow(begun, ['done'], 1200);
    const wrote = ended.seconds - reading.seconds;
    beside = await besideWriting.end();
    const most = Math.max(besideRead.memory, beside.memory);
    assert.equal(ended.run.state, 'done', JSON.stringify(ended.run));
    assert.ok(wrote < 600, `written in ${wrote} s`);
    assert.ok(most < 60 * MEGABYTE, `${most / MEGABYTE} MiB`);
    assert.equal(signedIn, 10);
    assert.ok(await written() >= PEOPLE);
    return `read and compared in ${reading.seconds.toFixed(1)} s (the limit alone: ${least.toFixed(1)} s, ${ofOneKind} calls of one kind), written in ${wrote.toFixed(0)} s; sidecar at most ${(most / MEGABYTE).toFixed(0)} MiB; others beside the reading: ${toldAll(besideRead)}; beside the writing: ${toldAll(beside)}`;
  });
  await steps.step('others waited at most twice as long beside the writing as with nothing beside them', async () => {
    const after = await quiet();
    assert.ok(beside.check.p99 <= 2 * before.check.p99, `check: p99 ${beside.check.p99} ms beside it, ${before.check.p99} ms before`);
    // Most of the way there are more users than before, for which the list takes longer by itself.
    assert.ok(beside.list.p99 <= 2 * Math.max(before.list.p99, after.list.p99), `list: p99 ${beside.list.p99} ms beside it, ${before.list.p99} ms before, ${after.list.p99} ms after`);
    return `before, with nobody there: ${toldAll(before)}; after, with everybody: ${toldAll(after)}`;
  });
  await steps.step('a second run finds nothing to do and writes nothing', async () => {
    const users = await rowsOf(`SELECT COUNT(*) FROM ${quoted('users')}`);
    const latest = () => nocobase.database.query(`SELECT MAX(${quoted('updatedAt')}) FROM ${quoted('users')} UNION ALL SELECT MAX(${quoted('updatedAt')}) FROM ${quoted('userDataSyncRecords')}`);
    const before = await latest();
    const begun = Date.now();
    await site.asAdministrator(`dingtalk:startRun?source=${SOURCE}`, { body: {} });
    const ended = await follow(begun, ['done'], 900);
    assert.equal(ended.run.state, 'done', JSON.stringify(ended.run));
    assert.equal(await rowsOf(`SELECT COUNT(*) FROM ${quoted('users')}`), users);
    assert.deepEqual(await latest(), before);
    assert.ok(!ended.run.counts.create && !ended.run.counts.change, JSON.stringify(ended.run.counts));
    return `${ended.seconds.toFixed(1)} s, ${ended.run.counts.unchanged} unchanged`;
  });
  // Who has given an address is called there, whoever has opened a stream: so the stream comes first.
  for (const [mode, count] of Object.entries(EVENTS)) {
    await steps.step(`${count} people are changed in DingTalk, ${EVENTS_A_SECOND} a second, and soon after in NocoBase, by ${mode}`, async () => {
      await receive(mode);
      if (mode === 'callback') {
        const { address } = await site.asAdministrator(`dingtalk:callbackAddress?source=${SOURCE}`, { method: 'GET' });
        await site.dingtalk.setCallback({ ...CALLBACK_KEYS, clientId: APP.clientId, url: address });
        const { findings } = await site.asAdministrator('dingtalk:diagnose');
        const found = findings.find(({ check }) => check === 'source-callback-address');
        assert.match(found?.message ?? '', /answers, but only inside your network/);
      }
      const { lasted, took } = await changeAndWait(count, `By ${mode}`);
      const at = (share) => quantile(lasted, share);
      assert.equal(lasted.length, count);
      assert.ok(took < (count / EVENTS_A_SECOND) * 1.1, `the changes alone took ${took} s`);
      assert.ok(at(0.99) < 10, `p99 ${at(0.99)} s`);
      return `changed within p50 ${at(0.5).toFixed(1)} s, p99 ${at(0.99).toFixed(1)} s, at most ${at(1).toFixed(1)} s`;
    });
  }
  await steps.step('what is broken off by kill -9 in the middle goes on, and nobody is there twice', async () => {
    await site.dingtalk.fill({ corpId: DEMO_CORP_ID, departments: DEPARTMENTS, people: Math.round(PEOPLE * 1.1) });
    const before = await written();
    await site.asAdministrator(`dingtalk:startRun?source=${SOURCE}`, { body: {} });
    await follow(Date.now(), ['writing'], 900);
    await until('somebody is written', async () => (await written()) > before, 120);
    site.sidecar.program.child.kill('SIGKILL');
    await site.sidecar.program.ended;
    const broken = await written();
    await site.sidecar.start();
    const ended = await follow(Date.now(), ['done'], 1200);
    assert.equal(ended.run.state, 'done', JSON.stringify(ended.run));
    assert.equal(ended.run.reason, 'resume');
    const twice = await rowsOf(`SELECT COUNT(*) FROM (SELECT ${quoted('sourceUk')} FROM ${quoted('userDataSyncRecords')} WHERE ${quoted('dataType')} = 'user' GROUP BY ${quoted('sourceUk')} HAVING COUNT(*) > 1) AS twice`);
    assert.equal(twice, 0);
    return `${broken - before} were written before, ${(await written()) - broken} after`;
  });
  assert.equal(await site.dingtalk.unexpected().then((found) => found?.length ?? 0), 0);
} finally {
  await site.close();
}
steps.end();
