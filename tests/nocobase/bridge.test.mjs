// What bridge and clients decide by themselves, without NocoBase: node --test bridge.test.mjs

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import Module, { createRequire } from 'node:module';
import { test } from 'node:test';
import { CLIENT, clientModule, SITE } from './client-modules.mjs';

const require = createRequire(import.meta.url);
// What the bridge needs of NocoBase's own packages.
const NOCOBASE = { '@nocobase/utils': { getRequestOrigin: () => 'http://nocobase.test' }, '@nocobase/auth': { BaseAuth: class {} } };
const load = Module._load;
Module._load = (name, ...rest) => NOCOBASE[name] ?? load(name, ...rest);
const BUTTON = JSON.parse(fs.readFileSync(new URL('../../client-schema/sign-in-button.json', import.meta.url), 'utf8'));
// As packing writes it in.
require('../../nocobase-plugin/server/built-in').BUTTON = BUTTON;
const { AUDITED, OWN_ACTIONS, PUBLIC_ACTIONS, actions } = require('../../nocobase-plugin/server/actions');
const { authClass } = require('../../nocobase-plugin/server/auth');
const { refuseImpossibleAutoLogin } = require('../../nocobase-plugin/server/auto-login');
const { CannotRun } = require('../../nocobase-plugin/server/cannot-run');
const { refuseRulesNobodyCanFollow } = require('../../nocobase-plugin/server/people-rules');
const { ManagedPlace, RemotePlace } = require('../../nocobase-plugin/server/place');
const { Sidecar } = require('../../nocobase-plugin/server/sidecar');
const { KeptSecrets, redaction } = require('../../nocobase-plugin/server/kept-secrets');
const { signInPage } = require('../../nocobase-plugin/server/sign-in-page');

const MASK = '********';

/** A row as Sequelize hands it to listeners. */
class Row {
  constructor(id, options, authType = 'dingtalk') {
    Object.assign(this, { isNewRecord: id === undefined, values: { id, authType, options } });
  }
  get(key) {
    return this.values[key];
  }
  set(key, value) {
    this.values[key] = value;
  }
}

/** NocoBase as far as secrets need it: its events, its key, and one table. */
function nocobase() {
  const listeners = {};
  const kept = new Map();
  const queries = {
    tables: new Set(),
    createTable: async (table) => queries.tables.add(table),
    bulkDelete: async (_table, { id, name }) => {
      for (const key of kept.keys()) if (key === `${id} ${name}` || (name === undefined && key.startsWith(`${id} `))) kept.delete(key);
    },
    bulkInsert: async (_table, rows) => rows.forEach(({ id, name, value }) => kept.set(`${id} ${name}`, value)),
    queryGenerator: { selectQuery: (_table, { where }) => where.id },
  };
  const sequelize = {
    Sequelize: { DataTypes: {} },
    getQueryInterface: () => queries,
    query: async (id) => [...kept.keys()].filter((key) => key.startsWith(`${id} `)).map((key) => ({ name: key.split(' ')[1] })),
  };
  const db = { sequelize, options: { tablePrefix: 'd' }, inDialect: () => true, on: (event, listener) => (listeners[event] = listener) };
  return { app: { db, aesEncryptor: { encrypt: async (text) => `<${text}>` } }, listeners, kept, queries };
}

/** Saves a row as NocoBase does, and tells what its options are then. */
async function saved({ listeners }, id, options, authType) {
  const row = new Row(undefined, options, authType);
  if (id !== undefined && id !== 'new') Object.assign(row, { isNewRecord: false, values: { ...row.values, id } });
  await listeners['authenticators.beforeSave'](row, {});
  row.values.id = id;
  await listeners['authenticators.afterSave'](row, {});
  return row.values.options;
}

function serving(isOurs = true) {
  const world = nocobase();
  new KeptSecrets(world.app, () => isOurs).listen();
  return world;
}

test('a secret is taken out of the row and kept encrypted', async () => {
  const world = serving();
  const given = { clientId: 'id', clientSecret: 'secret', internal: { appKey: 'k', appSecret: 'old' } };
  assert.deepEqual(await saved(world, 'new', given), { clientId: 'id', clientSecret: MASK, internal: { appKey: 'k', appSecret: MASK } });
  assert.deepEqual([...world.kept], [['new clientSecret', '<secret>'], ['new internal.appSecret', '<old>']]);
  assert.equal(given.clientSecret, 'secret', 'what was handed in was changed');
  assert.deepEqual([...world.queries.tables], ['ddingtalk_secrets']);
});

test('saving the mask keeps what is kept, another value replaces it, and nothing removes it', async () => {
  const world = serving();
  await saved(world, 7, { clientSecret: 'secret' });
  assert.deepEqual(await saved(world, 7, { clientId: 'new', clientSecret: MASK }), { clientId: 'new', clientSecret: MASK });
  assert.equal(world.kept.get('7 clientSecret'), '<secret>');
  await saved(world, 7, { clientSecret: 'another' });
  assert.equal(world.kept.get('7 clientSecret'), '<another>');
  for (const options of [{ clientSecret: '' }, { clientSecret: null }, {}, { clientSecret: '{{$env.S}}' }]) {
    await saved(world, 7, { clientSecret: 'secret' });
    assert.deepEqual(await saved(world, 7, options), options);
    assert.equal(world.kept.size, 0, JSON.stringify(options));
  }
});

test('a mask where nothing is kept saves nothing', async () => {
  assert.deepEqual(await saved(serving(), 'new', { clientSecret: MASK }), {});
  assert.deepEqual(await saved(serving(), 7, { internal: { appKey: 'k', appSecret: MASK } }), { internal: { appKey: 'k' } });
});

test('a lone template stays where it is, a template inside a secret does not', async () => {
  assert.deepEqual(await saved(serving(), 7, { clientSecret: '{{ $env.SECRET }}' }), { clientSecret: '{{ $env.SECRET }}' });
  assert.deepEqual(await saved(serving(), 7, { clientSecret: 'a{{$env.SECRET}}' }), { clientSecret: MASK });
});

test('a change of the type keeps what is kept, and rows of other types are left alone', async () => {
  const world = serving();
  await saved(world, 7, { clientSecret: 'secret' });
  assert.deepEqual(await saved(world, 7, { clientSecret: MASK }, 'Email/Password'), { clientSecret: MASK });
  assert.deepEqual(await saved(world, 7, { clientSecret: MASK }), { clientSecret: MASK });
  assert.equal(world.kept.get('7 clientSecret'), '<secret>');
  assert.deepEqual(await saved(world, 8, { clientSecret: 'theirs' }, 'OIDC'), { clientSecret: 'theirs' });
});

test('while another plugin serves the type its rows are left alone', async () => {
  const world = serving(false);
  assert.deepEqual(await saved(world, 7, { clientSecret: 'theirs' }), { clientSecret: 'theirs' });
  assert.deepEqual([world.kept.size, world.queries.tables.size], [0, 0]);
});

test('a row that goes takes what is kept for it along', async () => {
  const world = serving();
  await saved(world, 7, { clientSecret: 'secret' });
  await saved(world, 77, { clientSecret: 'other' });
  await world.listeners['authenticators.afterDestroy'](new Row(7, {}), {});
  assert.deepEqual([...world.kept.keys()], ['77 clientSecret']);
});

test('what NocoBase logs of a request holds no secret, also when the request fails', async () => {
  const row = { authType: 'dingtalk', options: { clientId: 'id', clientSecret: 'secret', internal: { appSecret: 'old' }, template: '{{$env.X}}' } };
  const ctx = { request: { body: row }, action: { params: { filterByTk: 1, values: [{ nested: { rows: [row] } }] } } };
  const failure = new Error('refused');
  await assert.rejects(redaction()(ctx, async () => {
    assert.equal(ctx.request.body.options.clientSecret, 'secret', 'the action does not see what was sent');
    throw failure;
  }), failure);
  assert.doesNotMatch(JSON.stringify(ctx), /"secret"|"old"/);
  assert.deepEqual(ctx.request.body.options, { clientId: 'id', clientSecret: MASK, internal: { appSecret: MASK }, template: '{{$env.X}}' });
  assert.equal(row.options.clientSecret, 'secret', 'what the action may still hold was changed');
});

test('a body nested without end is no matter to the redaction', async () => {
  const body = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000));
  await redaction()({ request: { body } }, async () => {});
});

test('a sign-in page keeps its own query and loses what an earlier attempt left there', () => {
  const page = signInPage({ returnPath: '/v/signin?redirect=%2Fv%2Fadmin&error=X&dingtalk=y&dingtalkReference=7Hq2wXyz', authenticator: 'a b', error: 'SIDECAR_UNAVAILABLE' });
  assert.equal(page, '/v/signin?redirect=%2Fv%2Fadmin&authenticator=a+b&error=SIDECAR_UNAVAILABLE');
});

for (const target of ['//evil.example/', '/\\evil.example', 'https://evil.example/', 'javascript:alert(1)', '/a\u0000b', '/.//evil.example', '', null, undefined]) {
  test(`a browser is never sent to ${JSON.stringify(target)}`, () => {
    assert.equal(signInPage({ returnPath: target, error: 'X' }), '/signin?error=X');
  });
}

test('what tells a picture from a person reaches the sidecar, and nothing of other programs does', async () => {
  let seen;
  const server = http.createServer((req, res) => {
    seen = req;
    res.writeHead(204).end();
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const signed = [];
  const sidecar = new Sidecar(() => ({ sign: (claims) => signed.push(claims) && 'token' }), new RemotePlace(`http://127.0.0.1:${server.address().port}`));
  const headers = {
    host: 'nocobase.example', cookie: 'user=\u00e5\u00bc; nbdt_a=1; nb_auth_token_main=x', referer: 'https://nocobase.example/signin?redirect=/secret',
    'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image', 'sec-fetch-site': 'cross-site', 'sec-purpose': 'prefetch', forwarded: 'for=203.0.113.9',
  };

  await sidecar.forward({ headers, socket: {} }, { method: 'HEAD', action: 'auth:redirect', limitMs: 60_000 });

  assert.equal(seen.method, 'HEAD');
  assert.equal(seen.headers.cookie, 'nbdt_a=1');
  assert.equal(seen.headers.referer, 'https://nocobase.example/');
  for (const name of ['sec-fetch-mode', 'sec-fetch-dest', 'sec-fetch-site', 'sec-purpose']) assert.equal(seen.headers[name], headers[name]);
  assert.equal(seen.headers.forwarded, undefined);
  assert.deepEqual(signed[0].forwarded, { standard: 'for=203.0.113.9' });
  (await sidecar.place.reach()).options.agent.destroy();
  server.close();
});

test('a start is answered at once, however many sign-ins wait in the queue', async () => {
  const waiting = [];
  const enough = deferred();
  const server = http.createServer((req, res) => {
    if (req.method === 'GET') return res.writeHead(302, { location: '/' }).end();
    waiting.push(res);
    if (waiting.length === 600) enough.resolve();
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const sidecar = new Sidecar(() => ({ sign: () => 'token' }), new RemotePlace(`http://127.0.0.1:${server.address().port}`));
  const visitor = { headers: {}, socket: {} };
  const signIns = Array.from({ length: 600 }, () => sidecar.forward(visitor, { method: 'POST', action: 'auth:signIn', body: {}, limitMs: 60_000 }));
  await enough.promise;

  const start = await sidecar.forward(visitor, { action: 'auth:redirect', limitMs: 60_000 });

  assert.equal(start.status, 302);
  for (const res of waiting) res.end('{}');
  assert.ok((await Promise.all(signIns)).every((answer) => answer.status === 200));
  (await sidecar.place.reach()).options.agent.destroy();
  server.close();
});

function deferred() {
  const made = {};
  made.promise = new Promise((resolve) => (made.resolve = resolve));
  return made;
}

const hostile = JSON.parse(fs.readFileSync(new URL('../corpus/return_paths.json', import.meta.url), 'utf8'));

const LANGUAGES = ['en-US', 'zh-CN', 'hi-IN', 'ru-RU', 'de-DE', 'id-ID', 'tr-TR'];

test('a name in a text of the clients is shown as it is', () => {
  const seen = [];
  const useTranslation = () => ({ t: (...asked) => seen.push(asked) });
  clientModule(`${CLIENT}/texts`, { 'react-i18next': { useTranslation } }).useText().t('By {{name}}', { name: "O'Neill & Söhne" });
  assert.deepEqual(JSON.parse(JSON.stringify(seen)), [['By {{name}}', { name: "O'Neill & Söhne", interpolation: { escapeValue: false } }]]);
});

test('until a return is completed NocoBase complains of nothing but what a person does, and afterwards as ever', async () => {
  const ask = (address) => {
    const { completeSignIn, keepQuietOnReturn } = clientModule(`${CLIENT}/attempts`, {}, address);
    let intercept;
    const refused = Object.assign(new Error('refused'), { response: { status: 401, data: { errors: [{ message: 'no' }] } } });
    const apiClient = { axios: { interceptors: { request: { use: (one) => (intercept = one) } } }, auth: { getToken: () => null, setRole() {} }, request: async () => { throw refused; } };
    keepQuietOnReturn(apiClient);
    const isQuiet = (url) => intercept({ url }).skipNotify === true;
    return { isQuiet, end: () => completeSignIn({ apiClient, name: 'ding', flow: 'x', t: (key) => key, enter() {} }) };
  };
  assert.equal(ask('/signin').isQuiet('aiEmployees:listByUser'), false);
  const { isQuiet, end } = ask('/signin?authenticator=ding&dingtalk=x');
  assert.deepEqual(['aiEmployees:listByUser', 'auth:check', 'auth:signIn', 'auth:lostPassword'].map(isQuiet), [true, true, false, false]);
  await end();
  assert.equal(isQuiet('aiEmployees:listByUser'), false);
});

test('of what a person was told, the list of sign-ins shows one sentence, in every language', () => {
  const { firstSentence } = clientModule(`${CLIENT}/sign-in-log`);
  for (const language of LANGUAGES) {
    const texts = JSON.parse(fs.readFileSync(new URL(`../../locales/${language}.json`, import.meta.url), 'utf8'));
    for (const [code, key] of Object.entries(BUTTON.errors)) {
      const [told, shown] = [texts[key], firstSentence(texts[key])];
      assert.ok(told.startsWith(shown) && shown.length >= 5 && shown.length <= 140, `${language} ${code}: ${shown}`);
      // All but the last of several sentences say what to do, or that nothing helps.
      if (/[.!?।]\s|。./.test(told)) assert.ok(shown.length < told.length, `${language} ${code}: ${shown}`);
    }
  }
});

/** An action as NocoBase runs it: what is answered, or thrown. */
async function asAdministrator(name, place, { method = 'GET', headers = {}, querystring = '', body = {}, cookies = [] } = {}) {
  const errors = [];
  const fill = (sentence, values) => sentence.replace(/{{(\w+)}}/g, (_, key) => values[key]);
  const ctx = {
    method, req: { headers, socket: {} }, request: { querystring, body }, get: (name) => headers[name.toLowerCase()] ?? '', state: { currentUser: { id: 1 } }, logger: { error: (line) => errors.push(line) },
    t: fill, set() {}, append: (_, cookie) => cookies.push(cookie), throw: (status, error) => { throw Object.assign(new Error(error.message), { status, code: error.code }); },
  };
  const sidecar = new Sidecar(() => ({ sign: () => 'token' }), place);
  try {
    await actions(sidecar)[name](ctx, async () => {});
    return ctx.body;
  } catch (error) {
    return error;
  } finally {
    (await place.reach(0))?.options.agent.destroy();
  }
}

async function answering(handler, ask) {
  const server = http.createServer(handler);
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const address = `http://127.0.0.1:${server.address().port}`;
  try {
    return await ask(address);
  } finally {
    server.close();
  }
}

const envelope = (status, code, date) => (_, res) => res.writeHead(status, { 'content-type': 'application/json', date: date ?? new Date().toUTCString() }).end(JSON.stringify({ errors: [{ code, message: `${code} for visitors` }] }));

test('an administrator is told which address was tried, and why it was of no use', async () => {
  const gone = await answering(() => {}, async (address) => address);
  const lists = ['bindings', 'audit', 'configForm'];
  for (const name of lists) {
    const told = await asAdministrator(name, new RemotePlace(gone));
    assert.deepEqual([told.status, told.code], [503, 'SIDECAR_UNAVAILABLE']);
    assert.equal(told.message, `The sidecar at ${gone} cannot be reached: ECONNREFUSED. Start it, or correct DINGTALK_SIDECAR_URL in the environment of NocoBase.`);
  }
  for (const [handler, reason] of [
    [(_, res) => res.writeHead(404).end('<html>'), 'HTTP 404'],
    // NocoBase's own address: what it says of a missing session would end the administrator's.
    [envelope(401, 'EMPTY_TOKEN'), 'HTTP 401'],
    [envelope(503, 'SIDECAR_UNAVAILABLE'), 'HTTP 503'],
  ]) {
    await answering(handler, async (address) => {
      const told = await asAdministrator('bindings', new RemotePlace(address));
      assert.deepEqual([told.status, told.code], [503, 'SIDECAR_UNAVAILABLE']);
      assert.ok(told.message.startsWith(`The sidecar at ${address} cannot be reached: ${reason}.`), told.message);
    });
  }
});

test('an administrator is told how a sidecar is at odds with NocoBase', async () => {
  for (const [answer, pattern] of [
    [envelope(403, 'SECRET_MISMATCH'), /^NocoBase and the sidecar do not share one secret\. Start the sidecar with NocoBase's settings file/],
    [envelope(403, 'CLOCK_MISMATCH', new Date(Date.now() - 90_000).toUTCString()), /^The clocks of NocoBase and the sidecar differ by (89|9[01]) s\. Set both clocks/],
  ]) {
    const told = await answering(answer, (address) => asAdministrator('bindings', new RemotePlace(address)));
    assert.match(told.message, pattern);
  }
});

test('whoever is signed in asks for their own link by their own name, and gets the cookie of the flow', async () => {
  const asked = [];
  const handler = (req, res) => {
    const chunks = [];
    req.on('data', (chunk) => chunks.push(chunk)).on('end', () => {
      asked.push([req.method, req.url, Buffer.concat(chunks).toString()]);
      res.writeHead(200, { 'content-type': 'application/json', 'set-cookie': ['nbdt_a=b; Path=/; HttpOnly'] }).end('{"data":{"url":"https://login.dingtalk.test"}}');
    });
  };
  const cookies = [];
  const body = { password: 'x', return: '/admin' };
  const told = await answering(handler, (address) => asAdministrator('link', new RemotePlace(address), { method: 'POST', querystring: 'authenticator=ding&token=t', body, cookies }));
  assert.deepEqual(told, { data: { url: 'https://login.dingtalk.test' } });
  assert.deepEqual(asked, [['POST', '/api/dingtalk:link?authenticator=ding', JSON.stringify(body)]]);
  assert.deepEqual(cookies, ['nbdt_a=b; Path=/; HttpOnly']);
  assert.deepEqual(OWN_ACTIONS, ['myLink', 'link', 'unlinkMe']);
});

test('whoever is no administrator is told of their own link nothing of where the sidecar is, and stays signed in', async () => {
  const gone = await answering(() => {}, async (address) => address);
  for (const [name, method] of [['myLink', 'GET'], ['link', 'POST'], ['unlinkMe', 'POST']]) {
    const told = await asAdministrator(name, new RemotePlace(gone), { method });
    assert.deepEqual([told.status, told.code, told.message], [503, 'SIDECAR_UNAVAILABLE', BUTTON.errors.SIDECAR_UNAVAILABLE], name);
    const other = await answering(envelope(401, 'EMPTY_TOKEN'), (address) => asAdministrator(name, new RemotePlace(address), { method }));
    assert.equal(other.status, 503, name);
    const refused = await answering(envelope(403, 'PASSWORD_REFUSED'), (address) => asAdministrator(name, new RemotePlace(address), { method }));
    assert.deepEqual([refused.status, refused.code], [403, 'PASSWORD_REFUSED'], name);
  }
});

test("NocoBase's audit does not keep the password of who changes a link", () => {
  for (const name of ['dingtalk:link', 'dingtalk:unlinkMe']) {
    const { getMetaData } = AUDITED.find((one) => one.name === name);
    assert.deepEqual(getMetaData({ request: { body: { password: 'secret', return: '/' } } }).request.body, {});
    assert.deepEqual(getMetaData({ request: { body: { flow: 'handle' } } }).request.body, { flow: 'handle' });
  }
});

test('what came back for a link is taken out of the address, and nothing else is', () => {
  const { takeReturn } = clientModule(`${CLIENT}/own-link`);
  assert.equal(takeReturn('?tab=2&error=x&dingtalk=y'), null);
  const linked = takeReturn('?tab=2&dingtalkLink=h&error=x');
  assert.deepEqual([linked.found.handle, linked.search], ['h', '?tab=2&error=x']);
  const refused = takeReturn('?dingtalkLinkError=DINGTALK_DENIED&dingtalkReference=abcdefgh');
  assert.deepEqual([refused.found.code, refused.found.reference, refused.search], ['DINGTALK_DENIED', 'abcdefgh', '']);
});

test('what came back for a link is taken once, also where a page is drawn anew before its address has changed', () => {
  const { takeReturn } = clientModule(`${CLIENT}/own-link`);
  const taken = ['?dingtalkLink=h', '?tab=2&dingtalkLink=h', '?dingtalkLink=other'].map((search) => takeReturn(search).isFirst);
  assert.deepEqual(taken, [true, false, true]);
});

test('what the sidecar itself refuses reaches the administrator as it is', async () => {
  const told = await answering(envelope(503, 'DATABASE_UNAVAILABLE'), (address) => asAdministrator('audit', new RemotePlace(address)));
  assert.deepEqual([told.status, told.code, told.message], [503, 'DATABASE_UNAVAILABLE', 'DATABASE_UNAVAILABLE for visitors']);
});

test('a test of the connection without a sidecar is a report with a verdict, like one of the doctor', async () => {
  const gone = await answering(() => {}, async (address) => address);
  const { data } = await asAdministrator('diagnose', new RemotePlace(gone), { method: 'POST' });
  assert.equal(data.verdict, 'To mend: 1.');
  assert.deepEqual(data.findings, [{
    check: 'program', status: 'error', message: `The sidecar at ${gone} cannot be reached: ECONNREFUSED.`,
    action: 'Start it, or correct DINGTALK_SIDECAR_URL in the environment of NocoBase.',
  }]);
});

test('an administrator is told which program was tried', async () => {
  const program = { failure: new CannotRun('damaged'), target: null, reach: async () => null, retry() {} };
  const told = await asAdministrator('bindings', new ManagedPlace(program));
  assert.match(told.message, /^The program in the package is damaged\. Upload the package again\. Program: \/.*bin\/\w+-\w+\/nocobase-dingtalk\. Mend it/);
});

test('no value of the corpus leads the bridge away from the site', () => {
  assert.ok(hostile.length >= 500);
  for (const value of hostile) {
    const page = signInPage({ returnPath: value, error: 'X' });
    assert.equal(new URL(page, SITE).origin, SITE, `${JSON.stringify(value)} became ${page}`);
  }
});

test('no value of the corpus leads a client away from the site, escaped or as the classic client writes it', () => {
  const { requestedPage } = clientModule().shared;
  assert.equal(requestedPage('?redirect=%2Fadmin%2Fx%3Fa%3D1'), '/admin/x?a=1');
  for (const value of hostile) {
    for (const search of [`?redirect=${encodeURIComponent(value.toWellFormed())}`, `?redirect=${value}`]) {
      const page = requestedPage(search) ?? '/admin';
      assert.equal(new URL(page, SITE).origin, SITE, `${JSON.stringify(search)} became ${page}`);
      assert.match(page, /^\/(?![/\\])/, JSON.stringify(search));
    }
  }
});

test('what everybody may ask reaches the sidecar with the user agent and without credentials', async () => {
  assert.deepEqual(PUBLIC_ACTIONS, ['checkLogin', 'getAuthUrl', 'qrCode']);
  const seen = [];
  const sidecar = (req, res) => {
    let text = '';
    req.on('data', (part) => (text += part)).on('end', () => {
      seen.push({ method: req.method, url: req.url, headers: req.headers, text });
      res.writeHead(200, { 'content-type': 'application/json' }).end('{"data":{"success":true}}');
    });
  };
  const headers = { 'user-agent': 'DingTalk/8', authorization: 'Bearer x', cookie: 'nb_auth_token_main=x', 'x-authenticator': 'ding' };
  await answering(sidecar, async (address) => {
    const asked = { headers, querystring: 'isDingTalkBrowser=true&redirect=%2Fadmin&token=secret' };
    assert.deepEqual(await asAdministrator('checkLogin', new RemotePlace(address), asked), { data: { success: true } });
    assert.deepEqual(await asAdministrator('getAuthUrl', new RemotePlace(address), { ...asked, method: 'POST', body: { redirect: '/admin' } }), { data: { success: true } });
    const refused = await asAdministrator('getAuthUrl', new RemotePlace(address), asked);
    assert.deepEqual([refused.status, refused.code], [405, 'METHOD_NOT_ALLOWED']);
  });
  assert.deepEqual(seen.map(({ method, url, text }) => [method, url, text]), [
    ['GET', '/api/dingtalk:checkLogin?isDingTalkBrowser=true&redirect=%2Fadmin', ''],
    ['POST', '/api/dingtalk:getAuthUrl?isDingTalkBrowser=true&redirect=%2Fadmin', '{"redirect":"/admin"}'],
  ]);
  for (const { headers: passed } of seen) {
    assert.deepEqual([passed['user-agent'], passed['x-authenticator'], passed.authorization, passed.cookie], ['DingTalk/8', 'ding', undefined, undefined]);
  }
});

test('visitors are not told where a sidecar is that is away', async () => {
  const gone = await answering(() => {}, async (address) => address);
  for (const [name, method] of [['checkLogin', 'GET'], ['getAuthUrl', 'POST']]) {
    const told = await asAdministrator(name, new RemotePlace(gone), { method });
    assert.deepEqual([told.status, told.code, told.message], [503, 'SIDECAR_UNAVAILABLE', BUTTON.errors.SIDECAR_UNAVAILABLE]);
  }
});

test('of what a browser posts to sign in, the sidecar sees the proof alone', async () => {
  for (const [values, body] of [
    [{ flow: 'f', account: 'a', password: 'p' }, { flow: 'f' }],
    [{ authCode: 'c', loginType: 'internal', password: 'p' }, { authCode: 'c', loginType: 'internal' }],
    [{ authCode: ['c'], loginType: 'internal' }, {}],
    [{ authCode: 'c' }, {}],
    [undefined, {}],
  ]) {
    const forwarded = [];
    const sidecar = { forward: async (_req, call) => forwarded.push(call) && { status: 200, headers: {}, body: Buffer.from('{"data":{"user":{},"token":"t"}}') } };
    const auth = new (authClass(sidecar))({ ctx: { db: { getCollection() {} } } });
    Object.assign(auth, { ctx: { req: {}, get: (name) => (name === 'Origin' ? SITE : 'ding'), action: { params: { values } } }, authenticator: { name: 'ding' } });
    await auth.signIn();
    assert.deepEqual([forwarded[0].body, forwarded[0].headers], [body, { 'x-authenticator': 'ding', ...(body.authCode ? { origin: SITE } : {}) }]);
  }
});

test('automatic login is saved for one enabled authenticator alone, and with a Corp ID where one is needed', async () => {
  const row = (id, options, { authType = 'dingtalk', enabled = true, title } = {}) => ({ get: (key) => ({ id, name: `d${id}`, title, authType, enabled, options })[key] });
  const auto = { autoLogin: true, corpId: 'ding1' };
  const stored = [row(1, auto, { title: 'Head office' }), row(2, {})];
  const plugin = { t: (key, values) => key.replace(/{{(\w+)}}/g, (_, name) => values[name]), db: { getRepository: () => ({ find: async () => stored }) } };
  const refusalOf = (saving) => refuseImpossibleAutoLogin(plugin, saving).then(() => null, ({ status, code, message }) => [status, code, message]);
  const taken = [400, 'AUTO_LOGIN_TAKEN', 'Only one sign-in method can sign people in automatically, and Head office does already. Turn that off there first.'];
  const incomplete = [400, 'INVALID_FIELD', 'Please check this field: Corp ID.'];
  for (const [saving, refusal] of [
    [row(2, auto), taken],
    [row(undefined, auto), taken],
    [row(1, auto), null],
    [row('1', auto), null],
    [row(2, auto, { enabled: false }), null],
    [row(2, auto, { authType: 'OIDC' }), null],
    [row(2, { ...auto, autoLogin: false }), null],
    [row(1, { autoLogin: true }), incomplete],
    [row(1, { autoLogin: true, autoLoginType: 'internal', corpId: ' ' }), incomplete],
    [row(1, { autoLogin: true, autoLoginType: 'oauth' }), null],
  ]) assert.deepEqual(await refusalOf(saving), refusal);
});

test('rules are saved once the sidecar has nothing against them, and while it is away', async () => {
  const row = (options, authType = 'dingtalk') => ({ get: (key) => ({ name: 'ding', authType, options })[key] });
  const refused = { status: 400, headers: {}, body: Buffer.from(JSON.stringify({ errors: [{ code: 'ROLE_UNKNOWN', message: 'No such role.' }] })) };
  const answers = { fine: { status: 200, headers: {}, body: Buffer.from('{}') }, refused, failed: { ...refused, status: 500 } };
  const context = { req: {}, state: { currentUser: { id: 7 } } };
  const rules = { clientId: 'd', clientSecret: 's', roleRules: 'title CTO = sales', bindAdministrators: true };
  for (const [options, answer, { authType, calls = 1, refusal = null, saving = { context } } = {}] of [
    [rules, answers.fine],
    [rules, answers.refused, { refusal: [400, 'ROLE_UNKNOWN', 'No such role.'] }],
    [rules, answers.failed],
    [rules, null],
    [rules, answers.refused, { authType: 'OIDC', calls: 0 }],
    [rules, answers.refused, { saving: {}, calls: 0 }],
    [{ clientId: 'd', roleRules: ' ', defaultRole: null, refreshPhone: 'never' }, answers.refused, { calls: 0 }],
    [undefined, answers.refused, { calls: 0 }],
  ]) {
    const forwarded = [];
    const forward = async (_req, call) => {
      forwarded.push(call);
      if (!answer) throw new Error('away');
      return answer;
    };
    const plugin = { app: { log: { warn() {} } }, sidecar: { forward } };
    const told = await refuseRulesNobodyCanFollow(plugin, row(options, authType), saving).then(() => null, ({ status, code, message }) => [status, code, message]);
    assert.deepEqual([told, forwarded.length], [refusal, calls], JSON.stringify(options));
    if (!calls) continue;
    assert.deepEqual([forwarded[0].method, forwarded[0].action, forwarded[0].actor], ['POST', 'dingtalk:checkRules', 7]);
    assert.equal(JSON.stringify(forwarded[0].body), '{"options":{"roleRules":"title CTO = sales","bindAdministrators":true}}');
  }
});

test('NocoBase forgets what it remembers of a user whom the sidecar has changed', async () => {
  for (const [header, forgotten] of [[{ 'x-dingtalk-changed-user': '7' }, ['auth:7']], [{}, []]]) {
    const deleted = [];
    const sidecar = { forward: async () => ({ status: 200, headers: header, body: Buffer.from('{"data":{"user":{},"token":"t"}}') }) };
    const auth = new (authClass(sidecar))({ ctx: { db: { getCollection() {} } } });
    const app = { cache: { del: async (key) => deleted.push(key) } };
    Object.assign(auth, { ctx: { app, req: {}, get: () => 'ding', action: { params: { values: { flow: 'f' } } } }, authenticator: { name: 'ding' } });
    await auth.signIn();
    assert.deepEqual(deleted, forgotten);
  }
});
