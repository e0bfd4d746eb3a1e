// What the clients do by themselves inside DingTalk, decided without a browser: node --test in-client.test.mjs

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { mock, test } from 'node:test';
import { CLIENT, clientModule } from './client-modules.mjs';

const BUTTON = JSON.parse(fs.readFileSync(new URL('../../client-schema/sign-in-button.json', import.meta.url), 'utf8'));
const DINGTALK = 'Mozilla/5.0 (Linux; Android 15) AliApp(DingTalk/8.1.10.1) com.alibaba.android.rimet/1';
const MINUTE = 60_000;

// As it is when it is asked: tests change it under a page.
const TIME = { Date: { now: () => Date.now() }, setTimeout: (...given) => setTimeout(...given), clearTimeout: (timer) => clearTimeout(timer) };

const token = (userId) => `h.${Buffer.from(JSON.stringify({ userId })).toString('base64url')}.s`;
const INTERNAL = { success: false, autoLoginType: 'internal', authenticator: 'ding', corpId: 'ding1' };
const answer = (status, content, headers = {}) => ({ status, json: async () => content, headers: { get: (name) => headers[name] ?? null } });
const refused = (status, code) => answer(status, { errors: [{ code, message: `${code} for people` }] });
const signedIn = (userId) => answer(200, { data: { token: token(userId), user: { id: userId } } });

class Storage {
  items = new Map();
  getItem = (key) => this.items.get(key) ?? null;
  setItem = (key, value) => this.items.set(key, value);
  removeItem = (key) => this.items.delete(key);
}

/** A WebView: what is stored in it outlives its pages; `answers` are the server's, each the last of its kind for good. */
class WebView {
  constructor({ userAgent = DINGTALK, storage = new Storage(), stored = null, role = null } = {}) {
    Object.assign(this, { userAgent, sessionStorage: storage, session: { token: stored, authenticator: stored && 'basic', role } });
    this.asked = [];
    this.codes = [async () => 'code'];
    this.answers = { 'dingtalk:checkLogin': [answer(200, { data: INTERNAL })], 'auth:signIn': [signedIn(7)], 'auth:signOut': [answer(200, {})] };
    this.left = [];
  }

  /** A page that has just been loaded. */
  page(address = '/admin/x', { referrer = '', type = 'navigate' } = {}) {
    const { session } = this;
    const next = (list) => (list.length > 1 ? list.shift() : list[0]);
    const fetch = async (url, { method, headers, body, credentials }) => {
      const action = /[a-z]+:[a-zA-Z]+/.exec(url)[0];
      this.asked.push({ action, method, headers, body: body && JSON.parse(body), credentials, url });
      const one = next(this.answers[action]);
      if (one === 'nothing') throw new TypeError('Failed to fetch');
      return one;
    };
    const auth = {
      getToken: () => session.token, setToken: (value) => (session.token = value),
      getAuthenticator: () => session.authenticator, setAuthenticator: (value) => (session.authenticator = value),
      setRole: (value) => (session.role = value), getLocale: () => 'hi-IN',
    };
    const { NoCode } = clientModule(`${CLIENT}/in-client-code`, {}, address, { window: {} });
    const code = { NoCode, isInside: () => /DingTalk/i.test(this.userAgent), requestCode: (app) => next(this.codes)(app, NoCode) };
    const window = { navigator: { userAgent: this.userAgent }, sessionStorage: this.sessionStorage, performance: { getEntriesByType: () => [{ type }] }, atob };
    const globals = { window, document: { referrer }, fetch, AbortController, ...TIME, console: { error() {} } };
    const given = { [`${CLIENT}/in-client-code`]: code };
    // One page, one instance of each module.
    const shared = clientModule(CLIENT, given, address, globals).shared;
    window.location.assign = (url) => this.left.push(url);
    return { ...shared, window, host: { apiUrl: (action) => `https://nocobase.example/api/${action}`, auth }, told: (name = 'ding') => shared.attempts.get(name) };
  }

  /** Opens a page and resolves with what came of it. */
  async open(...place) {
    const page = this.page(...place);
    const outcome = await page.onPageLoad(page.host);
    return { ...page, outcome };
  }

  actions() {
    return this.asked.map(({ action }) => action);
  }
}

const noCode = (reason) => async (_app, NoCode) => {
  throw new NoCode(reason);
};

test('a signed-out visitor is signed in with one look, one code, one post', async () => {
  const view = new WebView();
  view.codes = [async (app) => `code of ${app.corpId}`];
  const { outcome, told } = await view.open('/v/admin/x?a=1#b');
  assert.equal(outcome.kind, 'entered');
  assert.deepEqual(view.session, { token: token(7), authenticator: 'ding', role: null });
  assert.deepEqual(view.actions(), ['dingtalk:checkLogin', 'auth:signIn']);
  const [look, post] = view.asked;
  assert.equal(new URL(look.url).search, '?isDingTalkBrowser=true&redirect=%2Fv%2Fadmin%2Fx%3Fa%3D1%23b');
  assert.deepEqual([post.method, post.body], ['POST', { authCode: 'code of ding1', loginType: 'internal' }]);
  assert.deepEqual([post.headers['X-Authenticator'], post.headers['Content-Type'], post.headers['X-Locale']], ['ding', 'application/json', 'hi-IN']);
  assert.equal(look.headers.Authorization, undefined);
  assert.equal(told(), null);
});

test('outside DingTalk nothing is asked at all', async () => {
  const view = new WebView({ userAgent: 'Mozilla/5.0 Chrome/133' });
  const { outcome, onExpiry, onClick, host } = await view.open();
  assert.deepEqual([outcome.kind, onExpiry(host), await onClick(host, 'ding'), view.asked], ['nothing', null, null, []]);
});

test('once for a window: neither another page nor another start asks again', async () => {
  const view = new WebView();
  const page = view.page();
  await Promise.all([page.onPageLoad(page.host), page.onPageLoad(page.host)]);
  await view.open('/admin/y');
  assert.deepEqual(view.actions(), ['dingtalk:checkLogin', 'auth:signIn']);
});

test('pages that carry a sign-in of their own, or are for newcomers, are left alone', async () => {
  for (const address of ['/signin?authenticator=ding&dingtalk=f', '/signin?authenticator=ding&error=X', '/admin?token=t', '/signup', '/v/forgot-password']) {
    const view = new WebView();
    assert.equal((await view.open(address)).outcome.kind, 'nothing');
    assert.deepEqual(view.asked, [], address);
  }
});

test('another person ends the session that is stored, and takes no role of it', async () => {
  const view = new WebView({ stored: token(5), role: 'admin' });
  assert.equal((await view.open()).outcome.kind, 'entered');
  assert.deepEqual(view.session, { token: token(7), authenticator: 'ding', role: null });
  const out = view.asked[2];
  assert.deepEqual([out.action, out.headers.Authorization, out.headers['X-Authenticator']], ['auth:signOut', `Bearer ${token(5)}`, 'basic']);
  // Its answer would take away the cookies of the new session.
  assert.equal(out.credentials, 'omit');
});

test('the same person keeps the role', async () => {
  const view = new WebView({ stored: token(7), role: 'admin' });
  await view.open();
  assert.deepEqual(view.session, { token: token(7), authenticator: 'ding', role: 'admin' });
  assert.deepEqual(view.actions(), ['dingtalk:checkLogin', 'auth:signIn']);
});

test('a former session that cannot be ended is replaced all the same', async () => {
  const view = new WebView({ stored: 'no token at all', role: 'admin' });
  view.answers['auth:signOut'] = ['nothing'];
  assert.equal((await view.open()).outcome.kind, 'entered');
  assert.deepEqual(view.session, { token: token(7), authenticator: 'ding', role: null });
});

for (const [reason, sentence] of Object.entries(BUTTON.inClient).filter(([key]) => key !== 'notLoaded')) {
  test(`without a code (${reason}) nobody is in, and the sign-in page says why`, async () => {
    const view = new WebView({ stored: token(5), role: 'admin' });
    view.codes = [noCode(reason)];
    const { outcome, told } = await view.open();
    assert.equal(outcome.kind, 'refused');
    assert.deepEqual([view.session.token, view.session.role], [null, null]);
    assert.equal(view.actions().includes('auth:signOut'), true);
    assert.equal(told().key, sentence);
    assert.deepEqual(view.left, [], 'a failed call became a redirect');
    // Not again by itself, on no page of this window.
    const later = await view.open('/signin?redirect=/admin/x');
    assert.deepEqual([later.outcome.kind, later.onExpiry(later.host)], ['nothing', null]);
    assert.equal(view.actions().filter((action) => action === 'dingtalk:checkLogin').length, 1);
  });
}

test('who is refused is signed out, told why, and not tried again', async () => {
  const view = new WebView({ stored: token(5) });
  view.answers['auth:signIn'] = [refused(403, 'NO_MATCHING_USER')];
  const { outcome, told, onExpiry, host } = await view.open();
  assert.equal(outcome.kind, 'refused');
  assert.equal(view.session.token, null);
  assert.equal(told().message, 'NO_MATCHING_USER for people');
  assert.equal(onExpiry(host), null);
  assert.equal((await view.open()).outcome.kind, 'nothing');
});

test('an outage throws nobody out, and the next page tries again', async () => {
  for (const [action, failure] of [
    ['dingtalk:checkLogin', 'nothing'], ['dingtalk:checkLogin', refused(503, 'SIDECAR_UNAVAILABLE')],
    ['auth:signIn', 'nothing'], ['auth:signIn', refused(502, 'DINGTALK_UNAVAILABLE')], ['auth:signIn', refused(503, 'DINGTALK_BUSY')], ['auth:signIn', refused(429, 'TOO_MANY_ATTEMPTS')],
  ]) {
    const view = new WebView({ stored: token(5), role: 'admin' });
    view.answers[action].unshift(failure);
    const { outcome, onExpiry, host } = await view.open();
    assert.deepEqual([outcome.kind, view.session], ['outage', { token: token(5), authenticator: 'basic', role: 'admin' }], action);
    assert.equal(onExpiry(host), null, 'the same page tries again and again');
    assert.equal((await view.open()).outcome.kind, 'entered');
  }
});

test('a library that does not come is an outage', async () => {
  const view = new WebView({ stored: token(5) });
  view.codes = [noCode('notLoaded')];
  assert.equal((await view.open()).outcome.kind, 'outage');
  assert.equal(view.session.token, token(5));
});

test('a refused code is asked for once more, and only once', async () => {
  const view = new WebView();
  view.codes = [async () => 'first', async () => 'second', async () => 'third'];
  view.answers['auth:signIn'] = [refused(400, 'CODE_REJECTED'), signedIn(7)];
  assert.equal((await view.open()).outcome.kind, 'entered');
  assert.deepEqual(view.asked.filter(({ action }) => action === 'auth:signIn').map(({ body }) => body.authCode), ['first', 'second']);
  const other = new WebView();
  other.answers['auth:signIn'] = [refused(400, 'CODE_REJECTED')];
  assert.equal((await other.open()).outcome.kind, 'refused');
  assert.equal(other.actions().filter((action) => action === 'auth:signIn').length, 2);
});

test('in a crowd a signed-out person keeps a place and is let in by themselves', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const view = new WebView();
    view.answers['auth:signIn'] = [refused(503, 'DINGTALK_BUSY'), signedIn(7)];
    const page = view.page();
    const attempt = page.onPageLoad(page.host);
    while (!page.told()?.isQueued) await new Promise((resolve) => setImmediate(resolve));
    mock.timers.tick(75_000);
    assert.equal((await attempt).kind, 'entered');
  } finally {
    mock.timers.reset();
  }
});

test('who has signed out stays signed out until they click', async () => {
  const view = new WebView();
  const { watchSignOut } = await view.open();
  let intercept;
  watchSignOut({ axios: { interceptors: { request: { use: (one) => (intercept = one) } } } });
  intercept({ url: 'auth:signOut' });
  view.session.token = null;
  const at = Date.now();
  mock.timers.enable({ apis: ['Date'], now: at + 60 * MINUTE });
  try {
    const page = await view.open('/signin');
    assert.deepEqual([page.outcome.kind, page.onExpiry(page.host)], ['nothing', null]);
    assert.equal((await page.onClick(page.host, 'ding')).kind, 'entered');
  } finally {
    mock.timers.reset();
  }
});

test('a session that has run out is begun again by itself, ten minutes later at the earliest', async () => {
  const view = new WebView();
  const page = await view.open();
  view.session.token = null;
  assert.equal(page.onExpiry(page.host), null);
  mock.timers.enable({ apis: ['Date'], now: Date.now() + 10 * MINUTE });
  try {
    assert.equal((await page.onExpiry(page.host)).kind, 'entered');
    view.session.token = null;
    assert.equal(page.onExpiry(page.host), null);
  } finally {
    mock.timers.reset();
  }
});

test('beside a return of the web flow no attempt begins, on the page it comes back to and later', async () => {
  const view = new WebView();
  const page = await view.open('/signin?authenticator=ding&dingtalk=f');
  // As the button leaves the address once it has read it.
  page.window.location.search = '';
  assert.equal(page.onExpiry(page.host), null);
  view.codes = [noCode('late')];
  const failed = await view.open();
  assert.equal(await failed.onClick(failed.host, 'ding'), null);
  mock.timers.enable({ apis: ['Date'], now: Date.now() + 60 * MINUTE });
  try {
    assert.equal(page.onExpiry(page.host), null);
  } finally {
    mock.timers.reset();
  }
});

test('a click asks inside DingTalk first, and takes the ordinary way once that has given no code', async () => {
  const view = new WebView();
  view.codes = [noCode('late')];
  const page = await view.open('/signin');
  assert.equal(await page.onClick(page.host, 'ding'), null);
  view.codes = [async () => 'code'];
  const next = await view.open('/signin');
  assert.equal(next.outcome.kind, 'nothing');
  assert.equal((await next.onClick(next.host, 'ding')).kind, 'entered');
});

test('a click on another authenticator, or where the web flow is chosen, takes the ordinary way', async () => {
  const view = new WebView();
  const page = view.page('/signin?error=X');
  assert.equal(await page.onClick(page.host, 'other'), null);
  view.answers['dingtalk:checkLogin'] = [answer(200, { data: { success: true } })];
  assert.equal(await page.onClick(page.host, 'ding'), null);
  view.answers['dingtalk:checkLogin'] = ['nothing'];
  assert.equal(await page.onClick(page.host, 'ding'), null);
  assert.deepEqual(view.left, []);
});

test('the web flow starts by itself once, for who is signed out, and to this site alone', async () => {
  const authUrl = '/api/auth:redirect?authenticator=ding&return=%2Fsignin';
  const oauth = (url) => [answer(200, { data: { success: false, autoLoginType: 'oauth', authenticator: 'ding', authUrl: url } })];
  const view = new WebView();
  view.answers['dingtalk:checkLogin'] = oauth(authUrl);
  assert.equal((await view.open()).outcome.kind, 'leaving');
  assert.equal((await view.open()).outcome.kind, 'nothing');
  assert.deepEqual(view.left, [authUrl]);
  for (const [url, stored] of [[authUrl, token(5)], ['https://evil.example/', null], ['//evil.example/', null], [undefined, null]]) {
    const other = new WebView({ stored });
    other.answers['dingtalk:checkLogin'] = oauth(url);
    assert.equal((await other.open()).outcome.kind, 'nothing');
    assert.deepEqual(other.left, [], `${url}`);
  }
});

test('a WebView without storage tries on its first page, and on no page that follows from it', async () => {
  const broken = { getItem() { throw new Error('no storage'); }, setItem() { throw new Error('no storage'); }, removeItem() { throw new Error('no storage'); } };
  const view = new WebView({ storage: broken });
  assert.equal((await view.open()).outcome.kind, 'entered');
  view.session.token = null;
  for (const place of [{ referrer: 'https://nocobase.example/admin' }, { type: 'reload' }, { type: 'back_forward' }]) {
    assert.equal((await view.open('/signin', place)).outcome.kind, 'nothing', JSON.stringify(place));
  }
});

/** The library as the module calls it. */
const library = ({ isNew = true, current, old }) => ({ hasRequestAuthCode: async () => isNew, requestAuthCode: current, requestAuthCodeOfOldClients: old });
const clientCode = () => clientModule(`${CLIENT}/in-client-code`, {}, '/admin', { window: {}, ...TIME });

test('a code comes from the new call, else from the old one, as the client knows it', async () => {
  const asked = [];
  const call = (name, result) => async (app) => {
    asked.push([name, { ...app }]);
    if (result instanceof Error || result.errorCode) throw result;
    return result;
  };
  const { requestCode } = clientCode();
  const app = { corpId: 'ding1', clientId: 'app1' };
  assert.equal(await requestCode(app, async () => library({ current: call('new', { code: 'a' }) })), 'a');
  assert.equal(await requestCode(app, async () => library({ isNew: false, old: call('old', { code: 'b' }) })), 'b');
  assert.equal(await requestCode(app, async () => library({ current: call('new', { errorCode: '1' }), old: call('old', { code: 'c' }) })), 'c');
  assert.deepEqual(asked, [['new', app], ['old', { corpId: 'ding1' }], ['new', app], ['old', { corpId: 'ding1' }]]);
});

test('each failure of the client has its reason, whatever its spelling', async () => {
  const { requestCode } = clientCode();
  for (const [failure, reason] of [
    [{ errorCode: '3', errorMessage: '对应企业没有某域名微应用' }, 'domain'], [{ errorCode: 3 }, 'domain'], [{ errorCode: '9', errorMessage: '域名' }, 'domain'],
    [{ errorCode: '-1' }, 'cancelled'], [{ errorCode: -1 }, 'cancelled'], [{ errorCode: 7 }, 'permission'], [{ errorCode: '7' }, 'permission'],
    [{ errorCode: '2', errorMessage: 'invalid corpId $CORPID$' }, 'corpId'], [{ errorCode: '1' }, 'unavailable'], [undefined, 'unavailable'], [new Error('not in DingTalk'), 'unavailable'],
  ]) {
    const refuse = async () => {
      throw failure;
    };
    await assert.rejects(requestCode({ corpId: 'x' }, async () => library({ current: refuse, old: refuse })), { reason });
  }
  for (const odd of [{}, { code: '' }, { code: 5 }, null]) {
    await assert.rejects(requestCode({ corpId: 'x' }, async () => library({ current: async () => odd })), { reason: 'unavailable' });
  }
  await assert.rejects(requestCode({ corpId: 'x' }, async () => { throw new Error('404'); }), { reason: 'notLoaded' });
});

test('a client that never answers, or a library that never comes, is waited for four seconds in all', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const never = () => new Promise(() => {});
    for (const [load, reason] of [[async () => library({ current: never }), 'late'], [never, 'notLoaded']]) {
      const { requestCode } = clientCode();
      let end = 'waiting';
      const asked = requestCode({ corpId: 'x' }, load).catch((error) => (end = error.reason));
      await new Promise((resolve) => setImmediate(resolve));
      mock.timers.tick(3999);
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(end, 'waiting');
      mock.timers.tick(1);
      await asked;
      assert.equal(end, reason);
    }
  } finally {
    mock.timers.reset();
  }
});
