// What the connection test found.

import { h, icon } from './dom.js';
import { formatNumber, t } from './i18n.js';

const STATUS = {
  ok: { icon: 'ok', label: () => t('In order') },
  warning: { icon: 'warning', label: () => t('Warning') },
  error: { icon: 'error', label: () => t('Problem') },
  unknown: { icon: 'unknown', label: () => t('Not known') },
};

/** The doctor's report: its verdict, then what needs a hand; what is in order takes one line until it is opened. */
export function findingsList({ verdict, findings }) {
  const inOrder = findings.filter((finding) => finding.status === 'ok');
  const others = findings.filter((finding) => finding.status !== 'ok');
  return h('section', { class: 'findings', 'aria-label': t('Connection test') },
    h('p', { class: 'findings-summary', role: 'status' }, verdict),
    others.length > 0 && h('ul', null, others.map(findingItem)),
    inOrder.length > 0 && h('details', null,
      h('summary', null, icon('ok'), t('In order: {{count}}', { count: formatNumber(inOrder.length) }), icon('chevron', 'icon-small')),
      h('ul', null, inOrder.map(findingItem))));
}

function findingItem(finding) {
  const status = STATUS[finding.status] ?? STATUS.unknown;
  return h('li', { class: `finding finding-${finding.status in STATUS ? finding.status : 'unknown'}`, 'data-check': finding.check },
    icon(status.icon),
    h('div', null,
      h('span', { class: 'visually-hidden' }, `${status.label()}: `), h('span', null, finding.message),
      finding.action && h('p', { class: 'hint' }, finding.action)));
}
