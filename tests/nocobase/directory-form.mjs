// The form of a source and the tabs beside it, seen in a browser in both clients: saved as it was filled in, and told how
// the run stands.
//
//   node directory-form.mjs
//
// CLIENTS    v1,v2    LANGUAGES  en-US,zh-CN,hi-IN    OUTPUT  folder of the pictures; default out/
// KEEP=1 leaves everything running. See nocobase.mjs for where and how NocoBase is installed.

import assert from 'node:assert/strict';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { administratorWindow, MASK } from './administration.mjs';
import { NAME, Site, Steps, until } from './site.mjs';
import { StandIn } from './stand-in.mjs';
import { choose, launch } from './window.mjs';

const SYNC_PLUGIN = '@nocobase/plugin-user-data-sync';
const clients = (process.env.CLIENTS ?? 'v1,v2').split(',');
const languages = (process.env.LANGUAGES ?? 'en-US,zh-CN,hi-IN').split(',');
const output = process.env.OUTPUT ?? path.join(path.dirname(fileURLToPath(import.meta.url)), 'out/directory');
const steps = new Steps();
const standIn = await StandIn.start();
const site = await Site.open('directory-form', { env: { DINGTALK_SIDECAR_URL: standIn.url } });
const { nocobase } = site;
standIn.target = site.sidecar.url;
const browser = await launch();

const KINDS = ['create', 'link', 'change', 'remove', 'skip', 'fail', 'departmentCreate', 'told'];
const ROWS = KINDS.map((kind, at) => ({ kind, uid: `staff-${at}`, name: ['Li Lei', '韩梅梅', 'राम', 'Wang'][at % 4], userId: 10 + at, nickname: 'A user', message: kind === 'fail' ? 'Another user has this phone number.' : null }));
const counts = { create: 49210, link: 312, change: 84, remove: 12, skip: 3, fail: 1, departmentCreate: 2000, told: 2 };
const progress = { departments: 2000, departmentsRead: 1200, people: 31400, written: 0, toWrite: 0 };
let run;
const data = (value, meta) => () => ({ json: { data: typeof value === 'function' ? value() : value, meta } });
standIn.answers.set('dingtalk:run', data(() => run));
standIn.answers.set('dingtalk:callbackAddress', ({ query }) => ({ json: { data: { address: `https://crm.example.com/api/dingtalk-events/${query.source}` } } }));
standIn.answers.set('dingtalk:runRows', ({ query }) => {
  const rows = ROWS.filter(({ kind }) => !query.kind || kind === query.kind);
  return { json: { data: rows, meta: { count: rows.length } } };
});
standIn.answers.set('dingtalk:runReport', () => ({ text: 'kind,uid\n', type: 'text/csv' }));
standIn.answers.set('dingtalk:runs', data([
  { id: 'b', reason: 'schedule', begunAt: '2026-11-28T02:00:00Z', endedAt: '2026-11-28T02:04:10Z', state: 'done', counts: { change: 4, remove: 1 } },
  { id: 'a', reason: 'button', begunAt: '2026-11-27T09:00:00Z', endedAt: '2026-11-27T09:00:30Z', state: 'failed', counts: {}, code: 'DINGTALK_BUSY' },
], { count: 2 }));
const began = (action, next) => standIn.answers.set(`dingtalk:${action}`, () => {
  run = { ...run, ...next };
  return { json: { data: run } };
});
began('startRun', { state: 'reading' });
began('confirmRun', { id: 'run-2', state: 'writing' });
began('discardRun', { state: 'none', counts: {} });

/** The plugin's own word for it, which is none of NocoBase's common ones. */
const CONFIGURE = /Configure|配置/;

const stored = async (name) => JSON.parse((await nocobase.database.query(`select options from "userDataSyncSources" where name = '${name}'`))[0]?.[0] ?? 'null');

async function openSources(window) {
  await window.open('/admin/settings/users-permissions/sync');
  await window.page.locator('button.ant-btn-primary').first().waitFor();
  await window.page.waitForLoadState('networkidle');
}

async function openNew(window) {
  const { page, t } = window;
  await openSources(window);
  await choose(page.locator('button.ant-btn-primary').first(), page.getByRole('menuitem', { name: t('DingTalk'), exact: true }));
  await page.getByTestId('dingtalk-directory').waitFor();
}

async function openExisting(window, name) {
  const { page } = window;
  await openSources(window);
  const row = page.locator('tr').filter({ hasText: name });
  await row.locator('a').filter({ hasText: CONFIGURE }).first().click();
  await page.getByTestId('dingtalk-directory').waitFor();
  await page.getByRole('tab', { name: window.t('Last runs'), exact: true }).waitFor();
}

const submit = async ({ page }) => {
  await page.locator('.ant-drawer .ant-btn-primary').last().click();
  await page.getByTestId('dingtalk-directory').waitFor({ state: 'detached' });
};

async function formSteps(window, as, name) {
  const { page, t } = window;
  const radio = (label) => page.locator('.ant-drawer .ant-radio-wrapper').filter({ hasText: t(label) });
  await steps.step(as('a source is filled in; what is not in use is out of sight, and saved all the same'), async () => {
    await openNew(window);
    await page.locator('.ant-drawer input[type=text], .ant-drawer input:not([type])').first().fill(name);
    await window.picture('new');
    assert.equal(await window.field(t('EncodingAESKey')).isVisible(), false);
    await radio('HTTP callback').click();
    await page.getByTestId('dingtalk-callback-hint').waitFor();
    await window.input(window.field(t('Token'))).fill('canary-token');
    await window.input(window.field(t('EncodingAESKey'))).fill('canary-key');
    await window.input(window.field(t('Client ID'))).fill('dingform0001');
    await window.input(window.field(t('Client Secret'))).fill('canary-secret');
    await window.picture('callback');
    await radio('Stream').click();
    await radio('Every day').click();
    await window.input(window.field(t('Time of day'))).fill('03:30');
    await radio('Delete the user').click();
    await window.field(t('Keep departments given by hand')).getByRole('checkbox').check();
    await window.picture('filled');
    await submit(window);
    const options = await stored(name);
    assert.deepEqual(options, {
      ...options, clientId: 'dingform0001', clientSecret: MASK, token: MASK, encodingAesKey: MASK, receiveMode: 'stream', schedule: 'daily', scheduleAt: '03:30',
      leavers: 'delete', graceDays: 1, keepDepartments: true, preview: true, uniqueField: 'mobile', mainDepartment: 'first', syncNickname: true, syncPhone: true, syncEmail: true,
    });
  });
  await steps.step(as('saved, it shows the address to copy, and a change keeps the secrets and everything else'), async () => {
    run = { id: null, state: 'none', counts: {} };
    await openExisting(window, name);
    await radio('HTTP callback').click();
    const address = page.getByTestId('dingtalk-callback-address');
    await address.waitFor();
    await page.waitForFunction(() => document.querySelector('[data-testid=dingtalk-callback-address]').value.includes('crm.example.com'));
    assert.ok((await address.inputValue()).endsWith(`/dingtalk-events/${name}`));
    await page.locator('.ant-drawer').getByTestId('dingtalk-authenticator').or(window.field(t('DingTalk authenticator')).locator('.ant-select')).first().click();
    await page.locator('.ant-select-item-option').filter({ hasText: NAME }).click();
    assert.equal(await window.field(t('Client ID')).isVisible(), false);
    await window.picture('saved');
    const before = await stored(name);
    await submit(window);
    assert.deepEqual(await stored(name), { ...before, authenticator: NAME, receiveMode: 'callback' });
  });
}

async function runSteps(window, as, name) {
  const { page, t } = window;
  const state = page.getByTestId('dingtalk-run-state');
  await steps.step(as('a run is started, watched, looked at and confirmed beside the form'), async () => {
    run = { id: 'run-1', state: 'none', progress, counts: {}, begunAt: '2026-11-29T08:00:00Z' };
    await openExisting(window, name);
    await page.getByRole('tab', { name: t('Synchronization'), exact: true }).click();
    await state.getByText(t('Nothing has been synchronized yet')).waitFor();
    await page.getByTestId('dingtalk-run-start').click();
    await page.getByTestId('dingtalk-run-progress').waitFor();
    await window.picture('reading');
    run = { ...run, state: 'preview', counts, removals: 12 };
    await page.getByTestId('dingtalk-run-confirm').waitFor();
    await page.getByTestId('dingtalk-run-rows').getByText('staff-3').waitFor();
    await window.picture('preview');
    await page.getByTestId('dingtalk-run-counts').locator('.ant-tag').filter({ hasText: t('Skipped') }).click();
    await page.getByTestId('dingtalk-run-rows').getByText('staff-3').waitFor({ state: 'detached' });
    await page.getByTestId('dingtalk-run-confirm').click();
    await page.locator('.ant-popconfirm .ant-btn-primary').click();
    run.progress = { departments: 2000, departmentsRead: 2000, people: 50000, written: 3400, toWrite: 49222 };
    await page.getByTestId('dingtalk-run-progress').getByText('3,400').or(page.getByTestId('dingtalk-run-progress').getByText('3400')).first().waitFor();
    await window.picture('writing');
    assert.deepEqual(JSON.parse(standIn.of('dingtalk:confirmRun').at(-1).body), { id: 'run-1' });
    run = { ...run, state: 'held', removals: 4200, counts: { remove: 4200 } };
    await page.getByTestId('dingtalk-run-discard').waitFor();
    await window.picture('held');
    const discarded = standIn.of('dingtalk:discardRun').length;
    await page.getByTestId('dingtalk-run-discard').click();
    await until('it is discarded', () => standIn.of('dingtalk:discardRun').length > discarded);
    run = { ...run, state: 'done', counts, endedAt: '2026-11-29T08:09:00Z' };
    await state.getByText(t('Finished')).waitFor();
  });
  await steps.step(as('the report says what was not written and why, and can be taken along; the last runs are told'), async () => {
    await page.getByRole('tab', { name: t('Report'), exact: true }).click();
    // The sidecar says it in the reader's language; its stand-in has one.
    await page.getByTestId('dingtalk-run-rows').getByText('Another user has this phone number.').waitFor();
    await window.picture('report');
    const download = page.waitForEvent('download');
    await page.getByTestId('dingtalk-run-export').click();
    assert.equal((await download).suggestedFilename(), 'dingtalk-synchronization.csv');
    await page.getByRole('tab', { name: t('Last runs'), exact: true }).click();
    await page.getByTestId('dingtalk-last-runs').locator('tbody tr').nth(1).waitFor();
    await window.picture('runs');
  });
}

try {
  await site.installPlugin();
  const enabled = await site.setEnabled(true, SYNC_PLUGIN);
  assert.equal(enabled.status, 200, enabled.text);
  site.token = undefined;
  await site.createAuthenticator();
  await site.asAdministrator('systemSettings:put', { body: { enabledLanguages: ['en-US', ...languages] } });
  for (const client of clients) {
    for (const language of languages) {
      const name = `tree-${client}-${language}`.toLowerCase();
      const as = (title) => `${client} ${language}: ${title}`;
      const window = await administratorWindow(browser, nocobase, { client, language, output });
      await formSteps(window, as, name);
      await runSteps(window, as, name);
      await window.close();
      const narrow = await administratorWindow(browser, nocobase, { client, language, output, name: `${client}-narrow`, width: 390, height: 844 });
      await steps.step(as('on a phone it fits'), async () => {
        await openExisting(narrow, name);
        await narrow.picture('form');
        run = { id: 'run-1', state: 'preview', progress, counts, begunAt: '2026-11-29T08:00:00Z' };
        await narrow.page.getByRole('tab', { name: narrow.t('Synchronization'), exact: true }).click();
        await narrow.page.getByTestId('dingtalk-run-confirm').waitFor();
        await narrow.picture('preview');
      });
      await narrow.close();
    }
  }
} catch (error) {
  await steps.step('the site is prepared', () => { throw error; });
} finally {
  await browser.close();
  standIn.stop();
  await site.close();
}
steps.end();
