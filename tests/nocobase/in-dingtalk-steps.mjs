// What happens to people who open NocoBase inside DingTalk, and to their administrator.

import assert from 'node:assert/strict';
import http from 'node:http';
import { codeRequestsOf, titlesOf, USER_AGENTS } from '../browser/dingtalk-bridge.mjs';
import * as admin from './administration.mjs';
import { openDingTalkWindow } from './dingtalk-window.mjs';
import { DEMO_CORP_ID } from './programs.mjs';
import { approve, expectSignedIn, throughDingTalk, untilIn, whoIsIn } from './sign-in.mjs';
import { APP, NAME } from './site.mjs';
import { BUTTON, choose, openWindow } from './window.mjs';

const SENTENCE_LIMIT_MS = 5000;
const INTERNAL = { autoLogin: true, autoLoginType: 'internal', corpId: DEMO_CORP_ID, agentId: '4271' };

/** What an administrator does: the options are saved in the form, and NocoBase refuses what cannot work. */
export async function siteSteps({ steps, site, browser, output }) {
  const { nocobase } = site;
  await site.asAdministrator('systemSettings:put', { body: { enabledLanguages: ['en-US', 'zh-CN', 'hi-IN'] } });
  await steps.step('the form takes Corp ID and Agent ID, saves automatic login, and gives the addresses', async () => {
    const window = await admin.administratorWindow(browser, nocobase, { client: 'v2', language: 'en-US', output, name: 'in-dingtalk-form', height: 1900 });
    await admin.openForm(window, NAME);
    await window.page.getByText(window.t('Advanced'), { exact: true }).click();
    await window.field(new RegExp(`^${window.t('Automatic login')}$`)).getByRole('checkbox').check();
    await window.input(window.field(window.t('Corp ID'))).fill(DEMO_CORP_ID);
    await window.input(window.field(window.t('Agent ID'))).fill(INTERNAL.agentId);
    assert.equal(await window.page.getByTestId('dingtalk-home-page').inputValue(), `${nocobase.site}${nocobase.publicPath}`);
    assert.equal(await window.page.getByTestId('dingtalk-app-link').inputValue(), `https://applink.dingtalk.com/page/h5_app_open?appId=4271&appType=2&corpId=${DEMO_CORP_ID}&target=workbench`);
    await window.picture('form');
    await admin.submit(window);
    const { autoLogin, autoLoginType, corpId, agentId } = await admin.storedOptions(nocobase, NAME);
    assert.deepEqual({ autoLogin, autoLoginType, corpId, agentId }, INTERNAL);
    await window.close();
  });
  await steps.step('a second authenticator with automatic login is refused by the name of the first, and one without a Corp ID by the field', async () => {
    const token = await nocobase.administrator();
    const save = async (options, enabled = true) => {
      const { status, json } = await nocobase.request('authenticators:create', { token, body: { name: 'second', authType: 'dingtalk', enabled, options: { ...APP, ...options } } });
      return [status, json?.errors?.[0]?.message];
    };
    assert.deepEqual(await save(INTERNAL), [400, `Only one sign-in method can sign people in automatically, and ${NAME} does already. Turn that off there first.`]);
    assert.deepEqual(await save({ autoLogin: true }), [400, 'Please check this field: Corp ID.']);
  });
}

/** What a page asks that was written for NocoBase's own plugin, in the shapes of NocoBase's portal template. */
export async function portalSteps({ steps, site }) {
  const { nocobase, dingtalk } = site;
  const userAgent = USER_AGENTS.phone;
  await steps.step('a page of a portal signs in with the same calls', async () => {
    const check = (headers) => nocobase.request('dingtalk:checkLogin?isDingTalkBrowser=true&redirect=%2Fx%2Fportal%2Forders', { method: 'GET', headers });
    assert.deepEqual((await check({ 'user-agent': 'Mozilla/5.0 Chrome/133' })).json, { data: { success: true } });
    const { success, autoLoginType, authenticator, corpId } = (await check({ 'user-agent': userAgent })).json.data;
    assert.deepEqual({ success, autoLoginType, authenticator, corpId }, { success: false, autoLoginType: 'internal', authenticator: NAME, corpId: DEMO_CORP_ID });
    const { code } = await dingtalk.inClientCode({ clientId: APP.clientId, corpId, person: 'li-lei' });
    const post = () => nocobase.request('auth:signIn', { body: { authCode: code, loginType: 'internal' }, headers: { 'X-Authenticator': authenticator, 'user-agent': userAgent } });
    const { token } = (await post()).json.data;
    assert.equal((await site.asSession('auth:check', token)).json.data.username, 'lilei');
    const again = await post();
    assert.equal(again.json.errors[0].code, 'FLOW_USED');
  });
  await steps.step('a page of a portal starts the web flow with the address that it is given', async () => {
    const ask = (redirect) => nocobase.request('dingtalk:getAuthUrl', { body: { redirect }, headers: { 'X-Authenticator': NAME } });
    const answer = await ask('/x/portal/orders');
    const { url } = answer.json.data;
    // Not by fetch, which says of itself that it is no navigation.
    const start = await new Promise((resolve, reject) => http.get(new URL(url, nocobase.origin), resolve).on('error', reject));
    start.resume();
    assert.equal(start.statusCode, 302, answer.text);
    assert.ok(start.headers.location.startsWith(dingtalk.url), start.headers.location);
    assert.equal((await ask('https://evil.example/')).status, 400);
  });
}

/** The steps of one client; a stored session never outlives its step, since each has a window of its own. */
export async function clientSteps({ steps, site, browser, output, client }) {
  const { nocobase, dingtalk } = site;
  // The older call does not name the app: the client knows whose page it shows.
  const codeFor = async (person, { corpId, clientId = APP.clientId }) => (await dingtalk.inClientCode({ clientId, corpId, person })).code;
  const step = (title, run) => steps.step(`${client}: ${title}`, run);
  const inWindow = async (options, run) => {
    const window = await openDingTalkWindow(browser, nocobase, { client, kind: 'phone', person: 'li-lei', codeFor, language: 'en-US', output, name: `in-dingtalk-${client}`, ...options });
    try {
      return await run(window);
    } catch (error) {
      await window.picture('failed').catch(() => {});
      throw error;
    } finally {
      await window.close();
    }
  };
  const setMode = (change) => nocobase.setOptions(NAME, (options) => ({ ...options, ...INTERNAL, ...change }));

  await setMode({});
  for (const kind of ['phone', 'computer']) {
    await step(`on a ${kind} a signed-out person is in, on the page first asked for, with one code`, () =>
      inWindow({ kind }, async (window) => {
        const before = await dingtalk.calls();
        await window.open('/admin/settings?a=1&b=2');
        await untilIn(window);
        assert.equal((await whoIsIn(window, nocobase)).username, 'lilei');
        const { pathname, search } = new URL(window.page.url());
        if (client === 'v2') assert.equal(pathname + search, `${new URL(window.base).pathname}/admin/settings?a=1&b=2`);
        assert.deepEqual(codeRequestsOf(window).map(({ method, params }) => [method, params.corpId, params.clientId]), [['runtime.permission.requestAuthCodeV2', DEMO_CORP_ID, APP.clientId]]);
        const after = await dingtalk.calls();
        await window.picture(`in-${kind}`);
        return Object.keys(after).filter((call) => after[call] !== before[call]).map((call) => `${call} ${after[call] - before[call]}`).join(', ');
      }));
  }
  await step('a returning person costs one call of DingTalk', () =>
    inWindow({}, async (window) => {
      const sum = async () => Object.values(await dingtalk.calls()).reduce((all, one) => all + one, 0);
      const before = await sum();
      await window.open('/admin');
      await untilIn(window);
      assert.equal((await sum()) - before, 1);
    }));
  await step('the page of phones is shown to who opens it', () =>
    inWindow({}, async (window) => {
      const page = client === 'v2' ? '/mobile' : '/m';
      await window.open(page);
      await window.page.waitForFunction(() => localStorage.getItem('NOCOBASE_TOKEN'));
      await window.page.waitForLoadState('networkidle');
      assert.equal((await whoIsIn(window, nocobase)).username, 'lilei');
      assert.ok(new URL(window.page.url()).pathname.startsWith(new URL(window.base + page).pathname), window.page.url());
      await window.picture('mobile');
    }));
  await step('who opens the sign-in page goes on to the page that it names', () =>
    inWindow({}, async (window) => {
      await window.open(`/signin?redirect=${encodeURIComponent(`${client === 'v2' ? new URL(window.base).pathname : ''}/admin?x=1`)}`);
      await expectSignedIn(window, NAME);
    }));
  await step('neither a change of page nor a reload asks again, and the title bar follows', () =>
    inWindow({}, async (window) => {
      await window.open('/admin');
      await untilIn(window);
      await window.page.evaluate((path) => {
        window.history.pushState({}, '', path);
        window.dispatchEvent(new PopStateEvent('popstate'));
        document.title = 'A page of mine';
      }, `${new URL(window.base).pathname.replace(/\/$/, '')}/admin/settings`);
      await window.page.waitForTimeout(300);
      assert.equal(await window.page.getByTestId('dingtalk-gate').count(), 0, 'the gate came back');
      assert.ok(titlesOf(window).includes('A page of mine'), JSON.stringify(titlesOf(window)));
      await window.page.reload();
      await untilIn(window);
      assert.equal(codeRequestsOf(window).length, 1);
    }));
  await step('a second window asks for itself, and the person keeps role and session', () =>
    inWindow({}, async (window) => {
      await window.open('/admin');
      await untilIn(window);
      await window.page.evaluate(() => localStorage.setItem('NOCOBASE_ROLE', 'member'));
      const second = await window.another();
      await second.goto(`${window.base}/admin`);
      await second.waitForFunction(() => document.querySelector('.ant-layout, [class*=layout]'));
      assert.equal(codeRequestsOf(window).length, 2);
      assert.equal(await window.stored('NOCOBASE_ROLE'), 'member');
      await window.page.reload();
      await untilIn(window);
      assert.equal((await whoIsIn(window, nocobase)).username, 'lilei');
    }));
  await step('after a change of account nothing of the former person is shown, and their session has ended', () =>
    inWindow({}, async (window) => {
      await window.open('/admin');
      await untilIn(window);
      const former = await window.stored('NOCOBASE_TOKEN');
      window.person = 'han-meimei';
      await window.page.evaluate(() => sessionStorage.clear());
      await window.page.addInitScript(() => {
        const look = () => {
          if (document.body?.innerText.includes('Lei from')) sessionStorage.setItem('seen', 'yes');
        };
        document.addEventListener('DOMContentLoaded', () => new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true, characterData: true }));
      });
      const asked = [];
      window.page.on('request', (request) => {
        if (request.headers().authorization === `Bearer ${former}`) asked.push(new URL(request.url()).pathname.replace(/^.*\//, ''));
      });
      await window.page.reload();
      await untilIn(window);
      assert.equal((await whoIsIn(window, nocobase)).username, 'hanmeimei');
      assert.equal((await site.asSession('auth:check', former)).status, 401);
      assert.equal(await window.page.evaluate(() => sessionStorage.getItem('seen')), null, 'the former person was shown');
      return `with the former session: ${[...new Set(asked)].join(', ')}`;
    }));
  await step('who has no account is told so, finds form and button, and is not tried again', () =>
    inWindow({ person: 'alex-kim' }, async (window) => {
      await window.open('/admin');
      const alert = window.page.getByTestId('dingtalk-error');
      await alert.waitFor();
      assert.ok((await alert.innerText()).startsWith(window.t(BUTTON.errors.NO_MATCHING_USER)));
      await window.button(NAME).waitFor();
      assert.ok(await window.page.locator('input[type=password]').isVisible());
      await window.picture('refused');
      await window.page.reload();
      await window.button(NAME).waitFor();
      await window.page.waitForLoadState('networkidle');
      assert.equal(codeRequestsOf(window).length, 1);
      await window.button(NAME).click();
      await alert.waitFor();
      assert.equal(codeRequestsOf(window).length, 2);
    }));
  await step('who signs out stays signed out, until they ask again', () =>
    inWindow({ kind: 'computer' }, async (window) => {
      await window.open('/admin');
      await untilIn(window);
      await signOut(window);
      await window.button(NAME).waitFor();
      await window.page.reload();
      await window.button(NAME).waitFor();
      await window.page.waitForLoadState('networkidle');
      assert.equal(codeRequestsOf(window).length, 1);
      await window.button(NAME).click();
      await expectSignedIn(window, NAME);
      assert.equal(codeRequestsOf(window).length, 2);
      assert.equal((await whoIsIn(window, nocobase)).username, 'lilei');
    }));
  await step('a session that has run out is begun again by itself, not too soon', () =>
    inWindow({}, async (window) => {
      await window.open('/admin');
      await untilIn(window);
      const end = async (minutesAgo) => {
        await window.page.evaluate((minutes) => {
          localStorage.setItem('NOCOBASE_TOKEN', '');
          const mark = JSON.parse(sessionStorage.getItem('NBDT_IN_CLIENT'));
          sessionStorage.setItem('NBDT_IN_CLIENT', JSON.stringify({ ...mark, at: Date.now() - minutes * 60_000 }));
        }, minutesAgo);
        await window.open('/admin');
      };
      await end(9);
      await window.button(NAME).waitFor();
      await end(11);
      await window.page.waitForFunction(() => localStorage.getItem('NOCOBASE_TOKEN'));
      await untilIn(window);
      assert.equal(codeRequestsOf(window).length, 2);
    }));
  for (const [kind, request, way] of [['phone', 'new call missing', 'old'], ['oldPhone', 'old call only', 'old'], ['phone', 'error 3', 'domain'], ['computer', 'error -1', 'cancelled'], ['phone', 'error 7', 'permission'], ['phone', 'no call', 'unavailable'], ['phone', 'never answers', 'late'], ['computer', 'answers after 10 s', 'late']]) {
    await step(`a client with "${request}" ${way === 'old' ? 'gives a code in the old way' : 'leads to a sentence that says what to do'}`, () =>
      inWindow({ kind }, async (window) => {
        window.request = request;
        let opened;
        window.page.once('response', () => (opened = Date.now()));
        await window.open('/admin');
        if (way === 'old') {
          await untilIn(window);
          return undefined;
        }
        const called = await window.firstCodeRequest;
        const alert = window.page.getByTestId('dingtalk-error').filter({ hasText: window.t(BUTTON.inClient[way]) });
        await window.page.getByTestId('dingtalk-gate').waitFor({ state: 'detached' });
        const held = Date.now() - called;
        await alert.waitFor();
        const told = Date.now() - called;
        assert.ok(held < SENTENCE_LIMIT_MS, `held back for ${held} ms`);
        await window.picture(way);
        // The next step is the person's: it is the way that every browser has.
        await Promise.all([window.page.waitForURL((url) => url.href.startsWith(dingtalk.url)), window.button(NAME).click()]);
        await approve(window, 'li-lei');
        await expectSignedIn(window, NAME);
        return `held ${held} ms after the call, told after ${told} ms, ${called - opened} ms from the first byte to the call`;
      }));
  }
  await step('a failed call with a stored session closes it', () =>
    inWindow({}, async (window) => {
      await window.open('/admin');
      await untilIn(window);
      const former = await window.stored('NOCOBASE_TOKEN');
      window.request = 'error 3';
      await window.page.evaluate(() => sessionStorage.clear());
      await window.page.reload();
      await window.page.getByTestId('dingtalk-error').waitFor();
      assert.ok(!(await window.stored('NOCOBASE_TOKEN')));
      assert.equal((await site.asSession('auth:check', former)).status, 401);
    }));
  await step('an outage of DingTalk, or of the sidecar, throws nobody out', () =>
    inWindow({}, async (window) => {
      await window.open('/admin');
      await untilIn(window);
      const token = await window.stored('NOCOBASE_TOKEN');
      const renew = async () => {
        await window.page.evaluate(() => sessionStorage.clear());
        await window.page.reload();
        await untilIn(window);
      };
      await dingtalk.putFault({ call: 'userInfo', effect: 'bad-gateway-page' });
      await renew();
      assert.equal(await window.stored('NOCOBASE_TOKEN'), token);
      await dingtalk.clearFaults();
      await site.sidecar.stop();
      try {
        await renew();
        assert.equal(await window.stored('NOCOBASE_TOKEN'), token);
      } finally {
        await site.sidecar.start();
      }
      await window.page.reload();
      await untilIn(window);
      await window.page.waitForFunction((former) => localStorage.getItem('NOCOBASE_TOKEN') !== former, token);
    }));
  await step('the time from the first byte to the page, beside the way of the button', async () => {
    const took = async (run) => {
      const figures = [];
      for (let round = 0; round < 3; round += 1) figures.push(await run());
      return figures.sort((a, b) => a - b)[1];
    };
    const inside = await took(() => inWindow({}, async (window) => {
      let first;
      window.page.once('response', () => (first = Date.now()));
      await window.open('/admin');
      await untilIn(window);
      return Date.now() - first;
    }));
    const stored = await took(() => inWindow({}, async (window) => {
      await window.open('/admin');
      await untilIn(window);
      let first;
      window.page.once('response', () => (first = Date.now()));
      await window.page.reload();
      await untilIn(window);
      return Date.now() - first;
    }));
    const button = await took(async () => {
      const window = await openWindow(browser, nocobase, { client, language: 'en-US', output, name: 'button' });
      let first;
      window.page.once('response', () => (first = Date.now()));
      await window.open('/admin');
      await window.button(NAME).waitFor();
      await throughDingTalk(window, NAME, 'li-lei');
      await expectSignedIn(window, NAME);
      await untilIn(window);
      const took = Date.now() - first;
      await window.close();
      return took;
    });
    return `inside DingTalk ${inside} ms, by the button ${button} ms (clicks at once), with a session already there ${stored} ms`;
  });
  for (const language of ['zh-CN', 'hi-IN']) {
    await step(`in ${language} the waiting and the refusal are in that language`, () =>
      inWindow({ language, person: 'alex-kim' }, async (window) => {
        window.request = 'never answers';
        await window.open('/admin');
        await window.page.getByText(window.t(BUTTON.pending)).waitFor();
        await window.picture('waiting');
        await window.page.getByTestId('dingtalk-error').filter({ hasText: window.t(BUTTON.inClient.late) }).waitFor();
        await window.picture('late');
      }));
  }
  await step('the web flow starts by itself, leads back to the page, and after a refusal waits for the person', async () => {
    await setMode({ autoLoginType: 'oauth' });
    try {
      await inWindow({}, async (window) => {
        await window.open('/admin/settings?a=1');
        await approve(window, 'li-lei');
        await expectSignedIn(window, NAME);
        assert.equal(codeRequestsOf(window).length, 0);
        await window.picture('oauth');
      });
      await inWindow({}, async (window) => {
        await window.open('/admin');
        await window.page.getByRole('button', { name: /^Refuse|^Cancel/ }).first().click();
        await window.page.getByTestId('dingtalk-error').waitFor();
        await window.page.reload();
        await window.button(NAME).waitFor();
        await window.page.waitForLoadState('networkidle');
        assert.ok(window.page.url().startsWith(nocobase.site), window.page.url());
      });
    } finally {
      await setMode({});
    }
  });
  await step('without automatic login DingTalk is a browser as any other', async () => {
    await setMode({ autoLogin: false });
    try {
      await inWindow({}, async (window) => {
        await window.open('/admin');
        await window.button(NAME).waitFor();
        assert.deepEqual(window.calls, []);
        await throughDingTalk(window, NAME, 'li-lei');
        await expectSignedIn(window, NAME);
      });
    } finally {
      await setMode({});
    }
  });
}

/** By the person's own menu. */
function signOut(window) {
  return choose(window.page.getByTestId('user-center-button').first(), window.page.getByText(window.core('Sign out')).first());
}
