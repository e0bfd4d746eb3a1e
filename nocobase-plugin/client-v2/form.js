// The settings form of the modern client, made from the schema that all forms are made from.
define(
  'nocobase-plugin-auth-dingtalk/client-v2/form',
  ['react', 'antd', '@nocobase/client-v2', './texts', './host', './addresses', './saving', './settings', './form-fields', './subject'],
  function (React, antd, client, texts, host, addresses, saving, settings, formFields, subjects) {
    'use strict';

    const { FORM, useText } = texts;
    const { Host } = host;
    const { AppLink, HomePage, RedirectUrl } = addresses;
    const { useSaving } = saving;
    const { SettingsLayout } = settings;
    const { fields } = formFields;
    const { defaultSubject } = subjects;

    const h = React.createElement;
    const { useEffect, useMemo, useRef } = React;

    /** Addresses change with what is being typed. */
    function WatchedAddress({ address }) {
      const [callbackOrigin, corpId, agentId] = ['callbackOrigin', 'corpId', 'agentId'].map((key) => antd.Form.useWatch(['options', key]));
      return h(address, { callbackOrigin, corpId, agentId });
    }

    const watched = (address) => () => h(WatchedAddress, { address });

    const SHOWN = { DingTalkRedirectUrl: watched(RedirectUrl), DingTalkHomePage: watched(HomePage), DingTalkAppLink: watched(AppLink) };

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
          fields(FORM.properties, [], t, { shown: SHOWN, withoutDefault: ['subject'] }),
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
