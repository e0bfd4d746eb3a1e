// Elements built from plain values. Text always becomes a text node, so nothing a server says is ever read as HTML.

import { assetUrl } from './paths.js';

const SVG = 'http://www.w3.org/2000/svg';

/** An element; `on…` properties are listeners, `false`, `null` and `undefined` leave an attribute out. */
export function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (name === 'value' || name === 'checked' || name === 'disabled') element[name] = value;
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === false || child === null || child === undefined) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/** Everything inside `element` gives way to `children`. */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

/** A decorative picture from the one sheet of icons; its meaning must stand beside it in words. */
export function icon(name, extraClass = '') {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', `icon ${extraClass}`.trim());
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `${assetUrl('icons.svg')}#${name}`);
  svg.append(use);
  return svg;
}

let nextId = 0;

/** An id that no other element of this page has. */
export function uniqueId(prefix) {
  nextId += 1;
  return `${prefix}-${nextId}`;
}

/** A turning circle; words beside it say what is going on. */
export function spinner() {
  return h('span', { class: 'spinner', 'aria-hidden': 'true' });
}

/** A button that shows an icon and is named by words. */
export function iconButton(name, label, properties) {
  return h('button', { type: 'button', class: 'button button-icon', 'aria-label': label, title: label, ...properties }, icon(name));
}

/** Runs `work` while `button` shows that it is busy and cannot be pressed again. */
export async function whileBusy(button, work) {
  if (button.getAttribute('aria-busy') === 'true') return undefined;
  button.setAttribute('aria-busy', 'true');
  try {
    return await work();
  } finally {
    button.removeAttribute('aria-busy');
  }
}
