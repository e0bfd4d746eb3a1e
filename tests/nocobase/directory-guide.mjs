// The guide's chapter "Keep users in step", followed to the letter: the plugin in a NocoBase, the sidecar beside it and a
// simulated DingTalk, by nothing but the labels that the guide of each language names.
//
//   node directory-guide.mjs
//
// LANGUAGES  all of the product's    OUTPUT  folder of the pictures; default out/directory-guide
// PICTURES   folder for the chapter's picture, such as docs/pictures: each change of the page calls for it
// KEEP=1 leaves everything running. See nocobase.mjs for where and how NocoBase is installed.

import assert from 'node:assert/strict';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { administratorWindow, confirm } from './administration.mjs';
import { exact, LABELS_OF_DINGTALK, read } from './guides.mjs';
import { around, photographer } from './pictures.mjs';
import { LI_LEI, Site, Steps } from './site.mjs';
import { choose, launch } from './window.mjs';

const DEPARTMENTS_PLUGIN = '@nocobase/plugin-departments';
const languages = (process.env.LANGUAGES ?? 'en-US,zh-CN,hi-IN,ru-RU,de-DE,id-ID,tr-TR').split(',');
const output = process.env.OUTPUT ?? path.join(path.dirname(fileURLToPath(import.meta.url)), 'out/directory-guide');
/** Somebody of the simulated organization whose number two users here have. */
const CHEN = { name: '陈晨', phone: '13700137000' };
const steps = new Steps();
const site = await Site.open('directory-guide');
const { nocobase } = site;
const browser = await launch();

async function chapterOf(language) {
  const page = await browser.newPage();
  await page.goto(`${site.dingtalk.aloneUrl}/docs/guide.${language}`);
  const sections = await read(page);
  await page.close();
  return sections.at(-3);
}

async function follow(language) {
  const chapter = await chapterOf(language);
  const [, { labels: [users, synchronize, addNew, type] }, { labels: [sourceName, enabled, authenticator, submit] }, { labels: [sync] }, { labels: [synchronization, confirmed] }] = chapter.steps;
  const window = await administratorWindow(browser, nocobase, { client: 'v1', language, output, name: 'keep' });
  const { page, t } = window;
  const photograph = photographer(browser, language);
  const name = `keep-${language}`.toLowerCase();
  const labelled = (role, label) => page.getByRole(role).filter({ hasText: exact(label) });
  const row = page.locator('tr').filter({ hasText: name }).last();
  const as = (title) => `${language}: "${chapter.title}", ${title}`;
  const step = (title, run) => steps.step(as(title), async () => {
    try {
      await run();
    } catch (error) {
      await window.picture('failed').catch(() => {});
      throw error;
    }
  });
  const openSource = async () => {
    await row.locator('a').filter({ hasText: window.coreIn('Configure') }).or(row.locator('a').filter({ hasText: /^\s*Configure\s*$/ })).first().click();
    await page.getByTestId('dingtalk-directory').waitFor();
  };

  await step('a source is made; each setting that is named is there', async () => {
    await window.open('/admin');
    await choose(page.getByTestId('plugin-settings-button'), labelled('menuitem', users).last());
    await page.getByRole('tab').or(page.getByRole('menuitem')).or(page.getByRole('link')).filter({ hasText: exact(synchronize) }).first().click();
    await choose(labelled('button', addNew), labelled('menuitem', type));
    await page.getByTestId('dingtalk-directory').waitFor();
    // The classic client leaves this one label of its form in English; its list has it as the guide does.
    await window.input(window.field(exact(sourceName)).or(window.field(exact('Source name'))).first()).fill(name);
    await window.field(exact(enabled)).getByRole('checkbox').check();
    await window.field(exact(authenticator)).locator('.ant-select').first().click();
    await page.locator('.ant-select-item-option').filter({ hasText: 'ding' }).first().click();
    await page.locator('.ant-radio-wrapper').filter({ hasText: exact(t('HTTP callback')) }).click();
    const named = chapter.points.slice(0, -1).flatMap(({ labels }) => labels).filter((label) => !LABELS_OF_DINGTALK.includes(label));
    for (const label of named) await page.locator('.ant-drawer').getByText(exact(label)).first().waitFor();
    await page.locator('.ant-radio-wrapper').filter({ hasText: exact(t('Off')) }).first().click();
    await window.picture('form');
    await page.locator('.ant-drawer').getByRole('button').filter({ hasText: exact(submit) }).click();
    await page.getByTestId('dingtalk-directory').waitFor({ state: 'detached' });
  });
  await step('the first time shows what would be, and writes nothing', async () => {
    const before = await count('users');
    await row.locator('a').filter({ hasText: exact(sync) }).click();
    await openSource();
    await labelled('tab', synchronization).click();
    await labelled('button', confirmed).waitFor();
    await page.getByTestId('dingtalk-run-rows').getByText(CHEN.name).first().waitFor();
    await window.picture('preview');
    await photograph('preview', page, 1000, () => around(labelled('tab', synchronization), labelled('button', confirmed), page.getByTestId('dingtalk-run-rows')));
    assert.equal(await count('users'), before);
  });
  await step('confirmed, it is written, and the report names who was not and why', async () => {
    await labelled('button', confirmed).click();
    await confirm(page);
    await page.getByTestId('dingtalk-run-state').getByText(t('Finished')).waitFor();
    await window.picture('done');
    const [report] = chapter.points.at(-1).labels;
    await labelled('tab', report).click();
    await page.getByTestId('dingtalk-run-rows').locator('tr').filter({ hasText: CHEN.name }).filter({ hasText: t('More than one user has this phone number.') }).first().waitFor();
    await window.picture('report');
    const [han] = await nocobase.database.query(`select id from users where nickname = '韩梅梅'`);
    assert.ok(han, 'nobody was written');
    const departments = await nocobase.database.query(`select title from departments join "departmentsUsers" on departments.id = "departmentId" where "userId" = ${han[0]}`);
    assert.ok(departments.flat().some((title) => title.includes('研发部')), JSON.stringify(departments));
    assert.equal(await count(`users where nickname = '${CHEN.name}'`), 0);
  });
  await window.close();
  const [[id]] = await nocobase.database.query(`select id from "userDataSyncSources" where name = '${name}'`);
  await site.asAdministrator(`userDataSyncSources:destroy?filterByTk=${id}`);
  // For the guide of the next language nobody is here yet. NocoBase deletes departments without members, one by one, from below.
  await nocobase.database.query('delete from "departmentsUsers"');
  for (const [what, last] of Object.entries(first)) {
    const rows = await nocobase.database.query(`select id from ${what} where id > ${last} order by id desc`);
    for (const [made] of rows) await site.asAdministrator(`${what}:destroy?filterByTk=${made}`);
  }
}

const first = {};
const count = async (what) => Number((await nocobase.database.query(`select count(*) from ${what}`))[0][0]);

try {
  await site.installPlugin();
  assert.equal((await site.setEnabled(true, DEPARTMENTS_PLUGIN)).status, 200);
  site.token = undefined;
  await site.createAuthenticator();
  await site.asAdministrator('systemSettings:put', { body: { enabledLanguages: languages } });
  await site.createUser({ nickname: 'Lei', username: 'lilei', phone: LI_LEI.phone });
  for (const spelt of [CHEN.phone, `+86${CHEN.phone}`]) await site.createUser({ nickname: 'One of two', username: `u${spelt.length}`, phone: spelt });
  for (const what of ['users', 'departments']) {
    [[first[what]]] = await nocobase.database.query(`select coalesce(max(id), 0) from ${what}`);
  }
  for (const language of languages) await follow(language);
} catch (error) {
  await steps.step('the site is prepared', () => { throw error; });
} finally {
  await browser.close();
  await site.close();
}
steps.end();
