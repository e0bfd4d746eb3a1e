// The shapes a NocoBase can have that change what the sidecar reads and writes, each proven on one installed so.
//
//   node variants.mjs [schema] [timezone] [zone] [secrets]        all of them without a name
//
// schema     PostgreSQL with DB_SCHEMA, DB_TABLE_PREFIX and DB_UNDERSCORED
// timezone   MariaDB with DB_TIMEZONE: times stand in the tables as in that zone
// zone       the same with a TZ in NocoBase's settings file, from which NocoBase derives the other
// secrets    a jwt_secret.dat that wins over APP_KEY, a sidecar with another secret, encrypted secret variables
// KEEP=1 leaves everything running. See nocobase.mjs for where and how NocoBase is installed.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { binary, SidecarProgram } from './programs.mjs';
import { APP, HAN_MEIMEI, LI_LEI, NAME, Site, Steps, until } from './site.mjs';

const COOKIES = ['nb_auth_token_main', 'nb_authenticator_main', 'nb_csrf_token_main', 'nb_role_main'];
const steps = new Steps();

/** A workflow that starts when a user is created; resolves with how many times it has run. */
async function workflowOnNewUsers(site) {
  const { id } = await site.asAdministrator('workflows:create', {
    body: { title: 'On new users', type: 'collection', enabled: true, current: true, config: { collection: 'users', mode: 1, changed: [], appends: [] } },
  });
  const filter = encodeURIComponent(JSON.stringify({ workflowId: id }));
  return () => site.asAdministrator(`executions:list?filter=${filter}&appends[]=workflow`, { method: 'GET' });
}

/** What every variant must give: a matched user, a new user, a returning user, sessions that live and end. */
async function signInSteps(site, variant) {
  const as = (what) => `${variant}: ${what}`;
  const people = {};
  let executions;
  await steps.step(as('the package is added by URL and enabled; the authenticator is created'), async () => {
    people.known = await site.createUser({ nickname: 'Lei', username: 'lilei', phone: LI_LEI.phone });
    await site.installPlugin();
    executions = await workflowOnNewUsers(site);
    await site.createAuthenticator();
  });
  await steps.step(as('a matched user signs in; the session is renewed and ended by NocoBase'), async () => {
    const { user, token, cookies } = await site.signIn(LI_LEI.person);
    assert.equal(user.id, people.known.id);
    assert.deepEqual(cookies, COOKIES);
    const checked = await site.expectLivingSession(token, user.id);
    assert.deepEqual(checked.roles.map((role) => role.name), ['member']);
    assert.equal((await executions()).length, 0, 'the workflow ran for a user who was there');
  });
  await steps.step(as('a new user is signed up with the default role, and a workflow on new users runs once'), async () => {
    const { user, token } = await site.signIn(HAN_MEIMEI.person);
    people.new = user;
    assert.equal(user.phone, HAN_MEIMEI.phone);
    assert.deepEqual([user.username, user.email], [null, null]);
    const checked = await site.expectLivingSession(token, user.id);
    assert.deepEqual(checked.roles.map((role) => role.name), ['member']);
    const [execution] = await until('the workflow has run', async () => {
      const all = await executions();
      return all.length && all.every((one) => one.status === 1) && all;
    });
    assert.equal((await executions()).length, 1);
    assert.equal(Number(execution.context.data.id), user.id);
    return `execution ${execution.id} for user ${user.id}`;
  });
  await steps.step(as('whoever comes back is the same user, matched by the stored link'), async () => {
    const { user, token } = await site.signIn(HAN_MEIMEI.person);
    assert.equal(user.id, people.new.id);
    await site.expectLivingSession(token, user.id);
    const matched = site.audit().filter((entry) => entry.result === 'OK').map((entry) => entry.matched);
    assert.deepEqual(matched, ['phone', 'signUp', 'subject']);
  });
  return people;
}

async function withSite(instance, options, run) {
  let site;
  await steps.step(`${instance}: NocoBase, DingTalk and the sidecar are up`, async () => { site = await Site.open(instance, options); });
  if (!site) return;
  try {
    await run(site);
    await steps.step(`${instance}: DingTalk was asked nothing it would not have understood`, async () => assert.deepEqual(await site.dingtalk.unexpected(), []));
  } finally {
    await site.close();
  }
}

async function schema() {
  const env = { DB_SCHEMA: 'nb_schema', DB_TABLE_PREFIX: 'nb_', DB_UNDERSCORED: 'true' };
  await withSite('variant-schema', { env }, async (site) => {
    const { database } = site.nocobase;
    const tables = async () => (await database.query("select schemaname || '.' || tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema') order by 1")).flat();
    const before = await tables();
    const { new: user } = await signInSteps(site, 'schema');
    await steps.step('schema: what was written stands in the prefixed tables of the schema, and no table was made', async () => {
      const after = (await tables()).filter((table) => !before.includes(table));
      assert.deepEqual(after, []);
      assert.ok(before.length > 50 && before.every((table) => table.startsWith('nb_schema.nb_')), before.join(' '));
      const links = await database.query(`select authenticator, user_id from nb_schema.nb_users_authenticators order by user_id`);
      assert.equal(links.length, 2);
      assert.deepEqual(links[1], [NAME, String(user.id)]);
      const roles = await database.query(`select role_name from nb_schema.nb_roles_users where user_id = ${user.id}`);
      assert.deepEqual(roles, [['member']]);
      const [[index]] = await database.query("select indexdef from pg_indexes where schemaname = 'nb_schema' and indexname like '%authenticator_uuid_unique'");
      assert.match(index, /UNIQUE INDEX \w+ ON nb_schema\.nb_users_authenticators .*\(authenticator, uuid\)/);
      return index.match(/INDEX (\w+)/)[1];
    });
  });
}

async function timesAsIn(variant, env) {
  await withSite(`variant-${variant}`, { dialect: 'mariadb', env }, async (site) => {
    const { database } = site.nocobase;
    const began = Date.now();
    const { new: user, known } = await signInSteps(site, variant);
    const ended = Date.now();
    // Seconds between a column as it stands, read as UTC, and the same moment in milliseconds.
    const offsets = async (sql) => (await database.query(sql)).map(([seconds]) => Number(seconds));
    await steps.step(`${variant}: sessions of the sidecar and of NocoBase are written alike, eight hours ahead of UTC`, async () => {
      const shift = "timestampdiff(second, '1970-01-01', createdAt) - issuedTime div 1000";
      const ours = await offsets(`select ${shift} from issuedTokens where authenticator = '${NAME}' and issuedTime = signInTime`);
      const theirs = await offsets(`select ${shift} from issuedTokens where authenticator = 'basic' and issuedTime = signInTime`);
      // Each session was renewed since, which changes issuedTime alone; its creation is compared with the sign-in.
      const created = await offsets(`select timestampdiff(second, '1970-01-01', createdAt) - signInTime div 1000 from issuedTokens where authenticator = '${NAME}'`);
      assert.ok(theirs.length > 0 && created.length > 0);
      for (const seconds of [...ours, ...theirs, ...created]) assert.ok(Math.abs(seconds - 8 * 3600) <= 1, `${seconds}`);
      return `${created.length} of ours, ${theirs.length} of NocoBase's`;
    });
    await steps.step(`${variant}: the new user and the links are read by NocoBase with the times they were written at`, async () => {
      const read = await site.asAdministrator(`users:get?filterByTk=${user.id}`, { method: 'GET' });
      for (const column of ['createdAt', 'updatedAt']) {
        assert.equal(read[column], user[column], `${column} as answered by the sidecar, and as read by NocoBase`);
        assert.ok(Date.parse(read[column]) >= began - 1000 && Date.parse(read[column]) <= ended, read[column]);
      }
      const [[raw]] = await database.query(`select date_format(createdAt, '%Y-%m-%dT%H:%i:%s') from users where id = ${user.id}`);
      assert.equal(Date.parse(`${raw}+08:00`), Math.floor(Date.parse(user.createdAt) / 1000) * 1000);
      const [[theirs]] = await database.query(`select date_format(createdAt, '%Y-%m-%dT%H:%i:%s') from users where id = ${known.id}`);
      assert.equal(Date.parse(`${theirs}+08:00`), Math.floor(Date.parse(known.createdAt) / 1000) * 1000);
      const links = (await database.query("select date_format(createdAt, '%Y-%m-%dT%H:%i:%s') from usersAuthenticators order by createdAt")).flat();
      const audit = site.audit().filter((entry) => ['phone', 'signUp'].includes(entry.matched)).map((entry) => Date.parse(entry.time));
      assert.equal(links.length, 2);
      links.forEach((link, index) => assert.ok(Math.abs(Date.parse(`${link}+08:00`) - audit[index]) <= 2000, `${link} ${audit[index]}`));
      return `${raw} in the table is ${user.createdAt}`;
    });
  });
}

const SECRET_VARIABLE = 'DINGTALK_SECRET';

async function secrets() {
  const secret = randomBytes(32);
  const beforeStart = (nocobase) => {
    const folder = path.join(nocobase.folder, 'storage/apps/main');
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, 'jwt_secret.dat'), secret, { mode: 0o600 });
  };
  await withSite('variant-secrets', { beforeStart }, async (site) => {
    await steps.step('secrets: with APP_KEY and a key file the file wins, for NocoBase and for the sidecar', async () => {
      await site.createUser({ nickname: 'Lei', username: 'lilei', phone: LI_LEI.phone });
      await site.installPlugin();
      await site.createAuthenticator();
      const { user, token } = await site.signIn(LI_LEI.person);
      await site.expectLivingSession(token, user.id, secret);
    });
    await steps.step('secrets: DingTalk\'s credentials may come from encrypted variables of NocoBase', async () => {
      await site.asAdministrator('environmentVariables:create', { body: [{ name: SECRET_VARIABLE, type: 'secret', value: APP.clientSecret }, { name: 'DINGTALK_ID', type: 'default', value: APP.clientId }] });
      const [[kind, stored]] = await site.nocobase.database.query(`select type, value from "environmentVariables" where name = '${SECRET_VARIABLE}'`);
      assert.equal(kind, 'secret');
      assert.match(stored, /^[0-9a-f]{64,}$/);
      const templates = { clientId: '{{ $env.DINGTALK_ID }}', clientSecret: `{{$env.${SECRET_VARIABLE}}}` };
      const answered = await site.createAuthenticator({ name: 'ding-env', options: templates });
      assert.doesNotMatch(JSON.stringify(answered), new RegExp(APP.clientSecret));
      const listed = await site.asAdministrator('authenticators:list', { method: 'GET' });
      assert.doesNotMatch(JSON.stringify(listed), new RegExp(APP.clientSecret));
      assert.equal(listed.find((row) => row.name === 'ding-env').options.clientSecret, templates.clientSecret);
      const { user } = await site.signIn(HAN_MEIMEI.person, 'ding-env');
      assert.equal(user.phone, HAN_MEIMEI.phone);
    });
    await steps.step('secrets: a sidecar that knows only APP_KEY is SECRET_MISMATCH at its first request, and the doctor says so', () => otherSecret(site));
    await steps.step('secrets: with the right settings file again, sign-ins work again', async () => {
      const { token, user } = await site.signIn(LI_LEI.person);
      await site.expectLivingSession(token, user.id, secret);
    });
    await steps.step('secrets: somebody locked out gets the password back from the doctor, once NocoBase is restarted as it says', () => lockedOut(site));
  });
}

async function lockedOut(site) {
  const { nocobase } = site;
  const basic = (await site.asAdministrator('authenticators:list', { method: 'GET' })).find((row) => row.name === 'basic');
  await site.asAdministrator(`authenticators:update?filterByTk=${basic.id}`, { body: { id: basic.id, enabled: false } });
  await assert.rejects(nocobase.administrator());
  const enable = async () => (await promisify(execFile)(binary(), ['doctor', '--env-file', nocobase.envFile, '--enable-password'], { env: { PATH: process.env.PATH } })).stdout;
  assert.match(await enable(), /enabled again\. Restart NocoBase/);
  // What the command says is so: NocoBase has read its sign-in methods once and for all.
  await assert.rejects(nocobase.administrator());
  await nocobase.stop();
  await nocobase.start();
  assert.ok(await nocobase.administrator());
  assert.match(await enable(), /enabled already/);
}

async function otherSecret(site) {
  const flow = await site.comeBack(LI_LEI.person);
  await site.sidecar.stop();
  const folder = path.join(site.folder, 'other-storage');
  fs.mkdirSync(folder);
  const envFile = path.join(site.folder, 'other.env');
  // The same settings but for a storage folder without the key file: now APP_KEY is the secret.
  fs.writeFileSync(envFile, `${fs.readFileSync(site.nocobase.envFile, 'utf8')}STORAGE_PATH=${folder}\n`, { mode: 0o600 });
  const other = new SidecarProgram({ envFile }, site.dingtalk, site.folder, Number(new URL(site.sidecar.url).port));
  await other.start();
  try {
    const answer = await site.finish(flow);
    assert.deepEqual([answer.status, answer.json.errors[0].code], [403, 'SECRET_MISMATCH'], answer.text);
    assert.match(answer.json.errors[0].message, /settings file/);
    const start = await site.nocobase.request(`auth:redirect?authenticator=${NAME}&return=/signin`, { method: 'GET' });
    // A browser is shown a page, never an answer meant for programs.
    assert.equal(start.status, 403);
    assert.match(start.headers.get('content-type'), /^text\/html/);
    assert.match(start.text, /do not share one secret/);
    const [right, wrong] = [await doctor(site, site.nocobase.envFile), await doctor(site, envFile)];
    const about = (report) => report.findings.filter((finding) => /secret/i.test(finding.check) && finding.status === 'error');
    assert.deepEqual(about(right), []);
    assert.equal(about(wrong).length, 1, JSON.stringify(wrong));
    assert.equal(wrong.exitCode, 1);
    return `doctor: ${about(wrong)[0].message}`;
  } finally {
    await other.stop();
    await site.sidecar.start();
  }
}

/** The doctor's report with its exit code. */
async function doctor(site, envFile) {
  const hosts = { DINGTALK_LOGIN_URL: site.dingtalk.url, DINGTALK_API_URL: site.dingtalk.url, DINGTALK_OAPI_URL: site.dingtalk.url };
  const args = ['doctor', '--env-file', envFile, '--storage', path.join(site.folder, 'sidecar'), '--json'];
  const { stdout, code = 0 } = await promisify(execFile)(binary(), args, { env: { PATH: process.env.PATH, ...hosts } }).catch((error) => error);
  return { ...JSON.parse(stdout), exitCode: code };
}

const timezone = () => timesAsIn('timezone', { DB_TIMEZONE: '+08:00' });
const zone = () => timesAsIn('zone', { TZ: 'Asia/Shanghai' });

const VARIANTS = { schema, timezone, zone, secrets };
const wanted = process.argv.slice(2);
for (const name of wanted.length ? wanted : Object.keys(VARIANTS)) await VARIANTS[name]();
steps.end();
