// An on/off switch whose change takes a while and may fail; it shows the server's state, never a hoped-for one.

import { h, spinner } from './dom.js';

/** `change(isOn)` does the work; the caller draws the switch anew when the state has really changed. */
export function switchButton({ isOn, label, describe, onText, offText, busyText, isFixed = false, control, change }) {
  const words = h('span', { class: 'switch-text', role: 'status' }, isOn ? onText : offText);
  const button = h('button', {
    type: 'button', class: 'switch', role: 'switch', 'aria-checked': String(isOn), 'aria-label': describe ? `${label}: ${describe}` : label, disabled: isFixed, 'data-control': control,
    onclick: async () => {
      if (button.getAttribute('aria-busy') === 'true') return;
      button.setAttribute('aria-busy', 'true');
      words.replaceChildren(spinner(), busyText);
      try {
        await change(!isOn);
      } finally {
        button.removeAttribute('aria-busy');
        words.replaceChildren(isOn ? onText : offText);
      }
    },
  });
  return h('span', { class: 'switch-wrap' }, button, words);
}
