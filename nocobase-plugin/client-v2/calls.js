// How often DingTalk was called with the app of this authenticator: today, this month, and by API.
define('nocobase-plugin-auth-dingtalk/client-v2/calls', ['react', 'antd', './texts', './host'], function (React, antd, texts, host) {
  'use strict';

  const { useText } = texts;
  const { Host, ask } = host;

  const h = React.createElement;
  const { useContext, useEffect, useState } = React;

  const sum = (rows) => rows.reduce((total, { count }) => total + count, 0);

  function Calls() {
    const { t } = useText();
    const { request, authenticator } = useContext(Host);
    const [found, setFound] = useState(null);
    useEffect(() => {
      let isCurrent = true;
      ask(request, { url: 'dingtalk:calls', params: { authenticator: authenticator.name } })
        .then(({ data, meta }) => isCurrent && setFound({ rows: data, today: data.filter(({ day }) => day === meta.today) }))
        // The log below says what is wrong, and is what this page is for.
        .catch(() => {});
      return () => {
        isCurrent = false;
      };
    }, [authenticator.name]);
    if (!found) return null;
    const calls = [...new Set(found.rows.map(({ call }) => call))];
    const of = (rows, call) => sum(rows.filter((row) => row.call === call));
    const label = t('DingTalk calls: {{today}} today, {{month}} this month.', { today: sum(found.today), month: sum(found.rows) });
    if (!calls.length) return h(antd.Typography.Paragraph, { type: 'secondary', 'data-testid': 'dingtalk-calls' }, label);
    const columns = [
      { title: t('Call'), dataIndex: 'call', render: (call) => h(antd.Typography.Text, { code: true }, call) },
      { title: t('Today'), dataIndex: 'today', align: 'right' },
      { title: t('This month'), dataIndex: 'month', align: 'right' },
    ];
    const dataSource = calls.map((call) => ({ call, today: of(found.today, call), month: of(found.rows, call) }));
    const children = h(antd.Table, { size: 'small', rowKey: 'call', pagination: false, columns, dataSource });
    return h(antd.Collapse, { ghost: true, size: 'small', items: [{ key: 'calls', label, children }], 'data-testid': 'dingtalk-calls' });
  }

  return { Calls };
});
