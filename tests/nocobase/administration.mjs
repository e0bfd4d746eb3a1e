// What an administrator does in NocoBase's own pages: add the package, enable it, set up DingTalk, take it away.

import assert from 'node:assert/strict';
import { choose, openWindow } from './window.mjs';

export const PACKAGE = 'nocobase-plugin-auth-dingtalk';

/** Stands in the options where a secret is kept apart. */
export const MASK = '********';

/** The plugin's card on the classic plugin manager page. */
function card(window) {
  const { page, t } = window;
  return page.getByRole('button', { name: t('Authentication: DingTalk'), exact: true });
}

async function openPluginManager(window) {
  await window.open('/admin/settings/plugin-manager');
  await window.page.getByRole('switch').first().waitFor();
}

async function showAuthenticationCategory(window) {
  await window.page.locator('.ant-list-item a').getByText(window.core('Authentication')).click();
  await card(window).waitFor();
}

/** By the address of the package; the guide's own way is an upload. */
export async function addPackage(window, nocobase, url) {
  const { page, t } = window;
  await openPluginManager(window);
  await page.getByRole('button', { name: window.core('Add & Update') }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText(window.core('Compressed file url')).click();
  await dialog.locator('input[type=text], textarea').last().fill(url);
  await window.picture('plugin-add');
  await page.locator('.ant-modal .ant-btn-primary').last().click();
  await nocobase.untilListed(PACKAGE);
  await openPluginManager(window);
  await showAuthenticationCategory(window);
  await window.picture('plugin-added');
  const text = await card(window).innerText();
  assert.ok(text.includes(t('Allows users to sign in with their DingTalk accounts.')), text);
  assert.doesNotMatch(text, /not compatible|incompatible/i);
}

/** Agrees to what is asked; antd writes two Chinese characters with a space between them. */
export function confirm(page) {
  return page.locator('.ant-modal-confirm-btns button, .ant-popconfirm-buttons button').last().click();
}

/** Follows the card's link to where DingTalk is set up. */
export async function followSettingsLink(window) {
  const { page } = window;
  await openPluginManager(window);
  // The modern page shows all cards at once.
  if (window.client === 'v1') await showAuthenticationCategory(window);
  await card(window).getByText(window.core('Settings')).click();
  await page.waitForURL((url) => url.pathname.endsWith('/admin/settings/auth/authenticators'));
  await page.getByRole('button', { name: window.coreIn('Add new') }).waitFor();
}

/** Moves the switch of the plugin's card, and waits until NocoBase is back with it. */
export async function setEnabled(window, nocobase, wanted) {
  const { page } = window;
  await openPluginManager(window);
  await showAuthenticationCategory(window);
  await card(window).getByRole('switch').click();
  if (!wanted) await confirm(page);
  await nocobase.untilEnabled(PACKAGE, wanted);
  await nocobase.untilHealthy();
  await window.picture(wanted ? 'plugin-enabled' : 'plugin-disabled');
}

export async function openAuthenticators(window) {
  await window.open('/admin/settings/auth/authenticators');
  await window.page.getByRole('button', { name: window.coreIn('Add new') }).waitFor();
}

export async function openForm(window, authenticator) {
  await openAuthenticators(window);
  await openFormOfRow(window, authenticator);
}

/** The same on the page of the authenticators. */
export async function openFormOfRow(window, authenticator) {
  await window.page.locator('tr').filter({ hasText: authenticator }).last().locator('a').first().click();
  await untilFormIsThere(window);
}

async function untilFormIsThere({ page }) {
  await page.getByTestId('dingtalk-redirect-url').waitFor();
}

export async function fillCredentials(window, { clientId, clientSecret }) {
  const { t } = window;
  if (clientId) await window.input(window.field(t('Client ID'))).fill(clientId);
  if (clientSecret) await window.input(window.field(t('Client Secret'))).fill(clientSecret);
}

/** Submits the drawer, and waits until it is gone. */
export async function submit(window) {
  const { page } = window;
  await page.locator('.ant-drawer .ant-btn-primary').last().click();
  await page.getByTestId('dingtalk-redirect-url').waitFor({ state: 'detached' });
}

/** Authentication > Add new > DingTalk. */
export async function openNewForm(window, name) {
  await openAuthenticators(window);
  await openNewFormHere(window, name);
}

/** The same on the page of the authenticators. */
export async function openNewFormHere(window, name) {
  const { page, t } = window;
  await choose(page.getByRole('button', { name: window.coreIn('Add new') }), page.getByRole('menuitem', { name: t('DingTalk'), exact: true }));
  await untilFormIsThere(window);
  await window.input(window.field(window.coreIn('Auth UID'))).fill(name);
}

/** The same, filled as the guide says. Returns the Redirect URL that was copied. */
export async function addAuthenticator(window, { name, clientId, clientSecret }) {
  await openNewForm(window, name);
  await window.field(window.coreIn('Enabled')).getByRole('checkbox').check();
  await fillCredentials(window, { clientId, clientSecret });
  await window.picture('authenticator-new');
  const redirectUrl = await copyRedirectUrl(window);
  await submit(window);
  return redirectUrl;
}

/** What the copy button puts into the clipboard, read by pasting it. */
export async function copyRedirectUrl(window) {
  const { page } = window;
  const shown = await page.getByTestId('dingtalk-redirect-url').inputValue();
  await page.getByTestId('dingtalk-redirect-url-copy').click();
  await page.getByText(window.t('Copied')).first().waitFor();
  const title = window.input(window.field(window.coreIn('Description')));
  await title.fill('');
  await title.focus();
  await page.keyboard.press('Control+V');
  const pasted = await title.evaluate((element) => element.value ?? element.textContent);
  await title.fill('');
  assert.equal(pasted, shown);
  return shown;
}

export async function testConnection(window) {
  const { page } = window;
  await page.getByTestId('dingtalk-diagnose').click();
  await page.getByTestId('dingtalk-verdict').waitFor();
  return page.getByTestId('dingtalk-findings').innerText();
}

/** In a form that is open; what has been filled in stays. */
export async function showLinks(window) {
  const { page, t } = window;
  await page.getByRole('tab', { name: t('Linked users') }).click();
  await page.getByTestId('dingtalk-bindings').locator('.ant-table').waitFor();
  return page.getByTestId('dingtalk-bindings');
}

/** Takes the package away with the card's own button; NocoBase offers it once the plugin is disabled. */
export async function remove(window, nocobase) {
  const { page } = window;
  await openPluginManager(window);
  await showAuthenticationCategory(window);
  await card(window).getByText(window.core('Remove')).click();
  await confirm(page);
  await nocobase.untilGone(PACKAGE);
  await nocobase.untilHealthy();
}

/** The options as they are stored. */
export async function storedOptions(nocobase, name) {
  const [[text]] = await nocobase.database.query(`select options from ${nocobase.table('authenticators')} where name = '${name}'`);
  return JSON.parse(text);
}

export async function administratorWindow(browser, nocobase, options) {
  return openWindow(browser, nocobase, { ...options, token: await nocobase.administrator() });
}
