// A form drawn from the JSON that describes it: the part of NocoBase's schema dialect that client-schema/ uses.

import { copyField } from './copy.js';
import { fill, h, icon, uniqueId } from './dom.js';
import { expand, t } from './i18n.js';
import { notify } from './messages.js';
import { BASE } from './paths.js';

/** What the server shows in place of a stored secret; sending it back keeps the secret. */
const MASK = '********';

/** A form for `schema` that starts with `values`; keys that the schema does not name are kept as they are. */
export function schemaForm(schema, values) {
  const fields = [];
  const element = h('div', { class: 'form' }, drawProperties(schema, [], values ?? {}, fields));
  const follow = () => fields.forEach((field) => field.follow?.(readAll()));
  element.addEventListener('input', follow);
  follow();

  function readAll() {
    const all = JSON.parse(JSON.stringify(values ?? {}));
    for (const field of fields) if (field.read) assign(all, field.path, field.read());
    return all;
  }

  return {
    element,
    isChanged: () => fields.some((field) => field.read && field.read() !== field.initial),
    /** The fields that still need something. */
    check: () => fields.filter((field) => field.check && !field.check()),
    values: readAll,
  };
}

function drawProperties(schema, path, values, fields) {
  // Servers may hand the properties over in any order; `x-index` is the one meant.
  return Object.entries(schema?.properties ?? {})
    .sort(([, a], [, b]) => (a['x-index'] ?? 0) - (b['x-index'] ?? 0))
    .filter(([, field]) => !field['x-hidden'] && !['none', 'hidden'].includes(field['x-display']))
    .map(([key, field]) => {
      const compute = ADDRESSES[field['x-component']]?.(schema, values, field);
      if (compute) {
        const control = addressField(field, compute);
        fields.push({ follow: control.follow });
        return onlyWhen(field, drawField(field, control), fields);
      }
      if (field['x-component'] === 'DingTalkGroup') {
        return h('section', { class: 'form' }, h('h4', null, expand(field.title)), h('p', { class: 'hint' }, expand(field.description)), drawProperties(field, path, values, fields));
      }
      if (field['x-component'] === 'DingTalkAdvanced') {
        return h('details', { class: 'advanced' }, h('summary', null, icon('chevron'), expand(field.title)), h('div', { class: 'form' }, drawProperties(field, path, values, fields)));
      }
      if (field.type === 'void') return drawProperties(field, path, values, fields);
      const fieldPath = [...path, ...key.split('.')];
      if (field.type === 'object' && field.properties) return drawProperties(field, fieldPath, values, fields);
      const stored = fieldPath.reduce((value, step) => value?.[step], values);
      const control = (CONTROLS[field['x-component']] ?? textInput)(field, stored ?? field.default);
      const drawn = drawField(field, control);
      // A complaint goes as soon as it is met; new ones wait for the next attempt to save.
      drawn.addEventListener('input', () => { if (drawn.querySelector('[aria-invalid=true]')) isAcceptable(field, control); });
      fields.push({ path: fieldPath, read: control.read, initial: control.read(), check: () => drawn.hidden || isAcceptable(field, control), focus: () => control.input.focus() });
      return onlyWhen(field, drawn, fields);
    });
}

/** Out of sight while what the field depends on has none of the values for which it is there; what it holds stays. */
function onlyWhen(field, drawn, fields) {
  const [key, wanted] = Object.entries(field['x-only-when'] ?? {})[0] ?? [];
  if (key) fields.push({ follow: (values) => { drawn.hidden = !wanted.includes(values[key] ?? ''); } });
  return drawn;
}

const CONTROLS = {
  Checkbox: checkbox,
  Input: textInput,
  InputNumber: numberInput,
  'Input.TextArea': textArea,
  Password: (field, value) => textInput({ ...field, 'x-component-props': { ...field['x-component-props'], password: true } }, value),
  TextAreaWithGlobalScope: textInput,
  Select: select,
  'Radio.Group': radioGroup,
};

/** The addresses of a form, each from its schema and what was stored to what it is for the values of the moment. */
const ADDRESSES = {
  DingTalkCallbackAddress: (form, stored, field) => () => ({ value: field['x-component-props']?.value ?? '', placeholder: t('Save this source first: its name is a part of the address.') }),
  DingTalkRedirectUrl: (form, stored) => (values) => ({ value: redirectUrl(form, stored, values) }),
  DingTalkHomePage: () => () => ({ value: new URL(BASE, location.href).href }),
  DingTalkAppLink: () => ({ corpId, agentId }) => {
    const isComplete = [corpId, agentId].every((text) => text && !text.includes('{{'));
    return isComplete
      ? { value: `https://applink.dingtalk.com/page/h5_app_open?${new URLSearchParams({ appId: agentId, appType: '2', corpId, target: 'workbench' })}` }
      : { value: '', placeholder: t('Fill in Corp ID and Agent ID first.') };
  },
};

function redirectUrl(form, stored, { callbackOrigin }) {
  const address = form.properties.redirectUrl['x-component-props']?.value ?? '';
  return callbackOrigin === stored.callbackOrigin ? address : withOrigin(address, callbackOrigin ?? location.origin);
}

/** Label, control, explanation and complaint, tied together for screen readers. */
function drawField(field, control) {
  const labelId = uniqueId('label');
  const hintId = uniqueId('hint');
  const errorId = uniqueId('error');
  const title = expand(field.title);
  const hint = field.description && h('p', { class: 'hint', id: hintId }, expand(field.description));
  const error = h('p', { class: 'field-error', id: errorId });
  const required = field.required && h('span', { class: 'required', 'aria-hidden': 'true' }, '*');

  const described = control.group ?? control.input;
  described.setAttribute('aria-describedby', [field.description && hintId, errorId].filter(Boolean).join(' '));
  control.complain = (text) => {
    fill(error, text);
    described.toggleAttribute('aria-invalid', Boolean(text));
    if (text) described.setAttribute('aria-invalid', 'true');
  };
  if (control.isInline) {
    return h('div', { class: 'field' }, h('label', { class: 'check' }, control.element, h('span', null, title)), hint, error);
  }
  if (control.group) {
    control.group.setAttribute('aria-labelledby', labelId);
    return h('div', { class: 'field' }, h('span', { class: 'label', id: labelId }, title, required), hint, control.element, error);
  }
  control.input.id = uniqueId('field');
  return h('div', { class: 'field' }, h('label', { for: control.input.id }, title, required), control.element, hint, error);
}

function isAcceptable(field, control) {
  const value = control.read();
  const isMissing = field.required && value === undefined;
  const isMisspelt = field.pattern && value !== undefined && !new RegExp(field.pattern).test(value);
  control.complain(isMissing ? t('This field is required.') : isMisspelt ? t('This contains characters that are not allowed here.') : '');
  return !isMissing && !isMisspelt;
}

function checkbox(field, value) {
  const input = h('input', { type: 'checkbox', checked: value === true });
  return { element: input, input, isInline: true, read: () => input.checked };
}

const trimmed = (input) => input.value.trim() || undefined;

function textInput(field, value) {
  const { password, placeholder } = field['x-component-props'] ?? {};
  // A name of one of NocoBase's variables is no secret and must be readable.
  const isVariable = /^\{\{\s*\$env\./.test(value ?? '');
  const input = h('input', {
    type: password && !isVariable ? 'password' : 'text', value: value ?? '', placeholder: placeholder && expand(placeholder), required: field.required,
    autocomplete: password ? 'new-password' : 'off', autocapitalize: 'none', spellcheck: 'false',
  });
  if (!password || isVariable) return { element: input, input, read: () => trimmed(input) };

  const reveal = h('button', {
    type: 'button', class: 'button', disabled: input.value === MASK,
    onclick: () => {
      input.type = input.type === 'password' ? 'text' : 'password';
      label();
    },
  });
  const label = () => fill(reveal, input.type === 'password' ? t('Show') : t('Hide'));
  label();
  // The mask is not a start to type on: the first key replaces it.
  input.addEventListener('focus', () => { if (input.value === MASK) input.select(); });
  input.addEventListener('input', () => { reveal.disabled = input.value === MASK; });
  return { element: h('div', { class: 'joined' }, input, reveal), input, read: () => trimmed(input) };
}

function numberInput(field, value) {
  const { min, max } = field['x-component-props'] ?? {};
  const input = h('input', { type: 'number', min, max, value: value ?? '' });
  return { element: input, input, read: () => (input.value === '' ? undefined : input.valueAsNumber) };
}

function textArea(field, value) {
  const { placeholder, rows = 3 } = field['x-component-props'] ?? {};
  const input = h('textarea', { rows, placeholder: placeholder && expand(placeholder), required: field.required, value: value ?? '' });
  return { element: input, input, read: () => trimmed(input) };
}

function select(field, value) {
  const input = h('select', { required: field.required }, (field.enum ?? []).map((one) => h('option', { value: one.value }, expand(one.label))));
  if (value !== undefined) input.value = value;
  return { element: input, input, read: () => input.value || undefined };
}

function radioGroup(field, value) {
  const name = uniqueId('choice');
  const choices = (field.enum ?? []).map((one) => {
    const input = h('input', { type: 'radio', name, value: one.value, checked: one.value === value });
    return { input, element: h('label', { class: 'check' }, input, h('span', null, expand(one.label))) };
  });
  // Long ones stand below each other, as the schema lays them out.
  const isRow = !field['x-component-props']?.style;
  const group = h('div', { class: isRow ? 'choices choices-row' : 'choices', role: 'radiogroup' }, choices.map(({ element }) => element));
  return { element: group, group, input: choices[0]?.input, read: () => choices.find(({ input }) => input.checked)?.input.value };
}

/** An address to copy, which follows what is typed in other fields: it must not be copied stale before the form is saved. */
function addressField(field, compute) {
  const input = h('input', { type: 'text', class: 'code', readonly: true, onfocus: () => input.select() });
  const button = h('button', {
    type: 'button', class: 'button', onclick: async () => {
      const isCopied = await copyField(input);
      button.focus();
      if (!isCopied) {
        input.focus();
        notify(t('Press Ctrl+C or ⌘C to copy.'));
        return;
      }
      fill(button, icon('check'), t('Copied'));
      notify(t('Copied'));
      setTimeout(() => fill(button, icon('copy'), t('Copy')), 2000);
    },
  }, icon('copy'), t('Copy'));
  const follow = (values) => {
    const { value, placeholder } = compute(values);
    Object.assign(input, { value, placeholder: placeholder ?? '' });
    button.disabled = !value;
  };
  return { element: h('div', { class: 'joined joined-long' }, input, button), input, follow };
}

/** `address` under another scheme, host and port; unchanged while `origin` is not one yet, or holds a variable. */
function withOrigin(address, origin) {
  try {
    const { protocol, origin: wanted } = new URL(origin);
    return /^https?:$/.test(protocol) ? wanted + new URL(address).pathname : address;
  } catch {
    return address;
  }
}

function assign(target, path, value) {
  const last = path[path.length - 1];
  let object = target;
  for (const step of path.slice(0, -1)) object = object[step] ??= {};
  if (value === undefined) delete object[last];
  else object[last] = value;
}
