// A code for the person who is in DingTalk now, from the JSAPI that this package brings along.
define('nocobase-plugin-auth-dingtalk/client-v2/in-client-code', [], function () {
  'use strict';

  /** All of it: loading the library, asking, and asking again in the old way. */
  const LIMIT_MS = 4000;

  /** A hint only: other apps of Alibaba say so, too. */
  const isInside = () => /DingTalk/i.test(window.navigator?.userAgent ?? '');

  const PACKAGE = 'nocobase-plugin-auth-dingtalk';
  const VERSION = "__NBDT_VERSION__";

  /** Why there is no code; `reason` is a key of the button's `inClient` sentences. */
  class NoCode extends Error {
    constructor(reason, detail) {
      super(`DingTalk gave no code: ${reason}${detail ? ` (${detail})` : ''}`);
      this.reason = reason;
    }
  }

  /** Beside the script of this plugin, wherever NocoBase has put that. */
  function libraryAddress() {
    const folder = `/static/plugins/${PACKAGE}/dist/`;
    const own = [...document.scripts].map((script) => script.src).find((address) => address.includes(`${folder}client`));
    const base = own ? own.slice(0, own.indexOf(folder)) : '';
    return `${base}${folder}client/dingtalk-jsapi.js?v=${VERSION}`;
  }

  let address = null;

  /** Where the library is, for pages that are none of NocoBase's. */
  const useLibrary = (wanted) => {
    address = wanted;
  };

  let library = null;

  function loadLibrary() {
    library ??= import(address ?? libraryAddress()).catch((error) => {
      library = null;
      throw error;
    });
    return library;
  }

  function reasonOf(failure) {
    const code = String(failure?.errorCode ?? failure?.error ?? '');
    const message = String(failure?.errorMessage ?? failure?.message ?? '');
    if (code === '3' || message.includes('域名')) return 'domain';
    if (/corp_?id/i.test(message)) return 'corpId';
    if (code === '-1') return 'cancelled';
    if (code === '7') return 'permission';
    return 'unavailable';
  }

  async function ask(jsapi, { corpId, clientId }) {
    // The library does not look at the client's version before it calls, and an old client may never answer.
    if (await jsapi.hasRequestAuthCode()) {
      try {
        return await jsapi.requestAuthCode({ corpId, ...(clientId ? { clientId } : {}) });
      } catch (failure) {
        // What the new call is refused the old one is refused as well.
        if (reasonOf(failure) !== 'unavailable') throw failure;
      }
    }
    return jsapi.requestAuthCodeOfOldClients({ corpId });
  }

  /**
   * @param {{ corpId: string, clientId?: string }} app
   * @param {() => Promise<object>} load the library; it never arrives on a network that has gone
   */
  async function requestCode(app, load = loadLibrary) {
    let timer;
    let isLoaded = false;
    const tooLate = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new NoCode(isLoaded ? 'late' : 'notLoaded')), LIMIT_MS);
    });
    const answered = (async () => {
      const jsapi = await load().catch((error) => {
        throw new NoCode('notLoaded', error.message);
      });
      isLoaded = true;
      let answer;
      try {
        answer = await ask(jsapi, app);
      } catch (failure) {
        throw new NoCode(reasonOf(failure), failure?.errorMessage ?? failure?.message);
      }
      if (typeof answer?.code !== 'string' || !answer.code) throw new NoCode('unavailable', 'an answer without a code');
      return answer.code;
    })();
    try {
      return await Promise.race([answered, tooLate]);
    } finally {
      clearTimeout(timer);
      // Nobody waits for it any more.
      answered.catch(() => {});
    }
  }

  return { NoCode, isInside, loadLibrary, requestCode, useLibrary };
});
