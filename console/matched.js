// In words, how a person was matched to a user.

import { t } from './i18n.js';

export function matchedLabel(value) {
  switch (String(value ?? '').toLowerCase()) {
    case 'subject': return t('Existing link');
    case 'phone': return t('Phone number');
    case 'signup': return t('Automatic sign-up');
    case 'person': return t('By the person');
    case 'administrator': return t('By an administrator');
    case 'directory': return t('Synchronization');
    default: return '–';
  }
}
