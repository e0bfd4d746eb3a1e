// The form of a source of the directory in the modern client.
define(
  'nocobase-plugin-auth-dingtalk/client-v2/directory-form',
  ['react', 'antd', '@nocobase/client-v2', './texts', './host', './form-fields', './directory-schema', './directory-settings', './callback-address'],
  function (React, antd, client, texts, host, formFields, directorySchema, directorySettings, callbackAddress) {
    'use strict';

    const { useText } = texts;
    const { Host, ask } = host;
    const { fields } = formFields;
    const { DIRECTORY_FORM } = directorySchema;
    const { DirectoryLayout, SOURCE_TYPE } = directorySettings;
    const { CallbackAddress } = callbackAddress;

    const h = React.createElement;
    const { useEffect, useMemo, useState } = React;

    /** NocoBase gives the form no record: what has a name when the form opens is a row, if there is one of that name. */
    function useSource(request) {
      const form = antd.Form.useFormInstance();
      const [opened] = useState(() => form.getFieldValue('name'));
      const [source, setSource] = useState({ name: opened });
      useEffect(() => {
        let isCurrent = true;
        if (opened) {
          const filter = JSON.stringify({ name: opened, sourceType: SOURCE_TYPE });
          ask(request, { url: 'userDataSyncSources:list', params: { filter, fields: ['id', 'name'], pageSize: 1 } })
            .then(({ data }) => isCurrent && data[0] && setSource(data[0]))
            .catch(() => {});
        }
        return () => {
          isCurrent = false;
        };
      }, []);
      return source;
    }

    function ModernDirectorySettings() {
      const { t } = useText();
      const app = client.useApp();
      const request = (options) => app.apiClient.request(options);
      const source = useSource(request);
      const value = useMemo(() => ({ request, apiUrl: (action) => app.getApiUrl(action), source }), [app, source]);
      return h(Host.Provider, { value },
        h(DirectoryLayout, null, fields(DIRECTORY_FORM.properties, [], t, { shown: { DingTalkCallbackAddress: CallbackAddress } })));
    }

    return { ModernDirectorySettings };
  },
);
