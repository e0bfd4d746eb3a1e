// What a run does, or would do, in the order in which it is shown, and in words.

import { t } from '../i18n.js';

export const KINDS = {
  create: () => t('New users'),
  link: () => t('Linked'),
  change: () => t('Changed'),
  restore: () => t('Returned'),
  remove: () => t('Leaving'),
  skip: () => t('Skipped'),
  fail: () => t('Not written'),
  departmentCreate: () => t('New departments'),
  departmentChange: () => t('Changed departments'),
  departmentRemove: () => t('Departments removed'),
  told: () => t('To know'),
};

export const STATES = {
  none: () => t('Nothing has been synchronized yet'),
  waiting: () => t('Waiting to begin'),
  reading: () => t('Reading DingTalk'),
  comparing: () => t('Comparing'),
  preview: () => t('Waits for a confirmation'),
  held: () => t('Stopped before people are removed'),
  writing: () => t('Writing'),
  done: () => t('Finished'),
  failed: () => t('Failed'),
};

export const REASONS = {
  button: () => t('Button'),
  schedule: () => t('Schedule'),
  events: () => t('Events'),
  resume: () => t('Continued'),
};

const BADGES = { done: 'badge badge-ok', failed: 'badge badge-error', held: 'badge badge-error' };

export const stateBadge = (state) => [BADGES[state] ?? 'badge', STATES[state]?.() ?? state];

export const isUnderWay = (state) => ['waiting', 'reading', 'comparing', 'writing'].includes(state);
