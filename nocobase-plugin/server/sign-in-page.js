'use strict';

// Where a browser goes when the sidecar cannot say it: NocoBase's sign-in page, with a code its button explains.

const OWN_PARAMETERS = ['authenticator', 'dingtalk', 'error', 'dingtalkReference'];
const MODERN_ENTRIES = new Set(['modern-default', 'modern-only']);

function publicPath() {
  const path = process.env.APP_PUBLIC_PATH || '/';
  return path.endsWith('/') ? path : `${path}/`;
}

/** A path of this site, or null: one leading slash, nothing a browser would read as another host. */
function sameSitePath(text) {
  // eslint-disable-next-line no-control-regex
  if (typeof text !== 'string' || !/^\/(?![/\\])/.test(text) || /[\\\u0000-\u001f\u007f]/.test(text)) return null;
  try {
    const url = new URL(text, 'http://site.invalid');
    // "/.//other.example" becomes "//other.example" when it is normalised.
    return url.origin === 'http://site.invalid' && !url.pathname.startsWith('//') ? url : null;
  } catch {
    return null;
  }
}

/** NocoBase's own sign-in page, as its variables say it. */
function defaultPage() {
  const modern = MODERN_ENTRIES.has(process.env.APP_CLIENT_ENTRY_MODE);
  const prefix = (process.env.APP_MODERN_CLIENT_PREFIX || 'v').replace(/^\/+|\/+$/g, '');
  return `${publicPath()}${modern ? `${prefix}/` : ''}signin`;
}

/**
 * @param {{ returnPath?: string | null, authenticator?: string | null, error: string }} what
 */
function signInPage({ returnPath, authenticator, error }) {
  const url = sameSitePath(returnPath) ?? new URL(defaultPage(), 'http://site.invalid');
  for (const name of OWN_PARAMETERS) url.searchParams.delete(name);
  if (authenticator) url.searchParams.set('authenticator', authenticator);
  url.searchParams.set('error', error);
  return `${url.pathname}${url.search}`;
}

module.exports = { defaultPage, publicPath, sameSitePath, signInPage };
