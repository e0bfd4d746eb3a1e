// The page on which somebody changes their own password.

import { api } from '../api.js';
import { fill, h, uniqueId, whileBusy } from '../dom.js';
import { t } from '../i18n.js';
import { banner, notify, sentence } from '../messages.js';

const SHORTEST = 8;

export function passwordPage({ app, root }) {
  const failure = h('div', null);
  const name = h('input', { name: 'username', autocomplete: 'username', hidden: true, value: app.site.user.username ?? app.site.user.email ?? '' });
  const current = input('current-password');
  const chosen = input('new-password', { minlength: SHORTEST });
  const again = input('new-password', { minlength: SHORTEST });
  const submit = h('button', { type: 'submit', class: 'button button-primary' }, t('Change password'));

  const change = async () => {
    fill(failure);
    if (chosen.value !== again.value) {
      fill(failure, banner('error', t('The two new passwords are not the same. Type them again.')));
      again.select();
      return;
    }
    try {
      await api.post('auth:changePassword', {
        body: { oldPassword: current.value, newPassword: chosen.value, confirmPassword: again.value },
      });
    } catch (error) {
      if (!app.leaveIfSignedOut(error)) fill(failure, banner('error', sentence(error)));
      return;
    }
    // The sessions from before have ended with it, this one too.
    await app.signOut();
    notify(t('Your password is changed. Sign in with the new one.'));
  };
  const field = (element, label, hint) => h('div', { class: 'field' },
    h('label', { for: element.id }, label), element, hint && h('span', { class: 'hint' }, hint));
  fill(root, h('div', { class: 'page page-narrow' },
    h('h1', null, t('Change password')),
    h('p', { class: 'lead' }, t('You are signed out everywhere and sign in again with the new password.')),
    h('form', { class: 'form card', onsubmit: (event) => { event.preventDefault(); whileBusy(submit, change); } },
      failure, name,
      field(current, t('Current password')),
      field(chosen, t('New password'), t('At least 8 characters.')),
      field(again, t('New password, once more')),
      submit)));
}

function input(autocomplete, properties) {
  return h('input', { id: uniqueId('password'), type: 'password', autocomplete, required: true, ...properties });
}
