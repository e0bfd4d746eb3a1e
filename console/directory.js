// Who of the organization in DingTalk is which user here, before anybody has signed in. Nothing is changed by looking.

import { api } from './api.js';
import { fill, h, spinner, whileBusy } from './dom.js';
import { formatDateTime, formatNumber, t } from './i18n.js';
import { banner, emptyState, sentence, showFailure } from './messages.js';
import { authenticatorChoice, filterField, pagedList } from './paged-list.js';

/** What a sign-in would make of somebody, in the order in which it is counted. */
const OUTCOMES = {
  linked: () => t('Linked to a user'),
  match: () => t('Becomes the user with the same phone number'),
  new: () => t('No user has the phone number'),
  ambiguous: () => t('More than one has the phone number'),
  linkedElsewhere: () => t('The user with the phone number is linked to somebody else'),
  noPhone: () => t('DingTalk gives no phone number'),
  missing: () => t('Linked, and no longer in the organization'),
};

const ASKED_EVERY = 700;

export function directory({ app, root, isCurrent }) {
  const slot = h('div', { class: 'directory' });
  const authenticator = authenticatorChoice(() => load(), { mustChoose: true });
  const read = h('button', {
    type: 'button', class: 'button button-primary', onclick: () => whileBusy(read, begin),
  }, t('Read the organization'));
  fill(root,
    h('p', { class: 'hint' }, t('Reads the organization as far as the DingTalk app may, and compares it with the users here. Nothing is changed.')),
    h('div', { class: 'filters' }, filterField(t('Authenticator'), authenticator), h('span', { class: 'grow' }), read),
    slot);

  const query = () => ({ authenticator: authenticator.value });
  let visit = 0;

  async function begin() {
    try {
      const { data } = await api.post('dingtalk:readDirectory', { query: query() });
      if (isCurrent()) draw(data);
    } catch (error) {
      if (isCurrent() && !app.leaveIfSignedOut(error)) fill(slot, banner('error', sentence(error)));
    }
  }

  async function load() {
    visit += 1;
    const thisVisit = visit;
    const isLatest = () => isCurrent() && thisVisit === visit && slot.isConnected;
    read.disabled = !authenticator.value;
    if (read.disabled) {
      fill(slot, emptyState(t('There is no authenticator yet.')));
      return;
    }
    try {
      const { data } = await api.get('dingtalk:directory', query());
      if (isLatest()) draw(data);
    } catch (error) {
      if (isLatest() && !app.leaveIfSignedOut(error)) showFailure(slot, error, load);
    }
  }

  function draw(state) {
    switch (state.state) {
      case 'reading':
        fill(slot, h('p', { role: 'status', class: 'loading' }, spinner(), progress(state.progress)));
        setTimeout(load, ASKED_EVERY);
        break;
      case 'failed':
        fill(slot, banner('error', state.message));
        break;
      case 'ready':
        drawComparison(state);
        break;
      default:
        fill(slot, emptyState(t('The organization has not been read yet.')));
    }
  }

  const progress = ({ departments, departmentsRead, people }) =>
    t('Reading… departments {{read}} of {{departments}}, people {{people}}', { read: formatNumber(departmentsRead), departments: formatNumber(departments), people: formatNumber(people) });

  function drawComparison({ begunAt, counts, departments, hasGap }) {
    const list = h('div', null);
    const outcome = h('select', { onchange: () => people.restart() },
      h('option', { value: '' }, t('All')),
      Object.entries(OUTCOMES).filter(([name]) => counts[name]).map(([name, label]) => h('option', { value: name }, label())));
    const total = Object.entries(counts).reduce((sum, [name, count]) => (name === 'missing' ? sum : sum + count), 0);
    const people = pagedList({
      app, slot: list, isCurrent: () => isCurrent() && list.isConnected, action: 'dingtalk:directoryPeople',
      query: () => ({ ...query(), outcome: outcome.value }),
      emptyText: () => t('Nothing matches the filter.'),
      columns: [
        { label: t('Name in DingTalk'), cell: (row) => h('strong', null, row.name || '–') },
        { label: t('Departments'), cell: (row) => row.departments.join(', ') || '–' },
        { label: t('Result'), cell: (row) => OUTCOMES[row.outcome]?.() ?? row.outcome },
        { label: t('User'), cell: (row) => row.nickname || (row.userId ? `#${row.userId}` : '–') },
      ],
    });
    fill(slot,
      h('p', { class: 'hint' }, t('Read {{time}}: people {{people}}, departments {{departments}}.', { time: formatDateTime(begunAt), people: formatNumber(total), departments: formatNumber(departments) })),
      hasGap && banner('warning', t('Something changed in DingTalk while it was read, so nobody counts as missing. Read it again.')),
      h('ul', { class: 'counts' }, Object.entries(OUTCOMES).filter(([name]) => counts[name]).map(([name, label]) =>
        h('li', { 'data-outcome': name }, h('strong', null, formatNumber(counts[name])), ' ', label()))),
      h('div', { class: 'filters' }, filterField(t('Result'), outcome)),
      list);
    people.restart();
  }
}
