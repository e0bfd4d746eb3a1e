'use strict';

// Departments that the directory has made, changed or taken away.

const { forgetUser } = require('./remembered-users');
const { DEPARTMENT, DEPARTMENTS, idOf } = require('./sync-engine');
const { inTwoTurns } = require('./two-turns');

/** Writes the records of one level of the tree: the engine moves a department without a known parent to the root. */
async function writeDepartments({ engine, db, log }, { records }) {
  const done = [];
  const write = async (record) => {
    const { uid, parentUid } = record;
    try {
      if (parentUid !== undefined && !(await departmentId(engine, db, parentUid))) return { uid, reason: 'PARENT_MISSING' };
      const refused = await engine.write(await engine.row(DEPARTMENT, uid), record);
      if (refused) {
        await engine.forgetUnwritten(DEPARTMENT, uid);
        return { uid, reason: 'REFUSED' };
      }
      done.push({ uid, id: idOf(await departmentId(engine, db, uid)) });
      return null;
    } catch (error) {
      log.error(`a department of the directory could not be written: ${error.name}`);
      return { uid, reason: 'REFUSED' };
    }
  };
  // A parent may come later in the same list.
  const failed = await inTwoTurns(records, write, ({ reason }) => reason === 'PARENT_MISSING');
  return { done, failed };
}

/** The id of the department that a uid of this source stands for, where it still exists. */
async function departmentId(engine, db, uid) {
  const [id] = engine.linked((await engine.stored(DEPARTMENT, [uid])).get(uid), DEPARTMENTS);
  if (!id) return null;
  return (await db.getRepository('departments').count({ filter: { id } })) > 0 ? id : null;
}

/** Takes departments away, the lowest first; what is below one, and was not taken away before, moves up. */
async function removeDepartments(work, { departments }) {
  const done = [];
  const failed = [];
  for (const { uid, id } of departments) {
    try {
      const row = (await work.engine.stored(DEPARTMENT, [uid])).get(uid);
      // One that somebody has made by hand is nobody's to take away.
      if (!work.engine.linked(row, DEPARTMENTS).includes(String(id))) {
        failed.push({ uid, reason: 'REFUSED' });
        continue;
      }
      await removeDepartment(work, String(id));
      await work.engine.forget(row);
      done.push({ uid, id });
    } catch (error) {
      work.log.error(`a department could not be removed: ${error.name}`);
      failed.push({ uid, reason: 'REFUSED' });
    }
  }
  return { done, failed };
}

async function removeDepartment({ app, db, engine }, id) {
  const departments = db.getRepository('departments');
  const department = await departments.findOne({ filterByTk: id });
  if (!department) return;
  const parentId = department.get('parentId');
  const children = await departments.find({ filter: { parentId: id } });
  for (const child of children) {
    child.set('parentId', parentId ?? null);
    await child.save();
  }
  const memberships = db.getCollection('departmentsUsers').model;
  const members = (await memberships.findAll({ where: { departmentId: id } })).map((row) => row.get('userId'));
  // One by one, so that each person's main department follows.
  await memberships.destroy({ where: { departmentId: id }, individualHooks: true });
  await engine.links.destroy({ where: { resource: DEPARTMENTS, resourcePk: id } });
  await department.destroy();
  if (parentId) {
    const isLeaf = (await departments.count({ filter: { parentId } })) === 0;
    await departments.update({ filterByTk: parentId, values: { isLeaf } });
  }
  for (const userId of members) await forgetUser(app, userId);
}

module.exports = { removeDepartments, writeDepartments };
