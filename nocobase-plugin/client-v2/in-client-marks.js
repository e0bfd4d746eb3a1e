// What is remembered of the attempt to sign in inside DingTalk for as long as its window is open: one attempt, no loop.
define('nocobase-plugin-auth-dingtalk/client-v2/in-client-marks', [], function () {
  'use strict';

  const KEY = 'NBDT_IN_CLIENT';

  /** A session that has run out may be begun again by itself, not more often than this. */
  const AGAIN_AFTER_MS = 10 * 60_000;

  // Some WebViews have no storage: then this page load alone is remembered.
  let ofThisPage = null;

  function read() {
    try {
      return JSON.parse(window.sessionStorage.getItem(KEY)) ?? ofThisPage;
    } catch {
      return ofThisPage;
    }
  }

  function write(mark) {
    ofThisPage = mark;
    try {
      if (mark) window.sessionStorage.setItem(KEY, JSON.stringify(mark));
      else window.sessionStorage.removeItem(KEY);
    } catch {
      // As above.
    }
  }

  function canRemember() {
    try {
      const probe = `${KEY}_PROBE`;
      window.sessionStorage.setItem(probe, '1');
      window.sessionStorage.removeItem(probe);
      return true;
    } catch {
      return false;
    }
  }

  /** Whether the window has come from outside: without storage nothing else tells a first page from the one after a refusal. */
  function isFirstPage() {
    const [entry] = window.performance?.getEntriesByType?.('navigation') ?? [];
    return entry?.type === 'navigate' && !document.referrer.startsWith(`${window.location.origin}/`);
  }

  /**
   * `tried`: an attempt has begun, or ended with a refusal; `entered`: it has led to a session; `signedOut`: the person
   * has left, and comes back by the button alone. The mode is kept for what a page does after it is shown.
   */
  const set = (state, mode = read()?.mode) => write({ state, at: Date.now(), mode });

  /** Whether a session of an attempt is gone without anybody having ended it. */
  function hasRunOut(isSignedIn, mark = read()) {
    return mark?.state === 'entered' && !isSignedIn && Math.abs(Date.now() - mark.at) >= AGAIN_AFTER_MS;
  }

  /** @param {boolean} isSignedIn whether a session is stored, perhaps somebody else's */
  function mayAttempt(isSignedIn) {
    const mark = read();
    return mark ? hasRunOut(isSignedIn, mark) : canRemember() || isFirstPage();
  }

  return { clear: () => write(null), hasRunOut, mayAttempt, mode: () => read()?.mode ?? null, set };
});
