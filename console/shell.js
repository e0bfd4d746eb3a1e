// The frame around every page of a signed-in person: site title, navigation, language, sign-out.

import { h, icon, iconButton, whileBusy } from './dom.js';
import { currentLanguage, LANGUAGE_NAMES, t } from './i18n.js';
import { pageUrl } from './paths.js';
import { isAdministrator } from './roles.js';

/** A link to another page of this site. */
export function pageLink(page, properties, ...children) {
  return h('a', { href: pageUrl(page), 'data-page': true, ...properties }, ...children);
}

/** The choice of language; kept in this browser. */
export function languageSwitch(app) {
  const known = app.site.languages.filter((code) => code in LANGUAGE_NAMES);
  const codes = known.includes(currentLanguage()) ? known : [currentLanguage(), ...known];
  if (codes.length < 2) return null;
  const select = h('select', { 'aria-label': t('Language'), onchange: () => app.changeLanguage(select.value) },
    codes.map((code) => h('option', { value: code, lang: code }, LANGUAGE_NAMES[code] ?? code)));
  select.value = currentLanguage();
  return h('span', { class: 'language' }, icon('language'), select);
}

/** The frame, and the element inside it that the page fills. */
export function pageFrame(app, path, title) {
  const { site } = app;
  const { user } = site;
  const entry = (page, iconName, label) => pageLink(page, { class: 'nav-link', 'aria-current': page === path ? 'page' : undefined },
    icon(iconName), h('span', null, label));
  const signOut = iconButton('sign-out', t('Sign out'), { onclick: () => whileBusy(signOut, app.signOut) });
  const main = h('main', { id: 'main', 'aria-label': title });
  const frame = h('div', { class: 'frame' },
    h('header', { class: 'top' },
      pageLink('/admin', { class: 'brand' }, site.title),
      h('nav', { class: 'nav', 'aria-label': t('Main navigation') },
        entry('/admin', 'home', t('Home')),
        isAdministrator(user) && [
          entry('/admin/settings/plugin-manager', 'plugin', t('Plugin manager')),
          entry('/admin/settings/auth/authenticators', 'shield', t('Authentication')),
          entry('/admin/settings/users-permissions/sync', 'people', t('Synchronization')),
        ]),
      h('div', { class: 'top-end' }, languageSwitch(app), h('span', { class: 'person' }, displayName(user)), signOut)),
    main);
  return { frame, main };
}

/** What to call a person. */
export function displayName(user) {
  return user.nickname || user.username || user.phone || user.email || `#${user.id}`;
}
