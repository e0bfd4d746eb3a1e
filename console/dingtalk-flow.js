// A sign-in with DingTalk as the browser sees it: the address that starts it, what comes back, and its redemption.

import { actionUrl, api } from './api.js';
import { t } from './i18n.js';
import { sentence } from './messages.js';
import { session } from './session.js';

/** After this long the person is told that waiting is normal. */
const WAITING_TEXT_AFTER = 2000;

/** Address that starts a sign-in and comes back to this very page. */
export function startUrl(authenticator) {
  return actionUrl('auth:redirect', { authenticator, return: location.pathname + location.search });
}

const NOTHING = { phase: 'none', authenticator: null, handle: null, code: null, reference: null, failure: null, secondsLeft: 0 };

/** The flow that came back to this page load; `phase` is none, working, waiting, counting or refused. */
export const flow = { ...NOTHING, onchange: () => {} };

function become(change) {
  Object.assign(flow, change);
  flow.onchange();
}

export function forgetFlow() {
  Object.assign(flow, NOTHING);
}

/** What another way of signing in was refused with. */
export function refuse(authenticator, failure) {
  Object.assign(flow, NOTHING, { authenticator, failure, phase: 'refused' });
}

/** Takes the return out of the address, at once and once: a reload or a shared address must not carry it. */
export function takeReturn() {
  const query = new URLSearchParams(location.search);
  const found = { authenticator: query.get('authenticator'), handle: query.get('dingtalk'), code: query.get('error'), reference: query.get('dingtalkReference') };
  if (!found.handle && !found.code) return;
  for (const name of ['authenticator', 'dingtalk', 'error', 'dingtalkReference']) query.delete(name);
  const rest = query.toString();
  history.replaceState(null, '', location.pathname + (rest ? `?${rest}` : '') + location.hash);
  Object.assign(flow, NOTHING, found, { phase: found.code ? 'refused' : 'none' });
}

/** Exchanges the handle for a session; calls `enter` with the answer. Runs once for each handle. */
export async function redeem(enter) {
  const { authenticator, handle } = flow;
  flow.handle = null;
  const isStill = () => flow.authenticator === authenticator && flow.phase !== 'refused' && flow.phase !== 'none';
  for (;;) {
    become({ phase: 'working' });
    const waiting = setTimeout(() => become({ phase: 'waiting' }), WAITING_TEXT_AFTER);
    let answer;
    try {
      session.forgetRole();
      answer = await api.post('auth:signIn', { body: { flow: handle }, headers: { 'X-Authenticator': authenticator ?? '' }, anonymous: true });
    } catch (error) {
      clearTimeout(waiting);
      if (!error.retryAfter) {
        become({ phase: 'refused', failure: error.status ? sentence(error) : null, code: error.status ? null : 'SIDECAR_UNAVAILABLE' });
        return;
      }
      // Nothing was used up: the same flow may be sent again, once the server is ready for it.
      await countDown(error, isStill);
      if (!isStill()) return;
      continue;
    }
    clearTimeout(waiting);
    enter(authenticator, answer.data);
    return;
  }
}

function countDown(error, isStill) {
  const until = performance.now() + error.retryAfter * 1000;
  become({ phase: 'counting', failure: sentence(error), secondsLeft: error.retryAfter });
  return new Promise((resolve) => {
    const tick = setInterval(() => {
      const secondsLeft = Math.max(0, Math.ceil((until - performance.now()) / 1000));
      if (isStill() && secondsLeft !== flow.secondsLeft) become({ secondsLeft });
      if (secondsLeft === 0 || !isStill()) {
        clearInterval(tick);
        resolve();
      }
    }, 250);
  });
}

/** The person does not want to wait any longer. */
export function giveUp() {
  become({ phase: 'none', failure: null });
}

/** The sentence for the refusal; `texts` are those of the sign-in button. */
export function refusalSentence(texts) {
  if (flow.phase !== 'refused') return null;
  return flow.failure ?? returnedSentence(texts, flow, texts?.unknownError ?? 'The sign-in did not work. Start again.');
}

/** Why DingTalk sent somebody back; `texts` are those of the sign-in button, `otherwise` is the key of what is said of the rest. */
export function returnedSentence(texts, { code, reference }, otherwise) {
  // Anybody can write an address, so nothing of an unknown code is shown.
  const known = texts && Object.prototype.hasOwnProperty.call(texts.errors, code) ? t(texts.errors[code]) : null;
  // A sentence with a gap that the address cannot fill says less than the general one.
  const message = known && !known.includes('{{') ? known : t(otherwise);
  return /^[\w-]{6,16}$/.test(reference ?? '') ? t('{{message}} Reference: {{reference}}', { message, reference }) : message;
}
