// What people do at the sign-in page, and what they must see.

import assert from 'node:assert/strict';
import { BUTTON } from './window.mjs';

export const OWN_PARAMETERS = /[?&](token|code|authCode|state|dingtalk|authenticator|error)=/;

/** Clicks the button and goes through DingTalk's pages as one person, or refuses there. */
export async function throughDingTalk(window, authenticator, person) {
  const { page } = window;
  await window.button(authenticator).click();
  if (person === null) {
    await page.getByRole('button', { name: /^Refuse/ }).click();
    return;
  }
  await approve(window, person);
}

/** On DingTalk's pages. */
export async function approve({ page }, person) {
  await page.locator(`a.person[href*="person=${person}"]`).click();
  await page.getByRole('button', { name: /^Approve/ }).click();
}

/** At the sign-in page, as if a refused attempt had just come back to it. */
export function returnWithError({ page }, authenticator, code) {
  return page.evaluate(([name, error]) => {
    const url = new URL(window.location.href);
    url.searchParams.set('authenticator', name);
    url.searchParams.set('error', error);
    window.history.pushState({}, '', url);
    window.dispatchEvent(new PopStateEvent('popstate'));
  }, [authenticator, code]);
}

export async function expectRefusal(window, code, { hasReference = true } = {}) {
  const { page, t } = window;
  const alert = page.getByTestId('dingtalk-error');
  await alert.waitFor();
  const said = (await alert.innerText()).trim();
  const sentence = t(BUTTON.errors[code]);
  const [before] = sentence.split('{{');
  assert.ok(said.startsWith(before), `${code}: "${said}" instead of "${sentence}"`);
  if (hasReference) assert.ok(said.length > sentence.length, `${code}: no reference in "${said}"`);
  assert.doesNotMatch(page.url(), OWN_PARAMETERS);
}

/** Waits until the person is in, on the page first asked for. */
export async function expectSignedIn(window, authenticator, page = '/admin') {
  const base = new URL(window.base).pathname.replace(/\/$/, '');
  await window.page.waitForURL((url) => url.pathname.startsWith(`${base}/admin`));
  const { pathname, search } = new URL(window.page.url());
  assert.ok((pathname + search).startsWith(base + page), `ended at ${pathname}${search}, not at ${page}`);
  assert.doesNotMatch(window.page.url(), OWN_PARAMETERS);
  await window.page.waitForFunction(() => localStorage.getItem('NOCOBASE_TOKEN'));
  assert.equal(await window.stored('NOCOBASE_AUTH'), authenticator);
}

/** The user whom NocoBase itself sees behind the window's session. */
export async function whoIsIn(window, nocobase) {
  const [token, authenticator] = [await window.stored('NOCOBASE_TOKEN'), await window.stored('NOCOBASE_AUTH')];
  const answer = await nocobase.request('auth:check', { method: 'GET', token, headers: { 'X-Authenticator': authenticator } });
  assert.equal(answer.status, 200, answer.text);
  return answer.json.data;
}

const inside = () => !window.location.pathname.includes('/signin') && document.querySelector('.ant-layout, [class*=layout]');

/**
 * Waits until NocoBase's own pages are there. They go to the sign-in page when their look at the session fails for any
 * reason: a busy server, a restart, a reload in the middle of it. The session is there all the same, and the next page
 * has to be in.
 */
export async function untilIn(window) {
  const { page } = window;
  const seen = await page.waitForFunction(() => {
    if (window.location.pathname.includes('/signin')) return 'sign-in page';
    return document.querySelector('.ant-layout, [class*=layout]') && 'in';
  });
  if ((await seen.jsonValue()) === 'in') return;
  assert.ok(await window.stored('NOCOBASE_TOKEN'), 'the session is gone');
  await page.goto(`${window.base}/admin`);
  await page.waitForFunction(inside);
}
