// Who and what was brought over, as it stands here now.

import { fill, h } from '../dom.js';
import { t } from '../i18n.js';
import { afterTyping, filterField, pagedList } from '../paged-list.js';

/** The people of a source, with the users they are. */
export function syncedPeople({ app, source, root, isCurrent }) {
  const slot = h('div', null);
  const search = h('input', { type: 'search', oninput: afterTyping(() => list.restart()) });
  const list = pagedList({
    app, slot, isCurrent, action: 'dingtalk:syncedPeople', query: () => ({ source: source.name, search: search.value.trim() }),
    emptyText: () => (search.value.trim() ? t('Nothing matches the filter.') : t('Nobody has been brought over yet.')),
    columns: [
      { label: t('User'), cell: (row) => h('strong', null, row.nickname || `#${row.userId}`) },
      { label: t('Phone'), cell: (row) => row.phone || '–' },
      { label: t('Departments'), cell: (row) => row.departments.join(', ') || '–' },
      { label: t('User ID in DingTalk'), cell: (row) => h('code', null, row.uid) },
      { label: t('State'), cell: (row) => (row.hasLeft ? h('span', { class: 'badge' }, t('Has left the organization')) : h('span', { class: 'badge badge-ok' }, t('Member'))) },
    ],
  });
  fill(root, h('div', { class: 'filters' }, filterField(t('Search'), search)), slot);
  list.restart();
}

/** The departments of a source. */
export function syncedDepartments({ app, source, root, isCurrent }) {
  const slot = h('div', null);
  fill(root, slot);
  pagedList({
    app, slot, isCurrent, action: 'dingtalk:syncedDepartments', query: () => ({ source: source.name }),
    emptyText: () => t('No department has been brought over yet.'),
    columns: [
      { label: t('Department'), cell: (row) => h('strong', null, row.title) },
      { label: t('Belongs to'), cell: (row) => row.parentTitle || '–' },
    ],
  }).restart();
}
