// A window of DingTalk's own, on NocoBase's pages.

import { installBridge, SIZES, USER_AGENTS } from '../browser/dingtalk-bridge.mjs';
import { openWindow } from './window.mjs';

/** Takes the options of `openWindow` and of `installBridge`; what is returned is both. */
export async function openDingTalkWindow(browser, nocobase, { kind, person, codeFor, ...options }) {
  const window = await openWindow(browser, nocobase, { ...options, ...SIZES[kind], userAgent: USER_AGENTS[kind], isMobile: kind !== 'computer' });
  const context = window.page.context();
  const bridge = await installBridge(context, { kind, person, codeFor });
  // Another window of the same client: what is stored is there, what belongs to a window is not.
  return Object.assign(bridge, window, { another: () => context.newPage() });
}
