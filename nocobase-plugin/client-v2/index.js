// The modern client's plugin, and what the classic one takes from it: that loads this module too.
define(
  'nocobase-plugin-auth-dingtalk/client-v2',
  [
    'react', 'react-router-dom', '@nocobase/client-v2',
    './client-v2/texts', './client-v2/way-back', './client-v2/attempts', './client-v2/sign-in-button', './client-v2/host', './client-v2/redirect-url', './client-v2/saving', './client-v2/settings', './client-v2/form',
  ],
  function (React, router, client, texts, wayBack, attempts, signInButton, host, redirectUrl, saving, settings, form) {
    'use strict';

    const { AUTH_TYPE, AUTHENTICATORS_PAGE } = settings;

    function ModernSignInButton({ authenticator }) {
      const app = client.useApp();
      const navigate = router.useNavigate();
      const enter = async () => {
        const page = client.normalizeV2RedirectPath(app, wayBack.requestedPage(window.location.search));
        const base = (app.router.getBasename?.() ?? '').replace(/\/+$/, '');
        const path = wayBack.sameSitePath(base && page.startsWith(`${base}/`) ? page.slice(base.length) : page);
        navigate(path ?? '/admin', { replace: true });
      };
      const isFirst = signInButton.useIsFirst(authenticator.name);
      return React.createElement(signInButton.SignInButton, { authenticator, host: { apiClient: app.apiClient, apiUrl: (action) => app.getApiUrl(action), enter }, isFirst });
    }

    class PluginAuthDingTalkClientV2 extends client.Plugin {
      async load() {
        this.app.pm.get('@nocobase/plugin-auth').registerType(AUTH_TYPE, {
          signInButtonLoader: () => Promise.resolve({ default: ModernSignInButton }),
          adminSettingsFormLoader: () => Promise.resolve({ default: form.ModernSettings }),
        });
        this.app.pluginSettingsManager.setPluginSettingsLink(texts.PACKAGE, AUTHENTICATORS_PAGE);
        attempts.keepQuietOnReturn(this.app.apiClient);
        saving.watchRequests(this.app.apiClient);
      }
    }

    return {
      __esModule: true,
      default: PluginAuthDingTalkClientV2,
      shared: { ...texts, ...wayBack, ...attempts, ...signInButton, ...host, ...redirectUrl, ...saving, ...settings },
    };
  },
);
