// The plugin manager: what is installed, and the switch that makes it work.

import { api } from '../api.js';
import { confirmDialog } from '../dialog.js';
import { fill, h, icon } from '../dom.js';
import { expand, formatNumber, t } from '../i18n.js';
import { banner, emptyState, loading, notify, sentence, showFailure } from '../messages.js';
import { pageLink } from '../shell.js';
import { switchButton } from '../switch.js';

const OURS = 'nocobase-plugin-auth-dingtalk';

/** NocoBase's category for packages whose keywords name none. */
const OTHERS = 'Others';

/** NocoBase's categories that plugins here can have, by the keyword in the package. */
const CATEGORIES = {
  Authentication: () => t('Authentication'),
  'Users & permissions': () => t('Users & permissions'),
  'System management': () => t('System management'),
  Security: () => t('Security'),
  [OTHERS]: () => t('Others'),
};

export function pluginManagerPage({ app, root, isCurrent }) {
  const view = { plugins: [], search: '', category: null };
  const failure = h('div', null);
  const categories = h('div', { class: 'chips', role: 'group', 'aria-label': t('Categories') });
  const cards = h('div', { class: 'cards' }, loading());
  const search = h('input', { type: 'search', 'aria-label': t('Search plugins'), placeholder: t('Search plugins'), oninput: () => { view.search = search.value; drawCards(); } });
  fill(root, h('div', { class: 'page' },
    h('div', { class: 'page-head' }, h('h1', null, t('Plugin manager')), h('span', { class: 'search' }, icon('search'), search)),
    categories, failure, cards));

  async function load() {
    try {
      view.plugins = (await api.get('pm:list')).data ?? [];
    } catch (error) {
      if (isCurrent() && !app.leaveIfSignedOut(error)) showFailure(cards, error, load);
      return;
    }
    if (isCurrent()) draw();
  }

  function draw() {
    const present = [...new Set(view.plugins.flatMap(categoriesOf))].sort();
    const chip = (category, label, count) => h('button', {
      type: 'button', class: 'chip', 'aria-pressed': String(view.category === category), onclick: () => { view.category = category; draw(); focusChip(label); },
    }, h('span', null, label), h('span', { class: 'count' }, formatNumber(count)));
    fill(categories,
      chip(null, t('All'), view.plugins.length),
      present.map((category) => chip(category, CATEGORIES[category](), view.plugins.filter((plugin) => categoriesOf(plugin).includes(category)).length)));
    drawCards();
  }

  function focusChip(label) {
    [...categories.children].find((one) => one.firstChild.textContent === label)?.focus();
  }

  function drawCards() {
    const wanted = view.search.trim().toLocaleLowerCase();
    const found = view.plugins.filter((plugin) => (!view.category || categoriesOf(plugin).includes(view.category))
      && (!wanted || [plugin.displayName, plugin.description, plugin.packageName].some((text) => (text ?? '').toLocaleLowerCase().includes(wanted))));
    fill(cards, found.length ? found.map(card) : emptyState(t('No plugin matches the search.')));
  }

  function card(plugin) {
    const toggle = switchButton({
      isOn: plugin.enabled, label: t('Enabled'), describe: nameOf(plugin), isFixed: plugin.builtIn && plugin.packageName !== OURS,
      onText: t('Enabled'), offText: t('Disabled'), busyText: plugin.enabled ? t('Disabling…') : t('Enabling…'),
      change: (isOn) => setEnabled(plugin, isOn),
    });
    return h('article', { class: 'card plugin', 'aria-label': nameOf(plugin), 'data-plugin': plugin.packageName },
      h('div', { class: 'plugin-head' },
        h('span', { class: 'plugin-icon' }, icon(plugin.packageName === OURS ? 'dingtalk' : 'plugin')),
        h('div', null, h('h2', null, nameOf(plugin)), h('span', { class: 'hint' }, `${plugin.packageName} · ${plugin.version}`))),
      h('p', { class: 'plugin-text' }, expand(plugin.description)),
      h('div', { class: 'plugin-foot' },
        toggle,
        h('span', { class: 'plugin-links' },
          plugin.packageName === OURS && plugin.enabled && pageLink('/admin/settings/auth/authenticators', null, t('Settings')),
          plugin.homepage && h('a', { href: webAddress(plugin.homepage), target: '_blank', rel: 'noopener noreferrer' }, t('Docs'), icon('external', 'icon-small')))));
  }

  async function setEnabled(plugin, isOn) {
    if (!isOn && !await confirmDialog({
      title: t('Disable {{name}}?', { name: nameOf(plugin) }),
      text: t('Nobody can sign in with it until it is enabled again. Its settings are kept.'),
      action: t('Disable'), isDangerous: true,
    })) return;
    fill(failure);
    try {
      await api.post(isOn ? 'pm:enable' : 'pm:disable', { query: { filterByTk: plugin.name ?? plugin.packageName, awaitResponse: 'true' } });
    } catch (error) {
      if (isCurrent() && !app.leaveIfSignedOut(error)) fill(failure, banner('error', sentence(error)));
      return;
    }
    await load();
    if (!isCurrent()) return;
    notify(isOn ? t('{{name}} is enabled.', { name: nameOf(plugin) }) : t('{{name}} is disabled.', { name: nameOf(plugin) }));
    cards.querySelector(`[data-plugin="${CSS.escape(plugin.packageName)}"] [role=switch]`)?.focus();
  }

  load();
}

const nameOf = (plugin) => expand(plugin.displayName) || plugin.packageName;

function categoriesOf(plugin) {
  const named = (plugin.keywords ?? []).filter((keyword) => Object.prototype.hasOwnProperty.call(CATEGORIES, keyword));
  return named.length ? named : [OTHERS];
}

/** An address that may stand in a link; anything that is not a web address leads nowhere. */
function webAddress(text) {
  try {
    const url = new URL(text, location.href);
    return /^https?:$/.test(url.protocol) ? url.href : undefined;
  } catch {
    return undefined;
  }
}
