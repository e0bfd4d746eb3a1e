// Which DingTalk person is which user; such links are made, removed and taken along.

import { api } from './api.js';
import { confirmDialog } from './dialog.js';
import { fill, h, icon, whileBusy } from './dom.js';
import { formatDateTime, t } from './i18n.js';
import { openLinkByHand } from './link-by-hand.js';
import { matchedLabel } from './matched.js';
import { banner, notify, sentence } from './messages.js';
import { afterTyping, authenticatorChoice, filterField, pagedList } from './paged-list.js';
import { saveFile } from './save-file.js';

/** Links that hold what people were recognized by earlier. */
function formerLinks({ former }) {
  if (!former) return null;
  const count = former.mobile + former.userId + former.unknown;
  return h('div', { class: 'list-note' }, banner('info',
    t('Links that do not hold the Union ID yet: {{count}} (phone numbers: {{mobile}}, user IDs: {{userId}}, unknown kind: {{unknown}}).', { count, ...former }),
    h('p', null, t('Each is converted when its person signs in. Remove the links of people who have left, and keep the permission qyapi_get_member while user IDs are left.'))));
}

export function linkedUsers({ app, root, isCurrent }) {
  const failure = h('div', null);
  const slot = h('div', null);
  const authenticator = authenticatorChoice(() => list.restart());
  const search = h('input', { type: 'search', oninput: afterTyping(() => list.restart()) });
  const query = () => ({ authenticator: authenticator.value, search: search.value.trim() });
  const list = pagedList({
    app, slot, isCurrent, action: 'dingtalk:bindings',
    query, note: formerLinks,
    emptyText: () => (search.value.trim() || authenticator.value ? t('Nothing matches the filter.') : t('Nobody has signed in with DingTalk yet.')),
    columns: [
      { label: t('User'), cell: (row) => h('strong', null, row.nickname || `#${row.userId}`) },
      { label: t('Phone number'), cell: (row) => row.phone || '–' },
      { label: t('Found by'), cell: (row) => matchedLabel(row.matchedBy) },
      { label: t('Linked'), cell: (row) => formatDateTime(row.createdAt) },
      { label: t('Authenticator'), cell: (row) => h('code', null, row.authenticator) },
      {
        label: t('Actions'),
        cell: (row) => h('button', {
          type: 'button', class: 'link link-danger', 'aria-label': `${t('Remove link')}: ${row.nickname || row.userId}`, onclick: () => unlink(row),
        }, t('Remove link')),
      },
    ],
  });
  const add = h('button', { type: 'button', class: 'button', onclick: () => openLinkByHand({ app, onlinked: list.restart }) }, icon('plus'), t('Link a user'));
  const csv = h('button', {
    type: 'button', class: 'button', onclick: () => whileBusy(csv, async () => {
      fill(failure);
      try {
        saveFile(await api.download('dingtalk:bindings', { ...query(), format: 'csv' }), 'dingtalk-linked-users.csv');
      } catch (error) {
        if (isCurrent() && !app.leaveIfSignedOut(error)) fill(failure, banner('error', sentence(error)));
      }
    }),
  }, icon('download'), t('Download CSV'));
  fill(root,
    h('p', { class: 'hint' }, t('A link lets a DingTalk person sign in as a user. After its removal the next sign-in matches by phone number again.')),
    h('div', { class: 'filters' }, filterField(t('Authenticator'), authenticator), filterField(t('Search'), search), h('span', { class: 'grow' }), add, csv),
    failure, slot);

  async function unlink(row) {
    const name = row.nickname || `#${row.userId}`;
    if (!await confirmDialog({
      title: t('Remove the link of {{name}}?', { name }),
      text: t('The user stays. A running session is not ended.'),
      action: t('Remove link'), isDangerous: true,
    })) return;
    fill(failure);
    try {
      await api.post('dingtalk:unbind', { query: { authenticator: row.authenticator, userId: row.userId } });
    } catch (error) {
      if (isCurrent() && !app.leaveIfSignedOut(error)) fill(failure, banner('error', sentence(error)));
      return;
    }
    notify(t('The link of {{name}} is removed.', { name }));
    await list.reload();
    search.focus();
  }

  list.restart();
}
