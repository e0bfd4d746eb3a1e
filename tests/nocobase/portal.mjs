// NocoBase's open portal template against the plugin: its DingTalk pages, unmodified, compiled here and opened in a browser.
//
//   PORTAL_TEMPLATE=<folder> node portal.mjs
//
// PORTAL_TEMPLATE  a checkout of github.com/nocobase/portal-template-default (written for d58807cd02b), which is not ours
//                  to keep here: git clone it, or unpack an archive of it
// OUTPUT           folder for the pictures (default: out)
// KEEP             1 leaves NocoBase running
//
// React, its router, DingTalk's JSAPI and esbuild come from npm, in the versions below. What stands outside of the
// template's `registry/nocobase-auth-dingtalk` and its SDK (buttons, alerts, a spinner) are plain elements here.
// See nocobase.mjs for where and how NocoBase is installed.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { codeRequestsOf, USER_AGENTS } from '../browser/dingtalk-bridge.mjs';
import { openDingTalkWindow } from './dingtalk-window.mjs';
import { HOME } from './nocobase.mjs';
import { DEMO_CORP_ID } from './programs.mjs';
import { approve, expectRefusal, whoIsIn } from './sign-in.mjs';
import { APP, LI_LEI, NAME, Site, Steps, until } from './site.mjs';
import { launch, openWindow } from './window.mjs';

const run = promisify(execFile);
const PACKAGES = ['dingtalk-jsapi@3.1.1', 'esbuild@0.25.12', 'i18next@25.6.0', 'lucide-react@0.487.0', 'react@19.2.0', 'react-dom@19.2.0', 'react-router@7.9.5'];
const FOLDER = 'registry/nocobase-auth-dingtalk';
const BASE = '/x/portal/';

const template = process.env.PORTAL_TEMPLATE && path.resolve(process.env.PORTAL_TEMPLATE);
if (!template || !fs.existsSync(path.join(template, FOLDER))) {
  console.error(`PORTAL_TEMPLATE must name a checkout of nocobase/portal-template-default, with ${FOLDER} in it`);
  process.exit(2);
}
const output = path.resolve(process.env.OUTPUT ?? path.join(path.dirname(fileURLToPath(import.meta.url)), 'out'));

/** Pages of a portal as its own application makes them: everything behind the provider, the button on its sign-in page. */
const ENTRY = `
import React from 'react';
import { createRoot } from 'react-dom/client';
import { BrowserRouter, Route, Routes } from 'react-router';
import Provider from 'template/auto-login-provider';
import SignInButton from 'template/dingtalk-sign-in-button';
import { nocobaseClient } from '@nocobase/portal-sdk/client';
const h = React.createElement;
const authenticator = { name: window.NBDT_AUTHENTICATOR, authType: 'dingtalk', title: 'DingTalk' };
const Page = () => h('p', { id: 'page' }, nocobaseClient.getToken() ? 'in' : 'out');
createRoot(document.getElementById('root')).render(
  h(BrowserRouter, { basename: '/x/portal' }, h(Provider, null, h(Routes, null,
    h(Route, { path: '/login', element: h(SignInButton, { authenticator }) }),
    h(Route, { path: '*', element: h(Page) }))))
);
`;

/** Elements for the template's own: any name, with what is between its tags. */
const PLAIN = `
import React from 'react';
const plain = (tag) => ({ children, onClick, disabled }) => React.createElement(tag, { onClick, disabled }, children);
export const Button = plain('button'), Alert = plain('div'), AlertTitle = plain('strong'), AlertDescription = plain('p'), LoadingState = plain('output');
`;

async function compile() {
  const tools = path.join(HOME, 'portal-tools');
  fs.mkdirSync(tools, { recursive: true });
  fs.writeFileSync(path.join(tools, 'package.json'), '{"private":true}');
  await run('npm', ['install', '--no-audit', '--no-fund', '--no-update-notifier', ...PACKAGES], { cwd: tools, maxBuffer: 64 << 20 });
  const { build } = createRequire(path.join(tools, 'package.json'))('esbuild');
  const inTemplate = new Set();
  const pieces = {
    name: 'template',
    setup({ onResolve, onLoad }) {
      const find = (file) => [file, ...['.ts', '.tsx', '/index.ts'].map((end) => file + end)].find((one) => fs.existsSync(one) && fs.statSync(one).isFile());
      onResolve({ filter: /^template\// }, ({ path: name }) => ({ path: find(path.join(template, FOLDER, name.slice('template/'.length))) }));
      // Its access control needs the rest of the application; the pages only forget what it knows.
      onResolve({ filter: /^@nocobase\/portal-sdk\/acl$/ }, () => ({ path: 'acl', namespace: 'plain' }));
      onResolve({ filter: /^@nocobase\/portal-sdk\// }, ({ path: name }) => ({ path: find(path.join(template, 'sdk/src', name.slice('@nocobase/portal-sdk/'.length))) }));
      onResolve({ filter: /^@\/components\// }, () => ({ path: 'components', namespace: 'plain' }));
      onLoad({ filter: /.*/, namespace: 'plain' }, ({ path: name }) => ({ contents: name === 'acl' ? 'export const clearAcl = () => {};' : PLAIN, resolveDir: tools }));
      onLoad({ filter: /registry\/nocobase-auth-dingtalk\// }, ({ path: file }) => void inTemplate.add(path.basename(file)));
    },
  };
  const { outputFiles } = await build({
    stdin: { contents: ENTRY, resolveDir: tools, loader: 'js' },
    bundle: true, write: false, format: 'iife', jsx: 'automatic', nodePaths: [path.join(tools, 'node_modules')], plugins: [pieces],
    define: { 'process.env.NODE_ENV': '"production"', 'import.meta.env': '{}' },
  });
  assert.deepEqual([...inTemplate].sort(), ['auto-login-provider.tsx', 'dingtalk-sign-in-button.tsx', 'use-dingtalk-sign-in.ts'], 'not the files of the template');
  return outputFiles[0].text;
}

const page = (script) => `<!doctype html><meta charset="utf-8"><title>Portal</title><div id="root"></div>
<script>window.NOCOBASE_PORTAL_BASE = '${BASE}'; window.NOCOBASE_API_URL = '/api'; window.NBDT_AUTHENTICATOR = '${NAME}';</script>
<script src="${BASE}portal.js"></script>`;

/** Puts the portal where NocoBase has none yet. */
async function withPortal(window, script) {
  await window.page.context().route((url) => url.pathname.startsWith(BASE), (route) => {
    const isScript = new URL(route.request().url()).pathname === `${BASE}portal.js`;
    return route.fulfill(isScript ? { contentType: 'text/javascript; charset=utf-8', body: script } : { contentType: 'text/html; charset=utf-8', body: page(script) });
  });
  return window;
}

async function expectIn(window, nocobase, address) {
  await window.page.waitForURL((url) => url.pathname + url.search === address);
  await window.page.locator('#page', { hasText: 'in' }).waitFor();
  assert.equal((await whoIsIn(window, nocobase)).username, 'lilei');
}

const steps = new Steps();
const script = await compile();
const site = await Site.open(process.env.NBDT_NOCOBASE_INSTANCE ?? 'portal', { dialect: process.env.NBDT_NOCOBASE_DIALECT ?? 'postgres' });
let browser;
try {
  const { nocobase, dingtalk } = site;
  const internal = { autoLogin: true, autoLoginType: 'internal', corpId: DEMO_CORP_ID };
  await site.createUser({ nickname: 'Lei from the users list', username: 'lilei', phone: LI_LEI.phone });
  await site.installPlugin();
  await site.createAuthenticator({ options: { public: { autoSignup: false }, ...internal } });
  await site.registerRedirectUrl(nocobase.redirectUrl);
  // A page that a test makes up is from nowhere, and from there Chromium lets nobody ask this machine.
  browser = await launch(['--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests']);
  const codeFor = async (person, { corpId }) => (await dingtalk.inClientCode({ clientId: APP.clientId, corpId, person })).code;
  const options = { client: 'v1', language: 'en-US', output };
  const inside = async (name, run_) => {
    const window = await withPortal(await openDingTalkWindow(browser, nocobase, { ...options, kind: 'phone', person: LI_LEI.person, codeFor, name }), script);
    try {
      await run_(window);
    } catch (error) {
      await window.picture('failed').catch(() => {});
      throw error;
    } finally {
      await window.close();
    }
  };
  const outside = async (name, client, run_) => {
    const window = await withPortal(await openWindow(browser, nocobase, { ...options, client, name }), script);
    try {
      await run_(window);
    } catch (error) {
      await window.picture('failed').catch(() => {});
      throw error;
    } finally {
      await window.close();
    }
  };
  const open = ({ page: view }, address) => view.goto(nocobase.site + address);

  await steps.step('inside DingTalk the portal signs in with one code, and is on the page first asked for', () =>
    inside('portal-internal', async (window) => {
      await open(window, '/x/portal/orders?tab=1');
      await expectIn(window, nocobase, '/x/portal/orders?tab=1');
      assert.deepEqual(codeRequestsOf(window).map(({ params }) => params.corpId), [DEMO_CORP_ID]);
      await window.picture('in');
    }));
  await nocobase.setOptions(NAME, (stored) => ({ ...stored, ...internal, autoLoginType: 'oauth' }));
  await until('the other mode counts', async () => {
    const { json } = await nocobase.request('dingtalk:checkLogin?isDingTalkBrowser=true', { method: 'GET', headers: { 'user-agent': USER_AGENTS.phone } });
    return json.data.autoLoginType === 'oauth';
  });
  await steps.step('by the web it goes through DingTalk, and ends on that page too', () =>
    inside('portal-oauth', async (window) => {
      await open(window, '/x/portal/orders?tab=2');
      await approve(window, LI_LEI.person);
      await expectIn(window, nocobase, '/x/portal/orders?tab=2');
      assert.deepEqual(codeRequestsOf(window), []);
    }));
  for (const client of ['v1', 'v2']) {
    await steps.step(`${client}: the template's button leads through NocoBase's sign-in page back to the portal`, () =>
      outside(`portal-${client}`, client, async (window) => {
        await open(window, '/x/portal/login?redirect=%2Forders');
        await window.page.getByRole('button').click();
        await approve(window, LI_LEI.person);
        await expectIn(window, nocobase, '/x/portal/orders');
      }));
    await steps.step(`${client}: who begins on NocoBase's sign-in page for a page of the portal ends on it`, () =>
      outside(`portal-from-${client}`, client, async (window) => {
        await window.open('/signin?redirect=%2Fx%2Fportal%2Forders%3Ftab%3D3');
        await window.button(NAME).click();
        await approve(window, LI_LEI.person);
        await expectIn(window, nocobase, '/x/portal/orders?tab=3');
      }));
  }
  await steps.step('a refusal is said on NocoBase\'s sign-in page, in words', () =>
    outside('portal-refused', 'v1', async (window) => {
      await open(window, '/x/portal/login');
      await window.page.getByRole('button').click();
      await window.page.getByRole('button', { name: /^Refuse/ }).click();
      await expectRefusal(window, 'DINGTALK_DENIED');
    }));
} finally {
  await browser?.close();
  await site.close();
}
steps.end();
