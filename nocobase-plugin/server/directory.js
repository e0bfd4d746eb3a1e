'use strict';

// The directory kept in step, as far as it is the bridge's: the type of source, its tasks, its secrets.

const { tval } = require('@nocobase/utils');
const { DirectoryRun, isAlive } = require('./directory-run');
const { directorySource, registerSourceType } = require('./directory-source');
const { KeptSecrets } = require('./kept-secrets');
const { PACKAGE, SOURCE_TYPE } = require('./names');
const { SOURCES } = require('./secret-places');
const { syncPlugin } = require('./sync-engine');

/** How long a program that starts with NocoBase may take to answer for a run of before. */
const ANSWERS_WITHIN_MS = 90_000;
const ASK_EVERY_MS = 2000;

const TAKEN = {
  check: 'directory',
  status: 'warning',
  message: { sentence: 'Another enabled plugin provides the synchronization source "DingTalk": the directory is not kept in step by this one.' },
  action: { sentence: 'Disable the other plugin, or keep using its source.' },
};

class Directory {
  #isActive = false;
  #state = 'off';

  constructor(app, sidecar) {
    Object.assign(this, { app, sidecar });
    this.secrets = new KeptSecrets(app, () => this.#isActive, SOURCES);
  }

  get findings() {
    return this.#state === 'taken' ? [TAKEN] : [];
  }

  async activate() {
    const { app } = this;
    const plugin = syncPlugin(app);
    const makeClass = () => {
      // There is no such package where NocoBase has no such plugin.
      const { SyncSource } = require('@nocobase/plugin-user-data-sync');
      return directorySource(SyncSource, { sidecar: this.sidecar, log: app.log, wordsOf: () => this.#words(), isCurrent: () => this.#isActive });
    };
    this.#state = registerSourceType(plugin, makeClass, tval('DingTalk', { ns: PACKAGE }));
    if (this.#state === 'taken') app.log.error(`another enabled plugin has registered the source type "${SOURCE_TYPE}": ${PACKAGE} does not keep the directory in step`);
    this.#isActive = this.#state === 'registered';
    if (this.#isActive) await this.secrets.moveStored();
  }

  deactivate() {
    this.#isActive = false;
  }

  /** Begins a task as NocoBase's button does, for the schedule. */
  async startTask(name) {
    await syncPlugin(this.app).syncService.pull(name, this.#context());
    return { done: [], failed: [] };
  }

  #context() {
    const { app } = this;
    return { app, db: app.db, log: app.log, logger: app.log, state: {}, reason: 'schedule' };
  }

  /** Texts in the language of the site: a task is read by whoever comes by. */
  async #words() {
    const { app } = this;
    const settings = await app.db.getRepository('systemSettings')?.findOne();
    const language = settings?.get('enabledLanguages')?.[0] || settings?.get('appLang') || 'en-US';
    await app.localeManager.loadResourcesByLang(language);
    const t = (key, values) => app.i18n.t(key, { lng: language, ns: PACKAGE, ...values, interpolation: { escapeValue: false } });
    return { language, t };
  }

  /** A task whose process ended before it stays unfinished, and NocoBase offers no other try of it. */
  async settleTasks() {
    if (!this.#isActive) return;
    const { app } = this;
    const { sourceManager, syncService } = syncPlugin(app);
    const sources = await app.db.getRepository('userDataSyncSources').find({ filter: { sourceType: SOURCE_TYPE } });
    const { language, t } = await this.#words();
    const tasks = app.db.getCollection('userDataSyncTasks').model;
    for (const source of sources) {
      const open = await tasks.findAll({ where: { sourceId: source.get('id'), status: ['init', 'processing'] } });
      if (!open.length) continue;
      const [task, ...others] = open.sort((one, other) => Number(other.get('id')) - Number(one.get('id')));
      const goesOn = source.get('enabled') && task.get('status') === 'processing' && (await this.#goesOn(source.get('name'), language));
      if (goesOn) {
        const resumed = sourceManager.create(source, this.#context());
        syncService.runSync(resumed, resumed.resume(task), resumed.ctx);
      }
      const interrupted = goesOn ? others : open;
      const message = t('Interrupted: NocoBase was started again meanwhile. Start the synchronization once more.');
      const where = { id: interrupted.map((row) => row.get('id')), status: ['init', 'processing'] };
      if (interrupted.length) await tasks.update({ status: 'failed', message }, { where, hooks: false });
    }
  }

  /** Whether the sidecar is still at it; it may be starting as we are. */
  async #goesOn(source, language) {
    const run = new DirectoryRun(this.sidecar, { source, language });
    const deadline = Date.now() + ANSWERS_WITHIN_MS;
    for (;;) {
      try {
        return isAlive(await run.look());
      } catch (error) {
        if (error.name === 'RunRefused' || Date.now() > deadline || !this.#isActive) return false;
        await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS).unref());
      }
    }
  }
}

module.exports = { Directory };
