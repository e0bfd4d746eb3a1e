// Who may ask for changes, what is never shown, and where DingTalk's events go.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { claimsFor, signed } from './changes.mjs';
import { MASK } from './administration.mjs';
import { until } from './site.mjs';

export async function entranceSteps(world) {
  const { step, site, nocobase, changes, source, standIn, sql, table, get, secrets } = world;
  const secret = nocobase.state.appKey;
  const kept = async () => Object.fromEntries(await sql(`select name, value from dingtalk_secrets where id = ${source.id} order by name`));
  const stored = async () => JSON.parse((await sql(`select options from ${table('userDataSyncSources')} where id = ${source.id}`))[0][0]);
  const hidden = ['clientSecret', 'token', 'encodingAesKey'];

  /** Everything that NocoBase has written to its logs. */
  world.logs = async () => {
    const folder = path.join(nocobase.folder, 'storage/logs');
    const files = fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
    return files.map((file) => fs.readFileSync(path.join(file.parentPath, file.name), 'utf8')).join('\n') + fs.readFileSync(nocobase.logFile, 'utf8');
  };

  await step('the type is offered, and the secrets of a source are kept apart, encrypted and shown to nobody', async () => {
    assert.ok((await get('userData:listSyncTypes')).some(({ name, title }) => name === 'dingtalk' && title.includes('DingTalk')));
    for (const key of hidden) assert.equal(world.created.options[key], MASK, key);
    assert.deepEqual(await stored(), { ...secrets, ...Object.fromEntries(hidden.map((key) => [key, MASK])) });
    const rows = await kept();
    assert.deepEqual(Object.keys(rows), ['source.clientSecret', 'source.encodingAesKey', 'source.token']);
    for (const value of Object.values(rows)) assert.match(value, /^[0-9a-f]{64,}$/);
    const token = await nocobase.administrator();
    for (const action of ['userDataSyncSources:list', `userDataSyncSources:get?filterByTk=${source.id}`, 'userDataSyncSources:list?appends=tasks', 'userDataSyncTasks:list?appends=source']) {
      const { text, status } = await nocobase.request(action, { method: 'GET', token });
      assert.equal(status, 200, text);
      assert.ok(!text.includes('canary-of'), action);
    }
  });
  await step('saving the masks keeps them, another value replaces one, and an empty one removes it', async () => {
    const before = await kept();
    const save = (change) => site.asAdministrator(`userDataSyncSources:update?filterByTk=${source.id}`, { body: { options: { ...world.created.options, ...change } } });
    await save({ schedule: 'daily' });
    assert.deepEqual(await kept(), before);
    await save({ token: 'canary-of-another' });
    const after = await kept();
    assert.notEqual(after['source.token'], before['source.token']);
    assert.equal(after['source.clientSecret'], before['source.clientSecret']);
    assert.equal((await stored()).token, MASK);
    await save({ token: '' });
    assert.deepEqual(Object.keys(await kept()), ['source.clientSecret', 'source.encodingAesKey']);
    await save({ clientSecret: '{{$env.DING_SECRET}}' });
    assert.deepEqual([(await stored()).clientSecret, Object.keys(await kept())], ['{{$env.DING_SECRET}}', ['source.encodingAesKey']]);
  });
  await step('a source that goes takes its secrets along, and those of an authenticator of the same id stay', async () => {
    const other = await site.asAdministrator('userDataSyncSources:create', { body: { name: 'short-lived', sourceType: 'dingtalk', options: { clientSecret: 'canary-of-the-short-lived' } } });
    await sql(`insert into dingtalk_secrets (id, name, value) values (${other.id}, 'clientSecret', 'of an authenticator')`);
    await site.asAdministrator(`userDataSyncSources:destroy?filterByTk=${other.id}`);
    assert.deepEqual(await sql(`select name from dingtalk_secrets where id = ${other.id}`), [['clientSecret']]);
    await sql(`delete from dingtalk_secrets where id = ${other.id}`);
  });
  await step('only the sidecar is heard: nothing forged, expired, of another purpose, or for another body', async () => {
    const text = JSON.stringify({ source, operation: 'people', people: [] });
    const right = claimsFor(text);
    const administrator = await nocobase.administrator();
    const tokens = {
      none: undefined,
      'of another secret': signed(right, 'another secret'),
      unsigned: `${signed(right, secret, { alg: 'none' }).split('.').slice(0, 2).join('.')}.`,
      'of another algorithm': signed(right, secret, { alg: 'HS512' }),
      'of a session': administrator,
      'of the bridge': signed({ ...right, aud: 'nocobase-dingtalk' }, secret),
      'without purpose': signed({ ...right, aud: undefined }, secret),
      expired: signed(claimsFor(text, { secondsAgo: 3600 }), secret),
      'of the future': signed(claimsFor(text, { secondsAgo: -3600 }), secret),
      'of a long life': signed(claimsFor(text, { lives: 3600 }), secret),
      'for another body': signed(claimsFor(`${text} `), secret),
      'without a body': signed({ ...right, digest: undefined }, secret),
    };
    for (const [what, token] of Object.entries(tokens)) {
      const answer = await changes.post(text, token);
      assert.deepEqual([answer.status, answer.json?.errors[0].code], [401, 'INVALID_TOKEN'], `${what}: ${answer.text}`);
    }
    assert.equal((await changes.post(text, signed(right, secret))).status, 200);
    // And what the sidecar signs for this is good for nothing else.
    for (const action of ['auth:check', 'users:list', 'dingtalk:sources']) {
      const answer = await nocobase.request(action, { method: 'GET', token: signed(right, secret) });
      assert.equal(answer.status, 401, `${action}: ${answer.text}`);
    }
  });
  await step('what is no operation, of no source, or too large is refused by name', async () => {
    for (const [change, status, code] of [
      [{ operation: 'nonsense' }, 400, 'INVALID_BODY'],
      [{ operation: 'constructor' }, 400, 'INVALID_BODY'],
      [{ operation: 'people', people: [{ userId: '7', record: { dataType: 'user', uid: 'x' } }] }, 400, 'INVALID_BODY'],
      [{ operation: 'people', people: [{ userId: 7, record: { dataType: 'user', uid: 101 } }] }, 400, 'INVALID_BODY'],
      [{ operation: 'departments', records: [{ dataType: 'department', uid: 101, title: 'x' }] }, 400, 'INVALID_BODY'],
      [{ operation: 'people', people: Array.from({ length: 201 }, (_, at) => ({ userId: 1, record: { dataType: 'user', uid: `${at}` } })) }, 400, 'INVALID_BODY'],
      [{ operation: 'people', people: [], source: { id: source.id, name: 'another' } }, 404, 'SOURCE_NOT_FOUND'],
      [{ operation: 'people', people: [], source: { id: 4242, name: source.name } }, 404, 'SOURCE_NOT_FOUND'],
      [{ operation: 'people', people: [], filler: 'x'.repeat(4 * 1024 * 1024) }, 413, 'PAYLOAD_TOO_LARGE'],
    ]) {
      const answer = await changes.ask(change);
      assert.deepEqual([answer.status, answer.json?.errors[0].code], [status, code], JSON.stringify(change).slice(0, 200));
    }
    const disable = (enabled) => site.asAdministrator(`userDataSyncSources:update?filterByTk=${source.id}`, { body: { enabled } });
    await disable(false);
    assert.equal((await changes.ask({ operation: 'people', people: [] })).status, 404);
    await disable(true);
  });
  await step("DingTalk's events go to the sidecar as they come, and its answer comes back raw", async () => {
    const name = 'dingtalk-events/ding-tree';
    standIn.answers.set(name, ({ query, body }) => ({ json: { msg_signature: 'x', encrypt: `answer to ${body}`, nonce: query.nonce } }));
    const body = '{"encrypt":  "canary-of-an-event"}';
    const send = (text, method = 'POST') => fetch(`${nocobase.api}${name}?signature=canary-of-a-signature&timestamp=1&nonce=n`, { method, body: text, headers: { 'content-type': 'application/json' } });
    const answer = await send(body);
    assert.deepEqual([answer.status, await answer.json()], [200, { msg_signature: 'x', encrypt: `answer to ${body}`, nonce: 'n' }]);
    const [asked] = standIn.of(name);
    assert.deepEqual([asked.body, asked.query.signature], [body, 'canary-of-a-signature']);
    assert.equal((await send(`{"encrypt":"${'x'.repeat(70_000)}"}`)).status, 413);
    assert.equal((await send(undefined, 'GET')).status, 405);
    // DingTalk waits for a second and a half.
    standIn.answers.set(name, () => ({ json: {}, waitMs: 4000 }));
    const begun = Date.now();
    const late = await send(body);
    assert.deepEqual([late.status, (await late.json()).errors[0].code], [503, 'SIDECAR_UNAVAILABLE']);
    assert.ok(Date.now() - begun < 1500, `${Date.now() - begun} ms`);
    standIn.answers.delete(name);
    assert.ok(!(await world.logs()).includes('canary-of'), 'a log holds what was sent');
  });
  await step('whoever may synchronize users sees the runs, and nothing else of DingTalk', async () => {
    await site.asAdministrator('roles:create', { body: { name: 'r_sync', title: 'Sync', snippets: ['pm.user-data-sync'] } });
    await site.asAdministrator('roles:create', { body: { name: 'r_none', title: 'Nothing', snippets: [] } });
    await world.createUser('syncer', { roles: ['r_sync'] });
    await world.createUser('nobody', { roles: ['r_none'] });
    standIn.answers.set('dingtalk:run', () => ({ json: { data: { id: null, state: 'none' } } }));
    const as = async (name, action, method = 'GET') => (await nocobase.request(action, { method, token: await world.session(name), headers: { 'X-Authenticator': 'basic' } })).status;
    assert.equal(await as('syncer', 'dingtalk:run?source=ding-tree'), 200);
    assert.equal(await as('syncer', 'dingtalk:audit'), 403);
    assert.equal(await as('syncer', 'dingtalk:bindings?authenticator=ding'), 403);
    assert.equal(await as('nobody', 'dingtalk:run?source=ding-tree'), 403);
    assert.equal(await as('nobody', 'dingtalk:startRun?source=ding-tree', 'POST'), 403);
    const { claims } = standIn.of('dingtalk:run').at(-1);
    assert.ok(claims.actor > 0 && claims.userId === undefined);
    await until('the answer was taken', () => true);
  });
}
