// While DingTalk refuses for being asked too often, the button keeps one's place and goes on by itself; for a while.

import assert from 'node:assert/strict';
import { expectSignedIn, throughDingTalk } from './sign-in.mjs';
import { BUTTON } from './window.mjs';

export async function queueSteps({ step, as, window, dingtalk, name, at }) {
  const { page, t } = window;
  const [before, after] = t(BUTTON.errors.DINGTALK_BUSY).split('{{seconds}}');
  const isBusy = (message) => /\d/.test(message) && message.replace(/\d+/, '').startsWith(before + after);
  const throttled = async (run) => {
    await dingtalk.putFault({ call: 'userAccessToken', effect: 'too-many-requests' });
    try {
      await at('/signin');
      await run();
    } finally {
      await dingtalk.clearFaults();
    }
  };
  await step(as('while DingTalk is throttled the button says that one waits, asks again by itself, and gets in'), async () => {
    await throttled(async () => {
      const isRefusal = (answer) => answer.status() === 503 && answer.url().includes('auth:signIn');
      const [refusal] = await Promise.all([page.waitForResponse(isRefusal), throughDingTalk(window, name, 'li-lei')]);
      assert.ok(Number(refusal.headers()['retry-after']) >= 1, 'no Retry-After');
      const { code, message } = (await refusal.json()).errors[0];
      assert.equal(code, 'DINGTALK_BUSY');
      assert.ok(isBusy(message), message);
      await page.getByText(t(BUTTON.waiting)).waitFor();
      assert.equal(await window.button(name).getAttribute('aria-busy'), 'true');
      assert.equal(await page.getByTestId('dingtalk-error').count(), 0);
      await window.picture('queued');
      await page.waitForResponse(isRefusal);
    });
    await expectSignedIn(window, name);
  }, window);
  await step(as('when DingTalk stays throttled the button says when to come back, and lets one begin again'), async () => {
    await throttled(async () => {
      await throughDingTalk(window, name, 'li-lei');
      const error = page.getByTestId('dingtalk-error');
      await error.waitFor();
      const message = (await error.innerText()).trim();
      assert.ok(isBusy(message), message);
      assert.notEqual(await window.button(name).getAttribute('aria-busy'), 'true');
      assert.equal(await page.getByText(t(BUTTON.waiting)).count(), 0);
      await window.picture('busy');
    });
    await throughDingTalk(window, name, 'li-lei');
    await expectSignedIn(window, name);
  }, window);
}
