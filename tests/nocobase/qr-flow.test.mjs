// The frame of DingTalk's QR code without a browser: which messages count, and how it ends.
// node --test qr-flow.test.mjs

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CLIENT, SITE, clientModule } from './client-modules.mjs';

const ORIGIN = 'https://login.dingtalk.com';
const OWN = `${SITE}/api/auth:redirect`;
const STATE = '3q2-7wAB';
const FRAME = `${ORIGIN}/oauth2/auth?${new URLSearchParams({ client_id: 'dingabc', redirect_uri: OWN, state: STATE, iframe: 'true' })}`;

/** A page with a frame, whose timers run when they are told to. */
function view({ agent = 'Mozilla/5.0 Chrome/133.0', isNarrow = false } = {}) {
  const listeners = { window: new Map(), document: new Map() };
  const target = (name) => ({
    addEventListener: (event, listener) => listeners[name].set(event, listener),
    removeEventListener: (event, listener) => listeners[name].get(event) === listener && listeners[name].delete(event),
  });
  const timers = new Map();
  const frame = { style: {}, attributes: {}, contentWindow: {}, listeners: new Map(), isShown: false };
  Object.assign(frame, {
    setAttribute: (name, value) => { frame.attributes[name] = value; },
    addEventListener: (event, listener) => frame.listeners.set(event, listener),
    remove: () => { frame.isShown = false; },
    scrollIntoView: () => {},
  });
  const module = clientModule(`${CLIENT}/qr-flow`, {}, '/signin', {
    window: { ...target('window'), navigator: { userAgent: agent }, matchMedia: () => ({ matches: isNarrow }) },
    document: { ...target('document'), createElement: () => frame },
    setTimeout: (run, after) => { timers.set(run, after); return run; },
    clearTimeout: (run) => timers.delete(run),
  });
  const ends = [];
  const slot = { appendChild: () => { frame.isShown = true; } };
  const told = { title: 'code', onAnswer: (query) => ends.push(query), onFailed: () => ends.push('failed'), onExpired: () => ends.push('expired') };
  const leave = () => module.showFrame(slot, { url: FRAME, origin: ORIGIN }, told);
  const say = (data, { origin = ORIGIN, source = frame.contentWindow } = {}) => listeners.window.get('message')?.({ data, origin, source });
  return { module, frame, timers, ends, listeners, say, open: leave };
}

const answer = (query, path = OWN) => ({ success: true, redirectUrl: `${path}?${new URLSearchParams(query)}` });

test('the answer of the frame goes on with what DingTalk gave, and nothing else of it', () => {
  const page = view();
  page.open();
  assert.equal(page.frame.src, FRAME);
  assert.equal(page.frame.attributes.sandbox, 'allow-scripts allow-same-origin allow-forms allow-popups');

  page.say(answer({ code: 'c1', authCode: 'c1', state: STATE, authenticator: 'other', return: '/evil' }));
  page.say(answer({ code: 'c1', authCode: 'c1', state: STATE }));

  assert.deepEqual(page.ends, [`code=c1&authCode=c1&state=${STATE}`]);
  assert.equal(page.frame.isShown, false);
});

test('a refusal goes on too, where the return says it', () => {
  const page = view();
  page.open();
  page.say(answer({ error: 'access_denied', state: STATE }));
  assert.deepEqual(page.ends, [`error=access_denied&state=${STATE}`]);
});

test('what another page says is not heard', () => {
  const page = view();
  page.open();
  const good = answer({ authCode: 'c1', state: STATE });
  for (const origin of ['https://evil.example', 'https://login.dingtalk.com.evil.example', 'https://xlogin.dingtalk.com', 'http://login.dingtalk.com', 'https://login.dingtalk.com:444', 'null', '']) page.say(good, { origin });
  for (const source of [{}, null]) page.say(good, { source });
  assert.deepEqual(page.ends, []);
  assert.equal(page.frame.isShown, true);
});

test('an answer for another flow, or another address, is none', () => {
  const page = view();
  page.open();
  for (const said of [
    answer({ authCode: 'c1', state: 'another' }), answer({ authCode: 'c1' }), `${OWN}?authCode=c1&state=${STATE}`, null, 7, {}, { success: 'true' }, { success: true }, { success: true, redirectUrl: 'javascript:alert(1)' },
    { success: true, redirectUrl: `${OWN}?authCode=c1&state=${STATE}&state=${STATE}` },
    answer({ authCode: 'c1', state: STATE }, 'https://evil.example/api/auth:redirect'), answer({ authCode: 'c1', state: STATE }, `${SITE}/api/elsewhere`),
  ]) page.say(said);
  assert.deepEqual(page.ends, []);
});

test('a frame that fails, that a policy keeps out or that shows nothing for long gives way to the button', () => {
  for (const fail of [
    (page) => page.say({ success: false, errorMsg: 'x', errorCode: 11055 }),
    (page) => page.listeners.document.get('securitypolicyviolation')({ effectiveDirective: 'frame-src', blockedURI: ORIGIN }),
    (page) => [...page.timers].find(([, after]) => after === 10_000)[0](),
  ]) {
    const page = view();
    page.open();
    fail(page);
    assert.deepEqual(page.ends, ['failed']);
    assert.equal(page.frame.isShown, false);
    assert.equal(page.timers.size, 0);
    assert.equal(page.listeners.window.has('message'), false);
  }
});

test('a policy that keeps something else out is none of ours', () => {
  const page = view();
  page.open();
  for (const event of [{ effectiveDirective: 'img-src', blockedURI: ORIGIN }, { effectiveDirective: 'frame-src', blockedURI: 'https://other.example' }]) page.listeners.document.get('securitypolicyviolation')(event);
  assert.deepEqual(page.ends, []);
});

test('a code that was shown ends before its flow does', () => {
  const page = view();
  page.open();
  page.frame.listeners.get('load')();
  const [[expire, after]] = [...page.timers];
  assert.ok(after < 10 * 60_000 && after > 9 * 60_000);
  expire();
  assert.deepEqual(page.ends, ['expired']);
});

test('who closes the code hears no more of it', () => {
  const page = view();
  page.open()();
  page.say(answer({ authCode: 'c1', state: STATE }));
  assert.deepEqual(page.ends, []);
  assert.equal(page.timers.size, 0);
});

test('neither DingTalk itself nor a phone is offered a code to scan', () => {
  assert.equal(view().module.isOffered(), true);
  assert.equal(view({ isNarrow: true }).module.isOffered(), false);
  assert.equal(view({ agent: 'Mozilla/5.0 AliApp(DingTalk/8.1.10) com.alibaba.android.rimet' }).module.isOffered(), false);
});
