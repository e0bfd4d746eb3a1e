// What both clients put around the fields of a source of the directory.
define(
  'nocobase-plugin-auth-dingtalk/client-v2/directory-settings',
  ['react', 'antd', './texts', './host', './synchronization', './run-rows', './last-runs'],
  function (React, antd, texts, host, synchronization, runRows, lastRuns) {
    'use strict';

    const { useText } = texts;
    const { Host } = host;
    const { Synchronization } = synchronization;
    const { RunRows } = runRows;
    const { LastRuns } = lastRuns;

    const h = React.createElement;
    const { useContext } = React;

    const SOURCE_TYPE = 'dingtalk';

    /** The fields in one tab, what has come of them in others; the fields stay mounted, or NocoBase would save without them. */
    function DirectoryLayout({ children }) {
      const { t } = useText();
      const { source } = useContext(Host);
      const items = [{ key: 'settings', label: t('Settings'), forceRender: true, children }];
      if (source.id) {
        items.push(
          { key: 'run', label: t('Synchronization'), children: h(Synchronization) },
          { key: 'report', label: t('Report'), children: h(RunRows, { isReport: true }) },
          { key: 'runs', label: t('Last runs'), children: h(LastRuns) },
        );
      }
      return h(antd.App, { component: false }, h(antd.Tabs, { items, destroyInactiveTabPane: true, style: { marginBottom: 24 }, 'data-testid': 'dingtalk-directory' }));
    }

    return { DirectoryLayout, SOURCE_TYPE };
  },
);
