// NocoBase's own SDK, as published, against a running site. By environment:
//   SIDECAR_URL     where the site answers: a sidecar's demo, or a NocoBase with the plugin and an authenticator
//   SIMULATOR_URL   where its simulated DingTalk answers
//   ROOT_ACCOUNT, ROOT_PASSWORD   the administrator (default: the demo's)
//   AUTHENTICATOR   name of its DingTalk authenticator (default: the demo's)
//
// What it asks holds for both kinds of site: that is the contract.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { Browser, clickThroughDingTalk } from './browser.mjs';

const { APIClient } = createRequire(import.meta.url)('@nocobase/sdk');

const environment = process.env;
const siteUrl = required('SIDECAR_URL').replace(/\/$/, '');
const simulatorUrl = required('SIMULATOR_URL').replace(/\/$/, '');
const apiUrl = `${siteUrl}/api/`;
const root = { account: environment.ROOT_ACCOUNT ?? 'nocobase', password: environment.ROOT_PASSWORD ?? 'admin123' };
const dingtalk = environment.AUTHENTICATOR ?? 'dingtalk';

const MASK = '********';
const USER_FIELDS = ['id', 'nickname', 'username', 'email', 'phone', 'appLang', 'passwordChangeTz', 'systemSettings', 'createdById', 'updatedById', 'createdAt', 'updatedAt'];
const AUTHENTICATOR_FIELDS = ['id', 'name', 'authType', 'title', 'description', 'options', 'enabled', 'createdAt', 'updatedAt'];

function required(name) {
  const value = environment[name];
  if (value) return value;
  console.error(`${name} is not set`);
  process.exit(2);
}

function client(headers = {}) {
  return new APIClient({ baseURL: apiUrl, storageType: 'memory', headers });
}

/** What the SDK rejects with: status, and the messages as the SDK reads them. */
async function refused(api, request) {
  const error = await request.then((answer) => assert.fail(`answered ${answer.status} instead of refusing`), (failure) => failure);
  if (!error.response) throw error;
  const [first] = api.toErrMessages(error);
  assert.equal(typeof first.message, 'string', JSON.stringify(error.response.data));
  return { status: error.response.status, code: first.code, message: first.message };
}

function assertFields(row, fields, what) {
  const missing = fields.filter((field) => !(field in row));
  assert.deepEqual(missing, [], `${what} lacks fields`);
  for (const hidden of ['password', 'resetToken']) assert.ok(!(hidden in row), `${what} shows ${hidden}`);
}

let passed = 0;

async function step(title, run) {
  const started = performance.now();
  try {
    await run();
  } catch (error) {
    const body = error.response ? `\nanswer ${error.response.status}: ${JSON.stringify(error.response.data)}` : '';
    console.error(`FAIL  ${title}\n${error.stack}${body}`);
    process.exit(1);
  }
  passed += 1;
  console.log(`ok    ${title} (${Math.round(performance.now() - started)} ms)`);
}

async function publicSteps() {
  const api = client();
  await step('a visitor reads which ways of signing in there are', async () => {
    const { data } = await api.resource('authenticators').publicList();
    const row = data.data.find((one) => one.name === dingtalk);
    assert.ok(row, `${dingtalk} is not listed`);
    assert.equal(row.authType, 'dingtalk');
    assert.deepEqual(Object.keys(row).sort(), ['authType', 'authTypeTitle', 'name', 'options', 'title']);
    assert.ok(data.data.some((one) => one.authType === 'Email/Password'));
  });
  await step('a visitor reads texts, site and plugins', async () => {
    const language = await api.request({ url: 'app:getLang', params: { locale: 'en-US' } });
    assert.equal(language.data.data.lang, 'en-US');
    assert.ok(language.data.data.resources['nocobase-plugin-auth-dingtalk'].DingTalk);
    const information = await api.request({ url: 'app:getInfo' });
    assert.equal(typeof information.data.data.version, 'string');
    const settings = await api.resource('systemSettings').get();
    assert.ok(Array.isArray(settings.data.data.enabledLanguages));
    const enabled = await api.request({ url: 'pm:listEnabled' });
    assert.ok(enabled.data.data.some((one) => one.packageName === 'nocobase-plugin-auth-dingtalk'));
  });
  await step('a visitor has no session', async () => {
    const { status, code } = await refused(api, api.request({ url: 'auth:check' }));
    assert.deepEqual({ status, code }, { status: 401, code: 'EMPTY_TOKEN' });
    assert.equal((await refused(api, api.resource('authenticators').list())).status, 401);
  });
}

async function passwordSteps() {
  const api = client();
  await step('a wrong password is refused', async () => {
    const { status } = await refused(api, api.auth.signIn({ ...root, password: 'not the password' }, 'basic'));
    assert.equal(status, 401);
    assert.ok(!api.auth.token);
  });
  await step('the administrator signs in with the password', async () => {
    const { data } = await api.auth.signIn(root, 'basic');
    assertFields(data.data.user, USER_FIELDS, 'the user');
    assert.equal(api.auth.token, data.data.token);
    assert.equal(api.auth.authenticator, 'basic');
    const claims = JSON.parse(Buffer.from(api.auth.token.split('.')[1], 'base64url'));
    assert.deepEqual(Object.keys(claims).sort(), ['exp', 'iat', 'jti', 'signInTime', 'temp', 'userId']);
  });
  await step('auth:check tells who that is', async () => {
    const { data } = await api.request({ url: 'auth:check' });
    assertFields(data.data, [...USER_FIELDS, 'roles'], 'the user');
    assert.ok(data.data.roles.some((role) => role.name === 'root'), JSON.stringify(data.data.roles));
  });
  await step('the role of the administrator may be named, one of somebody else not', async () => {
    api.auth.setRole('root');
    assert.equal((await api.request({ url: 'auth:check' })).status, 200);
    api.auth.setRole('a-role-nobody-has');
    const { status, code } = await refused(api, api.request({ url: 'auth:check' }));
    assert.deepEqual({ status, code }, { status: 401, code: 'ROLE_NOT_FOUND_FOR_USER' });
    api.auth.setRole(null);
  });
  await step('the cookies are set anew from the session', async () => {
    const answer = await api.auth.syncCookies();
    assert.deepEqual(answer.data, { data: { synced: true } });
    const names = (answer.headers['set-cookie'] ?? []).map((cookie) => cookie.split('=')[0]).sort();
    assert.deepEqual(names, ['nb_auth_token_main', 'nb_authenticator_main', 'nb_csrf_token_main', 'nb_role_main']);
  });
  return api;
}

async function administrationSteps(api) {
  const authenticators = api.resource('authenticators');
  const name = `s_sdk_${Date.now().toString(36)}`;
  let id;
  await step('the plugin manager lists the plugin', async () => {
    const { data } = await api.resource('pm').list();
    const plugin = data.data.find((one) => one.packageName === 'nocobase-plugin-auth-dingtalk');
    assert.ok(plugin?.enabled, 'the plugin is not listed as enabled');
    assertFields(plugin, ['name', 'version', 'displayName', 'description', 'isCompatible', 'builtIn', 'removable'], 'the plugin');
    const one = await api.resource('pm').get({ filterByTk: plugin.name });
    assert.equal(one.data.data.packageName, plugin.packageName);
  });
  await step('the types to choose from hold DingTalk', async () => {
    const { data } = await authenticators.listTypes();
    assert.ok(data.data.some((one) => one.name === 'dingtalk' && one.title), JSON.stringify(data));
  });
  await step('an authenticator is created, and its secret not repeated', async () => {
    const values = { name, authType: 'dingtalk', title: 'Of the SDK', description: '', enabled: false, options: { clientId: 'dingofthesdk', clientSecret: 'a secret', public: { autoSignup: false } } };
    const { data } = await authenticators.create({ values });
    assertFields(data.data, AUTHENTICATOR_FIELDS, 'the authenticator');
    assert.equal(data.data.name, name);
    assert.equal(data.data.options.clientSecret, MASK);
    ({ id } = data.data);
  });
  await step('its name is taken then', async () => {
    assert.equal((await refused(api, authenticators.create({ values: { name, authType: 'dingtalk', options: {} } }))).status, 400);
  });
  await step('it is read by its key', async () => {
    const { data } = await authenticators.get({ filterByTk: id });
    assertFields(data.data, AUTHENTICATOR_FIELDS, 'the authenticator');
    assert.equal(data.data.options.clientId, 'dingofthesdk');
    assert.equal(data.data.options.clientSecret, MASK);
  });
  await step('a key that is not there gives null', async () => {
    const { status, data } = await authenticators.get({ filterByTk: 2_000_000_000 });
    assert.equal(status, 200);
    assert.equal(data.data, null);
  });
  await step('lists come by pages', async () => {
    const { data } = await authenticators.list({ page: 1, pageSize: 1, sort: 'sort' });
    assert.equal(data.data.length, 1);
    assert.equal(data.meta.page, 1);
    assert.equal(data.meta.pageSize, 1);
    assert.ok(data.meta.count >= 3, JSON.stringify(data.meta));
    assert.equal(data.meta.totalPage, data.meta.count);
    const whole = await authenticators.list({ paginate: false, sort: 'sort' });
    assert.equal(whole.data.data.length, data.meta.count);
    assert.equal(whole.data.meta, undefined);
    assert.ok(whole.data.data.every((row) => [undefined, MASK].includes(row.options.clientSecret)), 'the list shows a secret');
  });
  await step('it is changed, and the mask of its secret may be sent back', async () => {
    // NocoBase wants to see the id, as its own page sends it, to know which authenticators are the others.
    const values = { id, title: 'Changed by the SDK', enabled: false, options: { clientId: 'dingchanged', clientSecret: MASK, public: { autoSignup: true } } };
    const { data } = await authenticators.update({ filterByTk: id, values });
    assert.equal(data.data[0].title, 'Changed by the SDK');
    const read = (await authenticators.get({ filterByTk: id })).data.data;
    assert.equal(read.options.clientId, 'dingchanged');
    assert.equal(read.options.clientSecret, MASK);
    assert.deepEqual(read.options.public, { autoSignup: true });
  });
  await step('it is moved before another one', async () => {
    const before = (await authenticators.list({ paginate: false, sort: 'sort' })).data.data;
    const target = before.findIndex((row) => row.id === id) - 1;
    await authenticators.move({ sourceId: id, targetId: before[target].id });
    const after = (await authenticators.list({ paginate: false, sort: 'sort' })).data.data;
    assert.equal(after[target].id, id);
  });
  await step('it is deleted', async () => {
    await authenticators.destroy({ filterByTk: [id] });
    const { data } = await authenticators.get({ filterByTk: id });
    assert.equal(data.data, null);
  });
}

async function dingtalkSteps() {
  let first;
  let used;
  await step('somebody signs in with DingTalk', async () => {
    used = await clickThroughDingTalk({ apiUrl, siteUrl, simulatorUrl, authenticator: dingtalk, person: 'li-lei' });
    const api = client({ Cookie: used.browser.cookieHeader() });
    const answer = await api.auth.signIn({ flow: used.handle }, dingtalk);
    first = answer.data.data.user;
    assertFields(first, USER_FIELDS, 'the user');
    assert.equal(api.auth.authenticator, dingtalk);
    const claims = JSON.parse(Buffer.from(api.auth.token.split('.')[1], 'base64url'));
    assert.deepEqual(Object.keys(claims).sort(), ['exp', 'iat', 'jti', 'signInTime', 'temp', 'userId']);
    const { data } = await api.request({ url: 'auth:check' });
    assert.equal(data.data.id, first.id);
    assert.deepEqual(data.data.roles.map((role) => role.name), ['member']);
    assert.equal((await refused(api, api.resource('authenticators').list())).status, 403);
    const names = new Browser().take(answer.headers['set-cookie']).names();
    assert.deepEqual(names.filter((name) => name.startsWith('nb_')), ['nb_auth_token_main', 'nb_authenticator_main', 'nb_csrf_token_main', 'nb_role_main']);
    await signOutSteps(api, dingtalk);
  });
  await step('the same sign-in does not work twice', async () => {
    const api = client({ Cookie: used.browser.cookieHeader() });
    const { status, code, message } = await refused(api, api.auth.signIn({ flow: used.handle }, dingtalk));
    assert.deepEqual({ status, code }, { status: 401, code: 'FLOW_USED' });
    assert.match(message, /Reference: \S+$/);
  });
  await step('a refusal is said in the language of the SDK', async () => {
    const api = client();
    const inEnglish = await refused(api, api.auth.signIn({ flow: 'unknown' }, dingtalk));
    api.auth.setLocale('de-DE');
    const inGerman = await refused(api, api.auth.signIn({ flow: 'unknown' }, dingtalk));
    assert.equal(inEnglish.code, 'FLOW_NOT_FOUND');
    assert.equal(inGerman.code, 'FLOW_NOT_FOUND');
    assert.notEqual(inGerman.message.replace(/\S+$/, ''), inEnglish.message.replace(/\S+$/, ''));
  });
  await step('whoever comes back is the same user', async () => {
    const { browser, handle } = await clickThroughDingTalk({ apiUrl, siteUrl, simulatorUrl, authenticator: dingtalk, person: 'li-lei' });
    const api = client({ Cookie: browser.cookieHeader() });
    const { data } = await api.auth.signIn({ flow: handle }, dingtalk);
    assert.equal(data.data.user.id, first.id);
    await signOutSteps(api, dingtalk);
  });
}

/** Signing out ends the session for good: its token is refused afterwards. */
async function signOutSteps(api, authenticator) {
  const { token } = api.auth;
  const { status } = await api.auth.signOut();
  assert.equal(status, 200);
  assert.ok(!api.auth.token);
  const late = client();
  late.auth.setAuthenticator(authenticator);
  late.auth.setToken(token);
  const refusal = await refused(late, late.request({ url: 'auth:check' }));
  assert.equal(refusal.status, 401);
  assert.equal(refusal.code, 'BLOCKED_TOKEN');
}

await publicSteps();
const administrator = await passwordSteps();
await administrationSteps(administrator);
await dingtalkSteps();
await step('the administrator signs out, and the token is refused from then on', () => signOutSteps(administrator, 'basic'));
console.log(`${passed} passed; @nocobase/sdk against ${siteUrl}`);
