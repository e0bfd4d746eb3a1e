'use strict';

// In which departments a user is, written row by row: NocoBase's engine would take those away that were given by hand.

const { DEPARTMENT, DEPARTMENTS, USER } = require('./sync-engine');

/** Makes a user's departments those of a record, and leaves alone what the directory has not given. */
async function followDepartments({ db, engine }, userId, record) {
  const wanted = await wantedDepartments({ db, engine }, record.departments ?? []);
  const row = (await engine.stored(USER, [record.uid])).get(record.uid);
  const given = engine.linked(row, DEPARTMENTS);
  const memberships = db.getCollection('departmentsUsers').model;
  const gone = given.filter((id) => !wanted.has(id));
  if (gone.length) await memberships.destroy({ where: { userId, departmentId: gone }, individualHooks: true });
  for (const [departmentId, { isOwner }] of wanted) {
    const membership = await memberships.findOne({ where: { userId, departmentId } });
    if (!membership) await memberships.create({ userId, departmentId, isOwner });
    else if (membership.get('isOwner') !== isOwner) await membership.update({ isOwner });
  }
  const recordId = row.get('id');
  if (gone.length) await engine.links.destroy({ where: { recordId, resource: DEPARTMENTS, resourcePk: gone } });
  const added = [...wanted.keys()].filter((id) => !given.includes(id));
  await engine.links.bulkCreate(added.map((resourcePk) => ({ recordId, resource: DEPARTMENTS, resourcePk })));
  const [mainDepartmentId] = [...wanted].find(([, { isMain }]) => isMain) ?? [];
  if (mainDepartmentId) await db.getRepository('users').update({ filterByTk: userId, values: { mainDepartmentId } });
}

/** The departments of a record that exist here, by id. */
async function wantedDepartments({ db, engine }, departments) {
  const rows = await engine.stored(DEPARTMENT, departments.map(({ uid }) => uid));
  const ids = departments.map(({ uid, isOwner, isMain }) => [engine.linked(rows.get(uid), DEPARTMENTS)[0], { isOwner: isOwner === true, isMain: isMain === true }]);
  const known = ids.filter(([id]) => id);
  const existing = await db.getRepository('departments').find({ filter: { id: { $in: known.map(([id]) => id) } }, fields: ['id'] });
  const there = new Set(existing.map((row) => String(row.get('id'))));
  return new Map(known.filter(([id]) => there.has(id)));
}

/** Takes a user out of all departments, whoever has put them in: each may give roles. */
async function leaveDepartments({ db, engine }, userId, uid) {
  if (!db.hasCollection('departmentsUsers')) return;
  await db.getCollection('departmentsUsers').model.destroy({ where: { userId }, individualHooks: true });
  await clearMainDepartment(db, userId);
  const row = (await engine.stored(USER, [uid])).get(uid);
  if (row) await engine.links.destroy({ where: { recordId: row.get('id'), resource: DEPARTMENTS } });
}

/** A main department that the user has left would fail every later save of the user. */
async function clearMainDepartment(db, userId) {
  const users = db.getCollection('users');
  if (users.hasField('mainDepartmentId')) await users.model.update({ mainDepartmentId: null }, { where: { id: userId }, hooks: false });
}

module.exports = { clearMainDepartment, followDepartments, leaveDepartments };
