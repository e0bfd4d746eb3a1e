// A link that an administrator makes: which user, and which account at DingTalk.

import { api } from './api.js';
import { openDialog } from './dialog.js';
import { fill, h, uniqueId, whileBusy } from './dom.js';
import { t } from './i18n.js';
import { banner, notify, sentence } from './messages.js';
import { afterTyping, authenticatorChoice } from './paged-list.js';

const called = (user) => [user.nickname || user.username || `#${user.userId}`, user.nickname && user.username, user.phone].filter(Boolean).join(' · ');

export function openLinkByHand({ app, onlinked }) {
  const failure = h('div', { class: 'form-failure' });
  const authenticator = authenticatorChoice(() => find(), { mustChoose: true });
  const search = h('input', { id: uniqueId('search'), type: 'search', oninput: afterTyping(() => find()) });
  const user = h('select', { id: uniqueId('user'), required: true });
  const subject = h('input', { id: uniqueId('subject'), required: true, autocapitalize: 'none', autocomplete: 'off', spellcheck: 'false' });
  const field = (element, label, hint) => h('div', { class: 'field' }, h('label', { for: element.id }, label), element, hint && h('span', { class: 'hint' }, hint));
  const submit = h('button', { type: 'submit', class: 'button button-primary' }, t('Link'));
  authenticator.id = uniqueId('authenticator');
  const form = h('form', { class: 'form', onsubmit: (event) => { event.preventDefault(); whileBusy(submit, link); } },
    failure,
    h('p', { class: 'hint' }, t('For people whom no phone number leads to. They sign in as this user from now on.')),
    field(authenticator, t('Authenticator')),
    field(search, t('Search by name or phone')),
    field(user, t('User')),
    field(subject, t('DingTalk account'), t('Union ID, user ID or phone number, as people are recognized by this authenticator.')),
    h('div', null, submit));
  const opened = openDialog({ title: t('Link a user'), kind: 'confirm', body: form });
  let turn = 0;

  async function find() {
    turn += 1;
    const mine = turn;
    if (!authenticator.value) return;
    let found = [];
    try {
      found = (await api.get('dingtalk:unlinkedUsers', { authenticator: authenticator.value, search: search.value.trim() })).data ?? [];
    } catch (error) {
      if (mine === turn && !app.leaveIfSignedOut(error)) fill(failure, banner('error', sentence(error)));
    }
    if (mine === turn) fill(user, found.map((one) => h('option', { value: one.userId }, called(one))));
  }

  async function link() {
    fill(failure);
    try {
      await api.post('dingtalk:bind', { query: { authenticator: authenticator.value, userId: user.value }, body: { subject: subject.value } });
    } catch (error) {
      if (app.leaveIfSignedOut(error)) opened.closeNow();
      else fill(failure, banner('error', sentence(error)));
      return;
    }
    opened.closeNow();
    notify(t('The user is linked.'));
    await onlinked();
  }
}
