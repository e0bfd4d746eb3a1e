// What both clients put around the fields of the settings: tabs, warnings, the test.
define(
  'nocobase-plugin-auth-dingtalk/client-v2/settings',
  ['react', 'antd', './texts', './host', './findings', './linked-users', './sign-in-log'],
  function (React, antd, texts, host, findings, linkedUsers, signInLog) {
    'use strict';

    const { useText } = texts;
    const { Host, ask } = host;
    const { TestConnection } = findings;
    const { LinkedUsers } = linkedUsers;
    const { SignInLog } = signInLog;

    const AUTH_TYPE = 'dingtalk';
    /** NocoBase's page of the authenticators, where ours are set up. */
    const AUTHENTICATORS_PAGE = 'auth.authenticators';
    // The title stands where the labels of the other fields do.
    const FLUSH = { header: { paddingInline: 0 }, body: { paddingInline: 0, paddingBottom: 0 } };

    const h = React.createElement;
    const { useContext, useEffect, useState } = React;

    /** Folded away, and mounted all the same: NocoBase saves mounted fields only. */
    function Advanced({ title, children }) {
      return h(antd.Collapse, {
        ghost: true,
        'data-testid': 'dingtalk-advanced',
        style: { marginBottom: 24 },
        items: [{ key: 'advanced', label: h(antd.Typography.Text, { strong: true }, title), forceRender: true, styles: FLUSH, children }],
      });
    }

    /** Fields that belong together, and what they are for. */
    function Group({ title, description, children }) {
      return h('section', { style: { marginBottom: 24 } },
        h(antd.Typography.Title, { level: 5 }, title),
        h(antd.Typography.Paragraph, { type: 'secondary' }, description),
        children,
      );
    }

    function Warnings() {
      const { t } = useText();
      const host = useContext(Host);
      const { id, options } = host.authenticator;
      const [isOnly, setOnly] = useState(false);
      const [canEditPhone, setCanEditPhone] = useState(false);
      useEffect(() => {
        ask(host.request, { url: 'authenticators:list', params: { filter: JSON.stringify({ enabled: true }), fields: ['id', 'authType'], paginate: false } })
          .then(({ data }) => setOnly(data.length > 0 && data.every((row) => row.authType === AUTH_TYPE)))
          .catch(() => {});
        ask(host.request, { url: 'systemSettings:get' })
          .then(({ data }) => setCanEditPhone(data?.enableEditProfile !== false))
          .catch(() => {});
      }, [id]);
      const texts = [
        options?.internal?.appKey && ['info', t('These are the settings of an earlier plugin. People it linked can sign in; complete the settings so that others can, too.')],
        isOnly && ['warning', t('DingTalk is the only enabled sign-in method. Keep another one enabled, or nobody can sign in when DingTalk is away.')],
        canEditPhone && ['info', t('Users may edit their own phone number, by which they are found at their first sign-in. Switch off profile editing in the system settings if you do not trust every user.')],
      ].filter(Boolean);
      return texts.map(([type, text]) => h(antd.Alert, { key: text, type, showIcon: true, message: text, style: { marginBottom: 16 } }));
    }

    /** The fields in one tab, people in others; the fields stay mounted, or NocoBase would save without them. */
    function SettingsLayout({ children }) {
      const { t } = useText();
      const host = useContext(Host);
      const settings = h(React.Fragment, null, h(Warnings), children, h(TestConnection));
      const items = [{ key: 'settings', label: t('Settings'), forceRender: true, children: settings }];
      if (host.authenticator.id) {
        items.push(
          { key: 'bindings', label: t('Linked users'), children: h(LinkedUsers) },
          { key: 'log', label: t('Sign-in log'), children: h(SignInLog) },
        );
      }
      return h(antd.App, { component: false }, h(antd.Tabs, { items, destroyInactiveTabPane: true, 'data-testid': 'dingtalk-settings' }));
    }

    return { AUTHENTICATORS_PAGE, AUTH_TYPE, Advanced, Group, SettingsLayout };
  },
);
