// What the settings need of the client they run in, and how they ask the plugin.
define('nocobase-plugin-auth-dingtalk/client-v2/host', ['react', 'antd', './texts'], function (React, antd, texts) {
  'use strict';

  const { useText } = texts;

  const h = React.createElement;

  /**
   * `{ request(options), apiUrl(action), authenticator: { id, name, options }, isChanged, save(): Promise<string> }`;
   * `save` resolves with the name of the authenticator that was saved. In the settings of a source of the directory there
   * is `source: { id, name }` in the place of the authenticator.
   */
  const Host = React.createContext(null);

  /** What the plugin's lists are asked about. */
  const subjectOf = ({ authenticator, source }) => (source ? { source: source.name } : { authenticator: authenticator.name });

  function ask(request, options) {
    return request({ skipNotify: true, ...options }).then((answer) => answer.data);
  }

  /** What the plugin, or NocoBase while it restarts, says of a failure. */
  const refusalOf = (error) => error?.response?.data?.errors?.[0]?.message || error?.response?.data?.error?.message;

  const failureText = (error, t) => refusalOf(error) || t('The server gave no usable answer. Try again in a moment.');

  function Failure({ text, onRetry, ...props }) {
    const { t } = useText();
    const action = onRetry ? h(antd.Button, { size: 'small', onClick: onRetry }, t('Try again')) : undefined;
    return h(antd.Alert, { type: 'error', showIcon: true, message: text, action, ...props });
  }

  return { Failure, Host, ask, failureText, refusalOf, subjectOf };
});
