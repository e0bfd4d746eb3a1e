// The authentication settings: the authenticators, who is linked, who signed in.

import { fill, h } from '../dom.js';
import { t } from '../i18n.js';
import { authenticatorTable } from '../authenticator-table.js';
import { linkedUsers } from '../linked-users.js';
import { signInLog } from '../sign-in-log.js';
import { tabs } from '../tabs.js';

const PANELS = {
  authenticators: { label: () => t('Authenticators'), show: authenticatorTable },
  links: { label: () => t('Linked users'), show: linkedUsers },
  log: { label: () => t('Sign-in log'), show: signInLog },
};

export function authenticatorsPage({ app, root, isCurrent }) {
  const slot = h('div', { class: 'tabbed' });
  fill(root, h('div', { class: 'page' }, h('h1', null, t('Authentication')), slot));
  tabs({
    slot, label: t('Authentication'), isCurrent,
    panels: Object.fromEntries(Object.entries(PANELS).map(([name, { label, show }]) => [name, { label, show: (place) => show({ app, ...place }) }])),
  });
}
