// A person's own link, from the user menu; and a link that an administrator makes by hand.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import * as admin from './administration.mjs';
import { ADMIN } from './nocobase.mjs';
import { approve, OWN_PARAMETERS, untilIn, whoIsIn } from './sign-in.mjs';
import { BUTTON, choose, openWindow } from './window.mjs';

const PERSON = { account: 'lilei', password: 'secret-of-lei', dingtalk: 'li-lei' };

/** A window in which somebody has signed in with a password. */
async function withPassword(browser, nocobase, { account, password }, options) {
  const answer = await nocobase.request('auth:signIn', { body: { account, password }, headers: { 'X-Authenticator': 'basic' } });
  assert.equal(answer.status, 200, answer.text);
  return openWindow(browser, nocobase, { ...options, token: answer.json.data.token });
}

async function openDialog(window) {
  const { page, t } = window;
  await choose(page.getByTestId('user-center-button'), page.getByText(t('DingTalk account'), { exact: true }));
  await page.getByTestId('dingtalk-own-links').waitFor();
}

const told = ({ page }) => page.getByTestId('dingtalk-own-told');

/** Says once more who is there. */
async function prove({ page }, name, button, password) {
  const row = page.getByTestId(`dingtalk-own-link-${name}`);
  await row.getByRole('button', { name: button }).click();
  await page.getByTestId('dingtalk-own-password').fill(password);
  await page.getByTestId('dingtalk-own-password').press('Enter');
}

/** From the state in which the person is linked, and back to it. */
export async function ownLinkSteps({ step, as, browser, nocobase, name, client, language, output }) {
  const window = await withPassword(browser, nocobase, PERSON, { client, language, output, name: `${client}-own-link` });
  const { page, t } = window;
  await step(as('the user menu leads to what one is linked to, since when'), async () => {
    await window.open('/admin');
    await untilIn(window);
    await openDialog(window);
    await page.getByText(t('Linked since {{time}}', { time: '' }).trim().split(' ')[0]).first().waitFor();
    await window.picture('linked');
  }, window);
  await step(as('who does not know the password removes nothing, and stays signed in'), async () => {
    await prove(window, name, t('Remove link'), 'not the password');
    const refused = page.getByTestId('dingtalk-own-failure');
    await refused.waitFor();
    const [sentence] = t(BUTTON.errors.PASSWORD_REFUSED).split('{{');
    assert.ok((await refused.innerText()).includes(sentence));
    await window.picture('refused');
    await whoIsIn(window, nocobase);
    assert.ok(!page.url().includes('signin'));
  }, window);
  await step(as('the link is removed with the password, and the session stays'), async () => {
    await page.getByTestId('dingtalk-own-password').fill(PERSON.password);
    await page.getByTestId('dingtalk-own-password').press('Enter');
    await told(window).filter({ hasText: t('Your DingTalk account is no longer linked. You stay signed in.') }).waitFor();
    await page.getByTestId(`dingtalk-own-link-${name}`).getByText(t('Not linked'), { exact: true }).waitFor();
    await window.picture('unlinked');
    await whoIsIn(window, nocobase);
  }, window);
  await step(as('the person links themselves through DingTalk, and is back on the page they came from'), async () => {
    const before = new URL(page.url()).pathname;
    await prove(window, name, t('Link a DingTalk account'), PERSON.password);
    await approve(window, PERSON.dingtalk);
    await told(window).filter({ hasText: t('Your DingTalk account is linked.') }).waitFor();
    assert.equal(new URL(page.url()).pathname, before);
    assert.doesNotMatch(page.url(), OWN_PARAMETERS);
    assert.doesNotMatch(page.url(), /dingtalkLink/);
    await window.picture('linked-again');
    assert.equal((await whoIsIn(window, nocobase)).username, PERSON.account);
    const rows = await nocobase.database.query(`select 1 from ${nocobase.table('usersAuthenticators')} a join ${nocobase.table('users')} u on u.id = a.${nocobase.column('userId')} where u.username = '${PERSON.account}' and a.authenticator = '${name}'`);
    assert.equal(rows.length, 1);
  }, window);
  await window.close();
  const other = await openWindow(browser, nocobase, { client, language, output, name: `${client}-own-link-other`, token: await nocobase.administrator() });
  await step(as('an account that is linked to somebody else, and a refusal at DingTalk, are said in words'), async () => {
    const { password } = ADMIN;
    await other.open('/admin');
    await untilIn(other);
    await openDialog(other);
    await prove(other, name, t('Link a DingTalk account'), password);
    await approve(other, PERSON.dingtalk);
    const [taken] = t(BUTTON.errors.SUBJECT_ALREADY_LINKED).split('{{');
    await told(other).filter({ hasText: taken }).waitFor();
    await other.picture('taken');
    await prove(other, name, t('Link a DingTalk account'), password);
    await other.page.getByRole('button', { name: /^Refuse/ }).click();
    await told(other).filter({ hasText: t(BUTTON.errors.DINGTALK_DENIED) }).waitFor();
    await other.picture('denied');
    await whoIsIn(other, nocobase);
  }, other);
  await other.close();
  await step(as("no password of who changed a link is in NocoBase's logs"), () => {
    const folders = [`${nocobase.folder}/storage/logs`].filter((folder) => fs.existsSync(folder));
    const files = folders.flatMap((folder) => fs.readdirSync(folder, { recursive: true }).map((file) => `${folder}/${file}`)).filter((file) => fs.statSync(file).isFile());
    for (const file of [...files, nocobase.logFile]) assert.ok(!fs.readFileSync(file, 'utf8').includes(PERSON.password), file);
  });
}

/** In a form that is open at its linked users. */
export async function linkByHandSteps({ step, as, window, nocobase, name }) {
  const { page, t } = window;
  await step(as('an administrator links a user by hand, and takes the list along'), async () => {
    await admin.openForm(window, name);
    const links = await admin.showLinks(window);
    await page.getByTestId('dingtalk-bind').click();
    const choice = page.getByTestId('dingtalk-bind-user');
    await choice.click();
    await choice.locator('input').fill('Second Chen');
    await page.locator('.ant-select-dropdown:not(.ant-select-dropdown-hidden) .ant-select-item-option').filter({ hasText: 'Second Chen' }).click();
    await page.getByTestId('dingtalk-bind-subject').fill('ByHandiEiE');
    await window.picture('link-by-hand');
    await page.locator('.ant-modal .ant-btn-primary').last().click();
    await links.getByText('Second Chen').waitFor();
    await links.getByText(t('By an administrator')).waitFor();
    await window.picture('linked-by-hand');
    const [download] = await Promise.all([page.waitForEvent('download'), links.getByRole('button', { name: t('Download CSV') }).click()]);
    assert.equal(download.suggestedFilename(), 'dingtalk-linked-users.csv');
    const table = fs.readFileSync(await download.path(), 'utf8');
    assert.ok(table.includes('Second Chen') && !table.includes('ByHandiEiE'), table);
    const removed = await nocobase.request(`dingtalk:unbind?authenticator=${name}&userId=${table.split('\r\n').find((line) => line.includes('Second Chen')).split(',')[1]}`, { token: await nocobase.administrator() });
    assert.equal(removed.status, 200, removed.text);
  }, window);
}
