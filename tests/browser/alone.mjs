// The administrator's journey of the user guides: enable, add, copy, save, change, and what the page refuses.

import assert from 'node:assert/strict';
import { signInWithPassword, signOut } from './browser.mjs';

const PLUGIN = 'nocobase-plugin-auth-dingtalk';

export async function aloneJourney(window, { baseUrl, root }) {
  const { page, t, picture } = window;
  await signInWithPassword(window, root);
  await picture('home');
  await enablePlugin(window);
  const name = await addDingTalk(window, baseUrl);
  await editAgain(window, name);
  await reorder(window, name);
  await otherTabs(window);

  await signOut(window);
  await page.locator('.button-dingtalk').first().waitFor();
  await picture('button-present');

  await signInWithPassword(window, root);
  await disableAndGuard(window, name);
  await deleteAgain(window, name);
  await signOut(window);
  await page.getByRole('button', { name: t('Sign in'), exact: true }).waitFor();
  assert.equal(await page.locator('.button-dingtalk').count(), 0, 'the button stayed after its authenticator was deleted');
}

async function enablePlugin({ page, t, picture }) {
  await page.locator('.tiles').getByRole('link', { name: t('Plugin manager') }).click();
  const card = page.locator(`[data-plugin="${PLUGIN}"]`);
  await card.waitFor();
  await page.getByRole('searchbox').fill('zzzz');
  await page.locator('.empty').waitFor();
  await page.getByRole('searchbox').fill('dingtalk');
  await card.waitFor();
  const toggle = card.getByRole('switch');
  if ((await toggle.getAttribute('aria-checked')) === 'true') {
    await toggle.click();
    await page.locator('.dialog-confirm').getByRole('button', { name: t('Disable'), exact: true }).click();
    await card.locator('[role=switch][aria-checked=false]').waitFor();
  }
  await picture('plugin-disabled');
  await toggle.click();
  await card.locator('[role=switch][aria-checked=true]').waitFor();
  await picture('plugin-enabled');
  await card.getByRole('link', { name: t('Settings') }).click();
}

async function addDingTalk(window, baseUrl) {
  const { page, t, picture } = window;
  await page.locator('tr[data-authenticator]').first().waitFor();
  await picture('authenticators');
  // By keyboard alone, as the menu promises.
  await page.getByRole('button', { name: t('Add new') }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('menuitem').first().waitFor();
  await picture('add-new');
  await page.getByRole('menuitem', { name: t('DingTalk'), exact: true }).click();

  const drawer = page.locator('.dialog-drawer');
  await drawer.getByLabel(t('Client ID')).waitFor();
  const order = await drawer.locator('h3 + .form .field').evaluateAll((fields) => fields.map((one) => one.querySelector('label, .label').innerText.replace(/\s*\*$/, '')));
  assert.deepEqual(order.slice(0, 4), [
    t('Sign up automatically when the user does not exist'), t('Client ID'), t('Client Secret'), t('Redirect URL'),
  ], 'the fields do not stand in the order of the guides');
  await picture('drawer-empty');
  await drawer.getByRole('button', { name: t('Save'), exact: true }).click();
  await drawer.locator('[aria-invalid=true]').first().waitFor();
  const name = await drawer.getByLabel(t('Auth UID')).inputValue();
  assert.match(name, /^s_[a-z0-9]{8,}$/);

  await drawer.getByLabel(t('Client ID')).fill('dingbrowserjourney');
  await drawer.getByLabel(t('Client Secret')).fill('a secret of the journey');
  await drawer.getByLabel(t('Sign up automatically when the user does not exist')).check();
  const address = await drawer.getByLabel(t('Redirect URL')).inputValue();
  assert.equal(address, `${baseUrl}/api/auth:redirect`);
  await drawer.getByRole('button', { name: t('Copy'), exact: true }).click();
  await drawer.getByRole('button', { name: t('Copied') }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), address);
  await picture('drawer-copied');
  await drawer.getByRole('button', { name: t('Save'), exact: true }).click();
  await drawer.waitFor({ state: 'detached' });
  await row(page, name).waitFor();
  await picture('added');
  return name;
}

async function editAgain({ page, t, picture }, name) {
  await row(page, name).getByRole('button', { name: t('Edit') }).click();
  const drawer = page.locator('.dialog-drawer');
  await drawer.getByLabel(t('Client ID')).waitFor();
  assert.equal(await drawer.getByLabel(t('Client Secret')).inputValue(), '********', 'the stored secret is not masked');
  assert.ok(await drawer.getByLabel(t('Sign up automatically when the user does not exist')).isChecked());
  await drawer.getByLabel(t('Title'), { exact: true }).fill('DingTalk <b>HQ</b>');

  // Leaving with changes is asked about first.
  await page.keyboard.press('Escape');
  await page.locator('.dialog-confirm').getByRole('button', { name: t('Cancel'), exact: true }).click();
  await drawer.getByRole('button', { name: t('Save and test') }).click();
  await drawer.locator('.finding, .banner-error').first().waitFor();
  await picture('tested');
  await drawer.getByRole('button', { name: t('Save'), exact: true }).click();
  await drawer.waitFor({ state: 'detached' });
  await row(page, name).getByText('DingTalk <b>HQ</b>').waitFor();
}

async function reorder({ page, picture }, name) {
  const names = () => page.locator('tr[data-authenticator]').evaluateAll((rows) => rows.map((one) => one.dataset.authenticator));
  const before = await names();
  const place = before.indexOf(name);
  const above = before[place - 1];
  await row(page, name).locator('[data-control=up]').focus();
  await page.keyboard.press('Enter');
  await page.locator(`tr[data-authenticator="${name}"] + tr[data-authenticator="${above}"]`).waitFor();
  assert.equal((await names()).indexOf(name), place - 1);
  await picture('reordered');
  await row(page, name).locator('[data-control=down]').click();
  await page.locator(`tr[data-authenticator="${above}"] + tr[data-authenticator="${name}"]`).waitFor();
}

async function otherTabs({ page, t, picture }) {
  await page.getByRole('tab', { name: t('Linked users') }).click();
  await page.locator('.tab-panel .empty, .tab-panel table').first().waitFor();
  await picture('linked-users');
  await page.getByRole('tab', { name: t('Sign-in log') }).click();
  await page.locator('.tab-panel .empty, .tab-panel table:visible').first().waitFor();
  await picture('sign-in-log');
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: t('Download CSV') }).click();
  assert.equal((await download).suggestedFilename(), 'dingtalk-sign-ins.csv');
  await page.getByRole('tab', { name: t('Authenticators') }).click();
}

async function disableAndGuard({ page, t, open, picture }, name) {
  await open('/admin/settings/auth/authenticators');
  await row(page, name).getByRole('switch').click();
  await row(page, name).locator('[role=switch][aria-checked=false]').waitFor();

  // The last enabled way to sign in must stay; the server says so.
  const left = page.locator('tr[data-authenticator]:has([role=switch][aria-checked=true])');
  assert.equal(await left.count(), 1);
  await left.getByRole('switch').click();
  await page.locator('.tab-panel .banner-error').waitFor();
  assert.equal(await left.count(), 1, 'the last enabled authenticator was disabled');
  await left.getByRole('button', { name: t('Delete') }).click();
  await page.locator('.dialog-confirm').getByRole('button', { name: t('Delete'), exact: true }).click();
  await page.locator('.dialog-confirm').waitFor({ state: 'detached' });
  await page.locator('.tab-panel .banner-error').waitFor();
  await picture('guard');
}

async function deleteAgain({ page, t }, name) {
  await row(page, name).getByRole('button', { name: t('Delete') }).click();
  await page.locator('.dialog-confirm').getByRole('button', { name: t('Delete'), exact: true }).click();
  await row(page, name).waitFor({ state: 'detached' });
}

const row = (page, name) => page.locator(`tr[data-authenticator="${name}"]`);
