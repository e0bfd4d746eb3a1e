'use strict';

// `dingtalk:applyChanges`: what the sidecar has decided of the directory, written in NocoBase's own process, where its
// caches, hooks and locks are. Answered before NocoBase's middleware: the names in it stay out of its request log.

const { welcome } = require('./arrivals');
const { isSignedFor, readChangeToken } = require('./change-token');
const { removeDepartments, writeDepartments } = require('./changed-departments');
const { writePeople } = require('./changed-people');
const { apiCall, belongsToMainApp, isAction } = require('./gateway');
const { SOURCE_TYPE } = require('./names');
const { answerJson, readBody } = require('./raw-body');
const { DEPARTMENT, SyncEngine, syncPlugin } = require('./sync-engine');
const { takeOut } = require('./taken-out');

const BODY_LIMIT_BYTES = 4 * 1024 * 1024;
const BODY_WITHIN_MS = 30_000;
const MOST_AT_ONCE = 200;
/** Who waits longer for the one before asks again. */
const LOCK_WITHIN_MS = 10_000;
/** A lock shared by processes ends by itself, should its holder have died. */
const LOCK_ENDS_AFTER_MS = 600_000;

class Refusal extends Error {
  constructor(status, code, message) {
    super(message);
    Object.assign(this, { status, code });
  }
}

const isList = (value, isItem) => Array.isArray(value) && value.length <= MOST_AT_ONCE && value.every((item) => item !== null && typeof item === 'object' && isItem(item));
const isText = (value) => typeof value === 'string' && value !== '';
const isId = (value) => Number.isSafeInteger(value) && value > 0;
const isRecord = (value, dataType) => value !== null && typeof value === 'object' && value.dataType === dataType && isText(value.uid);

/** What each operation takes and does; `needs` is the kind of record without which there is nothing to do. */
const OPERATIONS = {
  departments: { needs: DEPARTMENT, isWhole: ({ records }) => isList(records, (record) => isRecord(record, 'department')), run: writeDepartments },
  removeDepartments: { needs: DEPARTMENT, isWhole: ({ departments }) => isList(departments, ({ uid, id }) => isText(uid) && (isText(id) || isId(id))), run: removeDepartments },
  people: { isWhole: ({ people }) => isList(people, ({ userId, record, roles = [] }) => isId(userId) && isRecord(record, 'user') && Array.isArray(roles)), run: writePeople },
  leavers: { isWhole: ({ how, people }) => ['removeRoles', 'delete'].includes(how) && isList(people, ({ uid, userId }) => isText(uid) && isId(userId)), run: takeOut },
  arrived: { isWhole: ({ userIds }) => Array.isArray(userIds) && userIds.every(isId), run: welcome },
  pull: { isWhole: () => true, isUnlocked: true, run: async ({ startTask }) => startTask() },
};

function parsed(body) {
  let change;
  try {
    change = JSON.parse(body.toString('utf8'));
  } catch {
    change = null;
  }
  const operation = Object.prototype.hasOwnProperty.call(OPERATIONS, change?.operation) ? OPERATIONS[change.operation] : null;
  if (!operation || !change.source || !operation.isWhole(change)) throw new Refusal(400, 'INVALID_BODY', 'The body is not one of an operation.');
  return { change, operation };
}

/** @param {{ app: object, log: object, startTask: (name: string) => Promise<void> }} bridge */
function applyChangesHandler({ app, log, startTask }) {
  return async function handleDingTalkChanges(req, res) {
    const call = apiCall(req);
    if (req.method !== 'POST' || !call || !isAction(call.name, 'dingtalk:applyChanges')) return false;
    if (!(await belongsToMainApp(req))) return false;
    try {
      const claims = readChangeToken(req.headers.authorization, app.authManager.jwt.getSecret());
      // Of a stranger nothing is kept in memory.
      const body = await readBody(req, claims ? BODY_LIMIT_BYTES : 0, BODY_WITHIN_MS);
      if (!claims) throw new Refusal(401, 'INVALID_TOKEN', 'The token is not valid.');
      if (body === null) throw new Refusal(413, 'PAYLOAD_TOO_LARGE', 'The body is too large.');
      if (!isSignedFor(claims, body)) throw new Refusal(401, 'INVALID_TOKEN', 'The token is for another body.');
      answerJson(req, res, 200, { data: await apply({ app, log, startTask }, body) });
    } catch (error) {
      // Only what kind of error it is: a database's words may hold the values that it was given.
      if (!(error instanceof Refusal)) log.error(`changes of the directory were not applied: ${error.name} ${error.code ?? ''}`);
      const { status = 500, code = 'INTERNAL_ERROR', message } = error instanceof Refusal ? error : { message: 'Internal Server Error' };
      answerJson(req, res, status, { errors: [{ message, code }] });
    }
    return true;
  };
}

async function apply({ app, log, startTask }, body) {
  const { change, operation } = parsed(body);
  const plugin = syncPlugin(app);
  if (!plugin) throw new Refusal(409, 'SYNC_PLUGIN_OFF', 'The plugin for user data synchronization is off.');
  const { id, name } = change.source;
  const filter = { id, name, sourceType: SOURCE_TYPE, enabled: true };
  const isThere = isId(id) && isText(name) && (await app.db.getRepository('userDataSyncSources').count({ filter })) > 0;
  if (!isThere) throw new Refusal(404, 'SOURCE_NOT_FOUND', 'There is no such source, or it is disabled.');
  const engine = new SyncEngine(plugin, app.db, name);
  if (operation.needs && !engine.accepts(operation.needs)) throw new Refusal(409, 'DEPARTMENTS_PLUGIN_OFF', 'The plugin for departments is off.');
  const work = { app, db: app.db, engine, log, startTask: () => startTask(name) };
  if (operation.isUnlocked) return operation.run(work, change);
  return locked(app, `dingtalk-directory:${id}`, () => operation.run(work, change));
}

/** One change of a source at a time: the engine knows neither transactions nor unique records. */
async function locked(app, key, run) {
  let lock;
  try {
    lock = await app.lockManager.tryAcquire(key, LOCK_WITHIN_MS);
  } catch {
    throw new Refusal(423, 'BUSY', 'Other changes of this source are being written.');
  }
  return lock.runExclusive(run, LOCK_ENDS_AFTER_MS);
}

module.exports = { applyChangesHandler };
