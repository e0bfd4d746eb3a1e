// What bridge and clients decide by themselves, without NocoBase: node --test bridge.test.mjs

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import Module, { createRequire } from 'node:module';
import { test } from 'node:test';
import vm from 'node:vm';

const require = createRequire(import.meta.url);
// Of NocoBase's own packages the forwarding needs this one function.
const load = Module._load;
Module._load = (name, ...rest) => (name === '@nocobase/utils' ? { getRequestOrigin: () => 'http://nocobase.test' } : load(name, ...rest));
const { RemotePlace } = require('../../nocobase-plugin/server/place');
const { Sidecar } = require('../../nocobase-plugin/server/sidecar');
const { masked, keepStoredSecret } = require('../../nocobase-plugin/server/secret-mask');
const { signInPage } = require('../../nocobase-plugin/server/sign-in-page');

const MASK = '********';
const row = (options, authType = 'dingtalk') => ({ id: 1, name: 'ding', authType, options });

class Model {
  constructor(stored, options, authType = 'dingtalk') {
    Object.assign(this, { stored, values: { authType, options } });
  }
  get(key) {
    return this.values[key];
  }
  set(key, value) {
    this.values[key] = value;
  }
  previous() {
    return this.stored;
  }
}

test('a stored secret is masked wherever a row stands in an answer', () => {
  const answer = { data: [{ nickname: 'x', authenticators: [row({ clientId: 'id', clientSecret: 'secret' })] }], meta: { count: 1 } };
  const out = masked(answer);
  assert.deepEqual(out.data[0].authenticators[0].options, { clientId: 'id', clientSecret: MASK });
  assert.equal(answer.data[0].authenticators[0].options.clientSecret, 'secret', 'the live row was changed');
});

test('the secret of a row made by the community plugin is masked as well', () => {
  assert.deepEqual(masked(row({ internal: { appKey: 'k', appSecret: 's' } })).options, { internal: { appKey: 'k', appSecret: MASK } });
});

test('a lone template is shown, a template inside a secret is not', () => {
  assert.equal(masked(row({ clientSecret: '{{ $env.SECRET }}' })).options.clientSecret, '{{ $env.SECRET }}');
  assert.equal(masked(row({ clientSecret: 'a{{$env.SECRET}}' })).options.clientSecret, MASK);
});

test('options of other types are left alone', () => {
  assert.equal(masked(row({ clientSecret: 'theirs' }, 'OIDC')).options.clientSecret, 'theirs');
});

test('saving the mask keeps the stored secret, saving anything else replaces it', () => {
  const kept = new Model({ clientSecret: 'old' }, { clientId: 'new', clientSecret: MASK });
  keepStoredSecret(kept);
  assert.deepEqual(kept.values.options, { clientId: 'new', clientSecret: 'old' });
  const replaced = new Model({ clientSecret: 'old' }, { clientSecret: 'new' });
  keepStoredSecret(replaced);
  assert.equal(replaced.values.options.clientSecret, 'new');
});

test('a mask where nothing is stored saves nothing', () => {
  const model = new Model(undefined, { clientSecret: MASK });
  keepStoredSecret(model);
  assert.deepEqual(model.values.options, {});
});

test('a sign-in page keeps its own query and loses what an earlier attempt left there', () => {
  const page = signInPage({ returnPath: '/v/signin?redirect=%2Fv%2Fadmin&error=X&dingtalk=y', authenticator: 'a b', error: 'SIDECAR_UNAVAILABLE' });
  assert.equal(page, '/v/signin?redirect=%2Fv%2Fadmin&authenticator=a+b&error=SIDECAR_UNAVAILABLE');
});

for (const target of ['//evil.example/', '/\\evil.example', 'https://evil.example/', 'javascript:alert(1)', '/a\u0000b', '/.//evil.example', '', null, undefined]) {
  test(`a browser is never sent to ${JSON.stringify(target)}`, () => {
    assert.equal(signInPage({ returnPath: target, error: 'X' }), '/signin?error=X');
  });
}

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

const SITE = 'https://nocobase.example';
const hostile = JSON.parse(fs.readFileSync(new URL('../corpus/return_paths.json', import.meta.url), 'utf8'));

/** The module that both clients share, in a page of `SITE`; its factory asks little of what it is given. */
function clientModule() {
  let module;
  const nothing = new Proxy(function () {}, { get: (_, key) => (key === 'Plugin' ? class {} : nothing), apply: () => nothing });
  const define = (_name, dependencies, factory) => { module = factory(...dependencies.map(() => nothing)); };
  const source = fs.readFileSync(new URL('../../nocobase-plugin/client-v2/index.js', import.meta.url), 'utf8');
  vm.runInNewContext(source, { define, URL, URLSearchParams, window: { location: new URL(`${SITE}/signin`) } });
  return module.shared;
}

test('no value of the corpus leads the bridge away from the site', () => {
  assert.ok(hostile.length >= 500);
  for (const value of hostile) {
    const page = signInPage({ returnPath: value, error: 'X' });
    assert.equal(new URL(page, SITE).origin, SITE, `${JSON.stringify(value)} became ${page}`);
  }
});

test('no value of the corpus leads a client away from the site, escaped or as the classic client writes it', () => {
  const { requestedPage } = clientModule();
  assert.equal(requestedPage('?redirect=%2Fadmin%2Fx%3Fa%3D1'), '/admin/x?a=1');
  for (const value of hostile) {
    for (const search of [`?redirect=${encodeURIComponent(value.toWellFormed())}`, `?redirect=${value}`]) {
      const page = requestedPage(search) ?? '/admin';
      assert.equal(new URL(page, SITE).origin, SITE, `${JSON.stringify(search)} became ${page}`);
      assert.match(page, /^\/(?![/\\])/, JSON.stringify(search));
    }
  }
});
