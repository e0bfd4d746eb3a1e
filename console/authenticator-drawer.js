// The drawer in which one authenticator is made or changed, and its connection tested.

import { api } from './api.js';
import { confirmDialog, openDialog } from './dialog.js';
import { fill, h, icon, whileBusy } from './dom.js';
import { findingsList } from './findings.js';
import { t } from './i18n.js';
import { banner, loading, notify, sentence, showFailure } from './messages.js';
import { schemaForm } from './schema-form.js';

const DINGTALK = 'dingtalk';

/** Letters and digits of a generated name, without those that look alike. */
const NAME_ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789';

export function openAuthenticatorDrawer({ app, authType, typeTitle, row, onsaved, onclosed }) {
  let id = row?.id ?? null;
  let name = row?.name;
  let form = null;
  const isDingTalk = authType === DINGTALK;
  const failure = h('div', { class: 'form-failure' });
  const findings = h('div', { class: 'findings-slot' });
  const content = h('div', null, loading());
  const save = h('button', { type: 'button', class: 'button button-primary', disabled: true, onclick: () => whileBusy(save, submitAndClose) }, t('Save'));
  const test = h('button', { type: 'button', class: 'button', disabled: true, onclick: () => whileBusy(test, testConnection) }, icon('pulse'), h('span', null, t('Test connection')));
  const cancel = h('button', { type: 'button', class: 'button', onclick: () => opened.close() }, t('Cancel'));
  const opened = openDialog({
    title: id === null ? t('Add {{name}}', { name: typeTitle }) : t('Edit {{name}}', { name: row.title || typeTitle }),
    kind: 'drawer', body: content, footer: [isDingTalk && test, h('span', { class: 'grow' }), cancel, save], mayClose, onclose: onclosed,
  });

  async function load({ keepFocus = false } = {}) {
    if (!keepFocus) fill(content, loading());
    try {
      const [record, schema] = await Promise.all([
        id === null ? null : api.get('authenticators:get', { filterByTk: id }).then(({ data }) => data),
        isDingTalk ? api.get('dingtalk:configForm', { authenticator: name }).then(({ data }) => data) : null,
      ]);
      draw(record, schema, { keepFocus });
    } catch (error) {
      if (app.leaveIfSignedOut(error)) opened.closeNow();
      else showFailure(content, error, load);
    }
  }

  function draw(record, schema, { keepFocus }) {
    const general = schemaForm(generalSchema(id !== null, typeTitle), record
      ? { name: record.name, title: record.title ?? undefined, description: record.description ?? undefined, enabled: record.enabled }
      : { name: newName(), enabled: true });
    const options = schema ? schemaForm(schema, record?.options) : null;
    form = { general, options, record, schema };
    const inner = h('form', { novalidate: true, onsubmit: (event) => { event.preventDefault(); whileBusy(save, submitAndClose); }, oninput: labelTest },
      failure, general.element,
      options && h('h3', null, t('DingTalk app')), options?.element,
      findings,
      // Without a submit button inside, Enter in a field would do nothing.
      h('button', { type: 'submit', hidden: true }));
    fill(content, inner);
    if (id !== null) general.element.querySelector('input').readOnly = true;
    save.disabled = false;
    test.disabled = false;
    labelTest();
    if (!keepFocus) inner.querySelector('input:not([readonly])')?.focus();
  }

  const isChanged = () => form !== null && (id === null || form.general.isChanged() || Boolean(form.options?.isChanged()));

  /** The test uses what is saved, so a changed form is saved first, and the button says so. */
  function labelTest() {
    test.lastChild.textContent = isChanged() ? t('Save and test') : t('Test connection');
  }

  async function submit() {
    fill(failure);
    const missing = [...form.general.check(), ...(form.options?.check() ?? [])];
    if (missing.length) {
      missing[0].focus();
      return false;
    }
    const values = form.general.values();
    const body = {
      ...values, title: values.title ?? null, description: values.description ?? null, authType,
      options: form.options ? form.options.values() : form.record?.options ?? {},
    };
    try {
      if (id === null) ({ id, name } = (await api.post('authenticators:create', { body })).data);
      else await api.post('authenticators:update', { query: { filterByTk: id }, body: { id, ...body } });
    } catch (error) {
      if (app.leaveIfSignedOut(error)) {
        opened.closeNow();
        return false;
      }
      fill(failure, banner('error', sentence(error)));
      failure.scrollIntoView({ block: 'nearest' });
      return false;
    }
    onsaved(name);
    return true;
  }

  async function submitAndClose() {
    if (!form || !await submit()) return;
    form = null;
    opened.closeNow();
    notify(t('Saved'));
  }

  async function testConnection() {
    if (!form) return;
    if (isChanged()) {
      if (!await submit()) return;
      // The stored form differs from the typed one: the secret is masked, the Redirect URL may have changed.
      await load({ keepFocus: true });
      if (!form) return;
    }
    fill(findings, loading());
    findings.scrollIntoView({ block: 'nearest' });
    try {
      const { data } = await api.post('dingtalk:diagnose', { query: { authenticator: form.general.values().name } });
      fill(findings, findingsList(data));
    } catch (error) {
      fill(findings, banner('error', sentence(error)));
    }
    findings.scrollIntoView({ block: 'start' });
  }

  async function mayClose() {
    const isWorthAsking = form && (id === null ? form.general.isChanged() || form.options?.isChanged() : isChanged());
    return !isWorthAsking || confirmDialog({
      title: t('Close without saving?'), text: t('What you have changed here is lost.'), action: t('Close without saving'), isDangerous: true,
    });
  }

  load();
}

/** What every authenticator has, whatever its type. */
function generalSchema(isStored, typeTitle) {
  return {
    type: 'object',
    properties: {
      name: {
        type: 'string', title: t('Auth UID'), 'x-component': 'Input', required: true, pattern: '^[a-zA-Z0-9_-]+$',
        description: isStored ? t('The name in addresses and in the log; it cannot be changed.') : t('The name in addresses and in the log: letters, digits, _ and -. It cannot be changed later.'),
      },
      title: {
        type: 'string', title: t('Title'), 'x-component': 'Input', 'x-component-props': { placeholder: typeTitle },
        description: t('What the sign-in page says; empty for the usual words.'),
      },
      description: { type: 'string', title: t('Description'), 'x-component': 'Input' },
      enabled: { type: 'boolean', title: t('Enabled'), 'x-component': 'Checkbox' },
    },
  };
}

function newName() {
  const bytes = crypto.getRandomValues(new Uint8Array(10));
  return `s_${[...bytes].map((byte) => NAME_ALPHABET[byte % NAME_ALPHABET.length]).join('')}`;
}
