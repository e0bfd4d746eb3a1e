// What the bridge decides of the directory by itself, without NocoBase: node --test directory.test.mjs

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import fs from 'node:fs';
import Module, { createRequire } from 'node:module';
import { test } from 'node:test';
import { claimsFor, signed } from './changes.mjs';
import { CLIENT, clientModule } from './client-modules.mjs';

const require = createRequire(import.meta.url);
const handlers = [];
const Gateway = {
  registerRequestHandler: (handler) => handlers.push(handler),
  unregisterRequestHandler: (handler) => handlers.splice(handlers.indexOf(handler), 1),
  getInstance: () => ({ getRequestHandleAppName: async (req) => req.headers.host === 'sub' ? 'sub' : 'main' }),
};
const NOCOBASE = { '@nocobase/utils': { getRequestOrigin: () => 'http://nocobase.test', tval: (text) => text }, '@nocobase/auth': { BaseAuth: class {} }, '@nocobase/server': { Gateway } };
const load = Module._load;
Module._load = (name, ...rest) => NOCOBASE[name] ?? load(name, ...rest);
require('../../nocobase-plugin/server/built-in').BUTTON = { errors: {}, unknownError: '' };
const server = (name) => require(`../../nocobase-plugin/server/${name}`);
const { isSignedFor, readChangeToken } = server('change-token');
const { DirectoryRun, outcomeText, progressText } = server('directory-run');
const { directorySource, registerSourceType } = server('directory-source');
const { eventsHandler } = server('events-pipe');
const gateway = server('gateway');
const { KeptSecrets, redaction } = server('kept-secrets');
const { SOURCES } = server('secret-places');
const { SidecarUnavailable } = server('sidecar');
const { inTwoTurns } = server('two-turns');
const { actions } = server('actions');

const MASK = '********';
const words = (text, values = {}) => text.replace(/\{\{(\w+)\}\}/g, (_, name) => values[name]);
const answered = (json, status = 200) => ({ status, headers: {}, body: Buffer.from(JSON.stringify(json)) });

test('a token of the sidecar is for one body and one minute', () => {
  const body = Buffer.from('{"operation":"people"}');
  const now = Date.now();
  const claims = claimsFor(body);
  const read = (given, secret = 's', header) => readChangeToken(`Bearer ${signed(given, secret, header)}`, 's', now);
  assert.deepEqual(read(claims), claims);
  assert.ok(isSignedFor(claims, body) && !isSignedFor(claims, Buffer.from('{"operation":"people" }')));
  for (const [what, token] of Object.entries({
    'another secret': read(claims, 'x'), 'another algorithm': read(claims, 's', { alg: 'none' }), 'another purpose': read({ ...claims, aud: 'nocobase-dingtalk' }), 'two purposes': read({ ...claims, aud: ['nocobase-dingtalk-changes'] }),
    'a long life': read({ ...claims, exp: claims.iat + 61 }), 'no life': read({ ...claims, exp: claims.iat }), 'no end': read({ ...claims, exp: undefined }), 'an end that is a text': read({ ...claims, exp: `${claims.exp}` }),
    'the past': read(claimsFor(body, { secondsAgo: 3600 })), 'the future': read(claimsFor(body, { secondsAgo: -3600 })), 'no body': read({ ...claims, digest: undefined }), 'half a digest': read({ ...claims, digest: claims.digest.slice(32) }),
  })) assert.equal(token, null, what);
  for (const text of [undefined, '', 'Bearer', 'Bearer x', 'Bearer a.b.c', `Basic ${signed(claims, 's')}`, `Bearer ${signed(claims, 's')}.x`]) assert.equal(readChangeToken(text, 's', now), null, text);
});

test('the type is offered once, and never where another plugin has it', () => {
  const types = new Map();
  const plugin = { sourceManager: { syncSourceTypes: types, registerType: (name, config) => { assert.ok(!types.has(name)); types.set(name, config); } } };
  assert.equal(registerSourceType(null, () => assert.fail('made for nobody')), 'off');
  assert.equal(registerSourceType(plugin, () => 'ours', 'DingTalk'), 'registered');
  assert.deepEqual(types.get('dingtalk'), { syncSource: 'ours', title: 'DingTalk' });
  assert.equal(registerSourceType(plugin, () => assert.fail('made anew')), 'taken');
});

test('where another plugin has it, the doctor says so, and its own report stays', async () => {
  const finding = { check: 'directory', status: 'warning', message: { sentence: 'Taken.' }, action: { sentence: 'Free it.' } };
  const sidecar = { place: { retry() {} }, forward: async () => answered({ data: { verdict: 'v', findings: [{ check: 'x' }] } }) };
  const ctx = { method: 'POST', req: {}, request: { body: {}, querystring: '' }, state: {}, append() {}, set() {}, t: (text) => `${text}!` };
  await actions(sidecar, () => [finding]).diagnose(ctx, async () => {});
  assert.deepEqual(ctx.body.data.findings, [{ check: 'x' }, { check: 'directory', status: 'warning', message: 'Taken.!', action: 'Free it.!' }]);
  await actions(sidecar).diagnose(ctx, async () => {});
  assert.equal(ctx.body.data.findings.length, 1);
});

/** A source with a sidecar that answers what is given, in this order; nobody waits. */
function watched(replies, { now = () => 0, isCurrent = () => true } = {}) {
  const said = [];
  const asked = [];
  const ended = [];
  class SyncSource {
    instance = { name: 'tree' };
    ctx = { state: { currentUser: { id: 3 } }, db: { getCollection: () => ({ model: { update: async ({ message }, { where }) => said.push([where.id, message]) } }) } };
    async newTask() {
      return { id: 11 };
    }
    async endTask(params) {
      ended.push(params);
      if (params.taskId === 404) throw new Error('Task [404] is not processing.');
    }
  }
  const sidecar = {
    async forward(req, call) {
      asked.push({ ...call, locale: req.headers['x-locale'] });
      const reply = replies.shift();
      if (reply instanceof Error) throw reply;
      return reply.status ? reply : answered({ data: reply });
    },
  };
  const log = { warn() {}, error() {} };
  const Source = directorySource(SyncSource, { sidecar, log, wordsOf: async () => ({ language: 'de-DE', t: words }), isCurrent, now, wait: async () => {} });
  return { source: new Source(), said, asked, ended };
}

test('a pull waits for the run, tells how far it is once for each step, and hands nothing over', async () => {
  const progress = { departments: 200, departmentsRead: 120, people: 3400 };
  const { source, said, asked, ended } = watched([{ id: 'a', state: 'reading', progress }, { id: 'a', state: 'reading', progress }, { id: 'a', state: 'writing', progress: { ...progress, written: 3400, toWrite: 50000 } }, { id: 'a', state: 'done', counts: { create: 50000 } }]);
  await source.newTask();
  assert.deepEqual(await source.pull(), []);
  assert.deepEqual(said, [[11, 'Departments 120/200 · people 3.400'], [11, 'Departments 120/200 · people 3.400 · written 3.400/50.000']]);
  assert.deepEqual(asked.map(({ action, actor, query, locale }) => [action, actor, query, locale])[0], ['dingtalk:startRun', 3, 'source=tree', 'de-DE']);
  await source.endTask({ taskId: 11, success: true, cost: 5 });
  assert.match(ended[0].message, /^New 50\.000 /);
});

test('no end of a run is a success but one with everything written', async () => {
  const pulled = (...replies) => watched(replies).source.pull();
  await assert.rejects(pulled({ id: 'a', state: 'writing' }, { id: 'a', state: 'failed', message: 'z'.repeat(900) }), ({ message }) => message.length === 255);
  await assert.rejects(pulled({ id: 'a', state: 'reading' }, { id: 'a', state: 'preview' }), /confirm it there/);
  await assert.rejects(pulled({ id: 'a', state: 'reading' }, { id: 'a', state: 'held', removals: 4200 }), /4\.200 people/);
  await assert.rejects(pulled({ id: 'a', state: 'reading' }, { id: 'a', state: 'done', counts: { fail: 2 } }), /Not everything/);
  await assert.rejects(pulled(answered({ errors: [{ message: 'No app.', code: 'X' }] }, 400)), /^Error: No app\.$/);
  // What has ended before is not this run.
  assert.deepEqual(await pulled({ id: 'old', state: 'failed' }, { id: 'old', state: 'failed' }, { id: 'new', state: 'done', counts: {} }), []);
});

test('a sidecar that is away for a moment ends no run, one that stays away does', async () => {
  const away = new SidecarUnavailable('the sidecar could not be reached');
  assert.deepEqual(await watched([{ id: 'a', state: 'reading' }, away, away, { id: 'a', state: 'done', counts: {} }]).source.pull(), []);
  let time = 0;
  const forever = watched([{ id: 'a', state: 'reading' }, ...Array(400).fill(away)], { now: () => (time += 1000) });
  await assert.rejects(forever.source.pull(), /cannot be reached/);
  const never = watched(Array(400).fill({ id: 'old', state: 'done', counts: {} }), { now: () => (time += 1000) });
  await assert.rejects(never.source.pull(), /did not begin/);
});

test('the end of a task is cut to what NocoBase stores, and never throws', async () => {
  const { source, ended } = watched([]);
  await source.endTask({ taskId: 11, success: false, message: 'y'.repeat(900) });
  assert.equal(ended[0].message.length, 255);
  await source.endTask({ taskId: 404, success: false, message: 'x' });
});

test('a task that NocoBase watches anew after it was loaded again is not ended by whoever watched it before', async () => {
  const { source, asked, ended } = watched([{ id: 'a', state: 'reading' }], { isCurrent: () => false });
  await assert.rejects(source.pull(), /loaded anew/);
  await source.endTask({ taskId: 11, success: false, message: 'x' });
  assert.deepEqual([asked.length, ended], [1, []]);
});

test('nobody asks in the name of a person for the schedule', async () => {
  const calls = [];
  const run = new DirectoryRun({ forward: async (_, call) => { calls.push(call); return answered({ data: { state: 'waiting' } }); } }, { source: 'a b', language: 'en-US' });
  await run.start('schedule');
  assert.deepEqual([calls[0].actor, calls[0].body, calls[0].query], [0, { reason: 'schedule' }, 'source=a+b']);
});

test('every state of a run has words, also one without numbers', () => {
  for (const state of ['waiting', 'reading', 'comparing', 'writing']) assert.doesNotMatch(progressText(words, { state }, 'en-US'), /undefined|NaN|\{\{/, state);
  for (const state of ['preview', 'held', 'done', 'failed', 'nonsense']) assert.doesNotMatch(outcomeText(words, { state }, 'en-US').text, /undefined|NaN|\{\{/, state);
});

/** NocoBase as far as secrets need it: its events, its key, and one table. */
function secrets() {
  const listeners = {};
  const kept = new Map([['7 clientSecret', "an authenticator's"]]);
  const queries = {
    createTable: async () => {},
    bulkDelete: async (_table, { id, name }) => kept.delete(`${id} ${name}`),
    bulkInsert: async (_table, rows) => rows.forEach(({ id, name, value }) => kept.set(`${id} ${name}`, value)),
    queryGenerator: { selectQuery: (_table, { where }) => where.id },
  };
  const query = async (id) => [...kept.keys()].filter((key) => key.startsWith(`${id} `)).map((key) => ({ name: key.slice(`${id} `.length) }));
  const db = { sequelize: { Sequelize: { DataTypes: {} }, getQueryInterface: () => queries, query }, options: {}, inDialect: () => true, on: (event, listener) => (listeners[event] = listener) };
  new KeptSecrets({ db, aesEncryptor: { encrypt: async (text) => `<${text}>` } }, () => true, SOURCES).listen();
  const save = async (options, sourceType = 'dingtalk') => {
    const values = { id: 7, sourceType, options };
    const row = { isNewRecord: false, get: (key) => values[key], set: (key, value) => (values[key] = value) };
    await listeners['userDataSyncSources.beforeSave'](row, {});
    await listeners['userDataSyncSources.afterSave'](row, {});
    return values.options;
  };
  return { listeners, kept, save };
}

test('the secrets of a source are kept beside those of the authenticator of the same id', async () => {
  const { listeners, kept, save } = secrets();
  assert.deepEqual(await save({ clientSecret: 'c', token: 't', encodingAesKey: '{{$env.KEY}}', receiveMode: 'callback' }), { clientSecret: MASK, token: MASK, encodingAesKey: '{{$env.KEY}}', receiveMode: 'callback' });
  assert.deepEqual([...kept].sort(), [['7 clientSecret', "an authenticator's"], ['7 source.clientSecret', '<c>'], ['7 source.token', '<t>']]);
  assert.deepEqual(await save({ clientSecret: MASK, token: '' }), { clientSecret: MASK, token: '' });
  assert.deepEqual([...kept.keys()].sort(), ['7 clientSecret', '7 source.clientSecret']);
  assert.deepEqual(await save({ token: MASK }), {}, "another row's secret is taken for this one's");
  assert.deepEqual(await save({ token: 'theirs' }, 'other'), { token: 'theirs' });
  await listeners['userDataSyncSources.afterDestroy']({ get: () => 7 }, {});
  assert.deepEqual([...kept.keys()], ['7 clientSecret']);
});

test('what NocoBase logs of a source holds no secret', async () => {
  const ctx = { request: { body: { options: { token: 'secret-a', encodingAesKey: 'secret-b', clientSecret: 'secret-c', clientId: 'id' } } } };
  await redaction()(ctx, async () => {});
  assert.deepEqual(ctx.request.body, { options: { token: MASK, encodingAesKey: MASK, clientSecret: MASK, clientId: 'id' } });
});

test('what fails for another item is attempted once more at the end, and nothing a third time', async () => {
  const attempts = [];
  const free = new Set();
  const attempt = async (item) => {
    attempts.push(item);
    if (item === 'never') return { item, reason: 'other' };
    if (item === 'swap') return { item, reason: 'taken' };
    if (item === 'after' && !free.has('last')) return { item, reason: 'taken' };
    free.add(item);
    return null;
  };
  assert.deepEqual(await inTwoTurns(['after', 'never', 'swap', 'last'], attempt, ({ reason }) => reason === 'taken'), [{ item: 'never', reason: 'other' }, { item: 'swap', reason: 'taken' }]);
  assert.deepEqual(attempts, ['after', 'never', 'swap', 'last', 'after', 'swap']);
});

test('handlers of an earlier life are taken away, and only ours', () => {
  handlers.push('theirs');
  gateway.install(['a', 'b']);
  gateway.install(['c']);
  assert.deepEqual(handlers, ['theirs', 'c']);
  gateway.uninstall();
  assert.deepEqual(handlers, ['theirs']);
});

/** A request as Node hands it to the gateway, and what was answered. */
async function piped(url, { method = 'POST', body = '{}', forward = async () => answered({ ok: true }), host = 'main' } = {}) {
  const req = Object.assign(new EventEmitter(), { url, method, headers: { host }, complete: true, resume() {} });
  const sent = {};
  const res = { writeHead: (status, headers) => Object.assign(sent, { status, headers }), end: (text) => (sent.json = JSON.parse(text)) };
  const handled = eventsHandler({ sidecar: { forward: (_, call) => { sent.call = call; return forward(); } } })(req, res);
  setImmediate(() => {
    req.emit('data', Buffer.from(body));
    req.emit('end');
  });
  return { handled: await handled, ...sent };
}

test("DingTalk's events are piped as they are, and every other address is NocoBase's", async () => {
  const sent = await piped('/api/dingtalk-events/a%20b?signature=s&nonce=n', { body: '{"encrypt":  "x"}' });
  assert.deepEqual([sent.handled, sent.status, sent.json], [true, 200, { ok: true }]);
  assert.deepEqual([sent.call.action, sent.call.query, sent.call.raw.toString()], ['dingtalk-events/a%20b', 'signature=s&nonce=n', '{"encrypt":  "x"}']);
  for (const url of ['/api/dingtalk-events/', '/api/dingtalk-events/a/b', '/api/dingtalk-events', '/api/users:list', '/admin/dingtalk-events/a']) assert.equal((await piped(url)).handled, false, url);
  assert.equal((await piped('/api/dingtalk-events/a', { host: 'sub' })).handled, false);
  assert.equal((await piped('/api/dingtalk-events/a', { body: 'x'.repeat(70_000) })).status, 413);
  assert.equal((await piped('/api/dingtalk-events/a', { forward: async () => { throw new SidecarUnavailable('away'); } })).status, 503);
  assert.equal((await piped('/api/dingtalk-events/a', { forward: async () => ({ status: 200, headers: {}, body: Buffer.from('<html>') }) })).status, 502);
});

test('every state, kind and reason that the pages tell has a text', () => {
  const { countsOf, kindText, stateText } = clientModule(`${CLIENT}/run-state`);
  const locale = JSON.parse(fs.readFileSync(new URL('../../locales/en-US.json', import.meta.url), 'utf8'));
  const t = (key) => locale[key] ?? assert.fail(`no text: ${key}`);
  for (const state of ['none', 'waiting', 'reading', 'comparing', 'preview', 'held', 'writing', 'done', 'failed']) stateText(t, state);
  for (const kind of ['create', 'link', 'change', 'restore', 'remove', 'skip', 'fail', 'departmentCreate', 'departmentChange', 'departmentRemove', 'told']) kindText(t, kind);
  assert.equal(kindText(t, 'constructor'), 'constructor');
  assert.equal(kindText(t, undefined), '–');
  assert.deepEqual([...countsOf({ counts: { create: 2, change: 0, unchanged: 9 } })].map((one) => ({ ...one })), [{ kind: 'create', count: 2 }]);
});
