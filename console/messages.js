// Short notices, and the sentence for a failed request.

import { fill, h, icon } from './dom.js';
import { t } from './i18n.js';

const SHOWN_FOR = 4000;

/** What to tell a person about a failed request: the server's own sentence where it gave one. */
export function sentence(error) {
  if (error.message && error.status) return error.message;
  return error.status === 0 ? t('The server cannot be reached. Check the connection and try again.') : t('The server gave no usable answer. Try again in a moment.');
}

/** Says that something is done, in place of what was said before; read out by screen readers, gone after some seconds. */
export function notify(text) {
  // What lies outside an open modal dialog is inert, hence not read out: speak from inside it.
  const open = [...document.querySelectorAll('dialog[open]')].pop();
  const region = open?.querySelector('.messages') ?? document.getElementById('messages');
  const notice = h('div', { class: 'message' }, icon('ok'), h('span', null, text));
  region.replaceChildren(notice);
  setTimeout(() => notice.remove(), SHOWN_FOR);
}

/** A block that says what went wrong or what to know; `kind` is error, warning, info or ok. */
export function banner(kind, text, ...more) {
  return h('div', { class: `banner banner-${kind}`, role: kind === 'error' ? 'alert' : undefined },
    icon(kind), h('div', { class: 'banner-body' }, h('p', null, text), ...more));
}

/** Shows the failure inside `slot`, with a way to try again. */
export function showFailure(slot, error, retry) {
  fill(slot, banner('error', sentence(error),
    retry && h('button', { type: 'button', class: 'button', onclick: retry }, t('Try again'))));
}

/** Placeholder while the first answer is on its way. */
export function loading() {
  return h('div', { class: 'loading', role: 'status' }, h('span', { class: 'spinner', 'aria-hidden': 'true' }), h('span', null, t('Loading…')));
}

/** Placeholder of a list that has nothing to show. */
export function emptyState(text, ...more) {
  return h('div', { class: 'empty' }, icon('empty'), h('p', null, text), ...more);
}
