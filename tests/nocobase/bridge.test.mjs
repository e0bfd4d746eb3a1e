// The bridge's own decisions, without NocoBase: node --test bridge.test.mjs

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';

const require = createRequire(import.meta.url);
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
