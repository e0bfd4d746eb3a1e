// The latest run of a source: how far it is, what it did or would do, and the confirmation it waits for.

import { api } from '../api.js';
import { confirmDialog } from '../dialog.js';
import { fill, h, icon, spinner, whileBusy } from '../dom.js';
import { formatDateTime, formatNumber, t } from '../i18n.js';
import { banner, emptyState, loading, sentence, showFailure } from '../messages.js';
import { filterField, pagedList } from '../paged-list.js';
import { saveFile } from '../save-file.js';
import { KINDS, isUnderWay, stateBadge } from './kinds.js';

const ASKED_EVERY = 700;

export function runPanel({ app, source, root, isCurrent }) {
  const head = h('div', { class: 'run-head' });
  const failure = h('div', null);
  const slot = h('div', { class: 'run' }, loading());
  fill(root, head, failure, slot);
  const query = { source: source.name };
  let drawn = null;

  async function ask(action, body = {}) {
    fill(failure);
    try {
      const { data } = await api.post(action, { query, body });
      if (isCurrent()) follow(data);
    } catch (error) {
      if (isCurrent() && !app.leaveIfSignedOut(error)) fill(failure, banner('error', sentence(error)));
    }
  }

  async function load() {
    try {
      const { data } = await api.get('dingtalk:run', query);
      if (isCurrent()) follow(data);
    } catch (error) {
      if (isCurrent() && !app.leaveIfSignedOut(error)) showFailure(slot, error, load);
    }
  }

  function follow(run) {
    draw(run);
    if (isUnderWay(run.state)) setTimeout(() => isCurrent() && load(), ASKED_EVERY);
  }

  function draw(run) {
    const start = h('button', {
      type: 'button', class: 'button button-primary', disabled: !source.enabled || isUnderWay(run.state),
      onclick: () => whileBusy(start, () => ask('dingtalk:startRun')),
    }, t('Synchronize now'));
    const [badge, state] = stateBadge(run.state);
    fill(head, h('p', { role: 'status' }, isUnderWay(run.state) && spinner(), h('span', { class: badge }, state), ' ', h('span', { class: 'hint' }, progress(run))), h('span', { class: 'grow' }), start);
    const now = `${run.id} ${run.state}`;
    // A list that somebody reads stays where it is while the numbers go on.
    if (drawn === now) return;
    drawn = now;
    if (run.state === 'none') {
      fill(slot, emptyState(source.enabled
        ? t('Nothing has been brought over yet. The first time you see what would happen, and nothing is changed until you confirm it.')
        : t('This source is disabled. Enable it to bring people and departments over.')));
    } else if (isUnderWay(run.state)) {
      fill(slot);
    } else {
      drawResult(run);
    }
  }

  function progress({ state, progress: at, begunAt, endedAt }) {
    const numbers = Object.fromEntries(Object.entries(at ?? {}).map(([name, value]) => [name, formatNumber(value)]));
    switch (state) {
      case 'reading': return t('Departments {{departmentsRead}}/{{departments}} · people {{people}}', numbers);
      case 'writing': return t('Departments {{departmentsRead}}/{{departments}} · people {{people}} · written {{written}}/{{toWrite}}', numbers);
      case 'none': case 'waiting': case 'comparing': return '';
      default: return formatDateTime(endedAt ?? begunAt);
    }
  }

  function drawResult(run) {
    const counts = Object.entries(KINDS).filter(([kind]) => run.counts?.[kind]);
    const list = h('div', null);
    const kind = h('select', { onchange: () => rows.restart() },
      h('option', { value: '' }, t('All')), counts.map(([name, label]) => h('option', { value: name }, label())));
    const csv = h('button', { type: 'button', class: 'button', onclick: () => whileBusy(csv, download) }, icon('download'), t('Download CSV'));
    const rows = pagedList({
      app, slot: list, isCurrent: () => isCurrent() && list.isConnected, action: 'dingtalk:runRows',
      query: () => ({ ...query, kind: kind.value }),
      emptyText: () => t('Nothing matches the filter.'),
      columns: [
        { label: t('Name'), cell: (row) => h('strong', null, row.name || row.uid || '–') },
        { label: t('Kind'), cell: (row) => KINDS[row.kind]?.() ?? row.kind },
        { label: t('User'), cell: (row) => row.nickname || (row.userId ? `#${row.userId}` : '–') },
        { label: t('Details'), cell: (row) => row.message || '–' },
      ],
    });
    fill(slot,
      run.message && banner(run.state === 'done' ? 'info' : run.state === 'failed' ? 'error' : 'warning', run.message),
      ['preview', 'held'].includes(run.state) && decision(run),
      h('ul', { class: 'counts', 'data-run': run.id }, counts.map(([name, label]) =>
        h('li', { 'data-kind': name }, h('strong', null, formatNumber(run.counts[name])), ' ', label())),
      run.counts?.unchanged > 0 && h('li', null, h('strong', null, formatNumber(run.counts.unchanged)), ' ', t('Unchanged'))),
      counts.length > 0 && h('div', { class: 'filters' }, filterField(t('Kind'), kind), h('span', { class: 'grow' }), csv),
      list);
    if (counts.length) rows.restart();
  }

  function decision(run) {
    const confirm = h('button', { type: 'button', class: 'button button-primary', onclick: () => whileBusy(confirm, () => confirmRun(run)) }, t('Confirm'));
    const discard = h('button', { type: 'button', class: 'button', onclick: () => whileBusy(discard, () => ask('dingtalk:discardRun')) }, t('Discard'));
    return h('div', { class: 'toolbar' }, confirm, discard, h('span', { class: 'hint' }, t('DingTalk is read once more, and then it is written.')));
  }

  async function confirmRun(run) {
    const removals = run.removals ?? 0;
    if (removals && !await confirmDialog({
      title: t('Take {{count}} people out?', { count: formatNumber(removals) }),
      text: t('They are listed under “{{kind}}”. What happens to them is set in the source.', { kind: t('Leaving') }),
      action: t('Confirm'), isDangerous: true,
    })) return;
    await ask('dingtalk:confirmRun', { id: run.id });
  }

  async function download() {
    try {
      saveFile(await api.download('dingtalk:runReport', query), 'dingtalk-synchronization.csv');
    } catch (error) {
      if (isCurrent() && !app.leaveIfSignedOut(error)) fill(failure, banner('error', sentence(error)));
    }
  }

  load();
}
