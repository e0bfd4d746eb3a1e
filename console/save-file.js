// What the server gives as a file, saved by the browser.

import { h } from './dom.js';

export function saveFile(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = h('a', { href: address, download: name });
  link.click();
  URL.revokeObjectURL(address);
}
