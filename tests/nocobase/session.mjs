// After signing in: the session behaves as one begun with a password.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { untilIn, whoIsIn } from './sign-in.mjs';

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The same session an hour past its token's end, as after a night. */
function aged(token, secret) {
  const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());
  const now = Math.floor(Date.now() / 1000);
  const unsigned = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ ...claims, iat: now - 25 * 3600, exp: now - 3600 })}`;
  return `${unsigned}.${createHmac('sha256', secret).update(unsigned).digest('base64url')}`;
}

export async function sessionSteps({ step, as, window, nocobase, name }) {
  const { page } = window;
  await step(as('the session survives a reload and a new tab'), async () => {
    await page.reload();
    await untilIn(window);
    const tab = await page.context().newPage();
    await tab.goto(`${window.base}/admin`);
    await tab.waitForURL((url) => url.pathname.includes('/admin'));
    await tab.waitForFunction(() => document.querySelector('.ant-layout, [class*=layout]'));
    assert.ok(!tab.url().includes('signin'));
    await tab.close();
    await whoIsIn(window, nocobase);
  }, window);
  await step(as('an expired token is renewed by NocoBase'), async () => {
    const old = aged(await window.stored('NOCOBASE_TOKEN'), nocobase.state.appKey);
    await page.evaluate((token) => localStorage.setItem('NOCOBASE_TOKEN', token), old);
    await page.reload();
    await page.waitForFunction((token) => localStorage.getItem('NOCOBASE_TOKEN') && localStorage.getItem('NOCOBASE_TOKEN') !== token, old);
    await whoIsIn(window, nocobase);
    assert.equal(await window.stored('NOCOBASE_AUTH'), name);
  }, window);
  await step(as('signing out ends the session'), async () => {
    const token = await window.stored('NOCOBASE_TOKEN');
    const headers = { 'X-Authenticator': name };
    assert.equal((await nocobase.request('auth:signOut', { token, headers })).status, 200);
    assert.equal((await nocobase.request('auth:check', { method: 'GET', token, headers })).status, 401);
    await page.reload();
    await page.waitForURL((url) => url.pathname.includes('/signin'));
    await window.button(name).waitFor();
  }, window);
}

