// A sign-in by DingTalk's QR code, without any page's pieces: DingTalk's page in a frame, and what it says.
define('nocobase-plugin-auth-dingtalk/client-v2/qr-flow', [], function () {
  'use strict';

  /** A frame that has shown nothing for so long shows nothing any more. */
  const LOAD_LIMIT_MS = 10_000;
  /** A little less than a flow lives, so that nobody scans for nothing. */
  const LIFETIME_MS = 9.5 * 60_000;
  /** Of the frame; DingTalk's page needs 280 at least. */
  const SIZE = 320;
  /** Whoever holds the phone cannot scan it, and DingTalk's own browser gives no code. */
  const NARROW = '(max-width: 575px)';

  const isOffered = () => !/DingTalk/i.test(window.navigator.userAgent) && !window.matchMedia(NARROW).matches;

  /**
   * The answer in a message of the frame: the query with which the browser goes on, `'failed'`, or null for what is none.
   * DingTalk's own script goes by a part of the origin; here it is all of it, our frame, our redirect URL and our state.
   *
   * @param expected `{ url, origin, source }` of the frame
   */
  function readAnswer(event, { url, origin, source }) {
    if (event.origin !== origin || !source || event.source !== source) return null;
    const said = event.data;
    if (!said || typeof said !== 'object' || typeof said.success !== 'boolean') return null;
    if (!said.success) return 'failed';
    const asked = new URL(url).searchParams;
    const own = new URL(asked.get('redirect_uri'));
    let answered;
    try {
      answered = new URL(said.redirectUrl);
    } catch (error) {
      return null;
    }
    if (answered.origin !== own.origin || answered.pathname !== own.pathname) return null;
    if (answered.searchParams.getAll('state').join() !== asked.get('state')) return null;
    const kept = ['code', 'authCode', 'error', 'state'].flatMap((name) => answered.searchParams.getAll(name).map((value) => [name, value]));
    return new URLSearchParams(kept).toString();
  }

  /**
   * Shows DingTalk's page in `slot`, until the answer, an end, or the call of what is given back.
   *
   * @param flow `{ url, origin }` as `dingtalk:qrCode` gives them
   * @param told `{ title, onAnswer(query), onFailed(), onExpired() }`; one of the three is called, once
   */
  function showFrame(slot, { url, origin }, { title, onAnswer, onFailed, onExpired }) {
    const frame = document.createElement('iframe');
    let timers = [];
    const leave = () => {
      timers.forEach(clearTimeout);
      timers = [];
      window.removeEventListener('message', onMessage);
      document.removeEventListener('securitypolicyviolation', onViolation);
      frame.remove();
    };
    const end = (tell, value) => {
      leave();
      tell(value);
    };
    function onMessage(event) {
      const answer = readAnswer(event, { url, origin, source: frame.contentWindow });
      if (answer === 'failed') end(onFailed);
      else if (answer) end(onAnswer, answer);
    }
    // A policy of the site, or of a proxy in front of it, may allow no frame of DingTalk's.
    function onViolation(event) {
      if (/^(frame|child|default)-src/.test(event.effectiveDirective || event.violatedDirective) && event.blockedURI.startsWith(origin)) end(onFailed);
    }
    window.addEventListener('message', onMessage);
    document.addEventListener('securitypolicyviolation', onViolation);
    const loading = setTimeout(() => end(onFailed), LOAD_LIMIT_MS);
    timers = [loading, setTimeout(() => end(onExpired), LIFETIME_MS)];
    frame.addEventListener('load', () => {
      clearTimeout(loading);
      // Under a form, a code may begin below the window.
      frame.scrollIntoView({ block: 'nearest' });
    });
    frame.title = title;
    // It may not lead the page around it elsewhere.
    frame.setAttribute('sandbox', 'allow-scripts allow-same-origin allow-forms allow-popups');
    // DingTalk answers the site of the redirect URL only, and may look where the frame stands; the page it need not know.
    frame.referrerPolicy = 'origin';
    frame.style.cssText = `display: block; width: 100%; max-width: ${SIZE}px; height: ${SIZE}px; margin: 0 auto; border: 0; background: #fff`;
    frame.src = url;
    slot.appendChild(frame);
    return leave;
  }

  return { isOffered, readAnswer, showFrame };
});
