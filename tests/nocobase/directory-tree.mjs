// Departments: each where it belongs, made once, and taken away without what is below.

import assert from 'node:assert/strict';

export async function treeSteps(world) {
  const { step, site, nocobase, changes, source, get, filter, sql, table, column } = world;
  const all = async () => get('departments:list?paginate=false&appends=parent&sort=id');
  const tree = async () => Object.fromEntries((await all()).map(({ title, parent }) => [title, parent?.title ?? null]));
  const leaves = async () => Object.fromEntries((await all()).map(({ title, isLeaf }) => [title, isLeaf]));
  world.departmentId = async (title) => (await get(`departments:list?${filter({ title })}`))[0]?.id;

  await step('departments come below their parents, level by level, and are found again', async () => {
    const roots = await changes.departments({ uid: '1', title: 'Company' }, { uid: '7', title: 'Abroad' });
    assert.deepEqual(roots.failed, []);
    await changes.departments({ uid: '2', title: 'Sales', parentUid: '1' }, { uid: '3', title: 'Works', parentUid: '1' });
    const { done } = await changes.departments({ uid: '4', title: 'North', parentUid: '2' });
    assert.equal(String(done[0].id), String(await world.departmentId('North')));
    assert.deepEqual(await tree(), { Company: null, Abroad: null, Sales: 'Company', Works: 'Company', North: 'Sales' });
    const again = await changes.departments({ uid: '2', title: 'Sales and Service', parentUid: '1' });
    assert.deepEqual(again.failed, []);
    assert.deepEqual(await tree(), { Company: null, Abroad: null, 'Sales and Service': 'Company', Works: 'Company', North: 'Sales and Service' });
    assert.equal((await world.records(source.name, 'department')).length, 5);
  });
  await step('a department whose parent is not there is not moved to the top, but reported', async () => {
    const { done, failed } = await changes.departments({ uid: '4', title: 'North', parentUid: '99' }, { uid: '5', title: 'Lost', parentUid: '99' });
    assert.deepEqual([done, failed], [[], [{ uid: '4', reason: 'PARENT_MISSING' }, { uid: '5', reason: 'PARENT_MISSING' }]]);
    assert.equal((await tree()).North, 'Sales and Service');
    assert.ok(!(await all()).some(({ title }) => title === 'Lost'));
    // The comparison must find it changed again.
    const north = (await world.records(source.name, 'department')).find(({ sourceUk }) => sourceUk === '4');
    assert.equal(north.metaData.parentUid, '2');
  });
  await step('a parent that comes later in the same list is waited for', async () => {
    const { failed } = await changes.departments({ uid: '4', title: 'North', parentUid: '8' }, { uid: '8', title: 'Regions', parentUid: '1' });
    assert.deepEqual(failed, []);
    assert.equal((await tree()).North, 'Regions');
    assert.equal((await leaves())['Sales and Service'], true);
    assert.equal((await leaves()).Regions, false);
  });
  await step('two requests at once make one department', async () => {
    const answers = await Promise.all([1, 2, 3, 4].map(() => changes.ask({ operation: 'departments', records: [{ dataType: 'department', uid: '9', title: 'Once', parentUid: '1' }] })));
    assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200, 200]);
    assert.equal((await all()).filter(({ title }) => title === 'Once').length, 1);
    assert.equal((await world.records(source.name, 'department')).filter(({ sourceUk }) => sourceUk === '9').length, 1);
  });
  await step('a department that somebody has deleted by hand is made anew, once', async () => {
    await site.asAdministrator(`departments:destroy?filterByTk=${await world.departmentId('Once')}`);
    await changes.departments({ uid: '9', title: 'Once', parentUid: '1' });
    await changes.departments({ uid: '9', title: 'Once more', parentUid: '1' });
    assert.deepEqual((await all()).filter(({ title }) => title.startsWith('Once')).map(({ title }) => title), ['Once more']);
  });
  await step('what is below a department that goes moves up, its members lose it alone, and one made by hand is nobody\'s to remove', async () => {
    const byHand = await site.asAdministrator('departments:create', { body: { title: 'By hand', parent: { id: await world.departmentId('Regions') } } });
    const userId = await world.createUser('regional');
    const regions = await world.departmentId('Regions');
    for (const title of ['Regions', 'Works']) await site.asAdministrator(`departments/${await world.departmentId(title)}/members:add`, { body: [userId] });
    await site.asAdministrator(`users:update?filterByTk=${userId}`, { body: { mainDepartment: { id: regions } } });
    const { done, failed } = await changes.apply({ operation: 'removeDepartments', departments: [{ uid: '8', id: regions }, { uid: '3', id: Number(byHand.id) }] });
    assert.deepEqual([done, failed], [[{ uid: '8', id: regions }], [{ uid: '3', reason: 'REFUSED' }]]);
    const now = await tree();
    assert.deepEqual([now.North, now['By hand'], now.Regions], ['Company', 'Company', undefined]);
    const user = await world.userOf(userId);
    assert.deepEqual([user.departments.map(({ title }) => title), user.mainDepartment.title], [['Works'], 'Works']);
    assert.equal((await nocobase.request(`users:update?filterByTk=${userId}`, { token: await nocobase.administrator(), body: { nickname: 'Still saved' } })).status, 200);
    assert.deepEqual(await sql(`select count(*) from ${table('departmentsUsers')} where ${column('departmentId')} = ${regions}`), [['0']]);
    const twice = await changes.apply({ operation: 'removeDepartments', departments: [{ uid: '8', id: regions }] });
    assert.deepEqual(twice.failed, [{ uid: '8', reason: 'REFUSED' }]);
  });
}
