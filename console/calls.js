// How often DingTalk was called: today, this month, and by API.

import { api } from './api.js';
import { h } from './dom.js';
import { formatNumber, t } from './i18n.js';

const sum = (rows) => rows.reduce((total, { count }) => total + count, 0);

/** One line, with a table behind it; nothing where it is not known: the page it stands on is about something else. */
export async function callsLine(authenticator) {
  let answer;
  try {
    answer = await api.get('dingtalk:calls', { authenticator });
  } catch {
    return null;
  }
  const { data, meta } = answer;
  const today = data.filter(({ day }) => day === meta.today);
  const line = t('DingTalk calls: {{today}} today, {{month}} this month.', { today: formatNumber(sum(today)), month: formatNumber(sum(data)) });
  if (!data.length) return h('p', { class: 'hint' }, line);
  const calls = [...new Set(data.map(({ call }) => call))];
  const cell = (rows, call) => h('td', null, formatNumber(sum(rows.filter((row) => row.call === call))));
  return h('details', { class: 'calls' },
    h('summary', { class: 'hint' }, line),
    h('div', { class: 'table-wrap card' }, h('table', null,
      h('thead', null, h('tr', null, [t('Call'), t('Today'), t('This month')].map((label) => h('th', { scope: 'col' }, label)))),
      h('tbody', null, calls.map((call) => h('tr', null, h('td', null, h('code', null, call)), cell(today, call), cell(data, call)))))));
}
