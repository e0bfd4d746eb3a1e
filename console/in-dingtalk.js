// Signing in inside DingTalk: the modules of the plugin's clients, which the server hands out as one, in this site's session.

import { actionUrl } from './api.js';
import { refuse } from './dingtalk-flow.js';
import { t } from './i18n.js';
import { session } from './session.js';

/** NocoBase's session as those modules know it. */
const auth = {
  getToken: () => session.token,
  setToken: (token) => (token ? session.begin(session.authenticator, token) : session.end()),
  getAuthenticator: () => session.authenticator,
  setAuthenticator: (name) => session.begin(name, session.token),
  setRole: () => session.forgetRole(),
  getLocale: () => session.locale,
};

const host = { apiUrl: (action) => actionUrl(action), auth };

/** A hint only: other apps of Alibaba say so, too. */
export const isInsideDingTalk = /DingTalk/i.test(navigator.userAgent);

// No other browser loads them.
const modules = isInsideDingTalk ? import('./in-client.js') : null;

/** Tells the sign-in page why an attempt has ended. */
function tell({ kind, name, message, key }) {
  if (kind !== 'entered' && name) refuse(name, message ?? t(key));
  return kind;
}

async function attempt(run, isReadable) {
  if (!modules) return 'nothing';
  try {
    const outcome = await run(await modules);
    await isReadable;
    return outcome ? tell(outcome) : 'nothing';
  } catch (error) {
    // The ordinary ways stay.
    console.error(error);
    return 'nothing';
  }
}

/**
 * The attempt of this page load; resolves with its kind: nothing, entered, refused, outage or leaving.
 *
 * @param {Promise<void>} isReadable until when there are no texts to say it with
 */
export async function signInOnLoad(isReadable) {
  const kind = await attempt(({ inClient }) => inClient.onPageLoad(host), isReadable.catch(() => {}));
  if (modules) modules.then(({ titleBar }) => titleBar.follow()).catch(() => {});
  return kind;
}

/** The attempt of a sign-in page to which a session has led that has run out. */
export const signInOnExpiry = () => attempt(({ inClient }) => inClient.onExpiry(host));

/** The attempt of a click on the button; `nothing` means the ordinary way. */
export const signInOnClick = (name) => attempt(({ inClient }) => inClient.onClick(host, name));

/** Who signs out stays signed out until they ask again. */
export async function rememberSignOut() {
  if (modules) await modules.then(({ marks }) => marks.set('signedOut')).catch(() => {});
}
