// What a synchronization would do, or has done, person by person.
define(
  'nocobase-plugin-auth-dingtalk/client-v2/run-rows',
  ['react', 'antd', './texts', './export', './paged-table', './run-state'],
  function (React, antd, texts, exporting, pagedTable, runState) {
    'use strict';

    const { useText } = texts;
    const { Export } = exporting;
    const { PagedTable, usePages } = pagedTable;
    const { KINDS, kindText } = runState;

    const h = React.createElement;
    const { useEffect, useRef } = React;

    /** @param kind what is shown, where that is chosen elsewhere; `runId` changes with each run, whose rows are others */
    function RunRows({ kind, runId, isReport }) {
      const { t } = useText();
      const pages = usePages('runRows', { kind });
      const isFirst = useRef(true);
      useEffect(() => {
        if (isFirst.current) isFirst.current = false;
        else pages.narrow({ kind });
      }, [kind, runId]);
      const columns = [
        { title: t('Kind'), dataIndex: 'kind', render: (value) => kindText(t, value) },
        { title: t('Name'), dataIndex: 'name', render: (name) => name || '–' },
        { title: t('User ID in DingTalk'), dataIndex: 'uid', render: (uid) => (uid ? h(antd.Typography.Text, { code: true, style: { whiteSpace: 'nowrap' } }, uid) : '–') },
        { title: t('User'), key: 'user', render: (_, row) => row.nickname || (row.userId ? `#${row.userId}` : '–') },
        { title: t('Details'), dataIndex: 'message', render: (message) => message || '–' },
      ];
      const options = Object.keys(KINDS).map((value) => ({ value, label: kindText(t, value) }));
      return h('div', { 'data-testid': 'dingtalk-run-rows' },
        isReport ? h('div', { style: { display: 'flex', flexWrap: 'wrap', gap: 8, marginBottom: 12 } },
          h(antd.Select, { allowClear: true, placeholder: t('All kinds'), 'aria-label': t('Kind'), options, value: pages.query.kind, style: { flex: '1 1 200px' }, onChange: (value) => pages.narrow({ kind: value }) }),
          h(Export, { action: 'runReport', query: { kind: pages.query.kind }, file: 'dingtalk-synchronization.csv', 'data-testid': 'dingtalk-run-export' }),
        ) : null,
        // As wide as the drawer: reasons are sentences, and break rather than leave it.
        h(PagedTable, { pages, columns, scroll: { x: 600 }, rowKey: (row) => `${row.kind} ${row.uid}`, emptyText: t('There is nothing to tell.') }),
      );
    }

    return { RunRows };
  },
);
