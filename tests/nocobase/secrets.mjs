// The client secret leaves NocoBase by no exit: not by its actions, however they are spelt, and not by its logs.
//
//   node secrets.mjs
//
// KEEP=1 leaves everything running. See nocobase.mjs for where and how NocoBase is installed.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Browser } from '../sdk/browser.mjs';
import { MASK, PACKAGE } from './administration.mjs';
import { HAN_MEIMEI, LI_LEI, NAME, Site, Steps, until } from './site.mjs';

/** Everything that must never be seen, by who it belongs to. */
const SECRETS = {
  ours: 'canary-of-an-earlier-version',
  community: 'canary-of-the-community-plugin',
  created: 'canary-of-a-new-authenticator',
  updated: 'canary-of-an-update',
  refused: 'canary-of-a-refused-request',
};
const CLIENT_ID = { ours: 'dingours0001', community: 'dingcommunity01', [NAME]: 'dingvariant0001' };

const steps = new Steps();
// NocoBase writes down as much as it can.
const site = await Site.open('secret', { env: { LOGGER_LEVEL: 'trace', DB_LOGGING: 'on' } });
const { nocobase } = site;
const { database } = nocobase;

const storedText = async (name) => (await database.query(`select options from authenticators where name = '${name}'`))[0][0];
const stored = async (name) => JSON.parse(await storedText(name));
const kept = async (name) => Object.fromEntries(await database.query(`select s.name, s.value from dingtalk_secrets s join authenticators a on a.id = s.id where a.name = '${name}'`));
const rowOf = async (name) => (await site.asAdministrator(`authenticators:list?filter=${encodeURIComponent(JSON.stringify({ name }))}`, { method: 'GET' }))[0];

function expectNoSecret(text, where) {
  for (const [whose, secret] of Object.entries(SECRETS)) assert.ok(!text.includes(secret), `${where} shows the secret ${whose}: ${text.slice(0, 500)}`);
}

/** Whole rows, as NocoBase's form saves them. */
async function update(name, change, { options = (same) => same, token } = {}) {
  const row = await rowOf(name);
  token ??= await nocobase.administrator();
  const answer = await nocobase.request(`authenticators:update?filterByTk=${row.id}`, { token, body: { ...row, ...change, options: options(row.options) } });
  expectNoSecret(answer.text, 'authenticators:update');
  return answer;
}

/** The sidecar remembers settings for two seconds. */
/** What the doctor finds; it answers once in five seconds. */
async function diagnosed() {
  const token = await nocobase.administrator();
  return until('the doctor answers', async () => {
    const answer = await nocobase.request(`dingtalk:diagnose?authenticator=${NAME}`, { token });
    return answer.status === 200 && answer.text;
  });
}

const signInSoon = (person) => until(`${person} signs in`, () => site.signIn(person).catch(() => null));

async function registerApps(secretOf) {
  const redirectUri = `${nocobase.api}auth:redirect`;
  for (const [name, clientSecret] of Object.entries(secretOf)) await site.dingtalk.registerApp({ clientId: CLIENT_ID[name], clientSecret, redirectUri });
}

/** Each way in which NocoBase answers with rows, or may be talked into it. */
async function exits(row, userId) {
  const json = (value) => encodeURIComponent(JSON.stringify(value));
  const post = (action, body) => ({ action, body, method: 'POST' });
  const get = (action) => ({ action, method: 'GET' });
  return [
    get('authenticators:list'),
    get('authenticators:list?fields=options'),
    get(`authenticators:list?filter=${json({ 'options.clientSecret': { $ne: '' } })}`),
    get('authenticators:list?paginate=false&appends=users,createdBy'),
    post('authenticators:list', { fields: ['options'] }),
    get('authenticators%3Alist'),
    get('%61uthenticators:list'),
    get('authenticators:list%3F'),
    get('authenticators'),
    get(`authenticators/${row.id}`),
    get(`authenticators:get/${row.id}`),
    get(`authenticators:get?filterByTk=${row.id}`),
    get(`%61uthenticators%3Aget?filterByTk=${row.id}&fields=options`),
    get('authenticators:publicList'),
    get('authenticators:listTypes'),
    post('authenticators:query', { measures: [{ field: ['id'], aggregation: 'count', alias: 'n' }], dimensions: [{ field: ['options'], alias: 'harmless' }] }),
    post('authenticators:query', { measures: [{ field: ['options'], aggregation: 'max', alias: 'harmless' }] }),
    post('%61uthenticators:query', { dimensions: [{ field: ['options'], alias: 'name' }] }),
    post('authenticators:firstOrCreate', { values: { name: row.name }, filterKeys: ['name'] }),
    post('authenticators:updateOrCreate', { values: { name: row.name, enabled: true }, filterKeys: ['name'] }),
    post(`authenticators:move?sourceId=${row.id}&targetId=${row.id}`),
    post('charts:query', { collection: 'authenticators', dataSource: 'main', measures: [{ field: ['id'], aggregation: 'count' }], dimensions: [{ field: ['options'], alias: 'harmless' }] }),
    get(`users:get?filterByTk=${userId}&appends=authenticators`),
    get('users:list?appends=authenticators'),
    get(`users/${userId}/authenticators:list`),
    get('usersAuthenticators:list?appends=authenticator'),
    get('pm:list'),
    get('pm:listEnabled'),
    get(`pm:get?filterByTk=${PACKAGE}`),
    get('applicationPlugins:list'),
    get('dingtalk_secrets:list'),
    get('dingtalkSecrets:list'),
    get('dingtalk_secrets'),
    post('charts:query', { collection: 'dingtalk_secrets', dataSource: 'main', measures: [], dimensions: [{ field: ['value'] }] }),
    get('collections:list?appends=fields&paginate=false'),
    get('environmentVariables:list'),
    get(`dingtalk:configForm?authenticator=${row.name}`),
    get('dingtalk:signInButton'),
    get(`dingtalk:bindings?authenticator=${row.name}`),
    get('dingtalk:audit'),
    post(`dingtalk:diagnose?authenticator=${row.name}`, {}),
    get('app:getInfo'),
    get('logger:list'),
  ];
}

async function expectSilentExits(token) {
  const row = await rowOf(NAME);
  const ciphertexts = (await database.query('select value from dingtalk_secrets')).flat();
  assert.ok(ciphertexts.length > 0);
  const [{ id: userId }] = await site.asAdministrator('users:list?filter={"username":"lilei"}', { method: 'GET' });
  let answered = 0;
  for (const { action, ...options } of await exits(row, userId)) {
    const answer = await nocobase.request(action, { token, ...options });
    expectNoSecret(answer.text, action);
    for (const text of ciphertexts) assert.ok(!answer.text.includes(text), `${action} shows what is kept apart`);
    if (answer.status === 200) answered += 1;
  }
  assert.ok(answered > 0);
  return `${answered} of ${(await exits(row, userId)).length} answered`;
}

async function exported(token) {
  const body = { title: 'x', columns: [{ dataIndex: ['name'], title: 'name', defaultTitle: 'name' }, { dataIndex: ['options'], title: 'harmless', defaultTitle: 'harmless' }] };
  const answer = await fetch(`${nocobase.api}authenticators:export`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (answer.status !== 200) return { status: answer.status, text: bytes.toString() };
  const { read, utils } = createRequire(path.join(nocobase.folder, 'package.json'))('xlsx');
  const sheets = Object.values(read(bytes).Sheets).map((sheet) => utils.sheet_to_csv(sheet));
  return { status: 200, text: sheets.join('\n') };
}

function filesUnder(folder) {
  return fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((file) => file.isFile()).map((file) => path.join(file.parentPath, file.name));
}

/** Someone who may administer authenticators and nothing else. */
async function member() {
  await site.asAdministrator('roles:create', { body: { name: 'r_auth', title: 'Authenticators', snippets: ['pm.auth.authenticators'] } });
  await site.createUser({ nickname: 'Ma', username: 'member', password: 'member-password-1', roles: ['r_auth'] });
  const answer = await nocobase.request('auth:signIn', { body: { account: 'member', password: 'member-password-1' }, headers: { 'X-Authenticator': 'basic' } });
  assert.equal(answer.status, 200, answer.text);
  return answer.json.data.token;
}

try {
  await site.createUser({ nickname: 'Lei', username: 'lilei', phone: LI_LEI.phone });
  await registerApps({ ours: SECRETS.ours, community: SECRETS.community, [NAME]: SECRETS.created });

  await steps.step('rows of an earlier version and of the community plugin are moved when the plugin starts, and sign people in as before', async () => {
    const before = {
      ours: { public: { autoSignup: true }, clientId: CLIENT_ID.ours, clientSecret: SECRETS.ours },
      community: { internal: { appKey: CLIENT_ID.community, appSecret: SECRETS.community, userCheckType: 'mobile' } },
    };
    for (const [name, options] of Object.entries(before)) {
      await database.query(`insert into authenticators (name, "authType", description, options, enabled, sort, "createdAt", "updatedAt") values ('${name}', 'dingtalk', '', '${JSON.stringify(options)}', true, 9, '2025-01-02T03:04:05Z', '2025-01-02T03:04:05Z')`);
    }
    await site.installPlugin();
    assert.deepEqual(await stored('ours'), { ...before.ours, clientSecret: MASK });
    assert.deepEqual(await stored('community'), { internal: { ...before.community.internal, appSecret: MASK } });
    assert.deepEqual([Object.keys(await kept('ours')), Object.keys(await kept('community'))], [['clientSecret'], ['internal.appSecret']]);
    const times = await database.query(`select distinct extract(year from "updatedAt") from authenticators where name in ('ours', 'community')`);
    assert.deepEqual(times, [['2025']], 'the rows look changed');
    for (const name of Object.keys(before)) assert.equal((await site.signIn(LI_LEI.person, name)).user.username, 'lilei');
  });
  await steps.step('a secret that is created is kept apart, encrypted, and signs people in', async () => {
    const options = { public: { autoSignup: true }, clientId: CLIENT_ID[NAME], clientSecret: SECRETS.created };
    const row = await site.asAdministrator('authenticators:create', { body: { name: NAME, authType: 'dingtalk', enabled: true, options } });
    assert.equal(row.options.clientSecret, MASK);
    assert.deepEqual(await stored(NAME), { ...options, clientSecret: MASK });
    assert.match((await kept(NAME)).clientSecret, /^[0-9a-f]{64,}$/);
    await signInSoon(HAN_MEIMEI.person);
  });
  await steps.step('no action of NocoBase shows it to an administrator, however it is spelt', async () => expectSilentExits(await nocobase.administrator()));
  await steps.step('no export holds it', async () => {
    const { status, text } = await exported(await nocobase.administrator());
    expectNoSecret(text, 'authenticators:export');
    assert.equal(status, 200, text);
    assert.match(text, /harmless/);
  });
  const token = await member();
  await steps.step('nor do they to someone who may administer authenticators only', async () => {
    expectNoSecret((await exported(token)).text, 'authenticators:export');
    return expectSilentExits(token);
  });
  await steps.step('a change of the type shows nothing, and people sign in again when it is changed back', async () => {
    for (const [authType, enabled] of [['Email/Password', false], ['nonsense', false]]) {
      const answer = await update(NAME, { authType, enabled }, { token });
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.json.data[0].authType, authType);
      await expectSilentExits(token);
      assert.equal((await stored(NAME)).clientSecret, MASK);
    }
    const answer = await update(NAME, { authType: 'dingtalk', enabled: true }, { token });
    assert.equal(answer.status, 200, answer.text);
    await signInSoon(HAN_MEIMEI.person);
  });
  await steps.step('saving the mask keeps it', async () => {
    const before = await kept(NAME);
    await update(NAME, { title: 'DingTalk' });
    assert.deepEqual(await kept(NAME), before);
    await signInSoon(HAN_MEIMEI.person);
  });
  await steps.step('a new value replaces it', async () => {
    await registerApps({ [NAME]: SECRETS.updated });
    const answer = await update(NAME, {}, { options: (same) => ({ ...same, clientSecret: SECRETS.updated }) });
    assert.equal(answer.json.data[0].options.clientSecret, MASK);
    await signInSoon(HAN_MEIMEI.person);
  });
  await steps.step('saving nothing removes it, and the mask is nothing then', async () => {
    await update(NAME, {}, { options: (same) => ({ ...same, clientSecret: '' }) });
    assert.deepEqual(await kept(NAME), {});
    assert.match(await diagnosed(), /The setting Client Secret is empty/);
    const answer = await update(NAME, {}, { options: (same) => ({ ...same, clientSecret: MASK }) });
    assert.equal(answer.json.data[0].options.clientSecret, undefined, answer.text);
    await update(NAME, {}, { options: (same) => ({ ...same, clientSecret: SECRETS.updated }) });
    await signInSoon(HAN_MEIMEI.person);
  });
  await steps.step('a variable is no secret: its name is shown, and what it holds is not', async () => {
    await site.asAdministrator('environmentVariables:create', { body: [{ name: 'DING_SECRET', type: 'secret', value: 'held-by-a-variable' }] });
    await registerApps({ [NAME]: 'held-by-a-variable' });
    const template = '{{ $env.DING_SECRET }}';
    const answer = await update(NAME, {}, { options: (same) => ({ ...same, clientSecret: template }) });
    assert.ok(!answer.text.includes('held-by-a-variable'), answer.text);
    assert.deepEqual([(await stored(NAME)).clientSecret, await kept(NAME)], [template, {}]);
    await signInSoon(HAN_MEIMEI.person);
  });
  await steps.step('a secret variable in a field that everybody sees is refused by name', async () => {
    await update(NAME, {}, { options: (same) => ({ ...same, clientId: '{{$env.DING_SECRET}}' }) });
    await until('the start is refused', async () => {
      const start = await new Browser().get(`${nocobase.api}auth:redirect?authenticator=${NAME}&return=/signin`);
      assert.ok(!`${start.text}${start.headers.get('location')}`.includes('held-by-a-variable'));
      return start.status === 500 && /not set up completely/.test(start.text);
    });
    const findings = await diagnosed();
    assert.match(findings, /clientId names a secret variable, but everybody/);
    assert.ok(!findings.includes('held-by-a-variable'));
    await registerApps({ [NAME]: SECRETS.created });
    await update(NAME, {}, { options: (same) => ({ ...same, clientId: CLIENT_ID[NAME], clientSecret: SECRETS.created }) });
  });
  await steps.step('what is refused is answered by nobody', async () => {
    const options = { clientId: 'x', clientSecret: SECRETS.refused };
    const administrator = await nocobase.administrator();
    const taken = await nocobase.request('authenticators:create', { token: administrator, body: { name: NAME, authType: 'dingtalk', options } });
    assert.ok(taken.status >= 400, taken.text);
    const forbidden = await nocobase.request('authenticators:create', { body: { name: 'x', authType: 'dingtalk', options } });
    assert.ok(forbidden.status >= 400, forbidden.text);
    for (const answer of [taken, forbidden]) expectNoSecret(answer.text, 'the answer');
  });
  await steps.step('no table but ours holds it in any column, and ours does so encrypted', async () => {
    const dump = (await database.query(`select table_name, query_to_xml(format('select * from %I.%I', table_schema, table_name), true, false, '')::text from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`));
    for (const row of dump) expectNoSecret(row.join(' '), `the table ${row[0]}`);
    return `${dump.length} lines of tables`;
  });
  await steps.step('no log of NocoBase or the sidecar holds it', async () => {
    const files = [...filesUnder(path.join(nocobase.folder, 'storage/logs')), nocobase.logFile, site.sidecar.program.logFile];
    let size = 0;
    let requests = 0;
    for (const file of files) {
      const text = fs.readFileSync(file, 'utf8');
      size += text.length;
      requests += (text.match(/authenticators:(create|update)/g) ?? []).length;
      expectNoSecret(text, file);
    }
    assert.ok(requests > 10, 'the request log is not there');
    return `${files.length} files, ${Math.round(size / 1024)} KiB`;
  });
  await steps.step('while the plugin is disabled nothing shows it, and afterwards people sign in as before', async () => {
    assert.equal((await site.setEnabled(false)).status, 200);
    await expectSilentExits(await nocobase.administrator());
    assert.equal((await site.setEnabled(true)).status, 200);
    await signInSoon(HAN_MEIMEI.person);
  });
  await steps.step('what is kept for an authenticator goes with it', async () => {
    const { id } = await rowOf('ours');
    await site.asAdministrator(`authenticators:destroy?filterByTk=${id}`);
    assert.deepEqual(await database.query(`select * from dingtalk_secrets where id = ${id}`), []);
  });
  await steps.step('a package that is removed leaves no secret in the clear, and signs people in when it is added again', async () => {
    assert.equal((await site.setEnabled(false)).status, 200);
    await site.asAdministrator(`pm:remove?filterByTk=${PACKAGE}`);
    await nocobase.untilGone(PACKAGE);
    await nocobase.untilHealthy();
    assert.equal((await stored(NAME)).clientSecret, MASK);
    await expectSilentExits(await nocobase.administrator());
    await site.installPlugin();
    // What disabling had switched off, a plugin that was removed no longer knows.
    await update(NAME, { enabled: true });
    await signInSoon(HAN_MEIMEI.person);
  });
} catch (error) {
  await steps.step('the site is prepared', () => { throw error; });
} finally {
  await site.close();
}
steps.end();
