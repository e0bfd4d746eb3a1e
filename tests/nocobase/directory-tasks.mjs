// A run as NocoBase's own task: told in numbers, ended as it ended, and never left open.

import assert from 'node:assert/strict';
import { until } from './site.mjs';

export async function taskSteps(world) {
  const { step, site, nocobase, changes, source, standIn, get, filter } = world;
  const lastTask = async () => (await get(`userDataSyncTasks:list?sort=-id&pageSize=1&${filter({ sourceId: source.id })}`))[0];
  const run = (state, more = {}) => ({ id: 'run-1', state, reason: 'button', progress: { departments: 200, departmentsRead: 120, people: 3400, written: 0, toWrite: 0 }, counts: {}, isComplete: true, removals: 0, ...more });
  let current;
  standIn.answers.set('dingtalk:startRun', () => ({ json: { data: current } }));
  standIn.answers.set('dingtalk:run', () => ({ json: { data: current } }));

  /** Presses NocoBase's button, lets the run come this far, and answers the task's end. */
  async function pulled(states) {
    current = states[0];
    const before = (await lastTask())?.id;
    await site.asAdministrator(`userData:pull?name=${source.name}`);
    const task = await until('there is a task', async () => {
      const last = await lastTask();
      return last?.id !== before && last;
    });
    for (const state of states.slice(1)) {
      const asked = standIn.of('dingtalk:run').length;
      await until('the run is looked at', () => standIn.of('dingtalk:run').length > asked);
      current = state;
    }
    return until('the task has ended', async () => {
      const last = await lastTask();
      return last.id === task.id && !['init', 'processing'].includes(last.status) && last;
    });
  }

  await step('a run is a task that tells how far it is, and how it ended', async () => {
    current = run('reading');
    await site.asAdministrator(`userData:pull?name=${source.name}`);
    await until('the task tells of the departments', async () => /120\/200.*3,400/.test((await lastTask())?.message ?? ''));
    current = run('writing', { progress: { departments: 200, departmentsRead: 200, people: 50000, written: 3400, toWrite: 50000 } });
    await until('the task tells of the people', async () => /3,400\/50,000/.test((await lastTask()).message));
    current = run('done', { counts: { create: 50000, change: 3, remove: 1 } });
    const task = await until('the task has ended', async () => {
      const last = await lastTask();
      return last.status !== 'processing' && last;
    });
    assert.equal(task.status, 'success');
    assert.match(task.message, /50,000.*3.*1/);
    assert.ok(task.cost > 0);
    const { claims, query } = standIn.of('dingtalk:startRun').at(-1);
    assert.deepEqual([claims.actor, query.source], [1, source.name]);
  });
  await step('a run that failed, was held, waits for a confirmation or left somebody out is no success, and can be tried again', async () => {
    for (const [end, said] of [
      [run('failed', { message: 'DingTalk does not answer.' }), /^DingTalk does not answer\.$/],
      [run('preview'), /preview.*confirm/i],
      [run('held', { removals: 4200 }), /4,200.*confirm/i],
      [run('done', { counts: { create: 4, fail: 4999 } }), /4,999/],
    ]) {
      const task = await pulled([run('reading'), end]);
      assert.equal(task.status, 'failed', JSON.stringify(task));
      assert.match(task.message, said);
    }
    const failed = await lastTask();
    current = run('reading', { id: 'run-2' });
    await site.asAdministrator(`userData:retry?sourceId=${source.id}&id=${failed.id}`);
    await until('it goes on', async () => (await lastTask()).status === 'processing');
    current = run('done', { id: 'run-2' });
    const again = await until('it has ended', async () => {
      const last = await lastTask();
      return last.status !== 'processing' && last;
    });
    assert.deepEqual([again.id, again.status], [failed.id, 'success']);
  });
  await step('the run before does not end the task of the next', async () => {
    const task = await pulled([run('done', { id: 'old' }), run('done', { id: 'old' }), run('waiting', { id: 'new' }), run('done', { id: 'new', counts: { create: 7 } })]);
    assert.equal(task.status, 'success');
    assert.match(task.message, /7/);
  });
  await step('a long sentence of the sidecar is cut, and NocoBase goes on', async () => {
    const task = await pulled([run('failed', { id: 'r1' }), run('failed', { id: 'r2', message: 'x'.repeat(2000) })]);
    assert.deepEqual([task.status, task.message.length], ['failed', 255]);
    assert.ok(await nocobase.isHealthy());
    standIn.answers.set('dingtalk:startRun', () => ({ status: 400, json: { errors: [{ message: 'y'.repeat(2000), code: 'NOT_CONFIGURED' }] } }));
    const refused = await pulled([run('none')]);
    assert.deepEqual([refused.status, refused.message.length], ['failed', 255]);
    standIn.answers.set('dingtalk:startRun', () => ({ json: { data: current } }));
  });
  await step('the schedule begins a task as the button does, for nobody in particular', async () => {
    current = run('reading', { id: 'scheduled' });
    const before = (await lastTask()).id;
    await changes.apply({ operation: 'pull' });
    await until('there is a task', async () => (await lastTask()).id !== before);
    await until('the sidecar was asked', () => standIn.of('dingtalk:startRun').at(-1).body.includes('schedule'));
    assert.equal(standIn.of('dingtalk:startRun').at(-1).claims.actor, 0);
    current = run('done', { id: 'scheduled' });
    await until('it has ended', async () => (await lastTask()).status === 'success');
  });
  await step('a task goes on when NocoBase is loaded anew, as it is for every plugin that is switched', async () => {
    current = run('reading', { id: 'across' });
    await site.asAdministrator(`userData:pull?name=${source.name}`);
    await until('it goes on', async () => (await lastTask()).status === 'processing');
    await world.enable('@nocobase/plugin-departments', false);
    const asked = standIn.of('dingtalk:run').length;
    await until('it is watched', () => standIn.of('dingtalk:run').length > asked + 2);
    assert.equal((await lastTask()).status, 'processing');
    current = run('done', { id: 'across', counts: { create: 12 } });
    const task = await until('it has ended', async () => {
      const last = await lastTask();
      return last.status !== 'processing' && last;
    });
    assert.deepEqual([task.status, /12/.test(task.message)], ['success', true], task.message);
  });
  await step('a task of a process that died is failed after the next start, unless its run goes on', async () => {
    current = run('reading', { id: 'long' });
    await site.asAdministrator(`userData:pull?name=${source.name}`);
    await until('it goes on', async () => (await lastTask()).status === 'processing');
    nocobase.crash();
    await nocobase.start();
    site.token = undefined;
    const asked = standIn.of('dingtalk:run').length;
    await until('it is watched again', () => standIn.of('dingtalk:run').length > asked + 1, 60);
    assert.equal((await lastTask()).status, 'processing');
    nocobase.crash();
    current = run('failed', { id: 'long', message: 'The sidecar was started again.' });
    await nocobase.start();
    site.token = undefined;
    const task = await until('it is given up', async () => {
      const last = await lastTask();
      return last.status !== 'processing' && last;
    }, 60);
    assert.deepEqual([task.status, /interrupted/i.test(task.message)], ['failed', true], task.message);
  });
}
