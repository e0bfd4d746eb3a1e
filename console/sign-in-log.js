// Who signed in with DingTalk, and how it ended.

import { api } from './api.js';
import { fill, h, icon, whileBusy } from './dom.js';
import { formatDateTime, t } from './i18n.js';
import { matchedLabel } from './matched.js';
import { banner, sentence } from './messages.js';
import { callsLine } from './calls.js';
import { afterTyping, authenticatorChoice, filterField, pagedList } from './paged-list.js';
import { saveFile } from './save-file.js';

const SUCCESS = 'OK';
const REFUSED = 'REFUSED';

export function signInLog({ app, root, isCurrent }) {
  const failure = h('div', null);
  const slot = h('div', null);
  let texts = {};
  const restart = () => list.restart();
  const calls = h('div', null);
  const authenticator = authenticatorChoice(() => {
    restart();
    showCalls();
  });
  const showCalls = () => callsLine(authenticator.value).then((line) => isCurrent() && fill(calls, line));
  const result = h('select', { onchange: restart },
    h('option', { value: '' }, t('All')), h('option', { value: SUCCESS }, t('Signed in')), h('option', { value: REFUSED }, t('All refused')));
  const from = h('input', { type: 'date', onchange: restart });
  const to = h('input', { type: 'date', onchange: restart });
  const user = h('input', { type: 'search', oninput: afterTyping(restart) });
  const reference = h('input', { type: 'search', autocapitalize: 'none', spellcheck: 'false', oninput: afterTyping(restart) });
  const query = () => ({
    authenticator: authenticator.value, result: result.value, search: user.value.trim(), reference: reference.value.trim(),
    from: dayStart(from.value, 0), to: dayStart(to.value, 1),
  });
  const list = pagedList({
    app, slot, isCurrent, action: 'dingtalk:audit', query,
    emptyText: () => (Object.values(query()).some(Boolean) ? t('Nothing matches the filter.') : t('Nobody has signed in with DingTalk yet.')),
    columns: [
      { label: t('Time'), cell: (row) => h('time', { datetime: row.time }, formatDateTime(row.time)) },
      { label: t('Result'), cell: (row) => resultCell(row) },
      { label: t('User'), cell: (row) => row.nickname || (row.userId ? `#${row.userId}` : '–') },
      { label: t('Found by'), cell: (row) => matchedLabel(row.matched) },
      { label: t('Address'), cell: (row) => row.address || '–' },
      { label: t('Reference'), cell: (row) => h('code', null, row.reference || '–') },
      { label: t('Authenticator'), cell: (row) => h('code', null, row.authenticator || '–') },
    ],
  });

  function resultCell(row) {
    if (row.result === SUCCESS) return successBadge(row.event);
    return h('details', { class: 'result' },
      h('summary', null, h('span', { class: 'badge badge-error' }, row.result), icon('chevron', 'icon-small')),
      // A sentence with gaps needs facts that the log does not keep.
      Object.prototype.hasOwnProperty.call(texts, row.result) && !texts[row.result].includes('{{') && h('p', { class: 'hint' }, t(texts[row.result])),
      row.event === 'passwordSignIn' && h('p', { class: 'hint' }, t('Password')),
      row.detail && h('p', { class: 'hint' }, h('code', null, row.detail)),
      row.dingtalkRequestId && h('p', { class: 'hint' }, t("DingTalk's request id: {{id}}", { id: row.dingtalkRequestId })));
  }

  const csv = h('button', {
    type: 'button', class: 'button', onclick: () => whileBusy(csv, async () => {
      fill(failure);
      try {
        saveFile(await api.download('dingtalk:audit', { ...query(), format: 'csv' }), 'dingtalk-sign-ins.csv');
      } catch (error) {
        if (isCurrent() && !app.leaveIfSignedOut(error)) fill(failure, banner('error', sentence(error)));
      }
    }),
  }, icon('download'), t('Download CSV'));

  fill(root,
    h('div', { class: 'filters' },
      filterField(t('Authenticator'), authenticator), filterField(t('Result'), result),
      filterField(t('From'), from), filterField(t('To'), to),
      filterField(t('User'), user), filterField(t('Reference'), reference),
      h('span', { class: 'grow' }), csv),
    failure, calls, slot);

  showCalls();
  api.get('dingtalk:signInButton').then(({ data }) => {
    texts = data?.errors ?? {};
    result.append(...Object.keys(texts).map((code) => h('option', { value: code }, code)));
  }).catch(() => { /* codes alone tell enough */ }).finally(() => list.restart());
}

function successBadge(event) {
  switch (event) {
    case 'signIn': return h('span', { class: 'badge badge-ok' }, t('Signed in'));
    case 'passwordSignIn': return [h('span', { class: 'badge badge-ok' }, t('Signed in')), ' ', h('span', { class: 'hint' }, t('Password'))];
    case 'link': return h('span', { class: 'badge' }, t('Linked'));
    case 'unlink': return h('span', { class: 'badge' }, t('Link removed'));
    case 'sessionsEnded': return [h('span', { class: 'badge' }, t('Sessions ended')), ' ', h('span', { class: 'hint' }, t('Has left the organization'))];
    case 'departure': return h('span', { class: 'badge' }, t('Taken out: left the organization'));
    case 'return': return h('span', { class: 'badge' }, t('Returned'));
    case 'settingsChange': return h('span', { class: 'badge' }, t('Settings'));
    case 'pluginChange': return h('span', { class: 'badge' }, t('Plugin'));
    case 'passwordChange': return h('span', { class: 'badge' }, t('Password changed'));
    case 'signOut': return h('span', { class: 'badge' }, t('Signed out'));
    default: return h('span', { class: 'badge' }, event);
  }
}

/** The moment a chosen day begins here; `plus` days later for the end of a range. */
function dayStart(day, plus) {
  if (!day) return '';
  const date = new Date(`${day}T00:00:00`);
  date.setDate(date.getDate() + plus);
  return date.toISOString();
}
