// What the bridge does about people who have left, without NocoBase: node --test leavers.test.mjs

import assert from 'node:assert/strict';
import Module, { createRequire } from 'node:module';
import { test } from 'node:test';
import { CLIENT, clientModule } from './client-modules.mjs';

const require = createRequire(import.meta.url);
let sessions = () => ({ id: 7 });
class BaseAuth {
  constructor({ authenticator, options, ctx }) {
    Object.assign(this, { authenticator, options, ctx });
  }
  async check() {
    return sessions();
  }
}
const NOCOBASE = { '@nocobase/utils': { getRequestOrigin: () => 'http://nocobase.test' }, '@nocobase/auth': { BaseAuth } };
const load = Module._load;
Module._load = (name, ...rest) => NOCOBASE[name] ?? load(name, ...rest);
require('../../nocobase-plugin/server/built-in').BUTTON = { errors: {}, unknownError: '' };
const { ASKED_EVERY_MS, Leavers, MOST_AT_ONCE, MOST_PEOPLE } = require('../../nocobase-plugin/server/leavers');
const { authClass } = require('../../nocobase-plugin/server/auth');

const tokenOf = (claims) => `x.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`;
const SESSION = tokenOf({ userId: 7, temp: true });
const answer = (membership) => ({ status: 200, headers: {}, body: Buffer.from(JSON.stringify({ data: { membership } })) });

class Row {
  saves = 0;
  constructor(values) {
    this.values = values;
  }
  get(key) {
    return this.values[key];
  }
  set(key, value) {
    this.values[key] = value;
  }
  async save() {
    this.saves += 1;
  }
}

/** NocoBase as far as ending sessions needs it: its users, who is root, and its API keys, which may not be there. */
function nocobase({ users = [7], roots = [1], keys = 0, token = SESSION } = {}) {
  const rows = new Map(users.map((id) => [id, new Row({ id })]));
  const logged = [];
  const repositories = {
    users: { findOne: async ({ filterByTk }) => rows.get(filterByTk) ?? null, count: async ({ filter }) => filter.id.filter((id) => rows.has(id)).length },
    rolesUsers: { find: async () => roots.map((userId) => new Row({ userId })) },
    apiKeys: keys === null ? undefined : { count: async ({ filter }) => (filter.createdById === 7 ? keys : 0) },
  };
  const log = (level) => (line) => logged.push(`${level} ${line}`);
  const ctx = {
    req: { headers: {} }, getBearerToken: () => token, logger: { warn: log('warn'), error: log('error') },
    db: { getCollection() {}, hasCollection: (name) => Boolean(repositories[name]), getRepository: (name) => repositories[name] },
  };
  return { ctx, rows, logged };
}

/** A sidecar that answers so, and what it was asked and told. */
function sidecar(answers) {
  const calls = [];
  const forward = async (_req, call) => {
    calls.push(call);
    if (call.action === 'dingtalk:sessionsEnded') return { status: 200, headers: {}, body: Buffer.from('{}') };
    return answers();
  };
  return { calls, forward };
}

const look = async (leavers, ctx, user = { id: 7 }) => leavers.look(ctx, 'ding', user);

test('whoever has left loses every session through a save of the model, and the audit is told', async () => {
  const { ctx, rows, logged } = nocobase({ keys: 2, users: [1, 7] });
  const asked = sidecar(() => answer('left'));
  await look(new Leavers(asked, () => 5999), ctx);
  assert.deepEqual([rows.get(7).values.passwordChangeTz, rows.get(7).saves], [5000, 1]);
  assert.deepEqual(asked.calls.map(({ method, action, query, body, actor }) => [method, action, query, body, actor]), [
    [undefined, 'dingtalk:membership', 'authenticator=ding', undefined, 7],
    ['POST', 'dingtalk:sessionsEnded', 'authenticator=ding', { outcome: 'ended', apiKeys: 2 }, 7],
  ]);
  assert.match(logged.join(), /user 7 has left.*API keys that go on working: 2/);
});

test('a later end of sessions is not taken back, and a site without API keys has none', async () => {
  const { ctx, rows } = nocobase({ keys: null, users: [1, 7] });
  rows.get(7).values.passwordChangeTz = '9000';
  const asked = sidecar(() => answer('left'));
  await look(new Leavers(asked, () => 5999), ctx);
  assert.equal(rows.get(7).values.passwordChangeTz, 9000);
  assert.deepEqual(asked.calls[1].body, { outcome: 'ended', apiKeys: 0 });
});

test('the last user with the role root keeps the sessions', async () => {
  for (const [roots, users, outcome] of [
    [[7], [7], 'lastRoot'],
    // One who is gone is none.
    [[7, 99], [7], 'lastRoot'],
    [[7, 7], [7], 'lastRoot'],
    [[7, 1], [1, 7], 'ended'],
    [['7', '1'], [1, 7], 'ended'],
    [[1], [1, 7], 'ended'],
  ]) {
    const { ctx, rows } = nocobase({ roots, users });
    const asked = sidecar(() => answer('left'));
    await look(new Leavers(asked), ctx);
    assert.equal(asked.calls[1].body.outcome, outcome, JSON.stringify(roots));
    assert.equal(rows.get(7).saves, outcome === 'ended' ? 1 : 0);
  }
});

test('whatever keeps the answer from coming throws nobody out, and is not asked again within the hour', async () => {
  for (const answers of [
    () => answer('member'),
    () => answer('unknown'),
    () => ({ status: 504, headers: {}, body: Buffer.from('{"errors":[{"code":"DINGTALK_TIMEOUT"}]}') }),
    () => ({ status: 200, headers: {}, body: Buffer.from('<html>') }),
    () => { throw new Error('the sidecar could not be reached'); },
  ]) {
    const { ctx, rows } = nocobase({ users: [1, 7] });
    const asked = sidecar(answers);
    const leavers = new Leavers(asked, () => 5000);
    await look(leavers, ctx);
    await look(leavers, ctx);
    assert.equal(rows.get(7).saves, 0);
    assert.deepEqual(asked.calls.map(({ action }) => action), ['dingtalk:membership']);
  }
});

test('sessions that cannot be ended are told as such, and nothing is thrown', async () => {
  const { ctx, rows, logged } = nocobase({ users: [1, 7] });
  rows.get(7).save = async () => { throw new Error('the database is away'); };
  const asked = sidecar(() => answer('left'));
  await look(new Leavers(asked), ctx);
  assert.deepEqual(asked.calls[1].body, { outcome: 'failed', apiKeys: 0 });
  assert.match(logged.join(), /error .*user 7.*the database is away/);
});

test('one person is asked about once an hour, however many requests there are', async () => {
  let now = 0;
  const { ctx } = nocobase();
  const asked = sidecar(() => answer('member'));
  const leavers = new Leavers(asked, () => now);
  await Promise.all(Array.from({ length: 50 }, () => look(leavers, ctx)));
  now = ASKED_EVERY_MS - 1;
  await look(leavers, ctx);
  assert.equal(asked.calls.length, 1);
  await look(leavers, ctx, { id: 8 });
  await leavers.look(ctx, 'other', { id: 7 });
  assert.equal(asked.calls.length, 3);
  now = ASKED_EVERY_MS;
  await look(leavers, ctx);
  assert.equal(asked.calls.length, 4);
});

test('what is remembered is bounded, and forgotten after the hour', async () => {
  let now = 0;
  const { ctx } = nocobase();
  const asked = sidecar(() => answer('member'));
  const leavers = new Leavers(asked, () => now);
  for (let id = 1; id <= MOST_PEOPLE; id += 1) await leavers.look(ctx, 'ding', { id });
  assert.equal(leavers.look(ctx, 'ding', { id: MOST_PEOPLE + 1 }), null);
  assert.equal(leavers.asked.size, MOST_PEOPLE);
  now = ASKED_EVERY_MS;
  assert.notEqual(leavers.look(ctx, 'ding', { id: MOST_PEOPLE + 1 }), null);
  assert.equal(leavers.asked.size, 1);
});

test('a crowd is asked about a few at a time, and whoever was passed over with their next request', async () => {
  const { ctx } = nocobase();
  const waiting = [];
  const asked = sidecar(() => new Promise((resolve) => waiting.push(() => resolve(answer('member')))));
  const leavers = new Leavers(asked);
  const looks = Array.from({ length: 50 }, (_, id) => leavers.look(ctx, 'ding', { id: id + 1 }));
  assert.equal(asked.calls.length, MOST_AT_ONCE);
  await new Promise((resolve) => setImmediate(resolve));
  for (const answered of waiting.splice(0)) answered();
  await Promise.all(looks);
  leavers.look(ctx, 'ding', { id: 50 });
  leavers.look(ctx, 'ding', { id: 1 });
  assert.deepEqual(asked.calls.slice(MOST_AT_ONCE).map(({ actor }) => actor), [50]);
});

test('an API key is no session: nobody is asked about for its sake', async () => {
  for (const token of [tokenOf({ userId: 7, roleName: 'admin' }), 'no token', null]) {
    const { ctx } = nocobase({ token });
    assert.equal(await look(new Leavers(sidecar(() => answer('left'))), ctx), null);
  }
});

test('a session is looked at by the setting alone, after NocoBase has found it good, and nobody waits', async () => {
  const looked = [];
  const leavers = { look: (_ctx, name, user) => { looked.push([name, user.id]); return new Promise(() => {}); } };
  const { ctx } = nocobase();
  const auth = (options) => {
    const made = new (authClass({}, leavers))({ ctx, authenticator: { name: 'ding' }, options });
    return made.check();
  };
  for (const options of [undefined, {}, { membershipAtRenewal: false }, { membershipAtRenewal: 'false' }]) await auth(options);
  assert.deepEqual(looked, []);
  for (const membershipAtRenewal of [true, 'true']) assert.deepEqual(await auth({ membershipAtRenewal }), { id: 7 });
  assert.deepEqual(looked, [['ding', 7], ['ding', 7]]);
  sessions = () => { throw new Error('INVALID_TOKEN'); };
  await assert.rejects(auth({ membershipAtRenewal: true }), /INVALID_TOKEN/);
  sessions = () => ({ id: 7 });
  assert.equal(looked.length, 2);
});

test('at a refused sign-in the sessions of who has left end before the refusal is told, and no browser sees whose', async () => {
  const ended = [];
  const refusal = { status: 401, headers: { 'x-dingtalk-left-user': '7' }, body: Buffer.from('{"errors":[{"code":"LEFT_ORGANIZATION","message":"Gone. Reference: abcdefgh"}]}') };
  const set = [];
  const ctx = {
    ...nocobase().ctx, get: () => 'ding', action: { params: { values: { flow: 'f' } } }, set: (...header) => set.push(header), append: (...header) => set.push(header),
    throw: (status, error) => { throw Object.assign(new Error(error.message), { status, code: error.code }); },
  };
  const leavers = { endSessions: async (_ctx, name, id) => ended.push([name, id]) };
  const auth = new (authClass({ forward: async () => refusal }, leavers))({ ctx, authenticator: { name: 'ding' } });
  await assert.rejects(auth.signIn(), ({ status, code }) => status === 401 && code === 'LEFT_ORGANIZATION');
  assert.deepEqual([ended, set], [[['ding', 7]], []]);
});

test('the list of sign-ins says in words why sessions ended, and what goes on', () => {
  const { ofLeaver } = clientModule(`${CLIENT}/sign-in-log`);
  const t = (key, values) => key.replace(/{{(\w+)}}/g, (_, name) => values[name]);
  const of = (row) => [...ofLeaver(t, row)];
  assert.deepEqual(of({ event: 'sessionsEnded', detail: 'left_organization' }), ['Has left the organization']);
  assert.deepEqual(of({ event: 'sessionsEnded', detail: 'left_organization, api_keys=2' }), ['Has left the organization', 'API keys that go on working: 2']);
  assert.deepEqual(of({ event: 'signIn', detail: 'in_client' }), []);
});
