// The modules of the clients without a browser: loaded as NocoBase's loader would, in a page that is made for the test.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import vm from 'node:vm';

export const SITE = 'https://nocobase.example';
export const CLIENT = 'nocobase-plugin-auth-dingtalk/client-v2';
const MODULES = new URL('../../nocobase-plugin/client-v2/', import.meta.url);
const BUTTON = fs.readFileSync(new URL('../../client-schema/sign-in-button.json', import.meta.url), 'utf8');

/**
 * A module of the modern client, in a page of `SITE`; what is neither ours nor given does nothing.
 *
 * @param {object} page further globals; its `window` is completed by the page's address
 */
export function clientModule(wanted = CLIENT, given = {}, address = '/signin', { window = {}, ...globals } = {}) {
  const defined = new Map();
  const define = (name, dependencies, factory) => defined.set(name, { dependencies, factory });
  const page = vm.createContext({ define, URL, URLSearchParams, window: Object.assign(window, { location: new URL(address, SITE) }), ...globals });
  for (const file of fs.readdirSync(MODULES)) {
    const source = fs.readFileSync(new URL(file, MODULES), 'utf8').replace('"__NBDT_BUTTON__"', BUTTON);
    vm.runInContext(source, page);
  }
  const nothing = new Proxy(function () {}, { get: (_, key) => (key === 'Plugin' ? class {} : nothing), apply: () => nothing });
  const loaded = new Map();
  const load = (name) => {
    if (given[name]) return given[name];
    if (!defined.has(name)) return name.startsWith(CLIENT) ? assert.fail(`nobody defines ${name}`) : nothing;
    if (!loaded.has(name)) {
      const { dependencies, factory } = defined.get(name);
      loaded.set(name, factory(...dependencies.map((one) => load(one.startsWith('./') ? name.replace(/[^/]+$/, one.slice(2)) : one))));
    }
    return loaded.get(name);
  };
  const module = load(wanted);
  if (wanted === CLIENT) assert.deepEqual([...defined.keys()].filter((name) => !loaded.has(name) && !given[name]), [], 'nobody loads these');
  return module;
}
