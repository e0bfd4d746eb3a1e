// While the sidecar is away: passwords work, settings can be edited, and nobody sees an answer meant for programs.

import assert from 'node:assert/strict';
import * as admin from './administration.mjs';
import { expectRefusal } from './sign-in.mjs';
import { openWindow } from './window.mjs';

/** The address or the file that was tried, the reason, and the way out; not what visitors read. */
function expectReason(text) {
  assert.match(text, /http:\/\/[\d.]+:\d+.*E[A-Z]+|\/bin\/\w+-\w+\/nocobase-dingtalk/s);
  assert.match(text, /DINGTALK_SIDECAR_URL/);
  assert.doesNotMatch(text, /not available right now/);
}

export async function awaySteps({ step, browser, nocobase, sidecar, name, output, clients, language }) {
  await sidecar.stop();
  for (const client of clients) {
    const window = await openWindow(browser, nocobase, { client, language, output, name: `${client}-away` });
    await step(`${client}: without the sidecar the button says so, and a password signs in`, async () => {
      await window.open('/signin');
      await window.button(name).click();
      await expectRefusal(window, 'SIDECAR_UNAVAILABLE', { hasReference: false });
      assert.ok(new URL(window.page.url()).pathname.endsWith('/signin'));
      await window.picture('away');
      await window.page.locator('input').first().fill('lilei');
      await window.page.locator('input[type=password]').fill('secret-of-lei');
      await window.page.locator('button[type=submit], button.ant-btn-primary').first().click();
      await window.page.waitForURL((url) => url.pathname.includes('/admin'));
    }, window);
    await window.close();
    const administrator = await admin.administratorWindow(browser, nocobase, { client, language, output, name: `${client}-away-settings` });
    await step(`${client}: without the sidecar the form is whole and saving it loses nothing`, async () => {
      const before = await admin.storedOptions(nocobase, name);
      await admin.openForm(administrator, name);
      assert.equal(await administrator.page.getByTestId('dingtalk-redirect-url').inputValue(), nocobase.redirectUrl);
      expectReason(await administrator.page.getByTestId('dingtalk-away').innerText());
      await administrator.picture('form-away');
      await admin.submit(administrator);
      assert.deepEqual(await admin.storedOptions(nocobase, name), before);
      assert.equal(before.clientSecret, admin.MASK);
    }, administrator);
    await step(`${client}: without the sidecar an administrator is told everywhere what was tried and why it failed, and nothing that is not known`, async () => {
      const { page, t } = administrator;
      await admin.openForm(administrator, name);
      const report = await admin.testConnection(administrator);
      assert.ok(report.startsWith(t('To mend: {{count}}.', { count: 1 })), report);
      expectReason(report);
      await administrator.picture('test-away');
      for (const tab of ['Linked users', 'Sign-in log']) {
        await page.getByRole('tab', { name: t(tab) }).click();
        const panel = page.locator('.ant-tabs-tabpane-active');
        await panel.getByRole('alert').waitFor();
        expectReason(await panel.getByRole('alert').innerText());
        assert.equal(await panel.getByText(t('Nobody has signed in with DingTalk yet.')).count(), 0);
        await administrator.picture(`${tab.toLowerCase().replace(' ', '-')}-away`);
      }
    }, administrator);
    await administrator.close();
  }
  await sidecar.start();
}
