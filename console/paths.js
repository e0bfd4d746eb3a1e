// Addresses of this site: where the pages and the API live, and which targets are safe to go to.

const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;

/** NocoBase's public path with both slashes, `/` or `/nocobase/`. */
export const BASE = meta('nbdt-base');

/** Base of the API with its last slash. */
export const API_BASE = meta('nbdt-api');

export function assetUrl(file) {
  return `${BASE}console/${file}`;
}

/** Address of a page, `page` being written as if the public path were `/`. */
export function pageUrl(page) {
  return BASE + page.replace(/^\//, '');
}

/** The current page as if the public path were `/`, without query. */
export function currentPage() {
  const path = location.pathname;
  const page = path.startsWith(BASE) ? `/${path.slice(BASE.length)}` : path;
  return page.length > 1 ? page.replace(/\/$/, '') : page;
}

/**
 * Where to go after a sign-in: `target` only if it is a path of this very site, else the home page.
 * Judged again after the browser's own normalising, because `/.//host` becomes `//host`.
 */
export function safeTarget(target) {
  const home = pageUrl('/admin');
  if (!isSitePath(target)) return home;
  let url;
  try {
    url = new URL(target, location.origin);
  } catch {
    return home;
  }
  const path = url.pathname + url.search + url.hash;
  if (url.origin !== location.origin || !isSitePath(path)) return home;
  return path.startsWith(BASE) ? path : pageUrl(path);
}

function isSitePath(path) {
  return typeof path === 'string' && /^\/(?!\/)[^\\\u0000-\u001f\u007f]*$/.test(path);
}
