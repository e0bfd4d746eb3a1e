'use strict';

// The source type "DingTalk" of NocoBase's user data synchronization. NocoBase keeps the list of tasks and has the button;
// the sidecar reads and decides; what it decides comes back as changes. So a pull only waits, and hands over nothing:
// whatever it returned would be held in memory, written down in a log, and taken for a success however much of it failed.

const { SOURCE_TYPE } = require('./names');
const { DirectoryRun, RunRefused, isAlive, outcomeText, progressText } = require('./directory-run');

const LOOK_EVERY_MS = 1000;
/** How long a sidecar may be away, started again for instance, before its run is given up. */
const AWAY_LIMIT_MS = 120_000;
/** How long a run that was asked for may take to begin. */
const BEGIN_LIMIT_MS = 120_000;
/** NocoBase's column for a message; whatever is longer makes it lose the end of a task. */
const MESSAGE_LIMIT = 255;

const cut = (text) => (text.length > MESSAGE_LIMIT ? `${text.slice(0, MESSAGE_LIMIT - 1)}…` : text);
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * @param {typeof import('@nocobase/plugin-user-data-sync').SyncSource} SyncSource
 * @param {{ sidecar: import('./sidecar').Sidecar, log: object, wordsOf: () => Promise<{ language: string, t: Function }>, isCurrent: () => boolean, now?: () => number, wait?: (ms: number) => Promise<void> }} bridge
 */
function directorySource(SyncSource, { sidecar, log, wordsOf, isCurrent, now = Date.now, wait = pause }) {
  return class DingTalkDirectorySource extends SyncSource {
    taskId = null;
    ending = null;
    isLeft = false;

    async newTask() {
      const task = await super.newTask();
      this.taskId = task.id;
      return task;
    }

    async retryTask(id) {
      const task = await super.retryTask(id);
      this.taskId = task.id;
      return task;
    }

    /** Goes on watching a task that an earlier life of this process has begun. */
    resume(task) {
      this.taskId = task.id;
      return task;
    }

    async pull() {
      const { language, t } = await wordsOf();
      const about = { source: this.instance.name, language, actor: this.ctx.state?.currentUser?.id };
      const run = await this.#watched(new DirectoryRun(sidecar, about), t, language);
      const { isGood, text } = outcomeText(t, run, language);
      if (!isGood) throw new Error(cut(text));
      this.ending = text;
      return [];
    }

    /** Asks for a run and stays until it has ended; what the sidecar answers is told as it comes. */
    async #watched(asked, t, language) {
      let run = await this.#first(asked, t);
      // What has ended already is the run before.
      const before = isAlive(run) ? undefined : run.id ?? null;
      const mustBeginBy = now() + BEGIN_LIMIT_MS;
      let answeredAt = now();
      let said = null;
      while (isAlive(run) || (run.id ?? null) === before) {
        if (!isAlive(run) && now() > mustBeginBy) throw new Error(t('The synchronization did not begin. Try again in a minute.'));
        const text = isAlive(run) ? progressText(t, run, language) : t('Waiting to begin');
        if (text !== said) await this.#tell(text);
        said = text;
        await wait(LOOK_EVERY_MS);
        if (!isCurrent()) {
          // NocoBase has been loaded anew in this process, and whoever came next watches this task.
          this.isLeft = true;
          throw new Error('NocoBase is loaded anew; the task is watched further on.');
        }
        try {
          run = await asked.look();
          answeredAt = now();
        } catch (error) {
          if (error instanceof RunRefused || now() - answeredAt > AWAY_LIMIT_MS) throw this.#unreachable(error, t);
        }
      }
      return run;
    }

    async #first(asked, t) {
      try {
        return await asked.start(this.ctx.reason);
      } catch (error) {
        throw this.#unreachable(error, t);
      }
    }

    #unreachable(error, t) {
      if (error instanceof RunRefused) return new Error(cut(error.message));
      log.error(`DingTalk sidecar: ${error.message}${error.cause ? `: ${error.cause.message}` : ''}`);
      return new Error(t('The sidecar cannot be reached. "Test connection" of a DingTalk authenticator says why.'));
    }

    async #tell(text) {
      const { model } = this.ctx.db.getCollection('userDataSyncTasks');
      // A table's update: the row that NocoBase holds of the task has another state than the one stored.
      await model.update({ message: cut(text) }, { where: { id: this.taskId }, hooks: false }).catch((error) => log.warn(`the progress of a synchronization was not noted: ${error.name}`));
    }

    /** Nobody waits for this: what it throws would end NocoBase's process, and leave the task unfinished for ever. */
    async endTask(params) {
      if (this.isLeft) return;
      const message = params.message ?? this.ending;
      try {
        await super.endTask({ ...params, message: message ? cut(String(message)) : message });
      } catch (error) {
        log.error(`a task of user data synchronization could not be ended: ${error.name}`);
      }
    }
  };
}

/**
 * Offers the type where NocoBase's plugin is on and nobody else has the name.
 *
 * @returns {'registered' | 'off' | 'taken'}
 */
function registerSourceType(plugin, makeClass, title) {
  if (!plugin) return 'off';
  // A second registration would keep NocoBase from starting.
  if (plugin.sourceManager.syncSourceTypes.get(SOURCE_TYPE)) return 'taken';
  plugin.sourceManager.registerType(SOURCE_TYPE, { syncSource: makeClass(), title });
  return 'registered';
}

module.exports = { MESSAGE_LIMIT, directorySource, registerSourceType };
