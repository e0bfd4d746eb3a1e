// The table of authenticators in the order of the sign-in page, with everything that can be done to one.

import { api } from './api.js';
import { openAuthenticatorDrawer } from './authenticator-drawer.js';
import { confirmDialog } from './dialog.js';
import { fill, h, icon, iconButton, whileBusy } from './dom.js';
import { expand, t } from './i18n.js';
import { menuButton } from './menu.js';
import { banner, emptyState, loading, notify, sentence, showFailure } from './messages.js';
import { pageLink } from './shell.js';
import { switchButton } from './switch.js';

const DINGTALK = 'dingtalk';

export function authenticatorTable({ app, root, isCurrent }) {
  const notices = h('div', null);
  const body = h('div', null, loading());
  const toolbar = h('div', { class: 'toolbar' });
  fill(root, toolbar, notices, body);
  let rows = [];
  let types = [];
  /** Name of the authenticator whose row takes the focus that a closed drawer leaves behind. */
  let edited = null;

  async function load() {
    try {
      const [list, known] = await Promise.all([
        api.get('authenticators:list', { sort: 'sort', pageSize: 200 }), api.get('authenticators:listTypes'),
      ]);
      rows = list.data ?? [];
      types = known.data ?? [];
    } catch (error) {
      if (isCurrent() && !app.leaveIfSignedOut(error)) showFailure(body, error, load);
      return;
    }
    if (isCurrent()) draw();
  }

  const typeTitle = (name) => expand(types.find((type) => type.name === name)?.title) || name;
  const titleOf = (row) => expand(row.title) || typeTitle(row.authType);
  const onlyDingTalkIsLeft = (without) => {
    const left = rows.filter((row) => row.enabled && row.id !== without?.id);
    return left.length > 0 && left.every((row) => row.authType === DINGTALK);
  };

  function draw() {
    fill(toolbar,
      menuButton(t('Add new'), types.map((type) => ({ label: expand(type.title) || type.name, choose: () => edit(type.name, null) }))));
    fill(notices,
      !types.some((type) => type.name === DINGTALK) && banner('info', t('DingTalk can be added once its plugin is enabled.'),
        pageLink('/admin/settings/plugin-manager', { class: 'button' }, t('Plugin manager'))),
      onlyDingTalkIsLeft() && banner('warning', t('DingTalk is the only enabled way to sign in. When DingTalk cannot be reached, nobody can sign in.')));
    const focused = body.contains(document.activeElement) ? document.activeElement : null;
    fill(body, rows.length ? table() : emptyState(t('There is no authenticator yet.')));
    // The rows are new elements; whoever is at a control stays at it.
    if (focused) focusRow(focused.closest('tr')?.dataset.authenticator, [focused.dataset.control]);
    returnFocus();
  }

  function table() {
    const head = [t('Order'), t('Title'), t('Authentication type'), t('Auth UID'), t('Description'), t('Enabled'), t('Actions')];
    const cell = (index, ...children) => h('td', { 'data-label': head[index] }, ...children);
    return h('div', { class: 'table-wrap card' }, h('table', { class: 'authenticators' },
      h('thead', null, h('tr', null, head.map((name) => h('th', { scope: 'col' }, name)))),
      h('tbody', null, rows.map((row, position) => h('tr', { 'data-authenticator': row.name },
        cell(0, moveButton(row, position, -1), moveButton(row, position, 1)),
        cell(1, h('strong', null, titleOf(row))),
        cell(2, typeTitle(row.authType)),
        cell(3, h('code', null, row.name)),
        cell(4, expand(row.description) || h('span', { class: 'hint' }, '–')),
        cell(5, switchButton({
          isOn: row.enabled, label: t('Enabled'), describe: titleOf(row), onText: t('Enabled'), offText: t('Disabled'), busyText: t('Saving…'),
          control: 'toggle', change: (isOn) => setEnabled(row, isOn),
        })),
        cell(6, h('div', { class: 'actions' },
          h('button', { type: 'button', class: 'link', 'data-control': 'edit', 'aria-label': `${t('Edit')}: ${titleOf(row)}`, onclick: () => edit(row.authType, row) }, t('Edit')),
          h('button', { type: 'button', class: 'link link-danger', 'data-control': 'delete', 'aria-label': `${t('Delete')}: ${titleOf(row)}`, onclick: () => remove(row) }, t('Delete')))))))));
  }

  function moveButton(row, position, step) {
    const isUp = step < 0;
    const target = rows[position + step];
    const label = isUp ? t('Move {{name}} up', { name: titleOf(row) }) : t('Move {{name}} down', { name: titleOf(row) });
    const button = iconButton(isUp ? 'up' : 'down', label, {
      disabled: !target, 'data-control': isUp ? 'up' : 'down',
      onclick: () => whileBusy(button, async () => {
        if (!await attempt(() => api.post('authenticators:move', { query: { sourceId: row.id, targetId: target.id } }))) return;
        notify(t('{{name}} is now number {{position}}.', { name: titleOf(row), position: position + step + 1 }));
        focusRow(row.name, isUp ? ['up', 'down'] : ['down', 'up']);
      }),
    });
    return button;
  }

  /** Focuses the first of the named controls of a row that can be used. */
  function focusRow(name, controls) {
    const row = body.querySelector(`[data-authenticator="${CSS.escape(name ?? '')}"]`);
    controls.map((control) => row?.querySelector(`[data-control="${control}"]:not(:disabled)`)).find(Boolean)?.focus();
  }

  function returnFocus() {
    if (edited && document.activeElement === document.body) focusRow(edited, ['edit']);
  }

  /** Runs a change, then shows the server's state; tells whether the change was made. */
  async function attempt(change) {
    try {
      await change();
    } catch (error) {
      if (isCurrent() && !app.leaveIfSignedOut(error)) {
        draw();
        notices.prepend(banner('error', sentence(error)));
      }
      return false;
    }
    if (!isCurrent()) return false;
    await load();
    return isCurrent();
  }

  async function setEnabled(row, isOn) {
    if (!isOn && !await mayLeaveOnlyDingTalk(row, t('Disable'))) return;
    if (!await attempt(() => api.post('authenticators:update', { query: { filterByTk: row.id }, body: { id: row.id, enabled: isOn } }))) return;
    notify(t('Saved'));
    focusRow(row.name, ['toggle']);
  }

  async function mayLeaveOnlyDingTalk(row, action) {
    if (!row.enabled || row.authType === DINGTALK || !onlyDingTalkIsLeft(row)) return true;
    return confirmDialog({
      title: t('Leave DingTalk as the only way to sign in?'),
      text: t('When DingTalk cannot be reached, or its settings are wrong, nobody can sign in, and neither can you.'),
      action, isDangerous: true,
    });
  }

  async function remove(row) {
    const title = titleOf(row);
    if (!await mayLeaveOnlyDingTalk(row, t('Continue'))) return;
    if (!await confirmDialog({
      title: t('Delete {{name}}?', { name: title }),
      text: t('People can no longer sign in with it, and its links between people and users are lost.'),
      action: t('Delete'), isDangerous: true,
    })) return;
    if (!await attempt(() => api.post('authenticators:destroy', { query: { filterByTk: row.id } }))) return;
    notify(t('{{name}} is deleted.', { name: title }));
    toolbar.querySelector('button')?.focus();
  }

  function edit(authType, row) {
    edited = row?.name ?? null;
    openAuthenticatorDrawer({
      app, authType, typeTitle: typeTitle(authType), row,
      onsaved: (name) => {
        edited = name;
        if (isCurrent()) load();
      },
      onclosed: returnFocus,
    });
  }

  load();
}
