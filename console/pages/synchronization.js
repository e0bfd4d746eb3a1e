// Users and departments from DingTalk: the source, what a run does or would do, who came of it, and the last runs.

import { api } from '../api.js';
import { fill, h, whileBusy } from '../dom.js';
import { t } from '../i18n.js';
import { banner, emptyState, loading, notify, sentence, showFailure } from '../messages.js';
import { confirmDialog } from '../dialog.js';
import { openSourceDrawer } from '../synchronization/source-drawer.js';
import { runPanel } from '../synchronization/run-panel.js';
import { syncedDepartments, syncedPeople } from '../synchronization/synced.js';
import { lastRuns } from '../synchronization/last-runs.js';
import { tabs } from '../tabs.js';

const PANELS = {
  run: { label: () => t('Synchronization'), show: runPanel },
  people: { label: () => t('People'), show: syncedPeople },
  departments: { label: () => t('Departments'), show: syncedDepartments },
  runs: { label: () => t('Last runs'), show: lastRuns },
};

export function synchronizationPage({ app, root, isCurrent }) {
  const body = h('div', null, loading());
  fill(root, h('div', { class: 'page' }, h('h1', null, t('Synchronization')), body));
  let chosen = new URLSearchParams(location.search).get('source');

  async function load() {
    let sources;
    try {
      sources = (await api.get('userDataSyncSources:list', { pageSize: 200 })).data ?? [];
    } catch (error) {
      if (isCurrent() && !app.leaveIfSignedOut(error)) showFailure(body, error, load);
      return;
    }
    if (isCurrent()) draw(sources);
  }

  function draw(sources) {
    const add = h('button', { type: 'button', class: 'button button-primary', onclick: () => edit(null) }, t('Add a source'));
    if (!sources.length) {
      fill(body, emptyState(t('No source has been added yet. A source brings people and departments over from DingTalk.'), add));
      return;
    }
    const source = sources.find(({ name }) => name === chosen) ?? sources[0];
    chosen = source.name;
    const choice = h('select', { 'aria-label': t('Source'), onchange: () => { chosen = choice.value; draw(sources); } },
      sources.map(({ name, displayName }) => h('option', { value: name }, displayName || name)));
    choice.value = source.name;
    const remove = h('button', { type: 'button', class: 'link link-danger', onclick: () => whileBusy(remove, () => removeSource(source)) }, t('Delete'));
    const slot = h('div', { class: 'tabbed' });
    fill(body,
      h('div', { class: 'toolbar' },
        sources.length > 1 ? choice : h('strong', null, source.displayName || source.name),
        h('span', { class: source.enabled ? 'badge badge-ok' : 'badge' }, source.enabled ? t('Enabled') : t('Disabled')),
        h('span', { class: 'grow' }), remove,
        h('button', { type: 'button', class: 'button', onclick: () => edit(source) }, t('Configure')), add),
      slot);
    tabs({
      slot, label: t('Synchronization'), isCurrent: () => isCurrent() && slot.isConnected,
      panels: Object.fromEntries(Object.entries(PANELS).map(([name, { label, show }]) => [name, { label, show: (place) => show({ app, source, ...place }) }])),
    });
  }

  function edit(source) {
    openSourceDrawer({ app, source, onsaved: (name) => { chosen = name; if (isCurrent()) load(); } });
  }

  async function removeSource(source) {
    if (!await confirmDialog({
      title: t('Delete {{name}}?', { name: source.displayName || source.name }),
      text: t('Nobody is brought over any more. The people and departments that are here stay as they are.'),
      action: t('Delete'), isDangerous: true,
    })) return;
    try {
      await api.post('userDataSyncSources:destroy', { query: { filterByTk: source.id } });
    } catch (error) {
      if (isCurrent() && !app.leaveIfSignedOut(error)) body.prepend(banner('error', sentence(error)));
      return;
    }
    notify(t('{{name}} is deleted.', { name: source.displayName || source.name }));
    if (isCurrent()) load();
  }

  load();
}
