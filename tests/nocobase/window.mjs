// One browser window as one person uses it: NocoBase's client, a language, pictures of what was seen.

import { createRequire } from 'node:module';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { SITE_HOST, TOOLS } from './nocobase.mjs';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
// NocoBase's first paint takes up to nine seconds on two idle cores.
const PATIENCE_MS = 90_000;

export const BUTTON = JSON.parse(fs.readFileSync(path.join(ROOT, 'client-schema/sign-in-button.json'), 'utf8'));

/** @param {string[]} more further arguments for the browser */
export async function launch(more = []) {
  const { chromium } = createRequire(path.join(TOOLS, 'package.json'))('playwright-core');
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', `--host-resolver-rules=MAP ${SITE_HOST} 127.0.0.1`, ...more],
  });
}

/** Chromium takes no picture of a page that is just being replaced, as NocoBase replaces its own when a plugin is switched. */
export async function screenshot(shown, options, tries = 5) {
  try {
    return await shown.screenshot(options);
  } catch (error) {
    if (tries === 1 || !/Unable to capture screenshot/.test(error.message)) throw error;
    await (shown.page?.() ?? shown).waitForLoadState();
    return screenshot(shown, options, tries - 1);
  }
}

/** Texts of a language, as the package carries them. */
export function texts(language) {
  const table = JSON.parse(fs.readFileSync(path.join(ROOT, `locales/${language}.json`), 'utf8'));
  return (key, values = {}) => (table[key] ?? key).replace(/\{\{\s*(\w+)\s*\}\}/g, (whole, name) => values[name] ?? whole);
}

const resources = new Map();

/** NocoBase's own words in a language; where it has several for one key, any of them. */
async function coreTexts(nocobase, language) {
  if (!resources.has(language)) {
    const answer = await nocobase.request(`app:getLang?locale=${language}`, { method: 'GET' });
    resources.set(language, answer.json.data.resources);
  }
  const { client = {}, ...others } = resources.get(language);
  const auth = others['@nocobase/plugin-auth'] ?? {};
  const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return (key) => [...new Set([client[key], auth[key]].filter(Boolean).concat(client[key] || auth[key] ? [] : [key]))].map(escape).join('|');
}

/**
 * What antd opens stands still at its full size, unseen, and then grows from a part of it: a button pressed in its first
 * moment is elsewhere when it is let go, and the click is lost. Nobody who has to see it first is as early.
 */
function openInPlace() {
  const sheet = new CSSStyleSheet();
  // The animation goes on: antd waits for its end, and misses one that ends at once.
  sheet.replaceSync('.ant-modal, .ant-popover, .ant-dropdown, .ant-select-dropdown { transform: none !important; }');
  document.adoptedStyleSheets.push(sheet);
}

/**
 * Takes what a button offers to the pointer over it. A page that is still being drawn closes the menu again, or does not
 * know yet what belongs in it.
 */
export async function choose(button, item) {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    await button.page().mouse.move(0, 0);
    await button.hover();
    try {
      return await item.click({ timeout: 3_000 });
    } catch (error) {
      if (Date.now() > until) throw error;
    }
  }
}

let pictures = 0;

/**
 * @param {{ client: 'v1' | 'v2', language: string, token?: string, authenticator?: string, output: string }} options
 */
export async function openWindow(browser, nocobase, { client, language, token, authenticator = 'basic', output, name, width = 1280, height = 900, ...device }) {
  const context = await browser.newContext({ viewport: { width, height }, locale: language, ...device });
  await context.addInitScript(openInPlace);
  // Only where nothing is stored yet: this runs on every page, and must not undo what the page has stored.
  await context.addInitScript(
    ([wanted, session, sessionAuthenticator]) => {
      if (!localStorage.getItem('NOCOBASE_LOCALE')) localStorage.setItem('NOCOBASE_LOCALE', wanted);
      if (session && localStorage.getItem('NOCOBASE_TOKEN') === null) {
        localStorage.setItem('NOCOBASE_TOKEN', session);
        localStorage.setItem('NOCOBASE_AUTH', sessionAuthenticator);
      }
    },
    [language, token, authenticator],
  );
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const faults = [];
  page.on('pageerror', (error) => {
    if (/dingtalk/i.test(error.stack ?? '')) faults.push(error.stack);
  });
  const core = await coreTexts(nocobase, language);
  const base = `${nocobase.site}${nocobase.publicPath}${client === 'v2' ? 'v/' : ''}`.replace(/\/$/, '');
  return {
    page,
    client,
    base,
    t: texts(language),
    /** A text of NocoBase's own, whole or as a part of what stands there. */
    core: (key) => new RegExp(`^\\s*(${core(key)})\\s*$`),
    coreIn: (key) => new RegExp(core(key)),
    open: (address) => page.goto(base + address),
    /** As a browser that was never here, in its language: nothing of a session is left. */
    async forget() {
      await context.clearCookies();
      // A page of the same site that is not NocoBase's client costs nothing to open.
      await page.goto(`${nocobase.site}${nocobase.publicPath}api/__health_check`);
      await page.evaluate(() => ['NOCOBASE_TOKEN', 'NOCOBASE_AUTH', 'NOCOBASE_ROLE'].forEach((key) => localStorage.removeItem(key)));
    },
    button: (authenticatorName) => page.getByTestId(`dingtalk-sign-in-${authenticatorName}`),
    /** A field of a NocoBase form by its label, in either client. */
    field: (label) => page.locator('.ant-formily-item, .ant-form-item').filter({ has: page.locator('label, .ant-formily-item-label', { hasText: label }) }).last(),
    input: (item) => item.locator('input:not([type=checkbox]):not([type=radio]), textarea, [contenteditable=true]').first(),
    stored: (key) => page.evaluate((wanted) => localStorage.getItem(wanted), key),
    async picture(label, shown = page) {
      pictures += 1;
      fs.mkdirSync(output, { recursive: true });
      await screenshot(shown, { path: path.join(output, `${String(pictures).padStart(3, '0')}-${name ?? client}-${language}-${label}.png`) });
    },
    async close() {
      await context.close();
      if (faults.length) throw new Error(`script errors of ours:\n${faults.join('\n')}`);
    },
  };
}
