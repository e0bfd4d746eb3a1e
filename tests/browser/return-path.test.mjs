// Where the console goes after a sign-in, for the corpus of hostile targets: node --test return-path.test.mjs

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8');
const corpus = JSON.parse(read('../corpus/return_paths.json'));

/** The console's own module, loaded as on a page under `base`. */
async function pathsUnder(origin, base) {
  const metas = { 'nbdt-base': base, 'nbdt-api': `${base}api/` };
  globalThis.document = { querySelector: (selector) => ({ content: metas[/"(.+)"/.exec(selector)[1]] }) };
  globalThis.location = new URL(`${base}signin`, origin);
  // A module is loaded once for each address, so the place it is loaded for is part of the address.
  const source = `// ${origin}${base}\n${read('../../console/paths.js')}`;
  return import(`data:text/javascript,${encodeURIComponent(source)}`);
}

for (const [origin, base] of [['https://nocobase.example', '/'], ['https://nocobase.example', '/nocobase/'], ['http://127.0.0.1:13100', '/']]) {
  test(`no redirect of the corpus leads the console at ${origin}${base} elsewhere`, async () => {
    const { safeTarget } = await pathsUnder(origin, base);
    assert.equal(safeTarget(`${base}admin/orders?x=1`), `${base}admin/orders?x=1`);
    assert.equal(safeTarget(null), `${base}admin`);
    for (const value of corpus) {
      // What an address carries is what the page reads out of it.
      const query = new URLSearchParams(new URL(`${origin}${base}signin?${new URLSearchParams({ redirect: value })}`).search);
      const target = safeTarget(query.get('redirect'));
      // The console compares with its base, then hands it to history or to location: both resolve it like this.
      const url = new URL(target, location.href);
      assert.equal(url.origin, origin, JSON.stringify(value));
      assert.ok(url.pathname.startsWith(base), JSON.stringify(value));
      assert.ok(!url.pathname.startsWith('//'), JSON.stringify(value));
    }
  });
}

test('what is no text is no target', async () => {
  const { safeTarget } = await pathsUnder('https://nocobase.example', '/');
  for (const value of [undefined, null, 1, true, ['//evil.example'], { toString: () => '//evil.example' }]) {
    assert.equal(safeTarget(value), '/admin');
  }
});
