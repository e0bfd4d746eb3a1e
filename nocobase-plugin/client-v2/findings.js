// "Test connection": saves what was changed, and shows what the doctor found.
define(
  'nocobase-plugin-auth-dingtalk/client-v2/findings',
  ['react', 'antd', '@ant-design/icons', './texts', './host'],
  function (React, antd, icons, texts, host) {
    'use strict';

    const { useText } = texts;
    const { Failure, Host, ask, failureText, refusalOf } = host;

    const h = React.createElement;
    const { useContext, useEffect, useRef, useState } = React;

    const ALERT = { ok: 'success', warning: 'warning', error: 'error', unknown: 'info' };
    const alertOf = (status) => ALERT[status] ?? ALERT.unknown;

    const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

    /** The doctor's report. Asked too soon after the last one, the doctor says when to come back. */
    async function examine(request, authenticator) {
      for (let round = 0; ; round += 1) {
        try {
          return (await ask(request, { url: 'dingtalk:diagnose', method: 'post', params: { authenticator } })).data;
        } catch (error) {
          const { status, headers } = error?.response ?? {};
          if (status !== 429 || round > 0) throw error;
          await pause(Number(headers['retry-after']) || 5);
        }
      }
    }

    /** What is in order takes one line until it is opened. */
    function InOrder({ findings }) {
      const { t } = useText();
      const { token } = antd.theme.useToken();
      const label = h(antd.Typography.Text, { type: 'secondary' }, t('In order: {{count}}', { count: findings.length }));
      const rows = findings.map((finding, index) =>
        h('div', { key: index, style: { display: 'flex', gap: 8, paddingBlock: 4 } },
          h(icons.CheckCircleOutlined, { 'aria-hidden': true, style: { color: token.colorSuccess, marginTop: 4 } }), h('span', null, finding.message)));
      return h(antd.Collapse, { ghost: true, size: 'small', 'data-testid': 'dingtalk-in-order', items: [{ key: 'ok', label, children: rows }] });
    }

    /** What was found, and what to do about it. */
    function Told({ message, action }) {
      return h(React.Fragment, null, h(antd.Typography.Text, { strong: Boolean(action) }, message), action ? h('div', null, action) : null);
    }

    function Report({ verdict, findings }) {
      const others = findings.filter((finding) => finding.status !== 'ok');
      const inOrder = findings.filter((finding) => finding.status === 'ok');
      return h(React.Fragment, null,
        verdict ? h(antd.Typography.Text, { strong: true, 'data-testid': 'dingtalk-verdict' }, verdict) : null,
        others.map((finding, index) =>
          h(antd.Alert, { key: index, type: alertOf(finding.status), showIcon: true, message: h(Told, finding) })),
        inOrder.length ? h(InOrder, { findings: inOrder }) : null,
      );
    }

    function TestConnection() {
      const { t } = useText();
      const host = useContext(Host);
      const [state, setState] = useState({});
      const list = useRef(null);
      const run = async () => {
        setState({ isRunning: true });
        let { name } = host.authenticator;
        if (host.isChanged) {
          try {
            name = await host.save();
          } catch (error) {
            setState({ failure: refusalOf(error) || (error?.response ? failureText(error, t) : t('Nothing was saved. Correct the fields marked in red.')) });
            return;
          }
        }
        await examine(host.request, name)
          .then((report) => setState({ report }))
          .catch((error) => setState({ failure: failureText(error, t) }));
      };
      const hasAnswer = Boolean(state.report || state.failure);
      useEffect(() => {
        if (hasAnswer) list.current.scrollIntoView({ behavior: 'smooth', block: 'start' });
      }, [hasAnswer]);
      return h('div', { ref: list, style: { marginBottom: 24 } },
        h(antd.Button, { icon: h(icons.ApiOutlined), loading: state.isRunning, onClick: run, 'data-testid': 'dingtalk-diagnose' }, host.isChanged ? t('Save and test') : t('Test connection')),
        h('div', { 'aria-live': 'polite', 'data-testid': 'dingtalk-findings', style: { marginTop: 12, display: 'grid', gap: 8 } },
          state.failure ? h(Failure, { text: state.failure }) : null,
          state.report ? h(Report, state.report) : null,
        ),
      );
    }

    return { TestConnection };
  },
);
