// The address that is copied into DingTalk's console.
define(
  'nocobase-plugin-auth-dingtalk/client-v2/redirect-url',
  ['react', 'antd', '@ant-design/icons', './texts', './host'],
  function (React, antd, icons, texts, host) {
    'use strict';

    const { useText } = texts;
    const { Failure, Host, ask, failureText } = host;

    const h = React.createElement;
    const { useContext, useEffect, useRef, useState } = React;

    const isOrigin = (text) => {
      try {
        return /^https?:\/\/[^/?#]+\/?$/.test(text) && new URL(text).origin;
      } catch {
        return null;
      }
    };

    function copyText(input, text) {
      if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
      // Plain http has no clipboard interface; the old command still copies a selection.
      input.focus();
      input.select();
      return document.execCommand('copy') ? Promise.resolve() : Promise.reject(new Error('copy refused'));
    }

    function RedirectUrl({ callbackOrigin }) {
      const { t } = useText();
      const host = useContext(Host);
      const { message } = antd.App.useApp();
      const [answered, setAnswered] = useState(null);
      const [failure, setFailure] = useState(null);
      const [isCopied, setCopied] = useState(false);
      const input = useRef(null);
      const name = host.authenticator.id ? host.authenticator.name : undefined;
      useEffect(() => {
        let isCurrent = true;
        ask(host.request, { url: 'dingtalk:configForm', params: { authenticator: name } })
          .then(({ data }) => isCurrent && setAnswered(data.properties.redirectUrl['x-component-props'].value))
          // The form must also work while the sidecar is away, and says why it is.
          .catch((error) => isCurrent && setFailure(failureText(error, t)));
        return () => {
          isCurrent = false;
        };
      }, [name]);
      const local = new URL(host.apiUrl('auth:redirect'), window.location.href);
      const otherOrigin = isOrigin(callbackOrigin);
      const url = otherOrigin ? otherOrigin + local.pathname : answered || local.href;
      const copy = () =>
        copyText(input.current.input, url).then(
          () => {
            setCopied(true);
            message.success(t('Copied'));
          },
          () => message.error(t('Copying did not work. Select the address and copy it yourself.')),
        );
      return h(React.Fragment, null,
        h(antd.Space.Compact, { style: { width: '100%' } },
          h(antd.Input, { ref: input, readOnly: true, value: url, onFocus: (event) => event.target.select(), 'aria-label': t('Redirect URL'), 'data-testid': 'dingtalk-redirect-url' }),
          h(antd.Button, { icon: h(isCopied ? icons.CheckOutlined : icons.CopyOutlined), onClick: copy, 'data-testid': 'dingtalk-copy' }, t('Copy')),
        ),
        failure ? h(Failure, { text: failure, style: { marginTop: 8 }, 'data-testid': 'dingtalk-away' }) : null,
      );
    }

    return { RedirectUrl };
  },
);
