// People and departments are brought over from the simulated organization with one click, and shown; and a source is changed.

import assert from 'node:assert/strict';
import { signInWithPassword } from './browser.mjs';

export async function directoryJourney(window, { root }) {
  const { page, open, t, picture } = window;
  await open('/signin');
  await signInWithPassword(window, root);
  await page.locator('dl.facts').waitFor();
  await open('/admin/settings/users-permissions/sync');
  const start = page.getByRole('button', { name: t('Synchronize now') });
  await start.waitFor();
  await picture('synchronization-begin');
  const begun = page.waitForResponse((response) => response.url().includes('dingtalk:startRun'));
  await start.click();
  const { data: run } = await (await begun).json();
  // The result of this run and not of the one before, which stays until it is replaced; only the first brings people in.
  await page.locator(`.counts[data-run="${run.id}"] li`).first().waitFor();
  // 陈晨's phone number is that of two users.
  await page.getByRole('row').filter({ hasText: '陈晨' }).filter({ hasText: t('More than one user has this phone number.') }).waitFor();
  await picture('synchronization-done');
  await page.getByRole('tab', { name: t('People') }).click();
  await page.getByRole('row').filter({ hasText: '韩梅梅' }).filter({ hasText: '研发部 (Engineering)' }).waitFor();
  assert.equal(await page.getByRole('row').filter({ hasText: '赵云' }).count(), 0, 'somebody of another organization');
  await picture('synchronization-people');
  await page.getByRole('tab', { name: t('Departments') }).click();
  await page.getByRole('row').filter({ hasText: '平台组 (Platform)' }).filter({ hasText: '研发部 (Engineering)' }).waitFor();
  await picture('synchronization-departments');
  await page.getByRole('tab', { name: t('Last runs') }).click();
  await page.getByRole('row').filter({ hasText: t('Finished') }).or(page.getByRole('row').filter({ hasText: t('Failed') })).first().waitFor();
  await picture('synchronization-runs');
  await page.getByRole('button', { name: t('Configure') }).click();
  await page.getByRole('dialog').getByText(t('DingTalk authenticator')).first().waitFor();
  await picture('synchronization-source');
  await page.getByRole('dialog').getByRole('button', { name: t('Cancel') }).click();
}
