// Start of the pages: texts, then the page for the address; links inside the site change the page without a reload.

import { api } from './api.js';
import { fill } from './dom.js';
import { expand, loadTexts, t } from './i18n.js';
import { rememberSignOut, signInOnLoad } from './in-dingtalk.js';
import { loading, showFailure } from './messages.js';
import { BASE, currentPage, pageUrl, safeTarget } from './paths.js';
import { isAdministrator } from './roles.js';
import { session } from './session.js';
import { languageSwitch, pageFrame } from './shell.js';
import { authenticatorsPage } from './pages/authenticators.js';
import { homePage } from './pages/home.js';
import { notFoundPage } from './pages/not-found.js';
import { ownLinkPage } from './pages/own-link.js';
import { passwordPage } from './pages/password.js';
import { pluginManagerPage } from './pages/plugin-manager.js';
import { signInPage } from './pages/sign-in.js';
import { synchronizationPage } from './pages/synchronization.js';

const PAGES = {
  '/signin': { title: () => t('Sign in'), show: signInPage, isPublic: true },
  '/admin': { title: () => t('Home'), show: homePage },
  '/admin/dingtalk': { title: () => t('DingTalk account'), show: ownLinkPage },
  '/admin/password': { title: () => t('Change password'), show: passwordPage },
  '/admin/settings/plugin-manager': { title: () => t('Plugin manager'), show: pluginManagerPage, isForAdministrators: true },
  '/admin/settings/auth/authenticators': { title: () => t('Authentication'), show: authenticatorsPage, isForAdministrators: true },
  '/admin/settings/users-permissions/sync': { title: () => t('Synchronization'), show: synchronizationPage, isForAdministrators: true },
};

const root = document.getElementById('app');
const site = { title: 'NocoBase', languages: [], demo: null, user: null };

/** Counts page changes, so that a slow answer for a page already left changes nothing. */
let visit = 0;

const app = {
  site,
  go(path, { replace = false } = {}) {
    if (!path.startsWith(BASE)) {
      location.assign(path);
      return;
    }
    history[replace ? 'replaceState' : 'pushState'](null, '', path);
    show({ focus: true });
  },
  /** Begins the session that the server has issued and goes to the page first asked for. */
  enter(authenticator, { token }) {
    session.forgetRole();
    session.begin(authenticator, token);
    // The answer of a sign-in lacks the roles; they come with the first page.
    app.goOn();
  },
  async changeLanguage(locale) {
    await loadTexts(locale);
    await show({ focus: false });
  },
  /** Goes to the page first asked for, with the session that is stored. */
  goOn() {
    site.user = null;
    app.go(safeTarget(new URLSearchParams(location.search).get('redirect')), { replace: true });
  },
  async signOut() {
    await rememberSignOut();
    // Whatever the server says, this browser forgets the session.
    await api.post('auth:signOut').catch(() => {});
    session.end();
    site.user = null;
    app.go(pageUrl('/signin'));
  },
  /** Leaves for the sign-in page when `error` says that the session is over; tells whether it did. */
  leaveIfSignedOut(error) {
    if (!error.endsSession) return false;
    session.end();
    site.user = null;
    toSignIn();
    return true;
  },
};

function toSignIn() {
  const wanted = location.pathname + location.search;
  const query = safeTarget(wanted) === pageUrl('/admin') ? '' : `?redirect=${encodeURIComponent(wanted)}`;
  app.go(pageUrl('/signin') + query, { replace: true });
}

async function show({ focus }) {
  visit += 1;
  const thisVisit = visit;
  const isCurrent = () => thisVisit === visit;
  const path = currentPage();
  if (path === '/') {
    app.go(pageUrl('/admin'), { replace: true });
    return;
  }
  const page = PAGES[path] ?? { title: () => t('Page not found'), show: notFoundPage, isPublic: !session.token };
  document.title = `${page.title()} · ${site.title}`;

  if (page.isPublic) {
    page.show({ app, root, isCurrent, languageSwitch: languageSwitch(app) });
  } else {
    if (!session.token) {
      toSignIn();
      return;
    }
    const main = await signedInFrame(path, page, isCurrent);
    if (!main) return;
    page.show({ app, root: main, isCurrent });
  }
  if (focus) focusHeading();
}

async function signedInFrame(path, page, isCurrent) {
  if (!site.user) {
    fill(root, loading());
    try {
      site.user = (await api.get('auth:check')).data;
    } catch (error) {
      if (isCurrent() && !app.leaveIfSignedOut(error)) showFailure(root, error, () => show({ focus: true }));
      return null;
    }
    if (!isCurrent()) return null;
  }
  const { frame, main } = pageFrame(app, path, page.title());
  fill(root, frame);
  if (page.isForAdministrators && !isAdministrator(site.user)) {
    notFoundPage({ app, root: main });
    return null;
  }
  return main;
}

/** After a page change the focus starts at the new heading, so that it is read out. */
function focusHeading() {
  const heading = root.querySelector('h1');
  if (!heading) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
  scrollTo(0, 0);
}

document.addEventListener('click', (event) => {
  const link = event.target.closest?.('a[data-page]');
  const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !isPlain) return;
  event.preventDefault();
  app.go(link.getAttribute('href'));
});

addEventListener('popstate', () => {
  for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close();
  show({ focus: true });
});

addEventListener('storage', (event) => {
  // Another tab has signed in or out; a renewed token is no such change.
  if (event.key === 'NOCOBASE_TOKEN' && Boolean(event.oldValue) !== Boolean(event.newValue)) location.reload();
});

async function start() {
  fill(root, loading());
  // Nothing of a stored session is asked for before it is known to be that of the person who is here.
  const texts = loadTexts();
  const attempt = signInOnLoad(texts);
  const [settings, info] = await Promise.allSettled([api.get('systemSettings:get'), api.get('app:getInfo'), texts]);
  if (settings.status === 'fulfilled') {
    site.title = expand(settings.value.data?.title) || site.title;
    site.languages = settings.value.data?.enabledLanguages ?? [];
  }
  if (info.status === 'fulfilled') site.demo = info.value.data?.demo ?? null;
  const attempted = await attempt;
  // The page goes: nothing has to be shown any more.
  if (attempted === 'leaving') return;
  if (attempted === 'entered' && currentPage() === '/signin') app.goOn();
  else await show({ focus: false });
}

start();
