// The attempt of this page load, outside of any component: pages mount their buttons more than once.
define('nocobase-plugin-auth-dingtalk/client-v2/attempts', ['./texts', './in-client-marks', './in-client-code'], function (texts, marks, clientCode) {
  'use strict';

  const { BUTTON, gaps } = texts;

  const BUSY_RETRIES = 5;

  const attempts = {
    byAuthenticator: new Map(),
    usedFlows: new Set(),
    listeners: new Set(),
    get(name) {
      return this.byAuthenticator.get(name) ?? null;
    },
    set(name, state) {
      this.byAuthenticator.set(name, state);
      this.listeners.forEach((listener) => listener());
    },
  };

  const subscribe = (listener) => {
    attempts.listeners.add(listener);
    return () => attempts.listeners.delete(listener);
  };

  const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  /** What the server asks for, for each a little later. */
  const secondsToWait = (retryAfter) => Math.min(Math.max(Number(retryAfter) || 5, 1), 60) * (1 + Math.random() / 4);

  /** Posts a flow again while DingTalk is too busy: nothing was used up, and not all ask at the same moment. */
  async function whileBusy(post, onWait = () => {}) {
    for (let round = 0; ; round += 1) {
      try {
        return await post();
      } catch (error) {
        const { status, headers, data } = error?.response ?? {};
        const isBusy = status === 503 && data?.errors?.[0]?.code === 'DINGTALK_BUSY';
        if (!isBusy || round >= BUSY_RETRIES) throw error;
        onWait();
        await pause(secondsToWait(headers?.['retry-after']) * 1000);
      }
    }
  }

  function postFlow(apiClient, name, flow) {
    const request = { url: 'auth:signIn', method: 'post', data: { flow }, headers: { 'X-Authenticator': name }, skipNotify: true, skipAuth: true };
    return whileBusy(
      () => apiClient.request(request).then((answer) => answer.data.data),
      () => attempts.set(name, { status: 'pending', isQueued: true }),
    );
  }

  async function completeSignIn({ apiClient, name, flow, t, enter }) {
    attempts.set(name, { status: 'pending' });
    try {
      // Another account's role would be sent along and refused.
      apiClient.auth.setRole(null);
      const { token } = await postFlow(apiClient, name, flow);
      apiClient.auth.setAuthenticator(name);
      apiClient.auth.setToken(token);
      if (clientCode.isInside()) marks.set('entered');
      await enter();
      attempts.set(name, null);
    } catch (error) {
      const refusal = error?.response?.data?.errors?.[0]?.message;
      attempts.set(name, { status: 'failed', message: refusal || t(BUTTON.unknownError) });
    }
    isReturning = false;
  }

  let isReturning = new URLSearchParams(window.location.search).has('dingtalk');
  /** What a person does on a sign-in page, and has to be told of. */
  const isOfPerson = (url) => /^auth:(?!check)/.test(url ?? '');

  /**
   * NocoBase asks for several things before a return is completed, and says aloud that nobody is signed in, over the page
   * of who is by then.
   */
  const keepQuietOnReturn = (apiClient) =>
    apiClient.axios.interceptors.request.use((config) => (isReturning && !isOfPerson(config.url) && !apiClient.auth.getToken() ? { ...config, skipNotify: true } : config));

  /** Why a return has ended; anybody can write an address, so only what is known is shown of it. */
  function refusalText(t, code, reference, unknown = BUTTON.unknownError) {
    const known = Object.prototype.hasOwnProperty.call(BUTTON.errors, code) ? BUTTON.errors[code] : unknown;
    const sentence = t(known, { ...gaps(known), seconds: 60 });
    return /^[\w-]{6,16}$/.test(reference ?? '') ? t('{{message}} Reference: {{reference}}', { message: sentence, reference }) : sentence;
  }

  return { attempts, completeSignIn, keepQuietOnReturn, pause, refusalText, secondsToWait, subscribe, whileBusy };
});
