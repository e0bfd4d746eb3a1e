'use strict';

// People who exist already, and whom the directory has changed, linked or brought back.

const { clearMainDepartment, followDepartments } = require('./memberships');
const { forgetUser } = require('./remembered-users');
const { USER, USERS } = require('./sync-engine');
const { inTwoTurns } = require('./two-turns');

/** Columns that no two users share; a record that hits another user's is told by its column, which the engine does not. */
const TAKEN = { phone: 'PHONE_TAKEN', email: 'EMAIL_TAKEN', username: 'USERNAME_TAKEN' };
/** NocoBase lets nobody give this role away, and neither do we. */
const ROOT = 'root';
const INVALID_MAIN_DEPARTMENT = /invalid main department/i;

async function writePeople(work, { people, keepDepartments }) {
  const users = await work.db.getRepository('users').find({ filter: { id: { $in: people.map(({ userId }) => userId) } } });
  const byId = new Map(users.map((user) => [Number(user.get('id')), user]));
  const rows = await work.engine.stored(USER, people.map(({ record }) => record.uid));
  const belonging = await work.engine.recordsOf([...byId.keys()]);
  const done = [];
  const write = async (person) => {
    const { uid } = person.record;
    try {
      const known = { user: byId.get(person.userId), row: rows.get(uid), others: belonging.filter(({ userId, row }) => userId === person.userId && row.get('sourceUk') !== uid) };
      // What is written changes these: who comes a second time is read again.
      for (const changed of [uid, ...known.others.map(({ row }) => row.get('sourceUk'))]) rows.delete(changed);
      const failure = await writePerson(work, known, person, keepDepartments === true);
      if (failure) return { uid, ...failure };
      done.push({ uid, id: person.userId });
      return null;
    } catch (error) {
      work.log.error(`a person of the directory could not be written: ${error.name}`);
      return { uid, reason: 'REFUSED' };
    }
  };
  // What one person still has may be another's in the same list.
  const failed = await inTwoTurns(people, write, ({ field }) => field !== undefined);
  return { done, failed };
}

async function writePerson(work, { user, row: known, others }, { userId, record, roles = [] }, keepsDepartments) {
  const { app, db, engine } = work;
  if (!user) return { reason: 'USER_GONE' };
  const taken = await whatIsTaken(db, user, record);
  if (taken) return taken;
  const row = await engine.tie(known, record.uid, userId);
  // A user belongs to one record: whoever has come back under another uid is not missed under the first one.
  for (const other of others) await engine.forget(other.row);
  const write = () => engine.write(row, record, (resource) => !keepsDepartments || resource === USERS);
  let refused = await write();
  if (refused && INVALID_MAIN_DEPARTMENT.test(refused)) {
    await clearMainDepartment(db, userId);
    refused = await write();
  }
  if (refused) {
    await engine.forgetUnwritten(USER, record.uid);
    await forgetUser(app, userId);
    return (await whatIsTaken(db, user, record)) ?? { reason: 'REFUSED' };
  }
  if (keepsDepartments && db.hasCollection('departmentsUsers')) await followDepartments(work, userId, record);
  await giveBack(db, userId, roles);
  await forgetUser(app, userId);
  return null;
}

/** Which of a record's unique values another user has. */
async function whatIsTaken(db, user, record) {
  for (const [field, reason] of Object.entries(TAKEN)) {
    const value = record[field];
    if (!value || value === user.get(field)) continue;
    if (await db.getRepository('users').count({ filter: { [field]: value, 'id.$ne': user.get('id') } })) return { reason, field };
  }
  return null;
}

/** Gives roles back to somebody who has returned, those of them that still exist. */
async function giveBack(db, userId, names) {
  const wanted = names.filter((name) => name !== ROOT);
  if (!wanted.length) return;
  const there = new Set((await db.getRepository('roles').find({ filter: { name: { $in: wanted } }, fields: ['name'] })).map((role) => role.get('name')));
  const rolesUsers = db.getRepository('rolesUsers');
  const had = new Set((await rolesUsers.find({ filter: { userId } })).map((row) => row.get('roleName')));
  for (const roleName of wanted) if (there.has(roleName) && !had.has(roleName)) await rolesUsers.create({ values: { userId, roleName } });
}

module.exports = { writePeople };
