// People: one user each, nothing of theirs lost, and those who leave without a way back in.

import assert from 'node:assert/strict';
import { signed } from './changes.mjs';
import { until } from './site.mjs';

const own = (...uids) => uids.map((uid, at) => ({ uid, isOwner: false, isMain: at === 0 }));

export async function peopleSteps(world) {
  const { step, site, nocobase, changes, source, sql, table, column, userOf, createUser, session } = world;
  const titles = (user) => user.departments.map(({ title }) => title).sort();
  const count = async () => Number((await sql(`select count(*) from ${table('users')}`))[0][0]);
  const give = async (department, role) => site.asAdministrator(`departments/${await world.departmentId(department)}/roles:add`, { body: [role] });
  const linksOf = async (uid) => (await world.records(source.name, 'user')).filter(({ sourceUk }) => sourceUk === uid).map(({ resources }) => resources.filter(({ resource }) => resource === 'users').map(({ resourcePk }) => Number(resourcePk)));
  let wang;

  await step('somebody who exists is that user, with departments, head and main department', async () => {
    wang = await createUser('wang');
    const before = await count();
    const record = { uid: 'u-wang', unionId: 'UnionWang', nickname: 'Wang Personal', phone: '13900008101', email: 'personal@example.com', departments: [{ uid: '2', isOwner: true, isMain: false }, { uid: '3', isOwner: false, isMain: true }] };
    assert.deepEqual(await changes.people([{ userId: wang, record }]), { done: [{ uid: 'u-wang', id: wang }], failed: [] });
    const user = await userOf(wang);
    assert.deepEqual([user.nickname, user.phone, user.email, titles(user), user.mainDepartment.title], ['Wang Personal', '13900008101', 'personal@example.com', ['Sales and Service', 'Works'], 'Works']);
    assert.deepEqual(user.departments.filter(({ departmentsUsers }) => departmentsUsers.isOwner).map(({ title }) => title), ['Sales and Service']);
    assert.equal(await count(), before);
    // What the comparison reads again is the whole record, as it came.
    const [stored] = (await world.records(source.name, 'user')).filter(({ sourceUk }) => sourceUk === 'u-wang');
    assert.deepEqual(stored.metaData, { dataType: 'user', ...record });
  });
  await step('nobody is found by an empty phone number: the administrator stays who they are', async () => {
    const administrator = await userOf(1, 'roles');
    const userId = await createUser('phoneless');
    for (const phone of [null, '', undefined]) await changes.people([{ userId, record: { uid: 'u-phoneless', nickname: 'No Phone', phone } }], { matchKey: 'phone' });
    const after = await userOf(1, 'roles');
    assert.deepEqual([after.nickname, after.phone, after.username], [administrator.nickname, administrator.phone, administrator.username]);
    assert.equal((await userOf(userId, 'roles')).nickname, 'No Phone');
  });
  await step('an empty value erases nothing', async () => {
    await changes.people([{ userId: wang, record: { uid: 'u-wang', nickname: 'Wang Personal', phone: null, email: '', departments: own('3') } }]);
    const user = await userOf(wang);
    assert.deepEqual([user.phone, user.email], ['13900008101', 'personal@example.com']);
  });
  await step('a mark to delete in a record deletes nobody and makes nobody', async () => {
    const before = await count();
    await changes.people([{ userId: wang, record: { uid: 'u-wang', isDeleted: true, nickname: 'Wang Personal', departments: own('3') } }]);
    assert.equal((await userOf(wang)).nickname, 'Wang Personal');
    const gone = await changes.people([{ userId: 987654, record: { uid: 'u-gone', isDeleted: true, nickname: 'Gone' } }]);
    assert.deepEqual(gone, { done: [], failed: [{ uid: 'u-gone', reason: 'USER_GONE' }] });
    assert.equal(await count(), before);
    assert.deepEqual(await linksOf('u-gone'), []);
  });
  await step('departments given by hand go with the directory, or stay where that is chosen', async () => {
    const byHand = await world.departmentId('By hand');
    const add = () => site.asAdministrator(`departments/${byHand}/members:add`, { body: [wang] });
    await add();
    await changes.people([{ userId: wang, record: { uid: 'u-wang', nickname: 'Wang Personal', departments: own('3') } }]);
    assert.deepEqual(titles(await userOf(wang)), ['Works']);
    await add();
    await changes.people([{ userId: wang, record: { uid: 'u-wang', nickname: 'Wang Kept', departments: [{ uid: '2', isOwner: true, isMain: true }] } }], { keepDepartments: true });
    const kept = await userOf(wang);
    assert.deepEqual([kept.nickname, titles(kept), kept.mainDepartment.title], ['Wang Kept', ['By hand', 'Sales and Service'], 'Sales and Service']);
    assert.equal(kept.departments.find(({ title }) => title.startsWith('Sales')).departmentsUsers.isOwner, true);
    await changes.people([{ userId: wang, record: { uid: 'u-wang', nickname: 'Wang Kept' } }], { keepDepartments: true });
    const without = await userOf(wang);
    assert.deepEqual([titles(without), without.mainDepartment.title], [['By hand'], 'By hand']);
    await changes.people([{ userId: wang, record: { uid: 'u-wang', nickname: 'Wang Personal' } }]);
    const none = await userOf(wang);
    assert.deepEqual([titles(none), none.mainDepartment ?? null], [[], null]);
  });
  await step('a main department that was left does not keep a person from being written', async () => {
    await changes.people([{ userId: wang, record: { uid: 'u-wang', nickname: 'Wang Personal', departments: own('3') } }]);
    await sql(`delete from ${table('departmentsUsers')} where ${column('userId')} = ${wang}`);
    const { failed } = await changes.people([{ userId: wang, record: { uid: 'u-wang', nickname: 'Wang Renamed', departments: own('2') } }]);
    assert.deepEqual(failed, []);
    const user = await userOf(wang);
    assert.deepEqual([user.nickname, user.mainDepartment.title], ['Wang Renamed', 'Sales and Service']);
  });
  await step('with the last department its role goes, at the very next request', async () => {
    await site.asAdministrator('roles:create', { body: { name: 'r_sales', title: 'Sales', snippets: [] } });
    await give('Sales and Service', 'r_sales');
    const token = await session('wang');
    assert.ok((await world.rolesOf(token)).includes('r_sales'));
    await changes.people([{ userId: wang, record: { uid: 'u-wang', nickname: 'Wang Renamed' } }]);
    const after = await world.rolesOf(token);
    assert.ok(!after.includes('r_sales'), JSON.stringify(after));
    await changes.people([{ userId: wang, record: { uid: 'u-wang', nickname: 'Wang Renamed', departments: own('2') } }]);
    assert.ok((await world.rolesOf(token)).includes('r_sales'));
  });
  await step('what another user has is reported by person and field, and nothing half-written', async () => {
    const [one, two] = [await createUser('one', { phone: '13900008201' }), await createUser('two', { phone: '13900008202', email: 'two@example.com' })];
    const failures = await changes.people([
      { userId: one, record: { uid: 'u-one', nickname: 'Changed', phone: '13900008202' } },
      { userId: one, record: { uid: 'u-one', nickname: 'Changed', email: 'two@example.com' } },
      { userId: one, record: { uid: 'u-one', nickname: 'Changed', username: 'two' } },
    ]);
    assert.deepEqual(failures.failed.map(({ uid, reason, field }) => [uid, reason, field]), [['u-one', 'PHONE_TAKEN', 'phone'], ['u-one', 'EMAIL_TAKEN', 'email'], ['u-one', 'USERNAME_TAKEN', 'username']]);
    assert.equal((await userOf(one, 'roles')).nickname, 'one');
    assert.deepEqual(await linksOf('u-one'), [], 'a comparison would take the record for written');
    // A number that one of them gives up meanwhile is free for the other, in whatever order they come.
    const passed = await changes.people([{ userId: one, record: { uid: 'u-one', phone: '13900008202' } }, { userId: two, record: { uid: 'u-two', phone: '13900008203' } }]);
    assert.deepEqual([passed.failed, passed.done.length], [[], 2]);
    assert.equal((await userOf(one, 'roles')).phone, '13900008202');
  });
  await step('a record belongs to the user that was decided on, and a user to one record', async () => {
    const returned = await createUser('returned');
    await changes.people([{ userId: wang, record: { uid: 'u-new-id', nickname: 'Wang Renamed' } }]);
    assert.deepEqual([await linksOf('u-new-id'), await linksOf('u-wang')], [[[wang]], []]);
    await changes.people([{ userId: returned, record: { uid: 'u-new-id', nickname: 'Somebody else' } }]);
    assert.deepEqual(await linksOf('u-new-id'), [[returned]]);
    assert.equal((await userOf(wang)).nickname, 'Wang Renamed');
    await Promise.all([1, 2, 3].map(() => changes.people([{ userId: wang, record: { uid: 'u-wang', nickname: 'Wang Renamed' } }])));
    assert.deepEqual(await linksOf('u-wang'), [[wang]]);
  });
  await step('somebody who leaves has no role and no session at the next request, and gets both back as they were', async () => {
    await site.asAdministrator('roles:create', { body: { name: 'r_own', title: 'Own', snippets: [] } });
    // Roles by which people may make themselves a key.
    await site.asAdministrator('roles:update?filterByTk=r_own', { body: { snippets: ['pm.api-keys.configuration'] } });
    const leaver = await createUser('leaver', { roles: ['r_own', 'member'] });
    await changes.people([{ userId: leaver, record: { uid: 'u-leaver', nickname: 'Leaver', departments: own('2') } }]);
    const token = await session('leaver');
    const second = Math.floor(Date.now() / 1000);
    assert.deepEqual(await world.rolesOf(token), ['member', 'r_own', 'r_sales']);
    const key = await nocobase.request('apiKeys:create', { token, body: { name: 'key', role: { name: 'r_own' }, expiresIn: '1d' }, headers: { 'X-Authenticator': 'basic', 'X-Role': 'r_own' } });
    assert.equal(key.status, 200, key.text);
    await until('the next second', () => Math.floor(Date.now() / 1000) > second);
    const { done } = await changes.leavers([{ uid: 'u-leaver', userId: leaver }]);
    assert.deepEqual([done[0].outcome, done[0].roles.sort()], ['rolesRemoved', ['member', 'r_own']]);
    assert.equal(done[0].apiKeys, 1);
    assert.equal((await world.check(token)).status, 401);
    const later = await session('leaver');
    assert.equal(await world.rolesOf(later), 'USER_HAS_NO_ROLES_ERR');
    assert.deepEqual(titles(await userOf(leaver)), []);
    const again = await changes.leavers([{ uid: 'u-leaver', userId: leaver }]);
    assert.deepEqual([again.done[0].outcome, again.done[0].roles], ['rolesRemoved', []]);
    await changes.people([{ userId: leaver, record: { uid: 'u-leaver', nickname: 'Leaver', departments: own('2') }, roles: ['r_own', 'member', 'root', 'no-such-role'] }]);
    assert.deepEqual(await world.rolesOf(later), ['member', 'r_own', 'r_sales']);
  });
  await step('the last root and whoever asked stay, a stranger too, and a second root may go', async () => {
    await changes.people([{ userId: 1, record: { uid: 'u-root', nickname: 'Super Admin' } }]);
    for (const how of ['removeRoles', 'delete']) assert.deepEqual((await changes.leavers([{ uid: 'u-root', userId: 1 }], how)).done, [{ uid: 'u-root', id: 1, outcome: 'lastRoot' }]);
    assert.ok((await userOf(1, 'roles')).roles.some(({ name }) => name === 'root'));
    const stranger = await createUser('stranger');
    assert.deepEqual((await changes.leavers([{ uid: 'u-nobody', userId: stranger }, { uid: 'u-wang', userId: stranger }], 'delete')).failed.map(({ reason }) => reason), ['REFUSED', 'REFUSED']);
    assert.deepEqual((await changes.leavers([{ uid: 'u-wang', userId: wang }], 'delete', { except: wang })).failed, [{ uid: 'u-wang', reason: 'REFUSED' }]);
    const second = await createUser('second');
    const columns = ['createdAt', 'updatedAt', 'roleName', 'userId'].map(column).join(', ');
    await sql(`insert into ${table('rolesUsers')} (${columns}) values (now(), now(), 'root', ${second})`);
    await changes.people([{ userId: second, record: { uid: 'u-second', nickname: 'Second' } }]);
    const { done } = await changes.leavers([{ uid: 'u-second', userId: second }]);
    assert.ok(done[0].outcome === 'rolesRemoved' && done[0].roles.includes('root'), JSON.stringify(done));
  });
  await step('somebody who is deleted is gone with their session, and asked for twice is nobody', async () => {
    const token = await session('wang');
    await sql(`insert into ${table('usersAuthenticators')} (${['createdAt', 'updatedAt', 'authenticator', 'userId', 'uuid'].map(column).join(', ')}) values (now(), now(), 'ding', ${wang}, 'UnionWang')`);
    const { done } = await changes.leavers([{ uid: 'u-wang', userId: wang }], 'delete');
    assert.equal(done[0].outcome, 'deleted');
    assert.equal((await world.check(token)).status, 401);
    assert.deepEqual(await sql(`select count(*) from ${table('users')} where id = ${wang}`), [['0']]);
    for (const name of ['rolesUsers', 'usersAuthenticators', 'departmentsUsers']) assert.deepEqual(await sql(`select count(*) from ${table(name)} where ${column('userId')} = ${wang}`), [['0']], name);
    const before = await count();
    assert.deepEqual((await changes.leavers([{ uid: 'u-wang', userId: wang }], 'delete')).failed, [{ uid: 'u-wang', reason: 'REFUSED' }]);
    const gone = await createUser('gone');
    await changes.people([{ userId: gone, record: { uid: 'u-gone', nickname: 'Gone' } }]);
    await site.asAdministrator(`users:destroy?filterByTk=${gone}`);
    assert.deepEqual((await changes.leavers([{ uid: 'u-gone', userId: gone }], 'delete')).done, [{ uid: 'u-gone', id: gone, outcome: 'gone' }]);
    assert.equal(await count(), before);
  });
  await step('somebody written in bulk is known at once, though asked for before they were there', async () => {
    const now = Math.floor(Date.now() / 1000);
    const id = 4711;
    const token = signed({ userId: id, temp: true, iat: now, exp: now + 3600, signInTime: now * 1000, jti: 'bulk' }, nocobase.state.appKey);
    assert.equal((await world.check(token)).status, 401);
    await sql(`insert into ${table('users')} (id, nickname, ${column('createdAt')}, ${column('updatedAt')}) values (${id}, 'Bulk', now(), now())`);
    await changes.apply({ operation: 'arrived', userIds: [id], announce: true });
    const answer = await world.check(token);
    assert.deepEqual([answer.status, answer.json?.data?.nickname], [200, 'Bulk'], answer.text);
  });
  await step('two hundred people are written in one request', async () => {
    const people = [];
    for (let at = 0; at < 200; at += 1) {
      await sql(`insert into ${table('users')} (id, nickname, ${column('createdAt')}, ${column('updatedAt')}) values (${5000 + at}, 'n', now(), now())`);
      people.push({ userId: 5000 + at, record: { uid: `u-many-${at}`, nickname: `Many ${at}`, departments: own('2') } });
    }
    const begun = Date.now();
    const { done, failed } = await changes.people(people);
    const each = ((Date.now() - begun) / 200).toFixed(1);
    assert.deepEqual([done.length, failed], [200, []]);
    return `${each} ms each`;
  });
}
