// Rules for people inside a real NocoBase: what the sidecar gives and changes, NocoBase sees at once.
//
//   node rules.mjs [postgres|mariadb]
//
// KEEP=1 leaves everything running. See nocobase.mjs for where and how NocoBase is installed.

import assert from 'node:assert/strict';
import { APP, HAN_MEIMEI, LI_LEI, NAME, Site, Steps, until } from './site.mjs';

const DEPARTMENTS_PLUGIN = '@nocobase/plugin-departments';
/** The organization of the simulated DingTalk. */
const CORP_ID = 'ding3f9c1e77a20b4d58836fc2657bd714e8';
const dialect = process.argv[2] ?? 'postgres';
const steps = new Steps();
const site = await Site.open('rules', { dialect });
const { nocobase } = site;

const rowOf = async (name) => (await site.asAdministrator(`authenticators:list?filter=${encodeURIComponent(JSON.stringify({ name }))}`, { method: 'GET' }))[0];

/** Saves rules as NocoBase's form does: the whole row. */
async function save(rules) {
  const row = await rowOf(NAME);
  const token = await nocobase.administrator();
  const options = { public: { autoSignup: true }, ...APP, clientSecret: row.options.clientSecret, ...rules };
  return nocobase.request(`authenticators:update?filterByTk=${row.id}`, { token, body: { ...row, options } });
}

/** Saves rules and waits until the sidecar, which remembers settings for two seconds, reads them. */
async function saved(rules) {
  const answer = await save(rules);
  assert.equal(answer.status, 200, answer.text);
  const since = Date.now();
  await until('the sidecar has forgotten the settings before', () => Date.now() - since > 2500);
}

/** Somebody of the simulated DingTalk, as the directory has them now. */
function person(key, name, mobile, { departments = [[1]], title } = {}) {
  const membership = { corpId: CORP_ID, userId: `staff-${key}`, departments, ...(title ? { title } : {}) };
  return site.dingtalk.addPerson({ key, name, unionId: `Union${key}iEiE`, stateCode: '86', mobile, memberships: [membership] });
}

async function finding(check) {
  const token = await nocobase.administrator();
  return until(`the doctor tells of ${check}`, async () => {
    const answer = await nocobase.request(`dingtalk:diagnose?authenticator=${NAME}`, { token, method: 'POST' });
    return answer.status === 200 && (answer.json.data.findings.find((one) => one.check === check) ?? { status: 'none' });
  });
}

const rolesOf = async (token) => (await site.asSession('auth:check', token)).json.data.roles.map(({ name }) => name).sort();
const userOf = async (id, appends = '') => site.asAdministrator(`users:get?filterByTk=${id}${appends}`, { method: 'GET' });

try {
  await site.createUser({ nickname: 'Lei', username: 'lilei', phone: LI_LEI.phone });
  await site.installPlugin();
  await site.createAuthenticator();
  await site.asAdministrator('roles:create', { body: { name: 'sales', title: 'Sales', snippets: ['!ui.*', '!pm', '!pm.*'] } });
  await site.asAdministrator('roles:create', { body: { name: 'guest', title: 'Guest', snippets: ['!ui.*', '!pm', '!pm.*'] } });

  await steps.step('NocoBase saves no rules that nobody could follow, and says why', async () => {
    for (const [rules, code, told] of [
      [{ roleRules: 'title CTO = sales\nsales' }, 'INVALID_LINE', /Line 2/],
      [{ roleRules: 'title CTO = nobody' }, 'ROLE_UNKNOWN', /nobody/],
      [{ defaultRole: 'admin' }, 'ROLE_NOT_GIVABLE', /admin/],
      [{ roleRules: 'administrator = root', bindAdministrators: true }, 'ROLE_NOT_GIVABLE', /root/],
      [{ allowedDepartments: 'sales' }, 'INVALID_FIELD', /Departments that may sign in/],
    ]) {
      const answer = await save(rules);
      assert.equal(answer.status, 400, `${code}: ${answer.text}`);
      assert.equal(answer.json.errors[0].code, code, answer.text);
      assert.match(answer.json.errors[0].message, told);
    }
    assert.deepEqual(Object.keys((await rowOf(NAME)).options).sort(), ['clientId', 'clientSecret', 'public']);
  });
  await steps.step('a new user has the roles of the rules at the first request', async () => {
    await saved({ defaultRole: 'guest', roleRules: 'department 3 = sales\ntitle CTO = member\nadministrator = sales' });
    await person('zhang', 'Zhang San', '13900007001', { departments: [[7, 3, 1]], title: 'CTO' });
    const { user, token } = await site.signIn('zhang');
    assert.deepEqual(await rolesOf(token), ['guest', 'member', 'sales']);
    const listed = await userOf(user.id, '&appends=roles');
    assert.deepEqual(listed.roles.map(({ name }) => name).sort(), ['guest', 'member', 'sales']);
    assert.equal((await finding('roles-of-new-users')).status, 'ok');
  });
  await steps.step('a user who was there keeps the roles', async () => {
    const { token } = await site.signIn(LI_LEI.person);
    assert.deepEqual(await rolesOf(token), ['member']);
  });
  await steps.step('while the departments plugin is off, new users go without a main department and the doctor says so', async () => {
    await saved({ mainDepartment: '1' });
    assert.equal((await site.signIn(HAN_MEIMEI.person)).user.phone, HAN_MEIMEI.phone);
    assert.equal((await finding('main-department')).status, 'warning');
  });
  let department;
  await steps.step('with the plugin on, a new user is a member of the main department at once', async () => {
    assert.equal((await site.setEnabled(true, DEPARTMENTS_PLUGIN)).status, 200);
    await nocobase.untilHealthy();
    site.token = undefined;
    department = await site.asAdministrator('departments:create', { body: { title: 'Sales' } });
    const roles = await nocobase.request(`departments/${department.id}/roles:add`, { token: await nocobase.administrator(), body: ['sales'] });
    assert.ok(roles.status < 300, roles.text);
    await saved({ mainDepartment: String(department.id) });
    await person('wang', 'Wang Wu', '13900007002');
    const { user, token } = await site.signIn('wang');
    const checked = (await site.asSession('auth:check', token)).json.data;
    assert.equal(String(checked.mainDepartmentId), String(department.id));
    // What the department gives counts from the first request on.
    assert.ok((await rolesOf(token)).includes('sales'), JSON.stringify(await rolesOf(token)));
    const listed = await userOf(user.id, '&appends=departments,mainDepartment');
    assert.deepEqual(listed.departments.map(({ id }) => String(id)), [String(department.id)]);
    assert.equal(String(listed.mainDepartment.id), String(department.id));
    // NocoBase refuses to save a user whose main department is none of theirs.
    const same = await nocobase.request(`users:update?filterByTk=${user.id}`, { token: await nocobase.administrator(), body: { nickname: 'Wang' } });
    assert.equal(same.status, 200, same.text);
    assert.equal((await finding('main-department')).status, 'ok');
  });
  await steps.step('a department whose members may configure the site is not saved', async () => {
    const answer = await nocobase.request(`departments/${department.id}/roles:add`, { token: await nocobase.administrator(), body: ['admin'] });
    assert.ok(answer.status < 300, answer.text);
    const refused = await save({ mainDepartment: String(department.id) });
    assert.deepEqual([refused.status, refused.json.errors?.[0].code], [400, 'INVALID_FIELD'], refused.text);
    assert.equal((await finding('main-department')).status, 'error');
  });
  await steps.step('NocoBase shows a refreshed profile at once, also to a session from before', async () => {
    await saved({ refreshNickname: 'always', refreshPhone: 'always' });
    const before = await site.signIn('zhang');
    // From now on NocoBase remembers the row.
    assert.equal((await site.asSession('auth:check', before.token)).json.data.nickname, 'Zhang San');
    await person('zhang', 'Zhang the Elder', '13900007003', { departments: [[7, 3, 1]] });
    const { user, token } = await site.signIn('zhang');
    assert.equal(user.id, before.user.id);
    assert.deepEqual([user.nickname, user.phone], ['Zhang the Elder', '13900007003']);
    for (const one of [token, before.token]) {
      const checked = (await site.asSession('auth:check', one)).json.data;
      assert.deepEqual([checked.nickname, checked.phone], ['Zhang the Elder', '13900007003']);
    }
    const listed = (await site.asAdministrator(`users:list?filter=${encodeURIComponent(JSON.stringify({ id: user.id }))}`, { method: 'GET' }))[0];
    assert.deepEqual([listed.nickname, listed.phone], ['Zhang the Elder', '13900007003']);
    assert.equal(site.audit().at(-1).detail, 'refreshed=nickname,phone');
  });
  await steps.step('a picture goes into a field that an administrator has added', async () => {
    assert.equal((await finding('picture')).status, 'none');
    await saved({ refreshAvatar: 'always' });
    assert.equal((await finding('picture')).status, 'warning');
    await site.asAdministrator('collections/users/fields:create', { body: { name: 'avatar', type: 'string', interface: 'url', uiSchema: { type: 'string', title: 'Picture', 'x-component': 'Input.URL' } } });
    assert.equal((await finding('picture')).status, 'ok');
    const address = 'https://static.example.com/zhang.png';
    await site.dingtalk.addPerson({ key: 'zhang', name: 'Zhang San', unionId: 'UnionzhangiEiE', stateCode: '86', mobile: '13900007003', avatarUrl: address, memberships: [{ corpId: CORP_ID, userId: 'staff-zhang' }] });
    const { user, token } = await site.signIn('zhang');
    assert.equal((await userOf(user.id)).avatar, address);
    assert.equal((await site.asSession('auth:check', token)).json.data.avatar, address);
  });
  await steps.step('a department that may not sign in is refused, whoever was here before', async () => {
    await person('zhang', 'Zhang San', '13900007003', { departments: [[7, 3, 1]] });
    await saved({ deniedDepartments: '3' });
    const answer = await site.finish(await site.comeBack('zhang'));
    assert.deepEqual([answer.status, answer.json.errors[0].code], [401, 'DEPARTMENT_NOT_ALLOWED'], answer.text);
    await saved({ allowedDepartments: '7 8' });
    assert.equal((await site.signIn('zhang')).user.phone, '13900007003');
    assert.equal((await finding('rules-permissions')).status, 'ok');
    assert.deepEqual(await site.dingtalk.unexpected(), []);
  });
} catch (error) {
  await steps.step('the site is prepared', () => { throw error; });
} finally {
  await site.close();
}
steps.end();
