'use strict';

// The bridge: what of DingTalk sign-in runs inside NocoBase. It registers, forwards and tidies up; it decides nothing.

const { Plugin } = require('@nocobase/server');
const { tval } = require('@nocobase/utils');
const { AUDITED, DIRECTORY_ACTIONS, OWN_ACTIONS, PUBLIC_ACTIONS, actions } = require('./actions');
const { applyChangesHandler } = require('./apply-changes');
const { authClass } = require('./auth');
const { refuseImpossibleAutoLogin } = require('./auto-login');
const { SIDECAR_URL, VERSION } = require('./built-in');
const { Directory } = require('./directory');
const { eventsHandler } = require('./events-pipe');
const gateway = require('./gateway');
const { handover } = require('./handover');
const { KeptSecrets, redaction } = require('./kept-secrets');
const { Leavers } = require('./leavers');
const { AUTH_TYPE, PACKAGE } = require('./names');
const { refuseRulesNobodyCanFollow } = require('./people-rules');
const { ManagedPlace, RemotePlace } = require('./place');
const { Program } = require('./program');
const { redirectHandler } = require('./redirect');
const { Sidecar } = require('./sidecar');
const { UpdateWatch, forgetLoadedFiles } = require('./update');

class PluginAuthDingTalkServer extends Plugin {
  sidecar = null;
  /** The program of this package, where this package brings one along and no other sidecar is named. */
  program = null;
  directory = null;
  updates = null;
  isActive = false;
  secrets = new KeptSecrets(this.app, () => this.isActive);

  async load() {
    // NocoBase loads a plugin once before it enables it, and again afterwards: only the second one counts.
    if (!this.enabled || this.app.name !== 'main') return;
    this.sidecar = new Sidecar(() => this.app.authManager.jwt, this.#place());
    this.directory = new Directory(this.app, this.sidecar);
    this.app.resourceManager.define({ name: 'dingtalk', actions: actions(this.sidecar, () => this.directory.findings) });
    this.app.acl.allow('dingtalk', PUBLIC_ACTIONS, 'public');
    this.app.acl.allow('dingtalk', OWN_ACTIONS, 'loggedIn');
    this.app.acl.registerSnippet({ name: 'pm.auth.authenticators', actions: ['dingtalk:*'] });
    this.app.acl.registerSnippet({ name: 'pm.user-data-sync', actions: DIRECTORY_ACTIONS.map((name) => `dingtalk:${name}`) });
    this.app.auditManager.registerActions(AUDITED);
    this.app.use(redaction(), { tag: 'dingtalk-redaction', after: 'cors', before: 'dataWrapping' });
    this.secrets.listen();
    this.directory.secrets.listen();
    this.db.on('authenticators.beforeSave', (row, options) => this.isActive && refuseImpossibleAutoLogin(this, row, options));
    this.db.on('authenticators.beforeSave', (row, options) => this.isActive && refuseRulesNobodyCanFollow(this, row, options));
    // Two plugins registering one type keep NocoBase from starting: let every other plugin go first.
    this.app.on('afterLoad', () => this.activate());
    this.updates = new UpdateWatch(() => this.#loadNewCode());
    // `load` also runs in commands that end at once; only a NocoBase that serves requests is started.
    this.app.on('afterStart', () => this.#started());
    this.app.on('beforeStop', () => this.deactivate());
    this.app.on('beforeReload', () => this.deactivate());
  }

  #place() {
    const address = process.env.DINGTALK_SIDECAR_URL || SIDECAR_URL;
    if (address) return new RemotePlace(address);
    this.program = new Program({ log: this.app.log, version: VERSION, handover: (own) => handover(this.app, own) });
    return new ManagedPlace(this.program);
  }

  #started() {
    this.updates.start();
    // A process of workers alone answers no request.
    if (!this.isActive || this.app.serving?.() === false) return;
    this.program?.start();
    this.directory.settleTasks().catch((error) => this.app.log.error(`tasks of user data synchronization could not be settled: ${error.message}`));
  }

  #loadNewCode() {
    this.app.log.info(`another package of ${PACKAGE} was uploaded; NocoBase loads it`);
    forgetLoadedFiles();
    // As when a plugin is enabled: requests wait meanwhile, and the pages reload.
    this.app.runAsCLI(['restart'], { from: 'user' }).catch((error) => this.app.log.error(`the new package of ${PACKAGE} could not be loaded: ${error.message}`));
  }

  async activate() {
    const { authManager } = this.app;
    if (authManager.getAuthConfig(AUTH_TYPE)) {
      this.app.log.error(`${PACKAGE} stays idle: another enabled plugin has registered the auth type "${AUTH_TYPE}". Disable one of the two.`);
      return;
    }
    authManager.registerTypes(AUTH_TYPE, {
      auth: authClass(this.sidecar, new Leavers(this.sidecar)),
      title: tval('DingTalk', { ns: PACKAGE }),
      getPublicOptions: (options) => ({ autoSignup: options?.public?.autoSignup === true, qrCode: options?.public?.qrCode === true }),
    });
    const { app, sidecar, directory } = this;
    gateway.install([
      redirectHandler({ app, sidecar, log: app.log }),
      eventsHandler({ sidecar }),
      applyChangesHandler({ app, log: app.log, startTask: (name) => directory.startTask(name) }),
    ]);
    this.isActive = true;
    // NocoBase starts whatever happens here; a row that could not be moved serves sign-ins as before.
    await this.secrets.moveStored().catch((error) => this.app.log.error(`stored client secrets could not be moved: ${error.message}`));
    await this.directory.activate().catch((error) => this.app.log.error(`the source type "DingTalk" could not be offered: ${error.message}`));
  }

  deactivate() {
    this.updates?.stop();
    // Not waited for: whoever starts the next one waits.
    this.program?.end();
    if (!this.isActive) return;
    this.isActive = false;
    this.directory.deactivate();
    gateway.uninstall();
  }

  async beforeEnable() {
    if (this.app.name !== 'main') throw new Error(this.t('DingTalk sign-in works in the main application only.', { ns: PACKAGE }));
    if (this.app.authManager.getAuthConfig(AUTH_TYPE)) {
      throw new Error(this.t('Another enabled plugin already provides DingTalk sign-in. Disable it first.', { ns: PACKAGE }));
    }
  }

  /** Brings back the authenticators that `beforeDisable` switched off. */
  async afterEnable() {
    const { disabledAuthenticators: names = [], ...options } = await this.#storedOptions();
    if (!names.length) return;
    const authenticators = this.db.getRepository('authenticators');
    for (const row of await authenticators.find({ filter: { name: names, authType: AUTH_TYPE } })) {
      await authenticators.update({ filterByTk: row.get('id'), values: { enabled: true } });
    }
    await this.#storeOptions(options);
  }

  /** An enabled authenticator of a type nobody serves would lock its users out; a disabled one does not. */
  async beforeDisable() {
    const authenticators = this.db.getRepository('authenticators');
    const enabled = await authenticators.find({ filter: { enabled: true } });
    const ours = enabled.filter((row) => row.get('authType') === AUTH_TYPE);
    if (!this.isActive || !ours.length) return;
    if (ours.length === enabled.length) {
      throw new Error(this.t('DingTalk is the only enabled sign-in method. Enable another one before you disable this plugin.', { ns: PACKAGE }));
    }
    for (const row of ours) await authenticators.update({ filterByTk: row.get('id'), values: { enabled: false } });
    await this.#storeOptions({ ...(await this.#storedOptions()), disabledAuthenticators: ours.map((row) => row.get('name')) });
  }

  async #storedOptions() {
    const row = await this.app.pm.repository.findOne({ filter: { name: this.name } });
    return row?.get('options') ?? {};
  }

  async #storeOptions(options) {
    await this.app.pm.repository.update({ filter: { name: this.name }, values: { options } });
  }
}

module.exports = PluginAuthDingTalkServer;
module.exports.default = PluginAuthDingTalkServer;
Object.defineProperty(module.exports, '__esModule', { value: true });
