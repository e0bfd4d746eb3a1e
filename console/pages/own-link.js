// The page on which somebody sees, makes and removes their own link to DingTalk.

import { api } from '../api.js';
import { returnedSentence } from '../dingtalk-flow.js';
import { fill, h, uniqueId, whileBusy } from '../dom.js';
import { expand, formatDateTime, t } from '../i18n.js';
import { banner, loading, sentence, showFailure } from '../messages.js';

const HANDLE = 'dingtalkLink';
const REFUSAL = 'dingtalkLinkError';
const REFERENCE = 'dingtalkReference';
const BUSY_RETRIES = 5;

/** Takes the return out of the address, at once and once: a reload must not carry it. */
function takeReturn() {
  const query = new URLSearchParams(location.search);
  const found = { handle: query.get(HANDLE), code: query.get(REFUSAL), reference: query.get(REFERENCE) };
  if (!found.handle && !found.code) return null;
  for (const name of [HANDLE, REFUSAL, REFERENCE]) query.delete(name);
  const rest = query.toString();
  history.replaceState(null, '', location.pathname + (rest ? `?${rest}` : ''));
  return found;
}

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

async function complete(flow) {
  for (let round = 0; ; round += 1) {
    try {
      await api.post('dingtalk:link', { body: { flow } });
      return;
    } catch (error) {
      // Nothing was used up: the same flow may ask again.
      if (error.code !== 'DINGTALK_BUSY' || round >= BUSY_RETRIES) throw error;
      await pause(error.retryAfter ?? 5);
    }
  }
}

export function ownLinkPage({ app, root, isCurrent }) {
  const told = h('div', { 'aria-live': 'polite' });
  const slot = h('div', null, loading());
  fill(root, h('div', { class: 'page page-narrow' }, h('h1', null, t('DingTalk account')), told, slot));
  const tell = (kind, text) => fill(told, banner(kind, text));
  const fail = (error) => {
    if (isCurrent() && !app.leaveIfSignedOut(error)) tell('error', sentence(error));
  };

  async function load() {
    try {
      const { data } = await api.get('dingtalk:myLink');
      if (!isCurrent()) return;
      fill(slot, data.length ? data.map((row) => card(row, data.length === 1)) : banner('info', t('No sign-in method is enabled. Ask your administrator.')));
    } catch (error) {
      if (isCurrent() && !app.leaveIfSignedOut(error)) showFailure(slot, error, load);
    }
  }

  function card(row, isOnly) {
    const state = row.isLinked ? t('Linked since {{time}}', { time: formatDateTime(row.linkedAt) }) : t('Not linked');
    return h('section', { class: 'card form own-link' },
      isOnly ? null : h('h2', null, expand(row.title) || row.authenticator),
      h('p', null, row.nickname && [h('strong', null, row.nickname), ' '], h('span', { class: 'hint' }, state)),
      row.refusal ? banner('info', row.refusal.message) : proof(row));
  }

  /** Who is there, asked once more, and what is done then. */
  function proof(row) {
    const password = h('input', { id: uniqueId('password'), type: 'password', autocomplete: 'current-password', required: true });
    const submit = h('button', { type: 'submit', class: `button ${row.isLinked ? 'button-danger' : 'button-primary'}` },
      row.isLinked ? t('Remove link') : t('Continue to DingTalk'));
    const query = { authenticator: row.authenticator };
    const begin = async () => {
      const { data } = await api.post('dingtalk:link', { query, body: { password: password.value, return: location.pathname + location.search } });
      location.assign(data.url);
    };
    const remove = async () => {
      await api.post('dingtalk:unlinkMe', { query, body: { password: password.value } });
      tell('ok', t('Your DingTalk account is no longer linked. You stay signed in.'));
      await load();
    };
    const run = () => (row.isLinked ? remove() : begin()).catch(fail);
    return h('form', { class: 'form', onsubmit: (event) => { event.preventDefault(); fill(told); whileBusy(submit, run); } },
      row.isLinked && h('p', { class: 'hint' }, t('After that you sign in with your password. Signing in with DingTalk finds you by phone number again.')),
      h('div', { class: 'field' }, h('label', { for: password.id }, t('Current password')), password),
      h('div', null, submit));
  }

  const returned = takeReturn();
  if (returned?.handle) {
    tell('info', t('Linking your DingTalk account…'));
    complete(returned.handle).then(() => isCurrent() && tell('ok', t('Your DingTalk account is linked.'))).catch(fail).finally(load);
  } else {
    if (returned) {
      api.get('dingtalk:signInButton').then(({ data }) => data, () => null)
        .then((texts) => isCurrent() && tell('error', returnedSentence(texts, returned, 'The link was not made. Start again.')));
    }
    load();
  }
}
