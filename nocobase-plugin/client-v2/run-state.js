// How a synchronization stands, in words.
define('nocobase-plugin-auth-dingtalk/client-v2/run-state', ['./people'], function (people) {
  'use strict';

  const ALIVE = ['waiting', 'reading', 'comparing', 'writing'];
  const isAlive = (run) => ALIVE.includes(run?.state);

  const STATES = {
    none: 'Nothing has been synchronized yet', waiting: 'Waiting to begin', reading: 'Reading DingTalk', comparing: 'Comparing',
    preview: 'Waits for a confirmation', held: 'Stopped before people are removed', writing: 'Writing', done: 'Finished', failed: 'Failed',
  };
  const REASONS = { button: 'Button', schedule: 'Schedule', events: 'Events', resume: 'Continued' };
  const KINDS = {
    create: 'New users', link: 'Linked', change: 'Changed', restore: 'Returned', remove: 'Leaving', skip: 'Skipped', fail: 'Not written',
    departmentCreate: 'New departments', departmentChange: 'Changed departments', departmentRemove: 'Departments removed', told: 'To know',
  };
  const COLORS = { done: 'success', failed: 'error', held: 'warning', preview: 'warning' };

  const inWords = (table) => (t, code) => (Object.prototype.hasOwnProperty.call(table, code) ? t(table[code]) : code || '–');

  /** How far it is. */
  function progressText(t, { state, progress = {} }, language) {
    const number = new Intl.NumberFormat(language);
    const values = {};
    for (const key of ['departments', 'departmentsRead', 'people', 'written', 'toWrite']) values[key] = number.format(progress[key] ?? 0);
    if (state === 'writing') return t('Departments {{departmentsRead}}/{{departments}} · people {{people}} · written {{written}}/{{toWrite}}', values);
    return t('Departments {{departmentsRead}}/{{departments}} · people {{people}}', values);
  }

  /** What there was to do, by kind, without what there was none of. */
  const countsOf = (run) => Object.keys(KINDS).map((kind) => ({ kind, count: run?.counts?.[kind] ?? 0 })).filter(({ count }) => count > 0);

  return { COLORS, KINDS, countsOf, isAlive, kindText: inWords(KINDS), moment: people.moment, progressText, reasonText: inWords(REASONS), stateText: inWords(STATES) };
});
