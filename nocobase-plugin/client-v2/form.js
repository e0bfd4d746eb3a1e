// The settings form of the modern client, made from the schema that all forms are made from.
define(
  'nocobase-plugin-auth-dingtalk/client-v2/form',
  ['react', 'antd', '@nocobase/client-v2', './texts', './host', './addresses', './saving', './settings', './subject'],
  function (React, antd, client, texts, host, addresses, saving, settings, subjects) {
    'use strict';

    const { FORM, expand, useText } = texts;
    const { Host } = host;
    const { AppLink, HomePage, RedirectUrl } = addresses;
    const { useSaving } = saving;
    const { Advanced, Group, SettingsLayout } = settings;
    const { defaultSubject } = subjects;

    const h = React.createElement;
    const { useEffect, useMemo, useRef } = React;

    const INPUTS = {
      Checkbox: () => h(antd.Checkbox),
      'Input.TextArea': (schema) => h(antd.Input.TextArea, schema['x-component-props']),
      'Radio.Group': (schema, t) => h(antd.Radio.Group, { ...schema['x-component-props'], options: schema.enum.map(({ label, value }) => ({ value, label: expand(t, label) })) }),
      TextAreaWithGlobalScope: (schema) => h(client.EnvVariableInput, schema['x-component-props']),
    };

    const ADDRESSES = { DingTalkRedirectUrl: RedirectUrl, DingTalkHomePage: HomePage, DingTalkAppLink: AppLink };

    function fields(properties, path, t) {
      return Object.entries(properties).flatMap(([key, schema]) => {
        if (schema['x-component'] === 'DingTalkAdvanced') {
          return h(Advanced, { key, title: expand(t, schema.title) }, fields(schema.properties, path, t));
        }
        if (schema['x-component'] === 'DingTalkGroup') {
          return h(Group, { key, title: expand(t, schema.title), description: expand(t, schema.description) }, fields(schema.properties, path, t));
        }
        const place = [...path, key];
        if (schema.properties) return fields(schema.properties, place, t);
        const label = expand(t, schema.title);
        const extra = expand(t, schema.description);
        const address = ADDRESSES[schema['x-component']];
        if (address) return h(antd.Form.Item, { key, label, extra }, h(WatchedAddress, { address }));
        const item = {
          key: place.join('.'),
          name: ['options', ...place],
          label,
          extra,
          // The default of the subject depends on what is stored, which comes after the form.
          initialValue: key === 'subject' ? undefined : schema.default,
          rules: schema.required ? [{ required: true, message: t('This field is required.') }] : undefined,
          valuePropName: schema['x-component'] === 'Checkbox' ? 'checked' : 'value',
        };
        const input = INPUTS[schema['x-component']] ?? (() => h(antd.Input));
        return h(antd.Form.Item, item, input(schema, t));
      });
    }

    /** Addresses change with what is being typed. */
    function WatchedAddress({ address }) {
      const [callbackOrigin, corpId, agentId] = ['callbackOrigin', 'corpId', 'agentId'].map((key) => antd.Form.useWatch(['options', key]));
      return h(address, { callbackOrigin, corpId, agentId });
    }

    function ModernSettings() {
      const { t } = useText();
      const app = client.useApp();
      const form = antd.Form.useFormInstance();
      // NocoBase opens the form with the row of its list, which has no options, and fills in the whole record later.
      antd.Form.useWatch([], form);
      const record = form.getFieldsValue(true);
      const { internal, clientId } = record.options ?? {};
      // What antd calls touched is also what NocoBase has filled in.
      const opened = useRef(null);
      const isFilled = !record.id || internal !== undefined || clientId !== undefined;
      useEffect(() => {
        if (!isFilled) return;
        const subject = ['options', 'subject'];
        if (form.getFieldValue(subject) === undefined) form.setFieldValue(subject, defaultSubject(internal));
        opened.current ??= JSON.stringify(form.getFieldsValue());
      }, [isFilled, internal]);
      const values = form.getFieldsValue();
      const request = (options) => app.apiClient.request(options);
      const { id, name, isChanged, save } = useSaving(request, {
        record,
        isTouched: opened.current !== null && JSON.stringify(values) !== opened.current,
        values,
        validated: () => form.validateFields(),
        onSaved: () => {},
      });
      const host = useMemo(
        () => ({ request, apiUrl: (action) => app.getApiUrl(action), authenticator: { id, name, options: record.options }, isChanged, save }),
        [app, id, name, isChanged, record.options],
      );
      return h(Host.Provider, { value: host },
        h(SettingsLayout, null,
          fields(FORM.properties, [], t),
          // NocoBase saves declared fields only: this keeps the settings of a row the community plugin made.
          h(antd.Form.Item, { name: ['options', 'internal'], hidden: true }, h(Unseen)),
        ),
      );
    }

    function Unseen() {
      return null;
    }

    return { ModernSettings };
  },
);
