// The fields of a form in the modern client, made from the schema that all forms are made from.
define(
  'nocobase-plugin-auth-dingtalk/client-v2/form-fields',
  ['react', 'antd', '@nocobase/client-v2', './texts', './settings', './authenticator-select'],
  function (React, antd, client, texts, settings, authenticatorSelect) {
    'use strict';

    const { expand } = texts;
    const { Advanced, Group } = settings;
    const { AuthenticatorSelect } = authenticatorSelect;

    const h = React.createElement;

    const INPUTS = {
      Checkbox: () => h(antd.Checkbox),
      DingTalkAuthenticator: () => h(AuthenticatorSelect),
      Input: (schema) => h(antd.Input, schema['x-component-props']),
      'Input.TextArea': (schema) => h(antd.Input.TextArea, schema['x-component-props']),
      InputNumber: (schema) => h(antd.InputNumber, schema['x-component-props']),
      'Radio.Group': (schema, t) => h(antd.Radio.Group, { ...schema['x-component-props'], options: schema.enum.map(({ label, value }) => ({ value, label: expand(t, label) })) }),
      TextAreaWithGlobalScope: (schema) => h(client.EnvVariableInput, schema['x-component-props']),
    };

    /** Whether what a field depends on has one of the values for which it is there. */
    function useIsWanted(condition) {
      const [key, values] = Object.entries(condition ?? {})[0] ?? [];
      const value = antd.Form.useWatch(['options', key ?? '']);
      return key === undefined || values.includes(value ?? '');
    }

    /** Out of sight, and mounted all the same: NocoBase saves mounted fields only. */
    function Field({ condition, item, children }) {
      return h(antd.Form.Item, { ...item, hidden: !useIsWanted(condition) }, children);
    }

    /** What is only shown and never saved. */
    function Shown({ condition, label, extra, children }) {
      return useIsWanted(condition) ? h(antd.Form.Item, { label, extra }, children) : null;
    }

    function rulesOf(schema, t) {
      const rules = [];
      if (schema.required) rules.push({ required: true, message: t('This field is required.') });
      if (schema.pattern) rules.push({ pattern: new RegExp(schema.pattern), message: t('This contains characters that are not allowed here.') });
      return rules.length ? rules : undefined;
    }

    /**
     * @param shown what draws the places that are no fields, by their component
     * @param withoutDefault the keys whose default depends on what is stored, which comes after the form
     */
    function fields(properties, path, t, { shown, withoutDefault = [] }) {
      return Object.entries(properties).flatMap(([key, schema]) => {
        const component = schema['x-component'];
        const inner = (place) => fields(schema.properties, place, t, { shown, withoutDefault });
        if (component === 'DingTalkAdvanced') return h(Advanced, { key, title: expand(t, schema.title) }, inner(path));
        if (component === 'DingTalkGroup') return h(Group, { key, title: expand(t, schema.title), description: expand(t, schema.description) }, inner(path));
        const place = [...path, key];
        if (schema.properties) return inner(place);
        const label = expand(t, schema.title);
        const extra = expand(t, schema.description);
        const condition = schema['x-only-when'];
        if (shown[component]) return h(Shown, { key, condition, label, extra }, h(shown[component]));
        const item = {
          name: ['options', ...place],
          label,
          extra,
          initialValue: withoutDefault.includes(key) ? undefined : schema.default,
          rules: rulesOf(schema, t),
          valuePropName: component === 'Checkbox' ? 'checked' : 'value',
        };
        return h(Field, { key: place.join('.'), condition, item }, (INPUTS[component] ?? INPUTS.Input)(schema, t));
      });
    }

    return { fields };
  },
);
