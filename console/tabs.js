// Tabs over panels that are drawn when they are opened; the open one stands in the address.

import { fill, h } from './dom.js';

/** `panels` are {label(), show({root, isCurrent})} by name; the first one needs no mention in the address. */
export function tabs({ slot, label, panels, isCurrent }) {
  const names = Object.keys(panels);
  const panel = h('div', { class: 'tab-panel', role: 'tabpanel', id: 'tab-panel', tabindex: '-1' });
  const buttons = names.map((name) => h('button', {
    type: 'button', class: 'tab', role: 'tab', id: `tab-${name}`, 'aria-controls': 'tab-panel', onclick: () => choose(name),
  }, panels[name].label()));
  fill(slot, h('div', { class: 'tabs', role: 'tablist', 'aria-label': label, onkeydown: moveFocus }, buttons), panel);
  let visit = 0;

  function open(name) {
    visit += 1;
    const thisVisit = visit;
    for (const button of buttons) {
      const isOpen = button.id === `tab-${name}`;
      button.setAttribute('aria-selected', String(isOpen));
      button.tabIndex = isOpen ? 0 : -1;
    }
    panel.setAttribute('aria-labelledby', `tab-${name}`);
    panels[name].show({ root: panel, isCurrent: () => isCurrent() && thisVisit === visit });
  }

  /** It survives a reload that way, and can be passed on. */
  function choose(name) {
    history.replaceState(null, '', name === names[0] ? location.pathname : `?tab=${name}`);
    open(name);
  }

  function moveFocus(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = buttons[(buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length];
    next.focus();
    next.click();
  }

  const asked = new URLSearchParams(location.search).get('tab');
  open(names.includes(asked) ? asked : names[0]);
}
