// While DingTalk refuses for being asked too often, the button keeps one's place and goes on by itself.

import assert from 'node:assert/strict';
import { expectSignedIn, throughDingTalk } from './sign-in.mjs';
import { BUTTON } from './window.mjs';

export async function queueSteps({ step, as, window, dingtalk, name, at }) {
  const { page, t } = window;
  await step(as('while DingTalk is throttled the button says that one waits, asks again by itself, and gets in'), async () => {
    await dingtalk.putFault({ call: 'userAccessToken', effect: 'too-many-requests' });
    try {
      await at('/signin');
      const isRefusal = (answer) => answer.status() === 503 && answer.url().includes('auth:signIn');
      const [refusal] = await Promise.all([page.waitForResponse(isRefusal), throughDingTalk(window, name, 'li-lei')]);
      assert.ok(Number(refusal.headers()['retry-after']) >= 1, 'no Retry-After');
      const { code, message } = (await refusal.json()).errors[0];
      assert.equal(code, 'DINGTALK_BUSY');
      const [before, after] = t(BUTTON.errors.DINGTALK_BUSY).split('{{seconds}}');
      assert.ok(message.replace(/\d+/, '').startsWith(before + after), message);
      await page.getByText(t(BUTTON.waiting)).waitFor();
      assert.equal(await window.button(name).getAttribute('aria-busy'), 'true');
      assert.equal(await page.getByTestId('dingtalk-error').count(), 0);
      await window.picture('queued');
      await page.waitForResponse(isRefusal);
    } finally {
      await dingtalk.clearFaults();
    }
    await expectSignedIn(window, name);
  }, window);
}
