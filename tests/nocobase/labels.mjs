// The three pages in a further language: plugin manager, settings form, sign-in button.

import assert from 'node:assert/strict';
import { BUTTON, openWindow } from './window.mjs';
import * as admin from './administration.mjs';

const FORM_LABELS = ['Sign up automatically when the user does not exist', 'Client ID', 'Client Secret', 'Redirect URL', 'Advanced'];

export async function labelSteps({ step, browser, nocobase, name, output, clients, language }) {
  const classic = await admin.administratorWindow(browser, nocobase, { client: 'v1', language, output, name: 'labels' });
  await step(`${language}: the plugin manager names and describes the plugin`, async () => {
    await classic.open('/admin/settings/plugin-manager');
    await classic.page.getByText(classic.t('Authentication: DingTalk')).first().waitFor();
    await classic.page.getByText(classic.t('Allows users to sign in with their DingTalk accounts.')).first().waitFor();
    await classic.picture('plugin-manager');
  }, classic);
  await classic.close();
  for (const client of clients) {
    const window = await admin.administratorWindow(browser, nocobase, { client, language, output, name: `${client}-labels` });
    await step(`${client} ${language}: the form is labelled`, async () => {
      await window.open('/admin/settings/auth/authenticators');
      await window.page.locator('tr').filter({ hasText: name }).last().locator('a').first().click();
      await window.page.getByTestId('dingtalk-redirect-url').waitFor();
      for (const label of FORM_LABELS) await window.page.getByText(window.t(label)).first().waitFor({ timeout: 10_000 });
      await window.picture('form');
    }, window);
    await window.close();
    const visitor = await openWindow(browser, nocobase, { client, language, output, name: `${client}-labels` });
    await step(`${client} ${language}: the button and its errors are in that language`, async () => {
      await visitor.open(`/signin?authenticator=${name}&error=DINGTALK_DENIED`);
      await visitor.button(name).waitFor();
      assert.ok((await visitor.button(name).innerText()).includes(visitor.t(BUTTON.title)));
      await visitor.page.getByTestId('dingtalk-error').filter({ hasText: visitor.t(BUTTON.errors.DINGTALK_DENIED) }).waitFor();
      await visitor.picture('sign-in');
    }, visitor);
    await visitor.close();
  }
}
