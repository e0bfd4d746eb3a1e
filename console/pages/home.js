// The page after the sign-in: who is signed in, as what, until when.

import { fill, h, icon } from '../dom.js';
import { expand, formatDateTime, t } from '../i18n.js';
import { isAdministrator } from '../roles.js';
import { session } from '../session.js';
import { displayName, pageLink } from '../shell.js';

export function homePage({ app, root }) {
  const { user, demo } = app.site;
  fill(root, h('div', { class: 'page page-narrow' },
    h('h1', null, t('Welcome, {{name}}', { name: displayName(user) })),
    h('p', { class: 'lead' }, t('You are signed in.')),
    facts(user),
    h('p', null, pageLink('/admin/dingtalk', null, t('DingTalk account'))),
    (user.username || user.email) && h('p', null, pageLink('/admin/password', null, t('Change password'))),
    isAdministrator(user) && settingsLinks(),
    demo && whatToTry(demo.simulatorUrl)));
}

function facts(user) {
  const claims = session.claims();
  const rows = [
    [t('Name'), user.nickname],
    [t('Username'), user.username],
    [t('Phone number'), user.phone],
    [t('Email'), user.email],
    [t('Roles'), (user.roles ?? []).map((role) => expand(role.title) || role.name).join(', ')],
    [t('Signed in'), claims.signInTime && formatDateTime(claims.signInTime)],
    [t('Session ends'), claims.exp && [formatDateTime(claims.exp * 1000), h('span', { class: 'hint' }, t('It is renewed while you keep working.'))]],
  ].filter(([, value]) => value);
  return h('dl', { class: 'facts card' }, rows.map(([name, value]) => h('div', null, h('dt', null, name), h('dd', null, value))));
}

function settingsLinks() {
  const tile = (page, iconName, title, text) => pageLink(page, { class: 'tile card' },
    icon(iconName), h('span', { class: 'tile-text' }, h('strong', null, title), h('span', { class: 'hint' }, text)));
  return h('section', { class: 'section', 'aria-labelledby': 'settings' },
    h('h2', { id: 'settings' }, t('Settings')),
    h('div', { class: 'tiles' },
      tile('/admin/settings/plugin-manager', 'plugin', t('Plugin manager'), t('Enable or disable sign-in with DingTalk.')),
      tile('/admin/settings/auth/authenticators', 'shield', t('Authentication'), t('Add DingTalk, copy the Redirect URL, see who signed in.'))));
}

function whatToTry(simulatorUrl) {
  return h('section', { class: 'section', 'aria-labelledby': 'try' },
    h('h2', { id: 'try' }, t('What to try in this demo')),
    h('ul', { class: 'card list' },
      h('li', null, t('Sign out, sign in again and choose another person: each of them shows another outcome.')),
      h('li', null, t('Refuse on the DingTalk page and see what people are told.')),
      h('li', null, t('Sign in as administrator with the password shown where the demo was started, and switch automatic sign-up off.')),
      simulatorUrl && h('li', null,
        h('a', { href: simulatorUrl, target: '_blank', rel: 'noopener' }, t('Open the simulated DingTalk'), icon('external', 'icon-small')))));
}
