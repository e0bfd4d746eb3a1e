// The last runs of a source, the latest first.

import { api } from '../api.js';
import { fill, h } from '../dom.js';
import { formatDateTime, formatNumber, t } from '../i18n.js';
import { emptyState, loading, showFailure } from '../messages.js';
import { KINDS, REASONS, stateBadge } from './kinds.js';

export async function lastRuns({ app, source, root, isCurrent }) {
  fill(root, loading());
  try {
    const { data } = await api.get('dingtalk:runs', { source: source.name });
    if (isCurrent()) fill(root, data.length ? table(data) : emptyState(t('Nothing has been synchronized yet')));
  } catch (error) {
    if (isCurrent() && !app.leaveIfSignedOut(error)) showFailure(root, error, () => lastRuns({ app, source, root, isCurrent }));
  }
}

function table(runs) {
  const head = [t('Begun'), t('Ended'), t('By'), t('Result'), t('Details')];
  const cells = (run) => {
    const [badge, state] = stateBadge(run.state);
    const counts = Object.entries(KINDS).filter(([kind]) => run.counts?.[kind]).map(([kind, label]) => `${label()}: ${formatNumber(run.counts[kind])}`);
    return [
      h('time', { datetime: run.begunAt }, formatDateTime(run.begunAt)),
      run.endedAt ? h('time', { datetime: run.endedAt }, formatDateTime(run.endedAt)) : '–',
      REASONS[run.reason]?.() ?? run.reason,
      [h('span', { class: badge }, state), run.code && [' ', h('code', null, run.code)]],
      counts.join(' · ') || '–',
    ];
  };
  return h('div', { class: 'table-wrap card' }, h('table', null,
    h('thead', null, h('tr', null, head.map((label) => h('th', { scope: 'col' }, label)))),
    h('tbody', null, runs.map((run) => h('tr', null, cells(run).map((cell, index) => h('td', { 'data-label': head[index] }, cell)))))));
}
