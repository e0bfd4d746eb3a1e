'use strict';

// A run of the sidecar's, as the bridge asks for it and tells of it.

const { envelope } = require('./sidecar');

const ANSWER_LIMIT_MS = 30_000;
/** Who asks where nobody is signed in: the schedule, and a NocoBase that has been started again. */
const NOBODY = 0;

/** A run in these states goes on; in every other it has ended, or waits for somebody. */
const ALIVE = new Set(['waiting', 'reading', 'comparing', 'writing']);

const isAlive = (run) => ALIVE.has(run?.state);

/** The sidecar refused, in its own words. */
class RunRefused extends Error {
  name = 'RunRefused';
}

class DirectoryRun {
  /**
   * @param {import('./sidecar').Sidecar} sidecar
   * @param {{ source: string, language: string, actor?: number }} about
   */
  constructor(sidecar, { source, language, actor = NOBODY }) {
    Object.assign(this, { sidecar, source, language, actor });
  }

  /** Asks for a run; one that goes on already is answered as it is. */
  start(reason) {
    return this.#ask('startRun', 'POST', reason === undefined ? {} : { reason });
  }

  look() {
    return this.#ask('run', 'GET');
  }

  async #ask(name, method, body) {
    const query = new URLSearchParams({ source: this.source }).toString();
    const call = { method, action: `dingtalk:${name}`, query, body, actor: this.actor, limitMs: ANSWER_LIMIT_MS };
    const answer = await this.sidecar.forward(this.#request(), call);
    const told = envelope(answer);
    if (answer.status >= 300 || !told?.data) throw new RunRefused(told?.errors?.[0]?.message ?? `HTTP ${answer.status}`);
    return told.data;
  }

  /** NocoBase asks for itself: the request of whoever pressed the button is long answered by then. */
  #request() {
    const host = `127.0.0.1:${process.env.APP_PORT || 13000}`;
    return { headers: { host, 'x-locale': this.language }, socket: { remoteAddress: '127.0.0.1' } };
  }
}

const NONE = { departments: 0, departmentsRead: 0, people: 0, written: 0, toWrite: 0 };

/** How far a run is, in one line. */
function progressText(t, run, language) {
  const number = new Intl.NumberFormat(language);
  const values = Object.fromEntries(Object.entries({ ...NONE, ...run.progress }).map(([key, value]) => [key, number.format(value ?? 0)]));
  if (run.state === 'waiting') return t('Waiting to begin');
  if (run.state === 'writing') return t('Departments {{departmentsRead}}/{{departments}} · people {{people}} · written {{written}}/{{toWrite}}', values);
  return t('Departments {{departmentsRead}}/{{departments}} · people {{people}}', values);
}

/** What has come of a run, in one line: `{ isGood, text }`. */
function outcomeText(t, run, language) {
  const number = new Intl.NumberFormat(language);
  const count = (name) => Number(run.counts?.[name] ?? 0);
  const shown = (...names) => number.format(names.reduce((sum, name) => sum + count(name), 0));
  const failure = (text) => ({ isGood: false, text });
  if (run.state === 'preview') return failure(t('Nothing is written yet. Look at the preview under Configure > Synchronization, and confirm it there.'));
  if (run.state === 'held') return failure(t('Stopped before {{count}} people were removed. Look at them under Configure > Synchronization, and confirm it there.', { count: number.format(run.removals ?? count('remove')) }));
  if (run.state !== 'done') return failure(run.message || t('The synchronization has failed. The report under Configure says why.'));
  if (count('fail')) return failure(t('Not everything could be written: {{count}}. The report under Configure names each and says why.', { count: shown('fail') }));
  return {
    isGood: true,
    text: t('New {{created}} · changed {{changed}} · removed {{removed}} · departments {{departments}}', {
      created: shown('create'), changed: shown('change', 'link', 'restore'), removed: shown('remove'),
      departments: shown('departmentCreate', 'departmentChange', 'departmentRemove'),
    }),
  };
}

module.exports = { DirectoryRun, RunRefused, isAlive, outcomeText, progressText };
