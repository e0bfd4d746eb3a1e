'use strict';

// People whom the directory does not have any more: their roles and sessions end, or they are deleted.

const { countApiKeys, endSessions, isLastRoot } = require('./leavers');
const { clearMainDepartment, leaveDepartments } = require('./memberships');
const { forgetUser } = require('./remembered-users');
const { USER, USERS } = require('./sync-engine');

async function takeOut(work, { how, except, people }) {
  const done = [];
  const failed = [];
  for (const { uid, userId } of people) {
    try {
      if (except === userId || !(await isTied(work, uid, userId))) failed.push({ uid, reason: 'REFUSED' });
      else done.push({ uid, id: userId, ...(await takeOutOne(work, uid, userId, how)) });
    } catch (error) {
      work.log.error(`user ${userId} could not be taken out: ${error.name}`);
      failed.push({ uid, reason: 'REFUSED' });
    }
  }
  return { done, failed };
}

/** Whether the user is the one that this source knows the person by. */
async function isTied({ engine }, uid, userId) {
  const row = (await engine.stored(USER, [uid])).get(uid);
  return engine.linked(row, USERS).includes(String(userId));
}

async function takeOutOne(work, uid, userId, how) {
  const { app, db, engine } = work;
  const user = await db.getRepository('users').findOne({ filterByTk: userId });
  if (!user) {
    await forgetRecord(engine, uid);
    return { outcome: 'gone' };
  }
  if (await isLastRoot(db, userId)) return { outcome: 'lastRoot' };
  const apiKeys = await countApiKeys(db, userId);
  const rolesUsers = db.getCollection('rolesUsers').model;
  const roles = (await rolesUsers.findAll({ where: { userId } })).map((row) => row.get('roleName'));
  await leaveDepartments(work, userId, uid);
  // Row by row, as NocoBase's own page does it: the caches follow.
  await rolesUsers.destroy({ where: { userId }, individualHooks: true });
  if (how === 'delete') {
    await clearMainDepartment(db, userId);
    await user.destroy();
    await db.getCollection('usersAuthenticators').model.destroy({ where: { userId } });
    await forgetRecord(engine, uid);
  } else {
    await endSessions(db, userId);
  }
  await forgetUser(app, userId);
  return { outcome: how === 'delete' ? 'deleted' : 'rolesRemoved', roles, apiKeys };
}

async function forgetRecord(engine, uid) {
  const row = (await engine.stored(USER, [uid])).get(uid);
  if (row) await engine.forget(row);
}

module.exports = { takeOut };
