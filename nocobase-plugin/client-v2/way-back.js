// Where a sign-in returns to, and what it leaves in the address of the sign-in page.
define('nocobase-plugin-auth-dingtalk/client-v2/way-back', [], function () {
  'use strict';

  const OWN_PARAMETERS = ['authenticator', 'dingtalk', 'error', 'dingtalkReference'];

  /** A path of this site in normal form, or null. */
  function sameSitePath(text) {
    // eslint-disable-next-line no-control-regex
    if (typeof text !== 'string' || !/^\/(?![/\\])/.test(text) || /[\\\u0000-\u001f\u007f]/.test(text)) return null;
    try {
      const url = new URL(text, window.location.origin);
      // "/.//other.example" is a path of this site until it is normalised.
      return url.origin === window.location.origin && !url.pathname.startsWith('//') ? url.pathname + url.search + url.hash : null;
    } catch {
      return null;
    }
  }

  const isOwnParameter = (pair) => OWN_PARAMETERS.includes(pair.split('=')[0]);

  /** A query without what a sign-in has put there. */
  const withoutOwn = (search) => search.replace(/^\?/, '').split('&').filter((pair) => pair && !isOwnParameter(pair)).join('&');

  /**
   * The page first asked for. The classic client writes it unescaped, so what follows belongs to it as well:
   * `?redirect=/admin/x?tab=1&page=2`.
   */
  function requestedPage(search) {
    const value = /(?:^\?|&)redirect=(.*)$/s.exec(search)?.[1];
    if (!value) return null;
    const text = value.startsWith('/') ? value.split('&').filter((pair) => !isOwnParameter(pair)).join('&') : new URLSearchParams(`v=${value}`).get('v');
    const path = sameSitePath(text);
    return path && !/\/signin\/?(?:[?#]|$)/.test(path) ? path : null;
  }

  /**
   * A page of a portal, which none of NocoBase's clients shows, or null. The modern client's sign-in page writes its own
   * base in front of what it does not know.
   */
  function portalPage(page, base = '') {
    if (!page) return null;
    const path = base && page.startsWith(`${base}/`) ? page.slice(base.length) : page;
    return /^\/x\/[^/?#]/.test(path) ? path : null;
  }

  /** This sign-in page without what an earlier attempt left in its address. */
  function signInPagePath() {
    const { pathname, search } = window.location;
    const page = requestedPage(search);
    const others = [withoutOwn(search.replace(/(?:^\?|&)redirect=.*$/s, ''))].filter(Boolean);
    if (page) others.push(`redirect=${encodeURIComponent(page)}`);
    return others.length ? `${pathname}?${others.join('&')}` : pathname;
  }

  return { portalPage, requestedPage, sameSitePath, signInPagePath, withoutOwn };
});
