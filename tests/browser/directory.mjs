// Who of the organization is which user, on the console: read with one click, told by what a sign-in would make of them.

import assert from 'node:assert/strict';
import { signInWithPassword } from './browser.mjs';

export async function directoryJourney(window, { root }) {
  const { page, open, t, picture } = window;
  await open('/signin');
  await signInWithPassword(window, root);
  await page.locator('dl.facts').waitFor();
  await open('/admin/settings/auth/authenticators');
  await page.getByRole('tab', { name: t('People in DingTalk') }).click();
  await page.locator('.directory .empty, .counts').first().waitFor();
  await page.getByRole('button', { name: t('Read the organization') }).click();
  await page.locator('.counts [data-outcome=noPhone]').waitFor();
  await page.getByRole('row').filter({ hasText: '王芳' }).filter({ hasText: t('DingTalk gives no phone number') }).waitFor();
  assert.equal(await page.getByRole('row').filter({ hasText: '赵云' }).count(), 0, 'somebody of another organization');
  await picture('directory');
}
