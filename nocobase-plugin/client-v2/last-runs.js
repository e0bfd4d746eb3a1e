// The last synchronizations of a source.
define(
  'nocobase-plugin-auth-dingtalk/client-v2/last-runs',
  ['react', 'antd', './texts', './paged-table', './run-state'],
  function (React, antd, texts, pagedTable, runState) {
    'use strict';

    const { useText } = texts;
    const { PagedTable, usePages } = pagedTable;
    const { COLORS, countsOf, kindText, moment, reasonText, stateText } = runState;

    const h = React.createElement;

    function LastRuns() {
      const { t, i18n } = useText();
      const pages = usePages('runs');
      const number = new Intl.NumberFormat(i18n.language);
      const columns = [
        { title: t('Begun'), dataIndex: 'begunAt', render: (time) => moment(time, i18n.language) },
        { title: t('Ended'), dataIndex: 'endedAt', render: (time) => moment(time, i18n.language) },
        { title: t('By'), dataIndex: 'reason', render: (reason) => reasonText(t, reason) },
        { title: t('Result'), dataIndex: 'state', render: (state) => h(antd.Tag, { color: COLORS[state] }, stateText(t, state)) },
        { title: t('Details'), key: 'counts', render: (_, run) => [...countsOf(run).map(({ kind, count }) => `${kindText(t, kind)}: ${number.format(count)}`), run.code].filter(Boolean).join(' · ') || '–' },
      ];
      return h('div', { 'data-testid': 'dingtalk-last-runs' }, h(PagedTable, { pages, columns, rowKey: 'id', emptyText: t('Nothing has been synchronized yet') }));
    }

    return { LastRuns };
  },
);
