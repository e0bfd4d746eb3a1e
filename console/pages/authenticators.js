// The authentication settings: the authenticators, who is linked, who signed in, and who is in the organization.

import { fill, h } from '../dom.js';
import { t } from '../i18n.js';
import { authenticatorTable } from '../authenticator-table.js';
import { directory } from '../directory.js';
import { linkedUsers } from '../linked-users.js';
import { signInLog } from '../sign-in-log.js';

const TABS = {
  authenticators: { label: () => t('Authenticators'), show: authenticatorTable },
  links: { label: () => t('Linked users'), show: linkedUsers },
  log: { label: () => t('Sign-in log'), show: signInLog },
  directory: { label: () => t('People in DingTalk'), show: directory },
};

export function authenticatorsPage({ app, root, isCurrent }) {
  const panel = h('div', { class: 'tab-panel', role: 'tabpanel', id: 'tab-panel', tabindex: '-1' });
  const tabs = Object.entries(TABS).map(([name, tab]) => h('button', {
    type: 'button', class: 'tab', role: 'tab', id: `tab-${name}`, 'aria-controls': 'tab-panel', onclick: () => choose(name),
  }, tab.label()));
  const bar = h('div', { class: 'tabs', role: 'tablist', 'aria-label': t('Authentication'), onkeydown: moveFocus }, tabs);
  fill(root, h('div', { class: 'page' }, h('h1', null, t('Authentication')), bar, panel));

  let visit = 0;

  function open(name) {
    visit += 1;
    const thisVisit = visit;
    for (const tab of tabs) {
      const isOpen = tab.id === `tab-${name}`;
      tab.setAttribute('aria-selected', String(isOpen));
      tab.tabIndex = isOpen ? 0 : -1;
    }
    panel.setAttribute('aria-labelledby', `tab-${name}`);
    TABS[name].show({ app, root: panel, isCurrent: () => isCurrent() && thisVisit === visit });
  }

  /** The open tab stands in the address, so that it survives a reload and can be passed on. */
  function choose(name) {
    history.replaceState(null, '', name === 'authenticators' ? location.pathname : `?tab=${name}`);
    open(name);
  }

  function moveFocus(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
    next.focus();
    next.click();
  }

  const asked = new URLSearchParams(location.search).get('tab');
  open(Object.prototype.hasOwnProperty.call(TABS, asked ?? '') ? asked : 'authenticators');
}
