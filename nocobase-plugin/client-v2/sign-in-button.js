// The button under the form of the sign-in page, in both clients.
define(
  'nocobase-plugin-auth-dingtalk/client-v2/sign-in-button',
  ['react', 'antd', '@ant-design/icons', 'react-router-dom', './texts', './way-back', './attempts', './in-client', './qr-code'],
  function (React, antd, icons, router, texts, wayBack, ofThisPage, inClient, qrCode) {
    'use strict';

    const { BUTTON, expand, useText } = texts;
    const { signInPagePath, withoutOwn } = wayBack;
    const { attempts, completeSignIn, refusalText, subscribe } = ofThisPage;

    // After this long a person wonders whether anything still happens.
    const WAITING_AFTER_MS = 4000;

    const h = React.createElement;
    const { useEffect, useRef, useState, useSyncExternalStore } = React;

    /**
     * @param host what differs between the clients: `{ apiClient, apiUrl(action), enter(): Promise<void> }`
     */
    function SignInButton({ authenticator, host, isFirst }) {
      const { t } = useText();
      const { name } = authenticator;
      const location = router.useLocation();
      const navigate = router.useNavigate();
      const attempt = useSyncExternalStore(subscribe, () => attempts.get(name));
      const [isLeaving, setLeaving] = useState(false);
      const [isSlow, setSlow] = useState(false);
      const latestEnter = useRef(host.enter);
      latestEnter.current = host.enter;

      useEffect(() => {
        const query = new URLSearchParams(location.search);
        const flow = query.get('dingtalk');
        const code = query.get('error');
        if (!flow && !code) return;
        const named = query.get('authenticator');
        if (named ? named !== name : !isFirst) return;
        const rest = withoutOwn(location.search);
        navigate({ pathname: location.pathname, search: rest ? `?${rest}` : '', hash: location.hash }, { replace: true });
        if (code) {
          attempts.set(name, { status: 'failed', message: refusalText(t, code, query.get('dingtalkReference')) });
        } else if (!attempts.usedFlows.has(flow)) {
          attempts.usedFlows.add(flow);
          completeSignIn({ apiClient: host.apiClient, name, flow, t, enter: () => latestEnter.current() });
        }
      }, [location.search]);

      // A page brought back by the browser's "back" is as it was left.
      useEffect(() => {
        const reset = (event) => event.persisted && setLeaving(false);
        window.addEventListener('pageshow', reset);
        return () => window.removeEventListener('pageshow', reset);
      }, []);

      const isPending = attempt?.status === 'pending';
      useEffect(() => {
        setSlow(false);
        if (!isPending) return undefined;
        const timer = setTimeout(() => setSlow(true), WAITING_AFTER_MS);
        return () => clearTimeout(timer);
      }, [isPending]);

      const inClientHost = { apiUrl: host.apiUrl, auth: host.apiClient.auth };
      const enterAfter = async (attempted) => {
        const outcome = await attempted;
        if (outcome?.kind === 'entered') await latestEnter.current();
        return outcome;
      };
      useEffect(() => {
        if (isFirst) enterAfter(inClient.onExpiry(inClientHost));
      }, []);

      const begin = async () => {
        setLeaving(true);
        if (await enterAfter(inClient.onClick(inClientHost, name))) {
          setLeaving(false);
          return;
        }
        attempts.set(name, null);
        const query = new URLSearchParams({ authenticator: name, return: signInPagePath() });
        window.location.assign(`${host.apiUrl('auth:redirect')}?${query}`);
      };

      const label = expand(t, authenticator.title) || t(BUTTON.title);
      return h(
        antd.Space,
        { direction: 'vertical', size: 'small', style: { width: '100%' }, className: 'nbdt-sign-in' },
        h(
          antd.Button,
          {
            block: true,
            icon: h(icons.DingtalkOutlined, { 'aria-hidden': true }),
            loading: isPending || isLeaving,
            'aria-busy': isPending || isLeaving,
            'data-testid': `dingtalk-sign-in-${name}`,
            onClick: begin,
          },
          isPending ? t(BUTTON.pending) : label,
        ),
        isPending || isLeaving ? null : h(qrCode.QrCode, { authenticator, host }),
        h(
          'div',
          { 'aria-live': 'polite' },
          isPending && (isSlow || attempt.isQueued) ? h(antd.Typography.Text, { type: 'secondary' }, t(BUTTON.waiting)) : null,
          attempt?.status === 'failed'
            ? h(antd.Alert, { type: 'error', showIcon: true, role: 'alert', message: attempt.message ?? t(attempt.key), 'data-testid': 'dingtalk-error', style: { textAlign: 'start', wordBreak: 'break-word' } })
            : null,
        ),
      );
    }

    const mounted = [];

    /** Whether this is the first of our buttons: the one that explains an error nobody is named for. */
    function useIsFirst(name) {
      if (!mounted.includes(name)) mounted.push(name);
      return mounted[0] === name;
    }

    return { SignInButton, useIsFirst };
  },
);
