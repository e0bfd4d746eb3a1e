// The code to scan, under a button of the sign-in page; the server hands out the plugin's module for it.

import { actionUrl, api } from './api.js';
import { fill, h, spinner } from './dom.js';
import { t } from './i18n.js';
import { banner } from './messages.js';
import { isOffered, showFrame } from './qr-flow.js';

/** For a method that offers a code, where somebody can scan one; `texts` are those of the button. */
export function qrCode(method, texts) {
  if (method.options?.qrCode !== true || !texts || !isOffered()) return null;
  const slot = h('div', { class: 'qr-code', hidden: true });
  let leave = () => {};
  let round = 0;

  async function show() {
    round += 1;
    const thisRound = round;
    const end = (...content) => fill(slot, ...content);
    const fail = () => end(banner('warning', t(texts.failed)));
    fill(slot, h('p', { role: 'status' }, spinner()));
    let flow;
    try {
      const back = location.pathname + location.search;
      flow = (await api.post('dingtalk:qrCode', { body: { return: back }, headers: { 'X-Authenticator': method.name }, anonymous: true })).data;
    } catch {
      if (thisRound === round) fail();
      return;
    }
    if (thisRound !== round) return;
    const frame = h('div', null);
    fill(slot, frame, h('p', { class: 'hint', role: 'status' }, t(texts.hint)));
    leave = showFrame(frame, flow, {
      title: t(texts.frame),
      // The one way in which a sign-in comes back, as after the button.
      onAnswer: (query) => location.assign(`${actionUrl('auth:redirect')}?${query}`),
      onFailed: fail,
      onExpired: () => end(banner('info', t(texts.expired), h('button', { type: 'button', class: 'button', onclick: show }, t(texts.again)))),
    });
  }

  const toggle = h('button', {
    type: 'button', class: 'link', 'aria-expanded': 'false', onclick: () => {
      leave();
      const isOpen = slot.hidden;
      slot.hidden = !isOpen;
      toggle.setAttribute('aria-expanded', String(isOpen));
      if (isOpen) {
        show();
      } else {
        round += 1;
        fill(slot);
      }
    },
  }, t(texts.open));
  return [toggle, slot];
}
