// The console inside DingTalk: signed in without a click, refused in words, signed out for good.

import assert from 'node:assert/strict';
import { signOut } from './browser.mjs';
import { codeRequestsOf, installBridge, titlesOf } from './dingtalk-bridge.mjs';

/** Changes options of the demo's authenticator; returns what changes them back. */
export async function withOptions({ baseUrl, root }, change) {
  const ask = async (action, { token, body, method = 'POST', name } = {}) => {
    const headers = { 'Content-Type': 'application/json', ...(token ? { Authorization: `Bearer ${token}` } : {}), ...(name ? { 'X-Authenticator': name } : {}) };
    const answer = await fetch(`${baseUrl}/api/${action}`, { method, headers, body: body && JSON.stringify(body) });
    assert.ok(answer.ok, `${action}: ${answer.status} ${await answer.clone().text()}`);
    return (await answer.json()).data;
  };
  const { token } = await ask('auth:signIn', { body: root, name: 'basic' });
  const rows = await ask('authenticators:list', { token, method: 'GET' });
  const { id, options } = rows.find(({ authType }) => authType === 'dingtalk');
  const save = (changed) => ask(`authenticators:update?filterByTk=${id}`, { token, body: { options: changed } });
  await save(change(options));
  return { clientId: options.clientId, corpId: options.corpId, undo: () => save(options) };
}

/** Switches automatic login on. */
export const withAutomaticLogin = (site, mode) => withOptions(site, (options) => ({ ...options, autoLogin: true, autoLoginType: mode }));

/** Before the first page of the window is opened. */
export function codesOf(simulatorUrl, clientId) {
  return async (person, { corpId }) => {
    const answer = await fetch(`${simulatorUrl}/__simulator/in-client-code`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ clientId, corpId, person }) });
    return (await answer.json()).code;
  };
}

export async function inDingTalkJourney(window, { kind, simulatorUrl, clientId, texts }) {
  const { page, open, t, picture } = window;
  const bridge = await installBridge(page.context(), { kind, person: 'li-lei', codeFor: codesOf(simulatorUrl, clientId) });
  const facts = page.locator('dl.facts');
  const alert = page.getByRole('alert');

  await open('/admin');
  await facts.waitFor();
  assert.ok((await facts.innerText()).includes('李雷'));
  assert.deepEqual(codeRequestsOf(bridge).map(({ params }) => params.clientId), [clientId]);
  await picture('in');
  await page.reload();
  await facts.waitFor();
  assert.equal(codeRequestsOf(bridge).length, 1);
  assert.ok(titlesOf(bridge).length > 0, 'DingTalk was told no title');

  // Another account in DingTalk: the next window is that person's.
  bridge.person = 'han-meimei';
  await page.evaluate(() => sessionStorage.clear());
  await page.reload();
  await facts.waitFor();
  assert.ok((await facts.innerText()).includes('韩梅梅'));

  // Who signs out stays so, and comes back by the button.
  await signOut(window);
  await page.reload();
  await page.locator('.button-dingtalk').waitFor();
  assert.equal(codeRequestsOf(bridge).length, 2);
  await page.locator('.button-dingtalk').click();
  await facts.waitFor();
  assert.equal(codeRequestsOf(bridge).length, 3);
  await signOut(window);

  // A refusal is said in words, once.
  bridge.person = 'chen-chen';
  await page.evaluate(() => sessionStorage.clear());
  await open('/signin?redirect=%2Fadmin');
  await alert.waitFor();
  assert.ok((await alert.innerText()).includes(t(texts.errors.PHONE_AMBIGUOUS)));
  await picture('refused');
  await page.reload();
  await page.locator('.button-dingtalk').waitFor();
  assert.equal(codeRequestsOf(bridge).length, 4);

  // A client that gives no code: a sentence, and then the way that every browser has.
  bridge.request = 'error 3';
  await page.evaluate(() => sessionStorage.clear());
  await open('/admin');
  await alert.waitFor();
  assert.ok((await alert.innerText()).includes(t(texts.inClient.domain)));
  await picture('no-code');
  await page.locator('.button-dingtalk').click();
  await page.locator('a.person').first().waitFor();
}
