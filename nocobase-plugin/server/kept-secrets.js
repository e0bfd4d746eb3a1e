'use strict';

// Secrets are kept apart from their authenticator or source: encrypted with NocoBase's AES key, in a table that NocoBase
// does not know. No action can answer what stands there, and in the options of the row stands a mask for good.
// NocoBase runs no code of a plugin that is removed, so the table outlives it, as the tables of every plugin do.

const { SECRETS_TABLE, SECRET_MASK } = require('./names');
const { AUTHENTICATORS, isObject, isSecret, redacted, replaced, valueAt } = require('./secret-places');

class KeptSecrets {
  #app;
  #isOurs;
  #kind;
  #isThere = false;
  // What is to be written for a row once it has an id: place → encrypted text, or null to remove it.
  #changes = new WeakMap();

  /**
   * @param {() => boolean} isOurs whether this plugin serves the type; another one needs the rows as they are
   * @param {typeof AUTHENTICATORS} kind
   */
  constructor(app, isOurs, kind = AUTHENTICATORS) {
    this.#app = app;
    this.#isOurs = isOurs;
    this.#kind = kind;
  }

  listen() {
    const { db } = this.#app;
    const { collection } = this.#kind;
    db.on(`${collection}.beforeSave`, (model, options) => this.#takeOut(model, options));
    db.on(`${collection}.afterSave`, (model, options) => this.#keep(model, options));
    db.on(`${collection}.afterDestroy`, (model, options) => this.#forget(model, options));
  }

  /** Moves what an earlier version, the community plugin or NocoBase without this plugin has stored in the rows. */
  async moveStored() {
    const { collection, places, type, typeField } = this.#kind;
    await this.#makeTable();
    const { model } = this.#app.db.getCollection(collection);
    const rows = await model.findAll({ where: { [typeField]: type }, hooks: false });
    for (const { id } of rows.filter((row) => places.some((place) => isSecret(valueAt(row.get('options'), place))))) {
      await this.#app.db.sequelize.transaction(async (transaction) => {
        const row = await model.findByPk(id, { lock: true, transaction, hooks: false });
        if (!row) return;
        await this.#takeOut(row, { transaction });
        // Without hooks: plugins that log changes would write down the old value.
        await row.save({ transaction, hooks: false, silent: true });
        await this.#keep(row, { transaction });
      });
    }
  }

  async #takeOut(model, { transaction } = {}) {
    const { places, type, typeField } = this.#kind;
    const options = model.get('options');
    if (!this.#isOurs() || model.get(typeField) !== type || !isObject(options)) return;
    await this.#makeTable();
    const kept = model.isNewRecord ? new Set() : await this.#placesOf(model.get('id'), transaction);
    const changes = new Map();
    let bare = options;
    for (const place of places) {
      const value = valueAt(options, place);
      if (isSecret(value)) {
        changes.set(place, await this.#app.aesEncryptor.encrypt(value));
        bare = replaced(bare, place, SECRET_MASK);
      } else if (value !== SECRET_MASK) {
        if (kept.has(place)) changes.set(place, null);
      } else if (!kept.has(place)) {
        bare = replaced(bare, place, undefined);
      }
    }
    if (bare !== options) model.set('options', bare);
    this.#changes.set(model, changes);
  }

  async #keep(model, { transaction } = {}) {
    const id = model.get('id');
    for (const [place, value] of this.#changes.get(model) ?? []) {
      const name = this.#kind.prefix + place;
      await this.#queries.bulkDelete(this.#table, { id, name }, { transaction });
      if (value !== null) await this.#queries.bulkInsert(this.#table, [{ id, name, value }], { transaction });
    }
    this.#changes.delete(model);
  }

  async #forget(model, { transaction } = {}) {
    if (!this.#isThere) return;
    // Place by place: what is kept for a row of the other kind may have the same id.
    for (const place of this.#kind.places) await this.#queries.bulkDelete(this.#table, { id: model.get('id'), name: this.#kind.prefix + place }, { transaction });
  }

  async #placesOf(id, transaction) {
    const { sequelize } = this.#app.db;
    const select = this.#queries.queryGenerator.selectQuery(this.#table, { attributes: ['name'], where: { id } });
    const rows = await sequelize.query(select, { type: 'SELECT', transaction });
    const { prefix } = this.#kind;
    return new Set(rows.filter(({ name }) => name.startsWith(prefix)).map(({ name }) => name.slice(prefix.length)));
  }

  async #makeTable() {
    if (this.#isThere) return;
    const { DataTypes } = this.#app.db.sequelize.Sequelize;
    const columns = {
      id: { type: DataTypes.BIGINT, primaryKey: true },
      name: { type: DataTypes.STRING, primaryKey: true },
      value: { type: DataTypes.TEXT, allowNull: false },
    };
    const make = () => this.#queries.createTable(this.#table, columns);
    // Two processes that start at once both find it missing, and PostgreSQL then refuses the second one.
    await make().catch(make);
    this.#isThere = true;
  }

  get #queries() {
    return this.#app.db.sequelize.getQueryInterface();
  }

  get #table() {
    const { db } = this.#app;
    const tableName = `${db.options.tablePrefix ?? ''}${SECRETS_TABLE}`;
    return db.inDialect('postgres') && db.options.schema ? { tableName, schema: db.options.schema } : tableName;
  }
}

/** NocoBase's request log and its audit write down what was sent, once it is answered. */
function redaction() {
  return async function redactDingTalkSecret(ctx, next) {
    try {
      await next();
    } finally {
      ctx.request.body = redacted(ctx.request.body);
      if (ctx.action) ctx.action.params = redacted(ctx.action.params);
    }
  };
}

module.exports = { KeptSecrets, redaction };
