// DingTalk's QR code on the sign-in page, in a real NocoBase: both clients, the simulated DingTalk in the frame. And what
// administrators see of it, and of links that are still to be converted.
//
//   node qr.mjs
//
// CLIENTS    v2,v1        which clients people use
// LANGUAGES  en-US,hi-IN  the pictures' languages; the first one is that of all steps
// OUTPUT     out          folder for the pictures
// KEEP       unset        1 leaves NocoBase running
// See nocobase.mjs for where and how NocoBase is installed.

import assert from 'node:assert/strict';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { USER_AGENTS } from '../browser/dingtalk-bridge.mjs';
import * as admin from './administration.mjs';
import { expectRefusal, expectSignedIn, throughDingTalk, untilIn, whoIsIn } from './sign-in.mjs';
import { LI_LEI, NAME, Site, Steps, until } from './site.mjs';
import { BUTTON, launch, openWindow } from './window.mjs';

const clients = (process.env.CLIENTS ?? 'v2,v1').split(',');
const languages = (process.env.LANGUAGES ?? 'en-US,hi-IN').split(',');
const output = path.resolve(process.env.OUTPUT ?? path.join(path.dirname(fileURLToPath(import.meta.url)), 'out'));
/** A little more than a code is shown for. */
const UNTIL_EXPIRED_MS = 9.6 * 60_000;
const NARROW = { width: 400, height: 800 };

const toggle = ({ page }) => page.getByTestId(`dingtalk-scan-${NAME}`);
const block = ({ page }) => page.getByTestId(`dingtalk-qr-${NAME}`);
const inPhase = ({ page }, phase) => page.locator(`[data-testid="dingtalk-qr-${NAME}"][data-phase=${phase}]`).waitFor();

/** Opens the code: the frame of DingTalk's page, as a locator and as a frame that can speak. */
async function openCode(window) {
  await toggle(window).click();
  await inPhase(window, 'shown');
  const element = block(window).locator('iframe');
  await element.contentFrame().locator('a.person').first().waitFor();
  return { inside: element.contentFrame(), frame: await (await element.elementHandle()).contentFrame(), address: await element.getAttribute('src') };
}

async function scan({ inside }, person) {
  await inside.locator(`a.person[href*="person=${person}"]`).click();
  await inside.getByRole('button', { name: /^Approve/ }).click();
}

/** What DingTalk would say of this frame's flow. */
function answerOf(address, { state, authCode = 'made-up' } = {}) {
  const asked = new URL(address).searchParams;
  return { success: true, redirectUrl: `${asked.get('redirect_uri')}?${new URLSearchParams({ authCode, state: state ?? asked.get('state') })}` };
}

/** What people do. The first scan converts the link that still holds a number. */
async function clientSteps({ steps, site, browser, client }) {
  const { nocobase, dingtalk } = site;
  const step = (title, run) => steps.step(`${client}: ${title}`, run);
  const inWindow = async (options, run) => {
    const window = await openWindow(browser, nocobase, { client, language: languages[0], output, name: `qr-${client}`, ...options });
    const requested = [];
    window.page.on('request', (request) => requested.push(request.url()));
    const ofDingTalk = () => requested.filter((url) => url.startsWith(dingtalk.url));
    try {
      return await run(Object.assign(window, { ofDingTalk }));
    } catch (error) {
      await window.picture('failed').catch(() => {});
      throw error;
    } finally {
      await window.close();
    }
  };

  for (const language of languages) {
    await step(`who scans the code is in, on the page first asked for (${language})`, () =>
      inWindow({ language }, async (window) => {
        await window.open('/signin?redirect=%2Fadmin%2Fsettings');
        await toggle(window).waitFor();
        assert.equal((await toggle(window).innerText()).trim(), window.t(BUTTON.qrCode.open));
        assert.deepEqual(window.ofDingTalk(), [], 'something of DingTalk was loaded before anybody opened the code');
        const code = await openCode(window);
        assert.equal(new URL(code.address).searchParams.get('iframe'), 'true');
        await window.picture('open');
        await scan(code, LI_LEI.person);
        await expectSignedIn(window, NAME, client === 'v2' ? '/admin/settings' : '/admin');
        await untilIn(window);
        assert.equal((await whoIsIn(window, nocobase)).username, 'lilei');
      }));
    await step(`on a narrow window the page stays whole (${language})`, () =>
      inWindow({ language, width: 620, height: 800 }, async (window) => {
        await window.open('/signin');
        await openCode(window);
        await window.picture('narrow');
        const overflow = await window.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(overflow <= 0, `${overflow}px wider than the window`);
      }));
  }
  await step('what other pages say, and answers for another flow, are not heard', () =>
    inWindow({}, async (window) => {
      const { page } = window;
      await window.open('/signin');
      const code = await openCode(window);
      const good = answerOf(code.address);
      // Messages of one frame come in order: when its last one has been heard, so have those before.
      const heard = page.evaluate(() => new Promise((resolve) => {
        let left = 2;
        window.addEventListener('message', (event) => {
          if (event.data === 'last') left -= 1;
          if (left === 0) resolve();
        });
      }));
      // This page itself, and a second frame of DingTalk's very origin.
      await page.evaluate((said) => window.postMessage(said, '*'), good);
      const strange = await page.evaluateHandle((src) => new Promise((resolve) => {
        const frame = Object.assign(document.createElement('iframe'), { src, onload: () => resolve(frame) });
        document.body.append(frame);
      }), code.address);
      const beside = await strange.asElement().contentFrame();
      await beside.evaluate((said) => parent.postMessage(said, '*'), good);
      await beside.evaluate(() => parent.postMessage('last', '*'));
      // The right frame, with the wrong words.
      for (const said of [answerOf(code.address, { state: 'another' }), { success: true, redirectUrl: 'https://evil.example/api/auth:redirect?authCode=x' }, 'loginTmpCode', null, 'last']) {
        await code.frame.evaluate((words) => parent.postMessage(words, '*'), said);
      }
      await heard;
      assert.equal(await block(window).locator('iframe').count(), 1, 'the frame went');
      assert.ok(page.url().includes('/signin'), page.url());
      await strange.evaluate((frame) => frame.remove());
      await scan(code, LI_LEI.person);
      await expectSignedIn(window, NAME);
    }));
  await step('whoever refuses in the frame reads so', () =>
    inWindow({}, async (window) => {
      await window.open('/signin');
      const code = await openCode(window);
      await code.inside.getByRole('button', { name: /^Refuse/ }).click();
      await expectRefusal(window, 'DINGTALK_DENIED');
    }));
  await step('where DingTalk shows no code, the button is there', () =>
    inWindow({}, async (window) => {
      await window.open('/signin');
      const code = await openCode(window);
      await code.frame.evaluate(() => parent.postMessage({ success: false, errorMsg: 'no', errorCode: 11055 }, '*'));
      await inPhase(window, 'failed');
      assert.ok((await block(window).innerText()).includes(window.t(BUTTON.qrCode.failed)));
      await window.picture('failed-code');
      await throughDingTalk(window, NAME, LI_LEI.person);
      await expectSignedIn(window, NAME);
    }));
  await step('where a policy keeps the frame out, the button is there', () =>
    inWindow({}, async (window) => {
      const { page } = window;
      await window.open('/signin');
      await toggle(window).waitFor();
      await page.evaluate(() => document.head.append(Object.assign(document.createElement('meta'), { httpEquiv: 'Content-Security-Policy', content: "frame-src 'self'" })));
      await toggle(window).click();
      await inPhase(window, 'failed');
      assert.equal(await window.button(NAME).isVisible(), true);
    }));
  await step('a code that has expired is shown anew', () =>
    inWindow({}, async (window) => {
      const { page } = window;
      await page.clock.install();
      await window.open('/signin');
      const first = await openCode(window);
      await page.clock.fastForward(UNTIL_EXPIRED_MS);
      await inPhase(window, 'expired');
      await window.picture('expired');
      await page.getByRole('button', { name: window.t(BUTTON.qrCode.again) }).click();
      await inPhase(window, 'shown');
      const second = await block(window).locator('iframe').getAttribute('src');
      const stateOf = (address) => new URL(address).searchParams.get('state');
      assert.notEqual(stateOf(second), stateOf(first.address));
    }));
  await step('neither inside DingTalk nor on a phone is there a code', async () => {
    for (const device of [{ userAgent: USER_AGENTS.computer }, NARROW]) {
      await inWindow(device, async (window) => {
        await window.open('/signin');
        await window.button(NAME).waitFor();
        assert.equal(await toggle(window).count(), 0, JSON.stringify(device));
      });
    }
  });
}

/** The option in the form, and the links that still hold a number. */
async function administratorSteps({ steps, site, browser, client }) {
  const { nocobase } = site;
  const inForm = async (name, run) => {
    const window = await admin.administratorWindow(browser, nocobase, { client, language: languages[0], output, name: `qr-${client}-${name}`, height: 1900 });
    try {
      await admin.openForm(window, NAME);
      await run(window);
    } catch (error) {
      await window.picture('failed').catch(() => {});
      throw error;
    } finally {
      await window.close();
    }
  };
  await nocobase.setOptions(NAME, (options) => ({ ...options, public: { autoSignup: true } }));
  await steps.step(`${client}: the form says what is loaded, and saves the option beside the other public one`, () =>
    inForm('form', async (window) => {
      const { page, t } = window;
      await page.getByText(t('Advanced'), { exact: true }).click();
      await page.getByText(/No script of DingTalk's runs in this site/).waitFor();
      await window.field(new RegExp(`^${t('Show a QR code on the sign-in page')}$`)).getByRole('checkbox').check();
      await window.picture('option');
      await admin.submit(window);
      assert.deepEqual((await admin.storedOptions(nocobase, NAME)).public, { autoSignup: true, qrCode: true });
    }));
  await nocobase.setOptions(NAME, (options) => ({ ...options, public: { autoSignup: false, qrCode: true } }));
  await steps.step(`${client}: the linked users say how many links are still to be converted`, async () => {
    await nocobase.database.query(`update ${nocobase.table('usersAuthenticators')} set uuid = '${LI_LEI.phone}', meta = '{"subject":"mobile"}' where authenticator = '${NAME}'`);
    await inForm('links', async (window) => {
      const links = await admin.showLinks(window);
      const notice = window.page.getByTestId('dingtalk-former-links');
      await notice.waitFor();
      const values = { count: 1, mobile: 1, userId: 0, unknown: 0 };
      assert.ok((await notice.innerText()).includes(window.t('Links that do not hold the Union ID yet: {{count}} (phone numbers: {{mobile}}, user IDs: {{userId}}, unknown kind: {{unknown}}).', values)));
      assert.equal(await links.isVisible(), true);
      await window.picture('former-links');
    });
  });
}

const steps = new Steps();
const site = await Site.open(process.env.NBDT_NOCOBASE_INSTANCE ?? 'qr', { dialect: process.env.NBDT_NOCOBASE_DIALECT ?? 'postgres' });
let browser;
try {
  await site.asAdministrator('systemSettings:put', { body: { enabledLanguages: languages } });
  await site.createUser({ nickname: 'Lei from the users list', username: 'lilei', phone: LI_LEI.phone });
  await site.installPlugin();
  await site.createAuthenticator({ options: { public: { autoSignup: false, qrCode: false } } });
  await site.signIn(LI_LEI.person);
  // Browsers find NocoBase under a name of its own.
  await site.registerRedirectUrl(site.nocobase.redirectUrl);
  browser = await launch();
  for (const client of clients) {
    await administratorSteps({ steps, site, browser, client });
    await clientSteps({ steps, site, browser, client });
  }
  await steps.step('without the option nothing is begun, and nothing offered', async () => {
    await site.nocobase.setOptions(NAME, (options) => ({ ...options, public: { autoSignup: false } }));
    // The sidecar remembers settings for two seconds.
    const answer = await until('the option is off', async () => {
      const begun = await site.nocobase.request('dingtalk:qrCode', { body: {}, headers: { 'X-Authenticator': NAME } });
      return begun.status !== 200 && begun;
    });
    assert.deepEqual([answer.status, answer.json.errors[0].code], [404, 'AUTHENTICATOR_NOT_FOUND']);
  });
} finally {
  await browser?.close();
  await site.close();
}
steps.end();
