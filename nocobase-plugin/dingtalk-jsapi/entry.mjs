// What of DingTalk's JSAPI the plugin calls, and nothing else: the whole of it is four times as large.

import dd from 'dingtalk-jsapi/entry/union.js';
import { requestAuthCode$ as requestAuthCode } from 'dingtalk-jsapi/api/union/requestAuthCode.js';
import { requestAuthCode$ as requestAuthCodeOfOldClients } from 'dingtalk-jsapi/api/runtime/permission/requestAuthCode.js';
import { setTitle$ as setTitle } from 'dingtalk-jsapi/api/biz/navigation/setTitle.js';

const REQUEST_AUTH_CODE = 'runtime.permission.requestAuthCodeV2';

/** Whether this client is new enough for `requestAuthCode`; the library itself calls it on old ones, too. */
export const hasRequestAuthCode = () => dd.checkJsApi({ jsApiList: [REQUEST_AUTH_CODE] }).then((known) => known[REQUEST_AUTH_CODE]);

export { requestAuthCode, requestAuthCodeOfOldClients, setTitle };
