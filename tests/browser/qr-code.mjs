// The console's QR code: DingTalk's page in a frame, and what it says.

import assert from 'node:assert/strict';
import { signOut } from './browser.mjs';

/** Where nobody could scan a code, none is offered. */
export async function noQrCode({ page, open, picture }) {
  await open('/signin');
  await page.locator('.button-dingtalk').waitFor();
  assert.equal(await page.locator('.qr-code').count(), 0);
  await picture('no-code');
}

export async function qrCodeJourney(window, { simulatorUrl, texts }) {
  const { page, open, t, picture } = window;
  const { qrCode } = texts;
  const ofDingTalk = [];
  page.on('request', (request) => request.url().startsWith(simulatorUrl) && ofDingTalk.push(request.url()));
  const toggle = page.getByRole('button', { name: t(qrCode.open) });
  const element = page.locator('.qr-code iframe');
  const openCode = async () => {
    await toggle.click();
    await element.contentFrame().locator('a.person').first().waitFor();
    const frame = await (await element.elementHandle()).contentFrame();
    const asked = new URL(await element.getAttribute('src')).searchParams;
    return { frame, redirectUri: asked.get('redirect_uri'), state: asked.get('state') };
  };

  await open('/admin');
  await toggle.waitFor();
  assert.deepEqual(ofDingTalk, [], 'something of DingTalk was loaded before anybody opened the code');
  let code = await openCode();
  await page.getByText(t(qrCode.hint)).waitFor();
  await picture('open');

  // Neither what this page says nor an answer for another flow is heard.
  const heard = page.evaluate(() => new Promise((resolve) => {
    window.addEventListener('message', (event) => event.data === 'last' && resolve());
  }));
  const answer = (state) => ({ success: true, redirectUrl: `${code.redirectUri}?${new URLSearchParams({ authCode: 'made-up', state })}` });
  await page.evaluate((said) => window.postMessage(said, '*'), answer(code.state));
  for (const said of [answer('another'), 'last']) await code.frame.evaluate((words) => parent.postMessage(words, '*'), said);
  await heard;
  assert.equal(await element.count(), 1);

  await element.contentFrame().locator('a.person[href*="person=li-lei"]').click();
  await element.contentFrame().getByRole('button', { name: /^Approve/ }).click();
  await page.locator('dl.facts').waitFor();
  assert.ok((await page.locator('dl.facts').innerText()).includes('李雷'));
  assert.equal(new URL(page.url()).pathname + new URL(page.url()).search, '/admin');
  await signOut(window);

  code = await openCode();
  await code.frame.evaluate(() => parent.postMessage({ success: false, errorMsg: 'no', errorCode: 11055 }, '*'));
  await page.getByText(t(qrCode.failed)).waitFor();
  await picture('failed');
  assert.equal(await page.locator('.button-dingtalk').isVisible(), true);

  // Closed, it is gone.
  await toggle.click();
  assert.equal(await page.locator('.qr-code').isVisible(), false);
}
