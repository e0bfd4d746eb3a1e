// What the connection test found, one line a check.

import { h, icon } from './dom.js';
import { t } from './i18n.js';

const STATUS = {
  ok: { icon: 'ok', label: () => t('In order') },
  warning: { icon: 'warning', label: () => t('Warning') },
  error: { icon: 'error', label: () => t('Problem') },
  unknown: { icon: 'unknown', label: () => t('Not known') },
};

/** What needs a hand comes first. */
const ORDER = ['error', 'warning', 'unknown', 'ok'];

export function findingsList(found) {
  const findings = [...found].sort((a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status));
  const worst = ['error', 'warning'].find((status) => findings.some((finding) => finding.status === status));
  const summary = { error: t('Something keeps people from signing in.'), warning: t('It works, with something to look at.') }[worst] ?? t('Everything is in order.');
  return h('section', { class: 'findings', 'aria-label': t('Connection test') },
    h('p', { class: 'findings-summary', role: 'status' }, summary),
    h('ul', null, findings.map((finding) => {
      const status = STATUS[finding.status] ?? STATUS.unknown;
      return h('li', { class: `finding finding-${finding.status in STATUS ? finding.status : 'unknown'}`, 'data-check': finding.check },
        icon(status.icon),
        h('div', null,
          h('span', { class: 'visually-hidden' }, `${status.label()}: `), h('span', null, finding.message),
          finding.action && h('p', { class: 'hint' }, finding.action)));
    })));
}
