// A list of the plugin's as a file for a spreadsheet, all of it and not the page that is shown.
define('nocobase-plugin-auth-dingtalk/client-v2/export', ['react', 'antd', '@ant-design/icons', './texts', './host'], function (React, antd, icons, texts, host) {
  'use strict';

  const { useText } = texts;
  const { Host, ask, failureText, subjectOf } = host;

  const h = React.createElement;
  const { useContext, useState } = React;

  function saveFile(blob, name) {
    const address = URL.createObjectURL(blob);
    const link = Object.assign(document.createElement('a'), { href: address, download: name });
    link.click();
    URL.revokeObjectURL(address);
  }

  /** A refusal is wrapped like the file that was asked for. */
  async function unpacked(error) {
    const text = await error?.response?.data?.text?.();
    try {
      return { response: { data: JSON.parse(text) } };
    } catch {
      return error;
    }
  }

  function Export({ action, query, file, ...props }) {
    const { t } = useText();
    const host = useContext(Host);
    const { message } = antd.App.useApp();
    const [isRunning, setRunning] = useState(false);
    const run = () => {
      setRunning(true);
      const params = { ...query, ...subjectOf(host), format: 'csv', page: undefined, pageSize: undefined };
      return ask(host.request, { url: `dingtalk:${action}`, params, responseType: 'blob' })
        .then((blob) => saveFile(blob, file))
        .catch(async (error) => message.error(failureText(await unpacked(error), t)))
        .finally(() => setRunning(false));
    };
    return h(antd.Button, { icon: h(icons.DownloadOutlined), loading: isRunning, onClick: run, ...props }, t('Download CSV'));
  }

  return { Export };
});
