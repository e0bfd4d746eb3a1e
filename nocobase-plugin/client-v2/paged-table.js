// A table of one of the plugin's lists, page by page, as narrow as its filter.
define(
  'nocobase-plugin-auth-dingtalk/client-v2/paged-table',
  ['react', 'antd', './texts', './host'],
  function (React, antd, texts, host) {
    'use strict';

    const { useText } = texts;
    const { Failure, Host, ask, failureText, subjectOf } = host;

    const h = React.createElement;
    const { useCallback, useContext, useEffect, useRef, useState } = React;

    const FIRST_PAGE = { page: 1, pageSize: 20 };

    /** The rows of `dingtalk:<action>` of what the form is about, read anew whenever the filter or the page changes. */
    function usePages(action, narrowed) {
      const { t } = useText();
      const host = useContext(Host);
      const subject = subjectOf(host);
      const [query, setQuery] = useState({ ...FIRST_PAGE, ...narrowed });
      const [state, setState] = useState({ rows: [], count: 0, isLoading: true });
      const turn = useRef(0);
      const load = useCallback(async () => {
        turn.current += 1;
        const mine = turn.current;
        setState((previous) => ({ ...previous, isLoading: true }));
        let next;
        try {
          const { data, meta } = await ask(host.request, { url: `dingtalk:${action}`, params: { ...subject, ...query } });
          next = { rows: data, count: meta?.count ?? data.length, meta };
        } catch (error) {
          next = { rows: [], count: 0, failure: failureText(error, t) };
        }
        // A slow answer to an earlier question comes too late.
        if (mine === turn.current) setState(next);
      }, [action, JSON.stringify(subject), query]);
      useEffect(() => {
        load();
      }, [load]);
      return {
        ...state,
        query,
        load,
        /** Another filter begins at its first page; what is empty does not narrow it. */
        narrow: (filter) => setQuery((previous) => ({ ...previous, ...filter, page: 1 })),
        goTo: (page, pageSize) => setQuery((previous) => ({ ...previous, page, pageSize })),
      };
    }

    /** `emptyText` is shown when there is nothing, and never when it is not known. */
    function PagedTable({ pages, columns, emptyText, ...props }) {
      if (pages.failure) return h(Failure, { text: pages.failure, onRetry: pages.load });
      return h(antd.Table, {
        size: 'small',
        scroll: { x: 'max-content' },
        loading: Boolean(pages.isLoading),
        columns,
        dataSource: pages.rows,
        locale: { emptyText: pages.isLoading ? ' ' : h(antd.Empty, { image: antd.Empty.PRESENTED_IMAGE_SIMPLE, description: emptyText }) },
        pagination: { current: pages.query.page, pageSize: pages.query.pageSize, total: pages.count, hideOnSinglePage: true, onChange: pages.goTo },
        ...props,
      });
    }

    return { PagedTable, usePages };
  },
);
