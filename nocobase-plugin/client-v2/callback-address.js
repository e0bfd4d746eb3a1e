// Where DingTalk sends the events of a source.
define(
  'nocobase-plugin-auth-dingtalk/client-v2/callback-address',
  ['react', 'antd', './texts', './host', './addresses'],
  function (React, antd, texts, host, addresses) {
    'use strict';

    const { useText } = texts;
    const { Host, ask } = host;
    const { Address } = addresses;

    const h = React.createElement;
    const { useContext, useEffect, useState } = React;

    function CallbackAddress() {
      const { t } = useText();
      const { apiUrl, request, source } = useContext(Host);
      const [answered, setAnswered] = useState(null);
      useEffect(() => {
        let isCurrent = true;
        if (source.id) {
          ask(request, { url: 'dingtalk:callbackAddress', params: { source: source.name } })
            .then(({ data }) => isCurrent && setAnswered(data.address))
            // The form also works while the sidecar is away.
            .catch(() => {});
        }
        return () => {
          isCurrent = false;
        };
      }, [source.id, source.name]);
      if (!source.id) return h(antd.Typography.Text, { type: 'secondary', 'data-testid': 'dingtalk-callback-hint' }, t('Save this source first: its name is a part of the address.'));
      const local = new URL(apiUrl(`dingtalk-events/${encodeURIComponent(source.name)}`), window.location.href).href;
      return h(Address, { label: t('Request address'), value: answered || local, testId: 'dingtalk-callback-address' });
    }

    return { CallbackAddress };
  },
);
