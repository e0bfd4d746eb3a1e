// The classic client: the shared parts of the modern one, in the classic client's router, form and session.
define(
  'nocobase-plugin-auth-dingtalk',
  ['react', 'react-router-dom', '@formily/react', '@nocobase/client', 'nocobase-plugin-auth-dingtalk/client-v2'],
  function (React, router, formily, client, modern) {
    'use strict';

    const { AUTHENTICATORS_PAGE, AUTH_TYPE, Advanced, AppLink, AuthenticatorSelect, CallbackAddress, DIRECTORY_FORM, DirectoryLayout, FORM, Group, HomePage, Host, OwnLinkLabel, OwnLinkProvider, PACKAGE, RedirectUrl, SOURCE_TYPE, SettingsLayout, SignInButton, defaultSubject, installGate, keepQuietOnReturn, openOwnLink, portalPage, requestedPage, useIsFirst, useIsOffered, useSaving, watchRequests, watchSignOut } = modern.shared;
    const h = React.createElement;

    // Not NocoBase's own useRedirect: it runs `javascript:` targets and leaves the site for others.
    function useEnter() {
      const navigate = router.useNavigate();
      return () => {
        const page = requestedPage(window.location.search);
        const portal = portalPage(page);
        if (portal) window.location.replace(portal);
        else navigate(page ?? '/admin', { replace: true });
      };
    }

    function ClassicSignInButton({ authenticator }) {
      const app = client.useApp();
      const apiClient = client.useAPIClient();
      const { refreshAsync } = client.useCurrentUserContext() ?? {};
      const lead = useEnter();
      const enter = async () => {
        await refreshAsync?.();
        lead();
      };
      const host = { apiClient, apiUrl: (action) => app.getApiUrl(action), enter };
      return h(SignInButton, { authenticator, host, isFirst: useIsFirst(authenticator.name) });
    }

    /** Addresses change with what is being typed. */
    const watched = (address) =>
      formily.observer(function WatchedAddress() {
        const { callbackOrigin, corpId, agentId } = formily.useForm().values?.options ?? {};
        return h(address, { callbackOrigin, corpId, agentId });
      });

    const DingTalkGroup = formily.observer(function DingTalkGroup({ children }) {
      const { title, description } = formily.useField();
      return h(Group, { title, description }, children);
    });

    const DingTalkAdvanced = formily.observer(function DingTalkAdvanced({ children }) {
      return h(Advanced, { title: formily.useField().title }, children);
    });

    const COMPONENTS = { DingTalkAdvanced, DingTalkAppLink: watched(AppLink), DingTalkGroup, DingTalkHomePage: watched(HomePage), DingTalkRedirectUrl: watched(RedirectUrl) };

    function schemaFor(options) {
      const schema = JSON.parse(JSON.stringify(FORM));
      // The placeholder would be read as an expression; the component asks for the address itself.
      delete schema.properties.redirectUrl['x-component-props'];
      schema.properties.advanced.properties.subject.default = defaultSubject(options?.internal);
      return schema;
    }

    const ClassicSettings = formily.observer(function ClassicSettings() {
      const app = client.useApp();
      const apiClient = client.useAPIClient();
      const record = client.useRecord();
      const form = formily.useForm();
      const { refresh } = client.useResourceActionContext() ?? {};
      const schema = React.useMemo(() => schemaFor(record?.options), [record?.id]);
      const request = (options) => apiClient.request(options);
      const { id, name, isChanged, save } = useSaving(request, {
        record,
        isTouched: form.modified,
        values: form.values,
        validated: async () => {
          await form.submit();
          return JSON.parse(JSON.stringify(form.values));
        },
        onSaved: () => refresh?.(),
      });
      const host = React.useMemo(
        () => ({ request, apiUrl: (action) => app.getApiUrl(action), authenticator: { id, name, options: record?.options }, isChanged, save }),
        [app, apiClient, record, id, name, isChanged],
      );
      return h(Host.Provider, { value: host }, h(SettingsLayout, null, h(client.SchemaComponent, { schema, components: COMPONENTS })));
    });

    /** A field is out of sight, and saved all the same, unless what it depends on has one of the values it is there for. */
    function conditional(schema) {
      const properties = Object.entries(schema.properties ?? {}).map(([key, inner]) => {
        const [wanted, values] = Object.entries(inner['x-only-when'] ?? {})[0] ?? [];
        const isWanted = (field) => values.includes(field.form.values.options?.[wanted] ?? '');
        const reaction = wanted ? { 'x-reactions': (field) => field.setDisplay(isWanted(field) ? 'visible' : 'hidden') } : {};
        return [key, { ...conditional(inner), ...reaction }];
      });
      return properties.length ? { ...schema, properties: Object.fromEntries(properties) } : schema;
    }

    function directorySchema() {
      const schema = conditional(JSON.parse(JSON.stringify(DIRECTORY_FORM)));
      delete schema.properties.receiving.properties.callbackAddress['x-component-props'];
      return schema;
    }

    const DIRECTORY_COMPONENTS = { DingTalkAuthenticator: AuthenticatorSelect, DingTalkCallbackAddress: CallbackAddress, DingTalkGroup };

    function ClassicDirectorySettings() {
      const app = client.useApp();
      const apiClient = client.useAPIClient();
      const record = client.useCollectionRecordData();
      const schema = React.useMemo(directorySchema, []);
      const request = (options) => apiClient.request(options);
      const source = { id: record?.id, name: record?.name };
      const host = React.useMemo(() => ({ request, apiUrl: (action) => app.getApiUrl(action), source }), [app, apiClient, source.id, source.name]);
      return h(Host.Provider, { value: host }, h(DirectoryLayout, null, h(client.SchemaComponent, { schema, components: DIRECTORY_COMPONENTS })));
    }

    function OwnLinkItem() {
      const menu = React.useContext(client.DropdownVisibleContext);
      const open = (event) => {
        event.stopPropagation();
        menu?.setVisible?.(false);
        openOwnLink();
      };
      return h(client.SchemaSettingsItem, { eventKey: 'dingtalkAccount', title: 'dingtalkAccount' }, h('div', { onClick: open }, h(OwnLinkLabel)));
    }

    class PluginAuthDingTalkClient extends client.Plugin {
      async load() {
        this.app.pm.get('@nocobase/plugin-auth').registerType(AUTH_TYPE, {
          components: { SignInButton: ClassicSignInButton, AdminSettingsForm: ClassicSettings },
        });
        // Its plugin may be off.
        this.app.pm.get('@nocobase/plugin-user-data-sync')?.registerType(SOURCE_TYPE, { components: { AdminSettingsForm: ClassicDirectorySettings } });
        // A card links to the page of its plugin's name: this one is in no menu, and leads to where the settings are.
        const link = this.app.pluginSettingsManager.getRoutePath(AUTHENTICATORS_PAGE);
        this.app.pluginSettingsManager.add(PACKAGE, { title: 'DingTalk', link, hidden: true, isTopLevel: false, skipAclConfigure: true });
        keepQuietOnReturn(this.app.apiClient);
        watchRequests(this.app.apiClient);
        watchSignOut(this.app.apiClient);
        const request = (options) => this.app.apiClient.request(options);
        this.app.addProvider(OwnLinkProvider, { request, isSignedIn: () => Boolean(this.app.apiClient.auth.getToken()), isMenuStatic: true });
        this.app.addUserCenterSettingsItem({ name: 'dingtalkAccount', sort: 150, Component: OwnLinkItem, useVisible: useIsOffered });
        installGate(this.app, { isCurrentUserProvider: (provider) => provider === client.CurrentUserProvider, useEnter });
      }
    }

    return { __esModule: true, default: PluginAuthDingTalkClient };
  },
);
