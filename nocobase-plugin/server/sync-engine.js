'use strict';

// NocoBase's own engine for users and departments from elsewhere, as safe as it has to be for a directory:
// - what a record says is stored once it has been written, and not before: a record that failed, or that a crash came
//   between, is found changed again the next time;
// - which user a record belongs to is decided by us, never by a column that two people may share;
// - its log is left out: it writes down whole records, with names and phone numbers.

const PLUGIN = 'user-data-sync';
const USER = 'user';
const DEPARTMENT = 'department';
const USERS = 'users';
const DEPARTMENTS = 'departments';

/** What the engine must not see: what serves the comparison alone, and what would make it delete. */
const NOT_COLUMNS = ['dataType', 'unionId', 'isDeleted'];

const silent = () => {};
const SILENT = { debug: silent, info: silent, warn: silent, error: silent, trace: silent };

/** NocoBase's plugin of the engine, or null while it is off. */
function syncPlugin(app) {
  const plugin = app.pm.get(PLUGIN);
  return plugin?.enabled && plugin.resourceManager && plugin.sourceManager ? plugin : null;
}

const isEmpty = (value) => value === undefined || value === null || value === '';

/** A record as the engine may have it: an empty key would erase what stands in the row. */
function bare(record) {
  return Object.fromEntries(Object.entries(record).filter(([key, value]) => !NOT_COLUMNS.includes(key) && !isEmpty(value)));
}

/** A number where JavaScript can hold it. */
const idOf = (value) => (Number.isSafeInteger(Number(value)) ? Number(value) : String(value));

class SyncEngine {
  /** @param {string} sourceName links are found again by it */
  constructor(plugin, db, sourceName) {
    this.manager = plugin.resourceManager;
    this.db = db;
    this.sourceName = sourceName;
    this.records = db.getRepository('userDataSyncRecords');
    this.links = db.getCollection('userDataSyncRecordsResources').model;
  }

  /** Whether anybody in this NocoBase takes such records. */
  accepts(dataType) {
    return this.manager.resources.nodes.some((resource) => resource.accepts.includes(dataType));
  }

  /** The stored records of some uids with what each belongs to, by uid. */
  async stored(dataType, uids) {
    const rows = await this.records.find({ filter: { sourceName: this.sourceName, dataType, sourceUk: { $in: uids } }, appends: ['resources'] });
    return new Map(rows.map((row) => [row.get('sourceUk'), row]));
  }

  /** The stored record of a uid, made where there is none. */
  async row(dataType, uid) {
    const found = (await this.stored(dataType, [uid])).get(uid);
    if (found) return found;
    await this.records.create({ values: { sourceName: this.sourceName, sourceUk: uid, dataType } });
    return (await this.stored(dataType, [uid])).get(uid);
  }

  /** The ids that a stored record belongs to. */
  linked(row, resource) {
    return (row?.get('resources') ?? []).filter((link) => link.get('resource') === resource).map((link) => String(link.get('resourcePk')));
  }

  /** Makes a person's record that of exactly this user; answers it. */
  async tie(known, uid, userId) {
    const row = known ?? (await this.row(USER, uid));
    const recordId = row.get('id');
    const resourcePk = String(userId);
    const linked = this.linked(row, USERS);
    if (linked.length === 1 && linked[0] === resourcePk) return row;
    if (linked.length) await this.links.destroy({ where: { recordId, resource: USERS } });
    await this.links.create({ recordId, resource: USERS, resourcePk });
    return this.row(USER, uid);
  }

  /** The records of this source that belong to some users, by the user. */
  async recordsOf(userIds) {
    // Asked together, the database would look at each record with all that it belongs to.
    const links = await this.links.findAll({ where: { resource: USERS, resourcePk: userIds.map(String) }, attributes: ['recordId'], raw: true });
    const filter = { id: { $in: links.map(({ recordId }) => recordId) }, sourceName: this.sourceName, dataType: USER };
    const rows = await this.records.find({ filter, appends: ['resources'] });
    return rows.flatMap((row) => this.linked(row, USERS).map((userId) => ({ userId: Number(userId), row })));
  }

  /** Removes a record with all that it belongs to. */
  async forget(row) {
    await this.links.destroy({ where: { recordId: row.get('id') } });
    await row.destroy();
  }

  /** Removes the record of a uid, if nothing has ever been written from it. */
  async forgetUnwritten(dataType, uid) {
    const row = (await this.stored(dataType, [uid])).get(uid);
    if (row && isEmpty(row.get('metaData'))) await this.forget(row);
  }

  /**
   * Writes a record in the name of its stored row, and stores it there; answers why the engine did not write it, or null.
   *
   * @param {object} row as it is now, with what it belongs to
   * @param {(resource: string) => boolean} isWanted which parts of NocoBase are to follow the record
   */
  async write(row, record, isWanted = () => true) {
    const dataType = row.get('dataType');
    const metaData = bare(record);
    const before = row.get('metaData') ?? null;
    row.set('metaData', metaData);
    const engine = Object.create(this.manager, {
      logger: { value: SILENT },
      resources: { value: { nodes: this.manager.resources.nodes.filter((resource) => isWanted(resource.name)) } },
      saveOriginRecords: { value: async () => {} },
      findOriginRecords: { value: async () => [row] },
    });
    const results = await engine.updateOrCreate({ dataType, sourceName: this.sourceName, records: [metaData] });
    const [failed] = results.flatMap(({ detail }) => detail.failedRecords);
    if (failed) return String(failed.message);
    row.set({ lastMetaData: before, metaData: record });
    await row.save();
    return null;
  }
}

module.exports = { DEPARTMENT, DEPARTMENTS, SyncEngine, USER, USERS, idOf, syncPlugin };
