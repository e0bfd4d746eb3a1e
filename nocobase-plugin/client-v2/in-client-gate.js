// Holds a page back inside DingTalk until it is known whose page it is, once for a page load.
define('nocobase-plugin-auth-dingtalk/client-v2/in-client-gate', ['react', 'antd', './texts', './in-client', './title-bar'], function (React, antd, texts, inClient, titleBar) {
  'use strict';

  const { BUTTON, PACKAGE } = texts;

  // A page that comes at once needs no sign of it, and one that comes soon no word.
  const STILL_MS = 300;
  const SILENT_MS = 1000;

  const h = React.createElement;
  const { useEffect, useState } = React;

  const STYLE = { minHeight: '100vh', display: 'flex', flexDirection: 'column', gap: 16, alignItems: 'center', justifyContent: 'center', padding: 24, textAlign: 'center', color: '#595959', fontFamily: 'system-ui, sans-serif', fontSize: 16 };

  function Holding({ app }) {
    const [isSilent, setSilent] = useState(true);
    useEffect(() => {
      const timer = setTimeout(() => setSilent(false), SILENT_MS);
      return () => clearTimeout(timer);
    }, []);
    // Outside of NocoBase's own providers, which come later, with its theme and its hooks for languages.
    return h('div', { role: 'status', style: STYLE, 'data-testid': 'dingtalk-gate' },
      h(antd.Spin, { delay: STILL_MS }),
      h('div', null, isSilent ? null : app.i18n.t(BUTTON.pending, { ns: [PACKAGE, 'client'] })),
    );
  }

  /**
   * Puts the gate before the provider that asks who is signed in.
   *
   * @param {(provider: Function) => boolean} isCurrentUserProvider
   * @param {() => (page: string) => void} useEnter what leads to a page of this client after a sign-in
   */
  function installGate(app, { isCurrentUserProvider, useEnter }) {
    const host = { apiUrl: (action) => app.getApiUrl(action), auth: app.apiClient.auth };
    // As early as can be: most of the way is waiting for others.
    const attempt = inClient.onPageLoad(host);
    let isOpen = false;
    attempt.then(() => titleBar.follow());

    function DingTalkGate({ children }) {
      const enter = useEnter();
      const [isShown, setShown] = useState(isOpen);
      useEffect(() => {
        if (isOpen) return;
        attempt.then(({ kind }) => {
          // The page goes: what is held back is not needed any more.
          if (kind === 'leaving' || isOpen) return;
          isOpen = true;
          if (kind === 'entered' && inClient.isSignInPage()) enter();
          setShown(true);
        });
      }, []);
      return isShown || isOpen ? children : h(Holding, { app });
    }
    DingTalkGate.displayName = 'DingTalkGate';

    const place = app.providers.findIndex(([provider]) => isCurrentUserProvider(provider));
    app.providers.splice(Math.max(place, 0), 0, [DingTalkGate, {}]);
  }

  return { installGate };
});
