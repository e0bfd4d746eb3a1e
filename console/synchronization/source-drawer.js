// The drawer in which one source is made or changed.

import { api } from '../api.js';
import { confirmDialog, openDialog } from '../dialog.js';
import { fill, h, whileBusy } from '../dom.js';
import { t } from '../i18n.js';
import { banner, loading, notify, sentence, showFailure } from '../messages.js';
import { schemaForm } from '../schema-form.js';

const NEW_NAME = 'dingtalk';

export function openSourceDrawer({ app, source, onsaved }) {
  let form = null;
  const failure = h('div', { class: 'form-failure' });
  const content = h('div', null, loading());
  const save = h('button', { type: 'button', class: 'button button-primary', disabled: true, onclick: () => whileBusy(save, submit) }, t('Save'));
  const cancel = h('button', { type: 'button', class: 'button', onclick: () => opened.close() }, t('Cancel'));
  const isChanged = () => form !== null && (form.general.isChanged() || form.options.isChanged());
  const opened = openDialog({
    title: source ? t('Edit {{name}}', { name: source.displayName || source.name }) : t('Add a source'),
    kind: 'drawer', body: content, footer: [h('span', { class: 'grow' }), cancel, save],
    mayClose: async () => !isChanged() || confirmDialog({
      title: t('Close without saving?'), text: t('What you have changed here is lost.'), action: t('Close without saving'), isDangerous: true,
    }),
  });

  async function load() {
    try {
      const [record, schema, authenticators] = await Promise.all([
        source && api.get('userDataSyncSources:get', { filterByTk: source.id }).then(({ data }) => data),
        api.get('dingtalk:sourceForm', { source: source?.name }).then(({ data }) => data),
        api.get('authenticators:list', { pageSize: 200 }).then(({ data }) => (data ?? []).filter((row) => row.authType === 'dingtalk')),
      ]);
      draw(record, withAuthenticators(schema, authenticators));
    } catch (error) {
      if (app.leaveIfSignedOut(error)) opened.closeNow();
      else showFailure(content, error, load);
    }
  }

  function draw(record, schema) {
    const general = schemaForm(generalSchema(), record
      ? { name: record.name, displayName: record.displayName ?? undefined, enabled: record.enabled }
      : { name: NEW_NAME, enabled: true });
    const options = schemaForm(schema, record?.options);
    form = { general, options };
    const inner = h('form', { novalidate: true, onsubmit: (event) => { event.preventDefault(); whileBusy(save, submit); } },
      failure, general.element, options.element,
      // Without a submit button inside, Enter in a field would do nothing.
      h('button', { type: 'submit', hidden: true }));
    fill(content, inner);
    if (record) general.element.querySelector('input').readOnly = true;
    save.disabled = false;
    inner.querySelector('input:not([readonly])')?.focus();
  }

  async function submit() {
    fill(failure);
    const missing = [...form.general.check(), ...form.options.check()];
    if (missing.length) {
      missing[0].focus();
      return;
    }
    const { displayName = null, ...general } = form.general.values();
    const body = { ...general, displayName, sourceType: 'dingtalk', options: form.options.values() };
    try {
      if (source) await api.post('userDataSyncSources:update', { query: { filterByTk: source.id }, body });
      else await api.post('userDataSyncSources:create', { body });
    } catch (error) {
      if (app.leaveIfSignedOut(error)) opened.closeNow();
      else {
        fill(failure, banner('error', sentence(error)));
        failure.scrollIntoView({ block: 'nearest' });
      }
      return;
    }
    form = null;
    opened.closeNow();
    notify(t('Saved'));
    onsaved(general.name);
  }

  load();
}

function generalSchema() {
  return {
    type: 'object',
    properties: {
      name: { type: 'string', title: t('Auth UID'), 'x-component': 'Input', required: true, pattern: '^[a-zA-Z0-9_-]+$', 'x-index': 1,
        description: t('The name in addresses and in the log: letters, digits, _ and -. It cannot be changed later.') },
      displayName: { type: 'string', title: t('Title'), 'x-component': 'Input', 'x-index': 2 },
      enabled: { type: 'boolean', title: t('Enabled'), 'x-component': 'Checkbox', 'x-index': 3 },
    },
  };
}

/** The authenticators to choose from are known only here. */
function withAuthenticators(schema, authenticators) {
  const copy = JSON.parse(JSON.stringify(schema));
  const visit = (properties) => Object.entries(properties ?? {}).forEach(([key, field]) => {
    if (key === 'authenticator') {
      field['x-component'] = 'Select';
      field.enum = [{ value: '', label: t('None: use the Client ID and Client Secret below') }, ...authenticators.map(({ name, title }) => ({ value: name, label: title || name }))];
    }
    visit(field.properties);
  });
  visit(copy.properties);
  return copy;
}
