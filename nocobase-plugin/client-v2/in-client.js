// Signing in inside DingTalk without a click: once for a window, for the person who is in DingTalk now.
define(
  'nocobase-plugin-auth-dingtalk/client-v2/in-client',
  ['./texts', './way-back', './attempts', './in-client-marks', './in-client-code', './in-client-session'],
  function (texts, wayBack, ofThisPage, marks, clientCode, session) {
    'use strict';

    const { BUTTON } = texts;
    const { requestedPage, sameSitePath } = wayBack;
    const { attempts, pause, secondsToWait } = ofThisPage;
    const { NoCode, isInside, requestCode } = clientCode;
    const { call, endSession, enter, isOutage } = session;

    // Longer than a page may wait for somebody who only wants to read it.
    const CHECK_LIMIT_MS = 3000;
    // As long as the sidecar keeps a place in DingTalk's queue, and a little more.
    const SIGN_IN_LIMIT_MS = 90_000;
    const BUSY_RETRIES = 5;

    /** Pages that carry a sign-in of their own, or are for people who have no account yet. */
    const hasOtherPlans = ({ pathname, search }) => {
      const query = new URLSearchParams(search);
      return ['token', 'dingtalk', 'error'].some((name) => query.has(name)) || /\/(?:signup|forgot-password|reset-password)\/?$/.test(pathname);
    };
    const isSignInPage = () => /\/signin\/?$/.test(window.location.pathname);

    /** Whether a click is to take the ordinary way, because the client has given no code on this page. */
    let isWebPreferred = false;

    async function checkLogin(host) {
      const { pathname, search, hash } = window.location;
      const page = isSignInPage() ? requestedPage(search) ?? '' : pathname + search + hash;
      const query = new URLSearchParams({ isDingTalkBrowser: 'true', redirect: page });
      const { status, data } = await call(host, `dingtalk:checkLogin?${query}`, { limitMs: CHECK_LIMIT_MS });
      return status === 200 && data ? data : null;
    }

    const signIn = (host, name, authCode) =>
      call(host, 'auth:signIn', { method: 'POST', headers: { 'X-Authenticator': name }, body: { authCode, loginType: 'internal' }, limitMs: SIGN_IN_LIMIT_MS });

    /** A code, and what the server says of it: a refused one is asked for once more, in a crowd one waits for one's turn. */
    async function redeem(host, { authenticator: name, corpId, clientId }, isPatient) {
      let isSecondCode = false;
      for (let round = 0; ; round += 1) {
        const answer = await signIn(host, name, await requestCode({ corpId, clientId }));
        const code = answer.error?.code;
        if (code === 'CODE_REJECTED' && !isSecondCode) {
          isSecondCode = true;
        } else if (code === 'DINGTALK_BUSY' && isPatient && round < BUSY_RETRIES) {
          attempts.set(name, { status: 'pending', isQueued: true });
          await pause(secondsToWait(answer.retryAfter) * 1000);
        } else {
          return answer;
        }
      }
    }

    /** What comes of an attempt: `{ kind }`, and for the sign-in page `{ name, message or key }`. */
    async function attempt(host) {
      const stored = host.auth.getToken();
      const login = await checkLogin(host);
      if (!login) return { kind: 'outage' };
      if (login.success !== false) return { kind: 'nothing' };
      const { authenticator: name } = login;
      if (login.autoLoginType === 'oauth') {
        const url = sameSitePath(login.authUrl);
        return stored || !url ? { kind: 'nothing' } : { kind: 'leaving', url };
      }
      marks.set('tried', login.autoLoginType);
      attempts.set(name, { status: 'pending' });
      let answer;
      try {
        answer = await redeem(host, login, !stored);
      } catch (error) {
        if (!(error instanceof NoCode)) throw error;
        const key = BUTTON.inClient[error.reason];
        return error.reason === 'notLoaded' ? { kind: 'outage', name, key } : { kind: 'refused', name, key, isOfClient: true };
      }
      if (answer.status === 200 && answer.data?.token) return { kind: 'entered', name, ...answer.data };
      const message = answer.error?.message;
      const told = message ? { message } : { key: BUTTON.inClient.notLoaded };
      return { kind: isOutage(answer) ? 'outage' : 'refused', name, ...told, isOfClient: answer.error?.code === 'CODE_REJECTED' };
    }

    /** Does what an attempt has come to; resolves with the same. */
    async function carryOut(host, outcome) {
      const { kind, name, message, key } = outcome;
      if (name) attempts.set(name, kind === 'entered' ? null : { status: 'failed', message, key });
      if (kind === 'entered') {
        await enter(host, outcome);
        isWebPreferred = false;
        marks.set('entered');
      } else if (kind === 'refused') {
        isWebPreferred = outcome.isOfClient;
        // Whoever is stored is not proved to be here, or has been proved not to be.
        await endSession(host);
      } else if (kind === 'outage') {
        // Nobody is thrown out for what is nobody's fault; the next page tries again.
        marks.clear();
      } else if (kind === 'leaving') {
        marks.set('tried', 'oauth');
        window.location.assign(outcome.url);
      } else {
        marks.set('tried', null);
      }
      return outcome;
    }

    const run = (host) =>
      attempt(host)
        .catch((error) => {
          console.error(error);
          return { kind: 'outage' };
        })
        .then((outcome) => carryOut(host, outcome));

    let first = null;

    /** The attempt of this page load, begun before anything is shown. */
    function onPageLoad(host) {
      const isWanted = isInside() && !hasOtherPlans(window.location) && marks.mayAttempt(Boolean(host.auth.getToken()));
      first ??= isWanted ? run(host) : Promise.resolve({ kind: 'nothing' });
      return first;
    }

    /** The attempt of a sign-in page that a session which has run out has led to; null where there is none. */
    function onExpiry(host) {
      return isInside() && marks.hasRunOut(Boolean(host.auth.getToken())) ? run(host) : null;
    }

    /** The attempt of a click: null where the ordinary way is to be taken. */
    async function onClick(host, name) {
      if (!isInside()) return null;
      const login = isWebPreferred ? null : await checkLogin(host);
      if (login?.autoLoginType === 'internal' && login.authenticator === name) return run(host);
      // It comes back by itself, and no attempt may run beside it.
      marks.set('tried');
      return null;
    }

    /** Who signs out stays signed out until they ask again. */
    function watchSignOut(apiClient) {
      apiClient.axios.interceptors.request.use((config) => {
        if (isInside() && /^\/?auth:signOut/.test(config.url ?? '')) marks.set('signedOut');
        return config;
      });
    }

    return { isSignInPage, onClick, onExpiry, onPageLoad, watchSignOut };
  },
);
