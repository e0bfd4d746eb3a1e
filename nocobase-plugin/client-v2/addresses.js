// The addresses that are copied into DingTalk's console or sent to people.
define(
  'nocobase-plugin-auth-dingtalk/client-v2/addresses',
  ['react', 'antd', '@ant-design/icons', './texts', './host'],
  function (React, antd, icons, texts, host) {
    'use strict';

    const { useText } = texts;
    const { Failure, Host, ask, failureText } = host;

    const h = React.createElement;
    const { useContext, useEffect, useRef, useState } = React;

    const APP_LINK = 'https://applink.dingtalk.com/page/h5_app_open';

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

    function Address({ label, value, placeholder, testId }) {
      const { t } = useText();
      const { message } = antd.App.useApp();
      const [isCopied, setCopied] = useState(false);
      const input = useRef(null);
      const copy = () =>
        copyText(input.current.input, value).then(
          () => {
            setCopied(true);
            message.success(t('Copied'));
          },
          () => message.error(t('Copying did not work. Select the address and copy it yourself.')),
        );
      return h(antd.Space.Compact, { style: { width: '100%' } },
        h(antd.Input, { ref: input, readOnly: true, value, placeholder, onFocus: (event) => event.target.select(), 'aria-label': label, 'data-testid': testId }),
        h(antd.Button, { icon: h(isCopied ? icons.CheckOutlined : icons.CopyOutlined), disabled: !value, onClick: copy, 'data-testid': `${testId}-copy` }, t('Copy')),
      );
    }

    /** What each form has asked already: several addresses come from one answer. */
    const answers = new WeakMap();

    function askOnce(host, name) {
      if (!answers.has(host)) {
        answers.set(host, ask(host.request, { url: 'dingtalk:configForm', params: { authenticator: name } }).then(({ data }) => data.properties.redirectUrl['x-component-props'].value));
      }
      return answers.get(host);
    }

    function useRedirectUrl(callbackOrigin) {
      const { t } = useText();
      const host = useContext(Host);
      const [answered, setAnswered] = useState(null);
      const [failure, setFailure] = useState(null);
      const name = host.authenticator.id ? host.authenticator.name : undefined;
      useEffect(() => {
        let isCurrent = true;
        askOnce(host, name)
          .then((url) => isCurrent && setAnswered(url))
          // The form must also work while the sidecar is away, and says why it is.
          .catch((error) => isCurrent && setFailure(failureText(error, t)));
        return () => {
          isCurrent = false;
        };
      }, [name]);
      const local = new URL(host.apiUrl('auth:redirect'), window.location.href);
      const otherOrigin = isOrigin(callbackOrigin);
      return { url: otherOrigin ? otherOrigin + local.pathname : answered || local.href, failure };
    }

    function RedirectUrl({ callbackOrigin }) {
      const { t } = useText();
      const { url, failure } = useRedirectUrl(callbackOrigin);
      return h(React.Fragment, null,
        h(Address, { label: t('Redirect URL'), value: url, testId: 'dingtalk-redirect-url' }),
        failure ? h(Failure, { text: failure, style: { marginTop: 8 }, 'data-testid': 'dingtalk-away' }) : null,
      );
    }

    /** Where people reach NocoBase's pages: what stands before its API. */
    function HomePage({ callbackOrigin }) {
      const { t } = useText();
      const { url } = useRedirectUrl(callbackOrigin);
      return h(Address, { label: t('Home page address'), value: url.replace(/[^/]*\/auth:redirect$/, ''), testId: 'dingtalk-home-page' });
    }

    const isWritten = (text) => typeof text === 'string' && text.trim() !== '' && !text.includes('{{');

    function AppLink({ corpId, agentId }) {
      const { t } = useText();
      const isComplete = isWritten(corpId) && isWritten(agentId);
      const query = isComplete ? new URLSearchParams({ appId: agentId.trim(), appType: '2', corpId: corpId.trim(), target: 'workbench' }) : null;
      return h(Address, { label: t('AppLink'), value: query ? `${APP_LINK}?${query}` : '', placeholder: t('Fill in Corp ID and Agent ID first.'), testId: 'dingtalk-app-link' });
    }

    return { Address, AppLink, HomePage, RedirectUrl };
  },
);
