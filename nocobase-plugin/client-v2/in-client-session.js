// The session of the person who is in DingTalk, and what becomes of the one that is stored.
define('nocobase-plugin-auth-dingtalk/client-v2/in-client-session', [], function () {
  'use strict';

  const SIGN_OUT_LIMIT_MS = 2000;

  /**
   * Asks without NocoBase's own interceptors: those add the stored session, and lead to the sign-in page.
   *
   * @param host `{ apiUrl(action), auth }`, the latter NocoBase's
   * @returns `{ status, data, error, retryAfter }`; status 0 when there was no answer
   */
  async function call(host, action, { method = 'GET', headers, body, limitMs, credentials = 'same-origin' }) {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), limitMs);
    try {
      const answer = await fetch(host.apiUrl(action), {
        method,
        headers: { Accept: 'application/json', 'X-Locale': host.auth.getLocale() ?? '', ...(body ? { 'Content-Type': 'application/json' } : {}), ...headers },
        body: body ? JSON.stringify(body) : undefined,
        cache: 'no-store',
        credentials,
        signal: abort.signal,
      });
      const content = await answer.json().catch(() => null);
      return { status: answer.status, data: content?.data, error: content?.errors?.[0], retryAfter: answer.headers.get('retry-after') };
    } catch {
      return { status: 0 };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Nothing was decided about the person. */
  const isOutage = ({ status }) => status === 0 || status === 429 || status >= 500;

  /** The user that a session's token names, or null. */
  function userOf(token) {
    try {
      const payload = token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/');
      return JSON.parse(window.atob(payload)).userId ?? null;
    } catch {
      return null;
    }
  }

  /** Best effort: a session that cannot be ended now runs out. */
  const signOut = (host, token, authenticator, credentials) =>
    call(host, 'auth:signOut', { method: 'POST', headers: { Authorization: `Bearer ${token}`, 'X-Authenticator': authenticator ?? '' }, limitMs: SIGN_OUT_LIMIT_MS, credentials });

  /** Stores the new session in place of the former one, which ends when it is somebody else's. */
  async function enter({ auth, ...host }, { name, token }) {
    const former = auth.getToken();
    const isSamePerson = Boolean(former) && userOf(former) !== null && String(userOf(former)) === String(userOf(token));
    // The answer would take away the cookies of the new session.
    if (former && !isSamePerson) await signOut({ auth, ...host }, former, auth.getAuthenticator(), 'omit');
    // Another account's role would be sent along and refused.
    if (!isSamePerson) auth.setRole(null);
    auth.setAuthenticator(name);
    auth.setToken(token);
  }

  async function endSession({ auth, ...host }) {
    const token = auth.getToken();
    if (!token) return;
    await signOut({ auth, ...host }, token, auth.getAuthenticator());
    auth.setToken(null);
    auth.setRole(null);
  }

  return { call, endSession, enter, isOutage, userOf };
});
