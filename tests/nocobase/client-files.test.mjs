// What browsers load of ours runs in the oldest browser that NocoBase runs in: DingTalk's WebViews are old ones.
// `npm ci --prefix nocobase-plugin/dingtalk-jsapi`, then node --test client-files.test.mjs

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';

const ROOT = new URL('../../', import.meta.url);
const BUNDLE = 'nocobase-plugin/dingtalk-jsapi/dingtalk-jsapi.js';
const { transform } = createRequire(new URL('nocobase-plugin/dingtalk-jsapi/', ROOT))('esbuild');

// The browser list of NocoBase 2.2's own client.
const OLDEST = ['chrome87', 'safari14'];
// There, with mistakes in rare cases that esbuild would write around.
const THERE = { destructuring: true, 'optional-chain': true };
/** What syntax does not tell: functions that came later. */
const TOO_NEW = [
  /\.at\(/, /\.hasOwn\(/, /\bstructuredClone\(/, /\.findLast(?:Index)?\(/, /\.group(?:By|ToMap)?\(/, /\.to(?:Sorted|Reversed|Spliced)\(/,
  /\bAbortSignal\.(?:timeout|any)\(/, /\bPromise\.withResolvers\(/, /\.(?:toWellFormed|isWellFormed)\(/, /\bURL\.(?:canParse|parse)\(/, /\bArray\.fromAsync\(/,
  /\.checkVisibility\(/, /\bcrypto\.randomUUID\(/, /\.showPicker\(/, /\bscheduler\./,
];

const scripts = (folder) => fs.readdirSync(new URL(folder, ROOT), { recursive: true }).filter((name) => name.endsWith('.js')).map((name) => folder + name);
const FILES = [...scripts('nocobase-plugin/client/'), ...scripts('nocobase-plugin/client-v2/'), ...scripts('console/')];
// The JSAPI is made for an older target still (bundle.mjs).

/** The code without comments and layout, as it has to be written for a target. */
const codeFor = async (source, target) => (await transform(source, { target, supported: THERE, minifyWhitespace: true, legalComments: 'none' })).code;

for (const file of FILES) {
  test(`${file} runs in ${OLDEST.join(' and ')}`, async () => {
    const source = fs.readFileSync(new URL(file, ROOT), 'utf8');
    const code = await codeFor(source, 'esnext');
    assert.ok((await codeFor(source, OLDEST)) === code, 'newer syntax');
    assert.deepEqual(TOO_NEW.filter((pattern) => pattern.test(code)).map(String), []);
  });
}

test('newer syntax and newer functions are found', async () => {
  for (const source of ['class A { static { f(); } }', 'a ??= b; class A { static #x; has(o) { return #x in o; } }', '/a/v.test(b)']) {
    assert.notEqual(await codeFor(source, OLDEST), await codeFor(source, 'esnext'), source);
  }
  assert.ok(TOO_NEW.some((pattern) => pattern.test('list.at(-1)')));
});

test('the JSAPI carries its licence, asks nobody else for anything, and needs no other module', () => {
  const source = fs.readFileSync(new URL(BUNDLE, ROOT), 'utf8');
  assert.match(source, /^\/\*! dingtalk-jsapi 3\.2\.9, in parts\. The MIT License/);
  assert.ok(source.length < 90_000, `${source.length} characters`);
  assert.doesNotMatch(source, /\bimport\s*[("'{]|\brequire\(["']|alicdn/);
});
