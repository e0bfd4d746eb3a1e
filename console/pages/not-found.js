// The page for an address that shows nothing, or nothing to this person.

import { fill, h } from '../dom.js';
import { t } from '../i18n.js';
import { pageLink } from '../shell.js';

export function notFoundPage({ root }) {
  fill(root, h('div', { class: 'page page-narrow' },
    h('h1', null, t('Page not found')),
    h('p', null, t('There is nothing here, or it is not for your role.')),
    h('p', null, pageLink('/admin', { class: 'button' }, t('Home')))));
}
