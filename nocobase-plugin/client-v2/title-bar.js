// DingTalk's title bar, which otherwise keeps the address or "Loading…".
define('nocobase-plugin-auth-dingtalk/client-v2/title-bar', ['./in-client-marks', './in-client-code'], function (marks, clientCode) {
  'use strict';

  const { isInside, loadLibrary } = clientCode;

  let isFollowed = false;

  /** Tells DingTalk the page's title, now and whenever it changes; only where the library is in use anyway. */
  async function follow() {
    if (isFollowed || !isInside() || marks.mode() !== 'internal') return;
    isFollowed = true;
    try {
      const { setTitle } = await loadLibrary();
      let shown = null;
      const tell = () => {
        const title = document.title;
        // NocoBase's own word for a page that is not there yet; DingTalk has one of its own.
        if (title === shown || /^loading/i.test(title)) return;
        shown = title;
        Promise.resolve(setTitle({ title })).catch(() => {});
      };
      new MutationObserver(tell).observe(document.head, { childList: true, characterData: true, subtree: true });
      tell();
    } catch {
      // A title is not worth a word.
    }
  }

  return { follow };
});
