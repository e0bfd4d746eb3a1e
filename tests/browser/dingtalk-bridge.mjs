// DingTalk's clients as a page sees them: their user agents, and a stand-in for the bridge that their WebViews offer.

/** What DingTalk's clients of 2025 and 2026 say of themselves. */
export const USER_AGENTS = {
  phone: 'Mozilla/5.0 (Linux; U; Android 15; zh-CN; PJD110) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/100.0.4896.58 UWS/5.12.11.0 Mobile Safari/537.36 AliApp(DingTalk/8.1.10.1) com.alibaba.android.rimet/1 Channel/700159 language/zh-CN abi/64',
  oldPhone: 'Mozilla/5.0 (Linux; U; Android 12; zh-CN; M2) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/100.0.4896.58 Mobile Safari/537.36 AliApp(DingTalk/6.5.50) com.alibaba.android.rimet/1 language/zh-CN',
  computer: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/133.0.6943.142 Safari/537.36 dingtalk-win/1.0.0 nw(0.14.7) DingTalk(8.1.10-Release.251202013) Mojo/1.0.0 Native AppType(release) Channel/201200 Architecture/x86_64 webDt/PC',
};

export const SIZES = { phone: { width: 390, height: 844 }, oldPhone: { width: 390, height: 844 }, computer: { width: 1280, height: 800 } };

/**
 * In the page, before anything else of it: the bridge of Android (`window.nuva`), and that of a computer, which is
 * reached by messages. Every call is told to the test, which answers the ones that ask for a code.
 */
export function standInBridge(kind) {
  const invoke = (method, params, success, fail) => {
    const plain = JSON.parse(JSON.stringify(params ?? {}));
    window.standInForDingTalk(method, plain).then((answer) => {
      if (answer === 'never') return;
      if (answer.errorCode === undefined) success(answer);
      else fail(answer);
    });
  };
  if (kind === 'computer') {
    const hostOrigin = 'https://im.dingtalk.com';
    window.dd_bridge_config = JSON.stringify({ containerId: 'stand-in', hostOrigin });
    window.dingtalk = { platform: { invokeAPI() {} } };
    const post = window.postMessage.bind(window);
    window.postMessage = (message, ...rest) => {
      if (message?.containerId !== 'stand-in') return post(message, ...rest);
      const answer = (success) => (body) => window.dispatchEvent(new MessageEvent('message', { origin: hostOrigin, data: { type: 'response', msgId: message.msgId, success, body } }));
      return invoke(message.methodName, message.body, answer(true), answer(false));
    };
    return;
  }
  window.nuva = { isReady: true, require: () => (success, fail, service, action, params) => invoke(`${service}.${action}`, params, success, fail) };
}

const NEW = 'runtime.permission.requestAuthCodeV2';
const OLD = 'runtime.permission.requestAuthCode';

/** What a client can do with a request for a code; `get` hands one out. */
const REQUESTS = {
  ok: (_method, get) => get(),
  // A client that is too old for the new call: it answers nothing, or that there is no such call.
  'new call missing': (method, get) => (method === OLD ? get() : { errorCode: '1', errorMessage: 'method not found' }),
  'old call only': (method, get) => (method === OLD ? get() : 'never'),
  'no call': () => ({ errorCode: '1', errorMessage: 'method not found' }),
  'error 3': () => ({ errorCode: '3', errorMessage: '对应企业没有某域名微应用' }),
  'error -1': () => ({ errorCode: '-1', errorMessage: 'cancelled' }),
  'error 7': () => ({ errorCode: 7, errorMessage: 'no permission' }),
  'never answers': () => 'never',
  'answers after 10 s': (_method, get) => new Promise((resolve) => setTimeout(() => resolve(get()), 10_000)),
};

/**
 * Puts the stand-in before every page of a browser context, and tells what the pages have called.
 *
 * @param {{ kind: 'phone' | 'oldPhone' | 'computer', person: string, codeFor(person: string, request: object): Promise<string> }} options
 * @returns `{ person, request, calls, firstCodeRequest }`; `person` and `request` can be changed, as people change accounts
 */
export async function installBridge(context, { kind, person, codeFor }) {
  const bridge = { kind, person, request: 'ok', calls: [] };
  let codeRequested;
  bridge.firstCodeRequest = new Promise((resolve) => (codeRequested = resolve));
  await context.exposeFunction('standInForDingTalk', async (method, params) => {
    bridge.calls.push({ method, params });
    if (method !== NEW && method !== OLD) return {};
    codeRequested(Date.now());
    return REQUESTS[bridge.request](method, async () => ({ code: await codeFor(bridge.person, params) }));
  });
  await context.addInitScript(standInBridge, kind);
  return bridge;
}

/** The titles that DingTalk has been told, the codes that it has been asked for. */
export const titlesOf = ({ calls }) => calls.filter(({ method }) => method === 'biz.navigation.setTitle').map(({ params }) => params.title);
export const codeRequestsOf = ({ calls }) => calls.filter(({ method }) => method === NEW || method === OLD);
