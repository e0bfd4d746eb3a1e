// Modal dialogs on the browser's own <dialog>: it keeps the focus inside and gives it back afterwards.

import { h, iconButton, uniqueId } from './dom.js';
import { t } from './i18n.js';

/** A modal dialog with title, body and a row of buttons; `mayClose` may refuse to close it. */
export function openDialog({ title, kind, body, footer, mayClose, onclose }) {
  const titleId = uniqueId('dialog-title');
  const close = async () => {
    if (!mayClose || await mayClose()) dialog.close();
  };
  const dialog = h('dialog', { class: `dialog dialog-${kind}`, 'aria-labelledby': titleId },
    h('div', { class: 'dialog-frame' },
      h('header', { class: 'dialog-header' }, h('h2', { id: titleId }, title), iconButton('close', t('Close'), { onclick: close })),
      h('div', { class: 'dialog-body' }, body),
      footer && h('footer', { class: 'dialog-footer' }, footer)),
    h('div', { class: 'messages', role: 'status', 'aria-live': 'polite' }));
  dialog.addEventListener('cancel', (event) => {
    event.preventDefault();
    close();
  });
  dialog.addEventListener('close', () => {
    dialog.remove();
    onclose?.();
  });
  document.body.append(dialog);
  dialog.showModal();
  return { dialog, close, closeNow: () => dialog.close() };
}

/** Asks before something that cannot be taken back easily; resolves to whether to go on. */
export function confirmDialog({ title, text, action, isDangerous = false }) {
  return new Promise((resolve) => {
    let agreed = false;
    const cancel = h('button', { type: 'button', class: 'button', autofocus: true, onclick: () => opened.closeNow() }, t('Cancel'));
    const go = h('button', {
      type: 'button',
      class: `button ${isDangerous ? 'button-danger' : 'button-primary'}`,
      onclick: () => { agreed = true; opened.closeNow(); },
    }, action);
    const opened = openDialog({
      title, kind: 'confirm', body: [text].flat().map((one) => h('p', null, one)), footer: [cancel, go], onclose: () => resolve(agreed),
    });
  });
}
