// A list that comes from the server page by page, with the fields that narrow it down.

import { api } from './api.js';
import { fill, h } from './dom.js';
import { formatNumber, t } from './i18n.js';
import { emptyState, loading, showFailure } from './messages.js';

const PAGE_SIZE = 20;

/** Draws `action` into `slot`; `columns` are {label, cell(row)}, `query()` the present filter, `note(meta)` what stands above. */
export function pagedList({ app, slot, isCurrent, action, columns, query, emptyText, note = () => null }) {
  let page = 1;
  let visit = 0;

  async function load() {
    visit += 1;
    const thisVisit = visit;
    const isLatest = () => isCurrent() && thisVisit === visit;
    if (!slot.firstChild) fill(slot, loading());
    slot.setAttribute('aria-busy', 'true');
    try {
      const { data, meta } = await api.get(action, { ...query(), page, pageSize: PAGE_SIZE });
      if (isLatest()) draw(data ?? [], meta);
    } catch (error) {
      if (isLatest() && !app.leaveIfSignedOut(error)) showFailure(slot, error, load);
    }
    if (isLatest()) slot.removeAttribute('aria-busy');
  }

  function draw(rows, meta) {
    if (rows.length === 0 && page > 1) {
      page -= 1;
      load();
      return;
    }
    const count = meta.count ?? rows.length;
    const pages = Math.max(1, Math.ceil(count / PAGE_SIZE));
    fill(slot,
      note(meta),
      h('p', { class: 'visually-hidden', role: 'status' }, t('Entries: {{count}}', { count: formatNumber(count) })),
      rows.length === 0 ? emptyState(emptyText()) : table(rows),
      pages > 1 && h('nav', { class: 'pager', 'aria-label': t('Pages') },
        turn(t('Previous'), page > 1, -1),
        h('span', null, t('Page {{page}} of {{pages}}', { page: formatNumber(page), pages: formatNumber(pages) })),
        turn(t('Next'), page < pages, 1)));
  }

  function turn(label, isPossible, step) {
    return h('button', { type: 'button', class: 'button', disabled: !isPossible, onclick: () => { page += step; load(); } }, label);
  }

  function table(rows) {
    return h('div', { class: 'table-wrap card' }, h('table', null,
      h('thead', null, h('tr', null, columns.map((column) => h('th', { scope: 'col' }, column.label)))),
      h('tbody', null, rows.map((row) => h('tr', null, columns.map((column) => h('td', { 'data-label': column.label }, column.cell(row))))))));
  }

  return {
    reload: load,
    /** After a change of the filter the first page is shown. */
    restart() {
      page = 1;
      return load();
    },
  };
}

/** A labelled field of a filter bar. */
export function filterField(label, control) {
  return h('label', { class: 'filter' }, h('span', null, label), control);
}

/** Choice of one DingTalk authenticator, or all; filled when the list arrives, which is a change where one must be chosen. */
export function authenticatorChoice(onchange, { mustChoose = false } = {}) {
  const select = h('select', { onchange, required: mustChoose }, !mustChoose && h('option', { value: '' }, t('All')));
  api.get('authenticators:list', { sort: 'sort', pageSize: 200 }).then(({ data }) => {
    const rows = (data ?? []).filter((row) => row.authType === 'dingtalk');
    select.append(...rows.map((row) => h('option', { value: row.name }, row.title ? `${row.title} (${row.name})` : row.name)));
    if (mustChoose) onchange();
  }).catch(() => { /* the list below says what is wrong */ });
  return select;
}

const TYPING_PAUSE = 300;

/** Calls `work` once typing has paused. */
export function afterTyping(work) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, TYPING_PAUSE);
  };
}
