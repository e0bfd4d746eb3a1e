// One of the DingTalk authenticators, by its name.
define('nocobase-plugin-auth-dingtalk/client-v2/authenticator-select', ['react', 'antd', './texts', './host'], function (React, antd, texts, host) {
  'use strict';

  const { useText } = texts;
  const { Host, ask } = host;

  const h = React.createElement;
  const { useContext, useEffect, useState } = React;

  function AuthenticatorSelect({ value, onChange, id }) {
    const { t } = useText();
    const { request } = useContext(Host);
    const [options, setOptions] = useState([]);
    useEffect(() => {
      let isCurrent = true;
      ask(request, { url: 'authenticators:list', params: { filter: JSON.stringify({ authType: 'dingtalk' }), fields: ['name', 'title'], paginate: false } })
        .then(({ data }) => isCurrent && setOptions(data.map(({ name, title }) => ({ value: name, label: title ? `${title} (${name})` : name }))))
        // Who may not list them can still name an app.
        .catch(() => {});
      return () => {
        isCurrent = false;
      };
    }, []);
    return h(antd.Select, {
      id, options, allowClear: true, showSearch: true, optionFilterProp: 'label', placeholder: t('Another app'), style: { width: '100%' },
      value: value || undefined,
      // NocoBase keeps the old value of a key that is left out.
      onChange: (chosen) => onChange?.(chosen ?? ''),
      'data-testid': 'dingtalk-authenticator',
    });
  }

  return { AuthenticatorSelect };
});
