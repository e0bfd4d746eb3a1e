// The tab "Sign-in log": who came in, who was refused and why, in words.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import * as admin from './administration.mjs';
import { BUTTON } from './window.mjs';

export async function logSteps({ step, as, window, name }) {
  const { page, t } = window;
  const log = page.getByTestId('dingtalk-log');
  const rows = log.locator('.ant-table-row');
  const person = 'Lei from the users list';
  const choose = async (label) => {
    await page.getByTestId('dingtalk-result').click();
    await page.locator('.ant-select-dropdown:not(.ant-select-dropdown-hidden) .ant-select-item-option').filter({ hasText: label }).first().click();
  };
  const search = async (label, text) => {
    const field = log.getByRole('searchbox', { name: label }).or(log.locator(`input[aria-label="${label}"]`)).first();
    await field.fill(text);
    await field.press('Enter');
  };
  /** Waits until every row that is shown has this in it, and there is one. */
  const untilAll = async (text) => {
    await rows.filter({ hasText: text }).first().waitFor();
    await rows.filter({ hasNotText: text }).first().waitFor({ state: 'detached' });
  };
  await step(as('the sign-in log names people and says results in words'), async () => {
    await admin.openForm(window, name);
    await page.getByRole('tab', { name: t('Sign-in log') }).click();
    await rows.filter({ hasText: person }).first().waitFor();
    for (const column of ['Time', 'Result', 'User', 'Found by', 'Address', 'Reference']) await log.locator('th').filter({ hasText: t(column) }).first().waitFor();
    await window.picture('log');
  }, window);
  await step(as('it is narrowed to a person, to one result, to all refused'), async () => {
    await search(t('Search by name or phone'), 'from the users');
    await untilAll(person);
    await search(t('Search by name or phone'), '');
    const cancelled = t(BUTTON.errors.DINGTALK_DENIED).split(/[.。।]/)[0];
    await choose(cancelled);
    await untilAll(cancelled);
    await choose(t('All refused'));
    await rows.filter({ hasText: cancelled }).first().waitFor();
    await rows.filter({ hasText: t('Signed in') }).first().waitFor({ state: 'detached' });
    await window.picture('log-refused');
    await rows.first().locator('.ant-table-row-expand-icon').click();
    await log.getByText(/^[A-Z]+_[A-Z_]+$/).first().waitFor();
    const reference = (await rows.first().locator('td').last().innerText()).trim();
    await search(t('Reference'), reference);
    await untilAll(reference);
    assert.equal(await rows.count(), 1);
    await search(t('Reference'), 'of nobody');
    await log.getByText(t('Nothing matches the filter.')).waitFor();
  }, window);
  await step(as('what is filtered is downloaded as a table, with names'), async () => {
    await search(t('Reference'), '');
    await choose(t('Signed in'));
    await untilAll(t('Signed in'));
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByTestId('dingtalk-export').click()]);
    assert.equal(download.suggestedFilename(), 'dingtalk-sign-ins.csv');
    const [head, ...lines] = fs.readFileSync(await download.path(), 'utf8').trimEnd().split('\r\n');
    assert.match(head, /^\ufefftime,reference,.*nickname/);
    assert.ok(lines.length >= 1 && lines.every((line) => line.includes(',OK,')), lines.join('\n'));
    assert.ok(lines.some((line) => line.includes(person)), lines.join('\n'));
  }, window);
}
