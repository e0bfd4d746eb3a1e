// Which DingTalk person is which user; such links are made, removed and taken along.
define(
  'nocobase-plugin-auth-dingtalk/client-v2/linked-users',
  ['react', 'antd', './texts', './host', './export', './link-by-hand', './paged-table', './people'],
  function (React, antd, texts, host, exporting, linkByHand, pagedTable, people) {
    'use strict';

    const { useText } = texts;
    const { Host, ask, failureText } = host;
    const { Export } = exporting;
    const { LinkByHand } = linkByHand;
    const { PagedTable, usePages } = pagedTable;
    const { foundBy, moment } = people;

    const h = React.createElement;
    const { useContext } = React;

    /** Links that hold what people were recognized by earlier. */
    function FormerLinks({ former }) {
      const { t } = useText();
      if (!former) return null;
      const count = former.mobile + former.userId + former.unknown;
      return h(antd.Alert, {
        type: 'info',
        showIcon: true,
        style: { marginBottom: 12 },
        'data-testid': 'dingtalk-former-links',
        message: t('Links that do not hold the Union ID yet: {{count}} (phone numbers: {{mobile}}, user IDs: {{userId}}, unknown kind: {{unknown}}).', { count, ...former }),
        description: t('Each is converted when its person signs in. Remove the links of people who have left, and keep the permission qyapi_get_member while user IDs are left.'),
      });
    }

    function LinkedUsers() {
      const { t, i18n } = useText();
      const host = useContext(Host);
      const { message } = antd.App.useApp();
      const pages = usePages('bindings');
      const unlink = (row) =>
        ask(host.request, { url: 'dingtalk:unbind', method: 'post', params: { authenticator: host.authenticator.name, userId: row.userId } })
          .then(pages.load)
          .catch((error) => message.error(failureText(error, t)));
      const columns = [
        { title: t('User'), key: 'user', render: (_, row) => row.nickname || `#${row.userId}` },
        { title: t('Phone number'), dataIndex: 'phone', render: (phone) => phone || '–' },
        { title: t('Found by'), dataIndex: 'matchedBy', render: (matched) => foundBy(t, matched) },
        { title: t('Linked'), dataIndex: 'createdAt', render: (time) => moment(time, i18n.language) },
        {
          title: t('Actions'),
          key: 'actions',
          render: (_, row) =>
            h(antd.Popconfirm, { title: t('Remove this link? At the next sign-in the person is matched anew.'), okText: t('Remove'), cancelText: t('Cancel'), onConfirm: () => unlink(row) },
              h(antd.Button, { type: 'link', danger: true, size: 'small' }, t('Remove'))),
        },
      ];
      const emptyText = pages.query.search ? t('Nothing matches the filter.') : t('Nobody has signed in with DingTalk yet.');
      return h('div', { 'data-testid': 'dingtalk-bindings' },
        h(FormerLinks, { former: pages.meta?.former }),
        h('div', { style: { display: 'flex', flexWrap: 'wrap', gap: 8, marginBottom: 12 } },
          h(antd.Input.Search, {
            allowClear: true,
            placeholder: t('Search by name or phone'),
            'aria-label': t('Search by name or phone'),
            style: { flex: '1 1 200px' },
            onSearch: (search) => pages.narrow({ search: search.trim() || undefined }),
          }),
          h(LinkByHand, { onLinked: pages.load }),
          h(Export, { action: 'bindings', query: pages.query, file: 'dingtalk-linked-users.csv' }),
        ),
        h(PagedTable, { pages, columns, rowKey: 'userId', emptyText }),
      );
    }

    return { LinkedUsers };
  },
);
