// Who signed in through this authenticator, who was refused, and why.
define(
  'nocobase-plugin-auth-dingtalk/client-v2/sign-in-log',
  ['react', 'antd', './texts', './export', './paged-table', './people', './calls'],
  function (React, antd, texts, exporting, pagedTable, people, calls) {
    'use strict';

    const { BUTTON, gaps, useText } = texts;
    const { Export } = exporting;
    const { PagedTable, usePages } = pagedTable;
    const { foundBy, moment } = people;

    const h = React.createElement;

    const SUCCESS = 'OK';
    const EVENTS = { signIn: 'Signed in', link: 'Linked', unlink: 'Link removed', sessionsEnded: 'Sessions ended', departure: 'Taken out: left the organization', return: 'Returned' };
    /** What can be asked for besides the single codes of refusals. */
    const KINDS = [
      { label: 'All', filter: {} },
      { label: EVENTS.signIn, filter: { event: 'signIn', result: SUCCESS } },
      { label: 'All refused', filter: { result: 'REFUSED' } },
      { label: EVENTS.link, filter: { event: 'link', result: SUCCESS } },
      { label: EVENTS.unlink, filter: { event: 'unlink', result: SUCCESS } },
      { label: EVENTS.sessionsEnded, filter: { event: 'sessionsEnded', result: SUCCESS } },
    ];

    /** Why the sessions of somebody who has left go on. */
    const NOT_ENDED = { LAST_ROOT: 'The sessions of the last user with the role root are not ended. Give another user that role first.' };

    /** The first sentence of what a person was told: what happened, without what they were to do. */
    const firstSentence = (text) => /^.*?(?:[.!?।](?=\s|$)|。)/s.exec(text)?.[0] ?? text;

    const isTold = (code) => Object.prototype.hasOwnProperty.call(BUTTON.errors, code);

    /** A refusal in words; a code that no sentence belongs to stays a code. */
    const inWords = (t, code) => (isTold(code) ? firstSentence(t(BUTTON.errors[code], gaps(BUTTON.errors[code]))) : code);

    /** Why somebody's sessions were to end, and what goes on all the same. */
    function ofLeaver(t, row) {
      if (row.event !== 'sessionsEnded') return [];
      const [, count] = /api_keys=(\d+)/.exec(row.detail ?? '') ?? [];
      return [t('Has left the organization'), count ? t('API keys that go on working: {{count}}', { count }) : null].filter(Boolean);
    }

    function Result({ row }) {
      const { t } = useText();
      const reasons = ofLeaver(t, row).map((text) => h(antd.Typography.Text, { key: text, type: 'secondary', style: { display: 'block' } }, text));
      if (row.result === SUCCESS) {
        const isSignIn = row.event === 'signIn';
        return h(React.Fragment, null,
          h(antd.Tag, { color: isSignIn ? 'success' : undefined }, t(EVENTS[row.event] ?? row.event)),
          row.actorNickname ? h(antd.Typography.Text, { type: 'secondary' }, t('By {{name}}', { name: row.actorNickname })) : null,
          ...reasons);
      }
      return h('div', { style: { whiteSpace: 'normal', width: 260 } },
        h(antd.Typography.Text, { type: 'danger' }, row.event === 'sessionsEnded' ? t(NOT_ENDED[row.result] ?? 'Sessions not ended') : inWords(t, row.result)),
        ...reasons);
    }

    /** For whoever searches NocoBase's log or asks DingTalk's support. */
    function Details({ row }) {
      const { t } = useText();
      const facts = [
        isTold(row.result) ? h(antd.Typography.Text, { code: true }, row.result) : null,
        row.detail ? h(antd.Typography.Text, { code: true }, row.detail) : null,
        row.dingtalkRequestId ? t("DingTalk's request id: {{id}}", { id: row.dingtalkRequestId }) : null,
      ];
      return h(antd.Space, { wrap: true, size: 'middle' }, ...facts.filter(Boolean));
    }

    function Filter({ pages }) {
      const { t } = useText();
      const results = [
        ...KINDS.map(({ label, filter }) => ({ label: t(label), filter })),
        ...Object.keys(BUTTON.errors).map((code) => ({ label: inWords(t, code), title: code, filter: { result: code } })),
      ];
      const options = results.map(({ label, title }, value) => ({ label, title, value }));
      const search = (label, key) => ({
        allowClear: true, placeholder: label, 'aria-label': label, style: { flex: '1 1 160px' },
        onSearch: (text) => pages.narrow({ [key]: text.trim() || undefined }),
      });
      return h('div', { style: { display: 'flex', flexWrap: 'wrap', gap: 8, marginBottom: 12 } },
        h(antd.Select, {
          options, defaultValue: 0, showSearch: true, optionFilterProp: 'label', style: { flex: '1 0 100%' }, 'aria-label': t('Result'), 'data-testid': 'dingtalk-result',
          onChange: (value) => pages.narrow({ event: undefined, result: undefined, ...results[value].filter }),
        }),
        h(antd.Input.Search, search(t('Search by name or phone'), 'search')),
        h(antd.Input.Search, search(t('Reference'), 'reference')),
        h(Export, { action: 'audit', query: pages.query, file: 'dingtalk-sign-ins.csv', 'data-testid': 'dingtalk-export' }),
      );
    }

    function SignInLog() {
      const { t, i18n } = useText();
      const pages = usePages('audit');
      const { event, result, search, reference } = pages.query;
      const columns = [
        { title: t('Time'), dataIndex: 'time', render: (time) => moment(time, i18n.language) },
        { title: t('Result'), key: 'result', render: (_, row) => h(Result, { row }) },
        { title: t('User'), key: 'user', render: (_, row) => (row.userId === undefined ? '–' : row.nickname || `#${row.userId}`) },
        { title: t('Found by'), dataIndex: 'matched', render: (matched) => foundBy(t, matched) },
        { title: t('Address'), dataIndex: 'address', render: (address) => address || '–' },
        { title: t('Reference'), dataIndex: 'reference', render: (text) => (text ? h(antd.Typography.Text, { copyable: true }, text) : '–') },
      ];
      const expandable = {
        rowExpandable: (row) => row.result !== SUCCESS,
        expandedRowRender: (row) => h(Details, { row }),
      };
      const emptyText = event || result || search || reference ? t('Nothing matches the filter.') : t('Nobody has signed in with DingTalk yet.');
      return h('div', { 'data-testid': 'dingtalk-log' },
        h(calls.Calls),
        h(Filter, { pages }),
        h(PagedTable, { pages, columns, expandable, emptyText, rowKey: (row) => `${row.time} ${row.reference}` }),
      );
    }

    return { SignInLog, firstSentence, ofLeaver };
  },
);
