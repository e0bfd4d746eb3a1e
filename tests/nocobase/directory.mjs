// The directory inside a real NocoBase: what the sidecar decides is written as it was meant, whatever NocoBase's engine
// would make of it; a run is told as a task; secrets leave by no exit.
//
//   node directory.mjs [postgres|mariadb]
//
// KEEP=1 leaves everything running. See nocobase.mjs for where and how NocoBase is installed.

import assert from 'node:assert/strict';
import { Changes } from './changes.mjs';
import { entranceSteps } from './directory-entrance.mjs';
import { peopleSteps } from './directory-people.mjs';
import { taskSteps } from './directory-tasks.mjs';
import { treeSteps } from './directory-tree.mjs';
import { Site, Steps } from './site.mjs';
import { StandIn } from './stand-in.mjs';

export const SYNC_PLUGIN = '@nocobase/plugin-user-data-sync';
export const DEPARTMENTS_PLUGIN = '@nocobase/plugin-departments';
const dialect = process.argv[2] ?? 'postgres';
const steps = new Steps();
const standIn = await StandIn.start();
const site = await Site.open(`directory-${dialect}`, { dialect, env: { DINGTALK_SIDECAR_URL: standIn.url, LOGGER_LEVEL: 'trace' } });
const { nocobase } = site;
standIn.target = site.sidecar.url;

const table = (name) => nocobase.table(name);
const column = (name) => nocobase.column(name);
const get = (action) => site.asAdministrator(action, { method: 'GET' });
const filter = (value) => `filter=${encodeURIComponent(JSON.stringify(value))}`;

/** What every part of this script needs. */
const world = {
  site, nocobase, standIn, column, get, filter, table,
  step: (title, run) => steps.step(title, run),
  sql: (text) => nocobase.database.query(text),
  userOf: (id, appends = 'departments,mainDepartment,roles') => get(`users:get?filterByTk=${id}&appends=${appends}`),
  /** What NocoBase's engine has noted of the people and departments of a source. */
  records: (name, dataType) => get(`userDataSyncRecords:list?paginate=false&appends=resources&${filter({ sourceName: name, dataType })}`),
  async createUser(name, more = {}) {
    const user = await site.createUser({ nickname: name, username: name, password: `${name}-password-1`, ...more });
    return Number(user.id);
  },
  /** A session of somebody who was made above. */
  async session(name) {
    const answer = await nocobase.request('auth:signIn', { body: { account: name, password: `${name}-password-1` }, headers: { 'X-Authenticator': 'basic' } });
    assert.equal(answer.status, 200, answer.text);
    return answer.json.data.token;
  },
  check: (token) => nocobase.request('auth:check', { method: 'GET', token, headers: { 'X-Authenticator': 'basic' } }),
  /** A session's roles, or the code by which NocoBase says that there are none. */
  async rolesOf(token) {
    const answer = await nocobase.request('roles:check', { method: 'GET', token, headers: { 'X-Authenticator': 'basic' } });
    if (answer.status !== 200) return answer.json.errors[0].code;
    const { json } = await this.check(token);
    return json.data.roles.map(({ name }) => name).sort();
  },
  async enable(name, wanted = true) {
    const answer = await site.setEnabled(wanted, name);
    assert.equal(answer.status, 200, answer.text);
    site.token = undefined;
  },
};

try {
  await site.installPlugin();
  await world.enable(SYNC_PLUGIN);
  const options = { clientId: 'dingdirectory01', clientSecret: 'canary-of-the-client-secret', receiveMode: 'callback', token: 'canary-of-the-token', encodingAesKey: 'canary-of-the-key' };
  const source = await site.asAdministrator('userDataSyncSources:create', { body: { name: 'ding-tree', sourceType: 'dingtalk', enabled: true, options } });
  world.source = { id: Number(source.id), name: 'ding-tree' };
  world.changes = new Changes(nocobase, world.source);
  world.created = source;
  world.secrets = options;
  await entranceSteps(world);
  await world.step('people are written while the departments plugin is off, and departments are refused by name', async () => {
    const userId = await world.createUser('early');
    const { done, failed } = await world.changes.people([{ userId, record: { uid: 'u-early', nickname: 'Early Bird', departments: [{ uid: '1', isOwner: false, isMain: true }] } }]);
    assert.deepEqual([done, failed], [[{ uid: 'u-early', id: userId }], []]);
    assert.equal((await world.userOf(userId, 'roles')).nickname, 'Early Bird');
    const answer = await world.changes.ask({ operation: 'departments', records: [] });
    assert.deepEqual([answer.status, answer.json.errors[0].code], [409, 'DEPARTMENTS_PLUGIN_OFF']);
  });
  await world.enable(DEPARTMENTS_PLUGIN);
  await treeSteps(world);
  await peopleSteps(world);
  await taskSteps(world);
  await world.step('nothing of anybody was written down', async () => {
    const log = await world.logs();
    for (const text of ['Early Bird', 'Wang Personal', '13900008101', 'canary-of', 'personal@example.com']) assert.ok(!log.includes(text), `a log holds ${text}`);
  });
  await world.step('without the plugin for synchronization nothing is written, and it is said why', async () => {
    await world.enable(SYNC_PLUGIN, false);
    const answer = await world.changes.ask({ operation: 'people', people: [] });
    assert.deepEqual([answer.status, answer.json.errors[0].code], [409, 'SYNC_PLUGIN_OFF']);
  });
} catch (error) {
  await steps.step('the site is prepared', () => { throw error; });
} finally {
  standIn.stop();
  await site.close();
}
steps.end();
