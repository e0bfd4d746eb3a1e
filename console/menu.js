// A button that opens a short list of choices, usable by keyboard as people expect of a menu.

import { h, icon, uniqueId } from './dom.js';

/** `items` are {label, choose}. */
export function menuButton(label, items) {
  const id = uniqueId('menu');
  const button = h('button', {
    type: 'button', class: 'button button-primary', 'aria-haspopup': 'menu', 'aria-expanded': 'false', 'aria-controls': id, disabled: items.length === 0,
    onclick: () => (menu.hidden ? open() : close()),
    onkeydown: (event) => {
      if (event.key !== 'ArrowDown' || !menu.hidden) return;
      event.preventDefault();
      open();
    },
  }, icon('plus'), h('span', null, label), icon('chevron', 'icon-small'));
  const entries = items.map((item) => h('button', {
    type: 'button', role: 'menuitem', tabindex: '-1', onclick: () => { close(); item.choose(); },
  }, item.label));
  const menu = h('div', { class: 'menu', role: 'menu', id, hidden: true, 'aria-label': label, onkeydown: onKey }, entries);
  const wrap = h('div', { class: 'menu-wrap' }, button, menu);

  const closeOutside = (event) => { if (!wrap.contains(event.target)) close({ takeFocus: false }); };

  function open() {
    menu.hidden = false;
    button.setAttribute('aria-expanded', 'true');
    addEventListener('pointerdown', closeOutside);
    entries[0]?.focus();
  }

  function close({ takeFocus = true } = {}) {
    menu.hidden = true;
    button.setAttribute('aria-expanded', 'false');
    removeEventListener('pointerdown', closeOutside);
    if (takeFocus) button.focus();
  }

  function onKey(event) {
    const at = entries.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: entries.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      entries[(to + entries.length) % entries.length].focus();
    } else if (event.key === 'Escape') {
      event.preventDefault();
      close();
    } else if (event.key === 'Tab') {
      close({ takeFocus: false });
    }
  }

  return wrap;
}
