// One's own link, on the console: with the password through DingTalk, and removed again.

import assert from 'node:assert/strict';
import { signInWithPassword, signOut } from './browser.mjs';

/** Nobody's DingTalk account so far: DingTalk withholds the phone number, which a link on purpose does not need. */
const PERSON = { key: 'wang-fang', name: '王芳' };

export async function ownLinkJourney(window, { root }) {
  const { page, t, picture } = window;
  const told = page.locator('.page [aria-live] .banner');
  const prove = async (password, button) => {
    await page.getByLabel(t('Current password')).fill(password);
    await page.getByRole('button', { name: t(button) }).click();
  };
  await signInWithPassword(window, root);
  await page.getByRole('link', { name: t('DingTalk account') }).click();
  await page.getByText(t('Not linked'), { exact: true }).waitFor();
  await picture('not-linked');

  await prove(`${root.password}x`, 'Continue to DingTalk');
  await told.waitFor();
  assert.ok(!(await told.innerText()).includes('{{'));
  await picture('wrong-password');

  await prove(root.password, 'Continue to DingTalk');
  await page.getByRole('button', { name: /^Refuse/ }).click();
  await told.and(page.getByRole('alert')).waitFor();
  assert.equal(new URL(page.url()).search, '');
  await picture('refused-at-dingtalk');

  await prove(root.password, 'Continue to DingTalk');
  await page.locator(`a.person[href*="person=${PERSON.key}"]`).click();
  await page.getByRole('button', { name: /^Approve/ }).click();
  await page.getByText(t('Your DingTalk account is linked.')).waitFor();
  await page.getByText(PERSON.name).waitFor();
  assert.equal(new URL(page.url()).search, '');
  await picture('linked');

  await prove(root.password, 'Remove link');
  await page.getByText(t('Your DingTalk account is no longer linked. You stay signed in.')).waitFor();
  await page.getByText(t('Not linked'), { exact: true }).waitFor();
  await picture('removed');
  await page.locator('header').getByRole('link').first().click();
  await signOut(window);
}
