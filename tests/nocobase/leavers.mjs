// Who leaves the organization: refused at the sign-in, their sessions ended by NocoBase itself, and nobody else's.
//
//   node leavers.mjs [postgres|mariadb] [instance]
//
// KEEP=1 leaves everything running. See nocobase.mjs for where and how NocoBase is installed.

import assert from 'node:assert/strict';
import { DEMO_CORP_ID } from './programs.mjs';
import { HAN_MEIMEI, LI_LEI, NAME, Site, Steps, until } from './site.mjs';

/** People of the simulated DingTalk; the second has no phone number. */
const CHEN_CHEN = { person: 'chen-chen', phone: '13700137000' };
const WANG_FANG = { person: 'wang-fang', unionId: 'p9Zs2FYcWuE8kRgJ5tHnQxiEiE' };
const ENDED = [401, 'INVALID_TOKEN'];
const GOES_ON = [200, undefined];

const [dialect = 'postgres', instance = `leavers-${dialect}`] = process.argv.slice(2);
const steps = new Steps();
const site = await Site.open(instance, { dialect, managed: true });
const { nocobase, dingtalk } = site;

const said = ({ status, json }) => [status, json?.errors?.[0]?.code];
const check = async (token, authenticator = NAME) => said(await site.asSession('auth:check', token, { authenticator }));
/** NocoBase tells times apart by the second. */
const nextSecond = () => new Promise((resolve) => setTimeout(resolve, 1100 - (Date.now() % 1000)));
const audited = (event) => site.audit().filter((entry) => entry.event === event);
const membershipCalls = async () => (await dingtalk.calls()).userIdByUnionId;

/** Signs in, and lets the second pass in which the session began. */
async function session(person) {
  const { user, token } = await site.signIn(person);
  await nextSecond();
  return { id: user.id, token };
}

/** The sign-in of somebody who leaves between approving and coming back. */
async function signInWhileLeaving(person) {
  const returned = await site.comeBack(person);
  await dingtalk.leave(person);
  return site.finish(returned);
}

/** What is asked behind an answer's back has come when DingTalk was asked once more. */
async function askedOnce(before) {
  await until('DingTalk is asked', async () => (await membershipCalls()) > before);
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.equal(await membershipCalls(), before + 1);
}

try {
  await site.installPlugin();
  await site.createUser({ nickname: 'Lei', username: 'lilei', phone: LI_LEI.phone });
  await site.createAuthenticator({ options: { corpId: DEMO_CORP_ID } });

  await steps.step('who has left is refused, and their sessions are dead to NocoBase; what is not theirs goes on', async () => {
    const [neighbour, leaver] = [await session(HAN_MEIMEI.person), await session(LI_LEI.person)];
    await site.asAdministrator(`users:update?filterByTk=${leaver.id}`, { body: { roles: ['admin'] } });
    const made = await nocobase.request('apiKeys:create', { token: leaver.token, body: { name: 'key', role: { name: 'admin' }, expiresIn: '1d' }, headers: { 'X-Authenticator': NAME } });
    assert.equal(made.status, 200, made.text);
    assert.deepEqual(await check(leaver.token), GOES_ON);
    await nextSecond();

    const refused = await signInWhileLeaving(LI_LEI.person);

    assert.deepEqual(said(refused), [401, 'LEFT_ORGANIZATION']);
    assert.match(refused.json.errors[0].message, /You no longer belong to the DingTalk organization/);
    assert.equal(refused.headers.get('x-dingtalk-left-user'), null, 'a browser is told of no id');
    assert.deepEqual(await check(leaver.token), ENDED);
    // The same session under the name of another sign-in method.
    assert.deepEqual(await check(leaver.token, 'basic'), ENDED);
    assert.deepEqual(await check(neighbour.token), GOES_ON);
    assert.deepEqual(await check(made.json.data.token, ''), GOES_ON);
    const [entry] = audited('sessionsEnded');
    assert.deepEqual([entry.result, entry.userId, entry.detail, entry.authenticator], ['OK', leaver.id, 'left_organization, api_keys=1', NAME]);
    assert.equal(audited('signIn').at(-1).result, 'LEFT_ORGANIZATION');
  });
  await steps.step('who comes back gets the old user, also under a new user id', async () => {
    await dingtalk.join(LI_LEI.person, 'staff-again');
    const returned = await session(LI_LEI.person);
    const [[id]] = await nocobase.database.query(`select id from ${nocobase.table('users')} where username = 'lilei'`);
    assert.equal(String(returned.id), id);
    assert.deepEqual(await check(returned.token), GOES_ON);
  });
  await steps.step('an outage at the sign-in says nothing about anybody', async () => {
    const leaver = await session(LI_LEI.person);
    const returned = await site.comeBack(LI_LEI.person);
    await dingtalk.putFault({ call: 'userIdByUnionId', effect: 'gateway-timeout' });
    assert.deepEqual(said(await site.finish(returned)), [504, 'DINGTALK_TIMEOUT']);
    await dingtalk.clearFaults();
    assert.deepEqual(await check(leaver.token), GOES_ON);
  });
  await steps.step('without the setting nobody is asked about', async () => {
    const { token } = await session(LI_LEI.person);
    const before = await membershipCalls();
    await dingtalk.leave(LI_LEI.person);
    for (let times = 0; times < 5; times += 1) assert.deepEqual(await check(token), GOES_ON);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(await membershipCalls(), before);
    await dingtalk.join(LI_LEI.person, 'staff-again');
  });
  await steps.step('with it, who has left is out from the second request on', async () => {
    const { id, token } = await session(LI_LEI.person);
    await nocobase.setOptions(NAME, (same) => ({ ...same, membershipAtRenewal: true }));
    await dingtalk.leave(LI_LEI.person);
    const entries = audited('sessionsEnded').length;
    const began = Date.now();
    // The sidecar remembers settings for two seconds.
    await new Promise((resolve) => setTimeout(resolve, 2100));
    assert.deepEqual(await check(token), GOES_ON);
    await until('the session ends', async () => (await check(token))[0] === 401);
    assert.deepEqual(await check(token), ENDED);
    await until('the audit has it', () => audited('sessionsEnded').length > entries);
    const entry = audited('sessionsEnded').at(-1);
    assert.deepEqual([entry.result, entry.userId, entry.detail], ['OK', id, 'left_organization, api_keys=1']);
    return `${Date.now() - began} ms`;
  });
  await steps.step('with it, an outage throws nobody out, and a person is asked about once an hour', async () => {
    const { token } = await session(HAN_MEIMEI.person);
    await dingtalk.putFault({ call: 'userIdByUnionId', effect: 'gateway-timeout' });
    await dingtalk.leave(HAN_MEIMEI.person);
    const before = await membershipCalls();
    assert.deepEqual(await check(token), GOES_ON);
    await askedOnce(before);
    await dingtalk.clearFaults();
    for (let times = 0; times < 5; times += 1) assert.deepEqual(await check(token), GOES_ON);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(await membershipCalls(), before + 1);
  });
  await steps.step('with it, a DingTalk that never answers throws nobody out and keeps nobody waiting', async () => {
    const { token } = await session(CHEN_CHEN.person);
    await dingtalk.leave(CHEN_CHEN.person);
    await dingtalk.putFault({ call: 'userIdByUnionId', effect: 'hang' });
    const began = Date.now();
    assert.deepEqual(await check(token), GOES_ON);
    const took = Date.now() - began;
    assert.ok(took < 3000, `${took} ms`);
    assert.deepEqual(await check(token), GOES_ON);
    await dingtalk.clearFaults();
    return `${took} ms while DingTalk hangs`;
  });
  await steps.step('the last root is refused and stays signed in', async () => {
    await site.asAdministrator(`dingtalk:bind?authenticator=${NAME}&userId=1`, { body: { subject: WANG_FANG.unionId } });
    const root = await session(WANG_FANG.person);
    assert.equal(root.id, 1);
    assert.deepEqual(said(await signInWhileLeaving(WANG_FANG.person)), [401, 'LEFT_ORGANIZATION']);
    assert.deepEqual(await check(root.token), GOES_ON);
    assert.deepEqual([audited('sessionsEnded').at(-1).result, audited('sessionsEnded').at(-1).userId], ['LAST_ROOT', 1]);
  });
  await steps.step('another root is as everybody', async () => {
    await site.createUser({ nickname: 'Other', username: 'other', password: 'other-password-1' });
    // NocoBase lets nobody give this role away.
    const [createdAt, updatedAt, roleName, userId] = ['createdAt', 'updatedAt', 'roleName', 'userId'].map((name) => nocobase.column(name));
    const columns = `${createdAt}, ${updatedAt}, ${roleName}, ${userId}`;
    await nocobase.database.query(`insert into ${nocobase.table('rolesUsers')} (${columns}) select now(), now(), 'root', id from ${nocobase.table('users')} where username = 'other'`);
    await dingtalk.join(WANG_FANG.person, 'staff-wang-fang');
    const root = await session(WANG_FANG.person);
    assert.deepEqual(said(await signInWhileLeaving(WANG_FANG.person)), [401, 'LEFT_ORGANIZATION']);
    assert.deepEqual(await check(root.token), ENDED);
  });
  await steps.step('no browser asks or tells what is between plugin and sidecar', async () => {
    const token = await nocobase.administrator();
    for (const [action, method] of [['dingtalk:membership', 'GET'], ['dingtalk:sessionsEnded', 'POST']]) {
      const answer = await nocobase.request(`${action}?authenticator=${NAME}`, { method, token, body: method === 'POST' ? { outcome: 'ended', apiKeys: 0 } : undefined });
      assert.equal(answer.status, 404, `${action}: ${answer.text}`);
    }
    assert.deepEqual(await dingtalk.unexpected(), []);
  });
} catch (error) {
  await steps.step('the site is prepared', () => { throw error; });
} finally {
  await site.close();
}
steps.end();
