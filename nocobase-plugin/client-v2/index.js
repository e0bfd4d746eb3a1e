// The modern client's plugin, and what the classic one takes from it: that loads this module too.
define(
  'nocobase-plugin-auth-dingtalk/client-v2',
  [
    'react', 'react-router-dom', '@nocobase/client-v2',
    './client-v2/texts', './client-v2/way-back', './client-v2/attempts', './client-v2/sign-in-button', './client-v2/host', './client-v2/addresses', './client-v2/saving', './client-v2/settings', './client-v2/form', './client-v2/in-client', './client-v2/in-client-gate', './client-v2/own-link', './client-v2/subject', './client-v2/directory-schema', './client-v2/directory-settings', './client-v2/directory-form', './client-v2/callback-address', './client-v2/authenticator-select',
  ],
  function (React, router, client, texts, wayBack, attempts, signInButton, host, addresses, saving, settings, form, inClient, inClientGate, ownLink, subject, directorySchema, directorySettings, directoryForm, callbackAddress, authenticatorSelect) {
    'use strict';

    const { AUTH_TYPE, AUTHENTICATORS_PAGE } = settings;

    function useEnter(app) {
      const navigate = router.useNavigate();
      return () => {
        const wanted = wayBack.requestedPage(window.location.search);
        const base = (app.router.getBasename?.() ?? '').replace(/\/+$/, '');
        const portal = wayBack.portalPage(wanted, base);
        if (portal) {
          window.location.replace(portal);
          return;
        }
        const page = client.normalizeV2RedirectPath(app, wanted);
        const path = wayBack.sameSitePath(base && page.startsWith(`${base}/`) ? page.slice(base.length) : page);
        navigate(path ?? '/admin', { replace: true });
      };
    }

    function ModernSignInButton({ authenticator }) {
      const app = client.useApp();
      const enter = useEnter(app);
      const isFirst = signInButton.useIsFirst(authenticator.name);
      return React.createElement(signInButton.SignInButton, { authenticator, host: { apiClient: app.apiClient, apiUrl: (action) => app.getApiUrl(action), enter }, isFirst });
    }

    /** The entry of the user menu; NocoBase finds it by its class. */
    function ownLinkItem(request) {
      class DingTalkAccountItemModel extends client.UserCenterActionItemModel {
        section = 'preferences';

        sort = 150;

        label = React.createElement(ownLink.OwnLinkLabel);

        async prepare() {
          this.hidden = !(await ownLink.isOffered(request));
        }

        async onClick() {
          ownLink.openOwnLink();
        }
      }
      // A static field of the class would be too new for the oldest Safari.
      DingTalkAccountItemModel.itemId = 'dingtalk-account';
      return DingTalkAccountItemModel;
    }

    class PluginAuthDingTalkClientV2 extends client.Plugin {
      async load() {
        this.app.pm.get('@nocobase/plugin-auth').registerType(AUTH_TYPE, {
          signInButtonLoader: () => Promise.resolve({ default: ModernSignInButton }),
          adminSettingsFormLoader: () => Promise.resolve({ default: form.ModernSettings }),
        });
        // Its plugin may be off.
        this.app.pm.get('@nocobase/plugin-user-data-sync')?.registerType(directorySettings.SOURCE_TYPE, {
          components: { AdminSettingsFormLoader: () => Promise.resolve({ default: directoryForm.ModernDirectorySettings }) },
        });
        this.app.pluginSettingsManager.setPluginSettingsLink(texts.PACKAGE, AUTHENTICATORS_PAGE);
        attempts.keepQuietOnReturn(this.app.apiClient);
        saving.watchRequests(this.app.apiClient);
        inClient.watchSignOut(this.app.apiClient);
        inClientGate.installGate(this.app, {
          // Not exported; NocoBase gives it this name for providers such as ours.
          isCurrentUserProvider: (provider) => provider.displayName === 'CurrentUserProvider',
          useEnter: () => useEnter(this.app),
        });
        const request = (options) => this.app.apiClient.request(options);
        this.app.addProvider(ownLink.OwnLinkProvider, { request, isSignedIn: () => Boolean(this.app.apiClient.auth.getToken()) });
        this.app.flowEngine.registerModels({ DingTalkAccountItemModel: ownLinkItem(request) });
      }
    }

    return {
      __esModule: true,
      default: PluginAuthDingTalkClientV2,
      shared: { ...texts, ...wayBack, ...attempts, ...signInButton, ...host, ...addresses, ...saving, ...settings, ...inClient, ...inClientGate, ...ownLink, ...subject, ...directorySchema, ...directorySettings, ...callbackAddress, ...authenticatorSelect },
    };
  },
);
