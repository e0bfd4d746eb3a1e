// "Test connection": it saves what was changed, of a new authenticator too, and reports problems first.

import assert from 'node:assert/strict';
import * as admin from './administration.mjs';

/** What is stored under a name: id and description of each row. */
const rowsOf = (nocobase, name) => nocobase.database.query(`select id, description from ${nocobase.table('authenticators')} where name = '${name}'`);

export async function testingSteps({ step, as, window, nocobase, name, client, app }) {
  const { page, t } = window;
  const button = page.getByTestId('dingtalk-diagnose');
  const describe = (text) => window.input(window.field(window.coreIn('Description'))).fill(text);
  await step(as('"Test connection" begins with a verdict, problems first, and folds what is in order into one line'), async () => {
    await admin.openForm(window, name);
    assert.equal(await button.innerText(), t('Test connection'));
    const said = (await admin.testConnection(window)).split('\n').filter(Boolean);
    assert.equal(said[0], await page.getByTestId('dingtalk-verdict').innerText());
    // The site is reached over plain http, and people may edit their phone number.
    assert.equal(said[0], t('Nothing to mend. To look at: {{count}}.', { count: await page.getByTestId('dingtalk-findings').locator('.ant-alert-warning').count() }));
    const folded = page.getByTestId('dingtalk-in-order');
    const [, count] = /(\d+)/.exec(await folded.innerText());
    assert.equal(said.at(-1), t('In order: {{count}}', { count }));
    await window.picture('findings');
    await folded.locator('.ant-collapse-header').click();
    await folded.locator('.anticon-check-circle').first().waitFor();
    assert.equal(await folded.locator('.anticon-check-circle').count(), Number(count));
    await window.picture('findings-in-order');
  }, window);
  await step(as('what was changed is saved before it is tested'), async () => {
    const before = await admin.storedOptions(nocobase, name);
    await describe(as('tested'));
    await button.filter({ hasText: t('Save and test') }).click();
    await button.filter({ hasText: t('Test connection') }).waitFor();
    await page.getByTestId('dingtalk-verdict').waitFor();
    assert.deepEqual((await rowsOf(nocobase, name)).map(([, description]) => description), [as('tested')]);
    assert.deepEqual(await admin.storedOptions(nocobase, name), { subject: 'unionId', bindAdministrators: false, ...before });
  }, window);
  await step(as('a form that is not filled in is not saved, and says so'), async () => {
    await admin.openNewForm(window, `new-${client}`);
    assert.equal(await button.innerText(), t('Save and test'));
    await button.click();
    await page.getByTestId('dingtalk-findings').getByText(t('Nothing was saved. Correct the fields marked in red.')).waitFor();
    assert.equal((await rowsOf(nocobase, `new-${client}`)).length, 0);
    await window.picture('not-saved');
  }, window);
  await step(as('a new authenticator is tested without leaving its form, and "Submit" does not make it twice'), async () => {
    await admin.fillCredentials(window, app);
    await button.click();
    await page.getByTestId('dingtalk-verdict').waitFor();
    const [[id]] = await rowsOf(nocobase, `new-${client}`);
    await page.getByRole('tab', { name: t('Sign-in log') }).waitFor();
    await window.picture('new-tested');
    await describe('tested, then submitted');
    await admin.submit(window);
    assert.deepEqual(await rowsOf(nocobase, `new-${client}`), [[id, 'tested, then submitted']]);
    // The next new form on this page makes another one.
    await admin.openNewFormHere(window, `newer-${client}`);
    assert.equal(await button.innerText(), t('Save and test'));
    assert.equal(await page.getByRole('tab', { name: t('Sign-in log') }).count(), 0);
    await admin.fillCredentials(window, app);
    await admin.submit(window);
    const [[newer]] = await rowsOf(nocobase, `newer-${client}`);
    const token = await nocobase.administrator();
    const answer = await nocobase.request(`authenticators:destroy?${new URLSearchParams([['filterByTk[]', id], ['filterByTk[]', newer]])}`, { token });
    assert.ok(answer.status < 300, answer.text);
  }, window);
}
