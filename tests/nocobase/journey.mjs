// The guide, step by step, inside a real NocoBase: packages, database, both clients, the sidecar, a simulated DingTalk.
//
//   node journey.mjs
//
// CLIENTS     v1,v2        which clients people use
// LANGUAGES   en-US,hi-IN  in which languages the whole journey runs
// GUIDES      others       further languages in which the guide is followed (empty: none)
// PICTURES    unset        folder for the pictures of the guides, such as docs/pictures: each change of a page calls for it
// OUTPUT      out          folder for the pictures
// PACKAGE     upload       how the package comes: upload, or url (both bring the program along), or remote
// KEEP        unset        1 leaves NocoBase running
// See nocobase.mjs for where and how NocoBase is installed.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as admin from './administration.mjs';
import { awaySteps } from './away.mjs';
import { expectLabels, followGuide } from './guides.mjs';
import { freePort, NocoBase } from './nocobase.mjs';
import { PackageServer } from './packages.mjs';
import { DingTalk, ManagedProgram, packManaged, SidecarProgram } from './programs.mjs';
import { logSteps } from './log.mjs';
import { linkByHandSteps, ownLinkSteps } from './own-link.mjs';
import { queueSteps } from './queue.mjs';
import { sessionSteps } from './session.mjs';
import {
  expectNoComplaint, expectRefusal, expectSignedIn, returnWithError, throughDingTalk, untilIn, whoIsIn,
} from './sign-in.mjs';
import { testingSteps } from './testing.mjs';
import { warningSteps } from './warnings.mjs';
import { BUTTON, launch, openWindow } from './window.mjs';

const LANGUAGES_OF_THE_PRODUCT = ['en-US', 'zh-CN', 'hi-IN', 'ru-RU', 'de-DE', 'id-ID', 'tr-TR'];
const list = (text) => text.split(',').map((one) => one.trim()).filter(Boolean);
const environment = process.env;
const clients = list(environment.CLIENTS ?? 'v1,v2');
const languages = list(environment.LANGUAGES ?? 'en-US,hi-IN');
const guides = list(environment.GUIDES ?? LANGUAGES_OF_THE_PRODUCT.filter((language) => !languages.includes(language)).join(','));
const source = environment.PACKAGE ?? 'upload';
const output = path.resolve(environment.OUTPUT ?? path.join(path.dirname(fileURLToPath(import.meta.url)), 'out'));

const nocobase = new NocoBase(environment.NBDT_NOCOBASE_INSTANCE ?? `journey-${environment.NBDT_NOCOBASE_DIALECT ?? 'postgres'}`);
const folder = path.join(nocobase.folder, 'journey');
const packageFile = path.join(folder, `${admin.PACKAGE}.tgz`);
const app = { clientId: 'dingjourney0001', clientSecret: 'journey-secret' };
const name = 'ding';

let failures = 0;
let dingtalk;
let sidecar;
let browser;

async function step(title, run, window) {
  const started = Date.now();
  try {
    await run();
    console.log(`ok    ${title} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
    return true;
  } catch (error) {
    failures += 1;
    console.error(`FAIL  ${title}${window ? ` at ${window.page.url()}` : ''}\n${error.stack}`);
    await window?.picture('failed').catch(() => {});
    return false;
  }
}

/** Users as the guide supposes them: one with the phone number of a person in DingTalk, two with one number. */
async function seedUsers(token) {
  for (const values of [
    { nickname: 'Lei from the users list', username: 'lilei', phone: '13800138000', password: 'secret-of-lei' },
    { nickname: 'First Chen', username: 'chen1', phone: '13700137000' },
    { nickname: 'Second Chen', username: 'chen2', phone: '+86-13700137000' },
  ]) {
    const answer = await nocobase.request('users:create', { token, body: values });
    assert.equal(answer.status, 200, answer.text);
  }
  const settings = await nocobase.request('systemSettings:put', { token, body: { enabledLanguages: LANGUAGES_OF_THE_PRODUCT } });
  assert.ok(settings.status < 300, settings.text);
}

/** People at the sign-in page of one client in one language. */
async function people(client, language) {
  const as = (what) => `${client} ${language}: ${what}`;
  const window = await openWindow(browser, nocobase, { client, language, output, name: `${client}-people` });
  const at = async (address) => {
    await window.forget();
    await window.open(address);
    await window.button(name).waitFor();
  };
  /** Where a refusal has left somebody is a sign-in page as good as a new one. */
  const atSignIn = async () => {
    if (!(await window.button(name).isVisible())) await at('/signin');
  };
  await step(as('the button stands under the form, with icon and text'), async () => {
    await at('/signin');
    await window.picture('sign-in');
    assert.ok((await window.button(name).innerText()).includes(window.t(BUTTON.title)));
    assert.equal(await window.button(name).locator('.anticon-dingtalk').count(), 1);
  }, window);
  await step(as('a person with the phone number of a user becomes that user, and ends on the page first asked for'), async () => {
    await at(client === 'v1' ? '/signin?redirect=/admin/settings/users-permissions?a=1&b=2' : `/signin?redirect=${encodeURIComponent(`${new URL(window.base).pathname}/admin/settings?a=1&b=2`)}`);
    await window.page.evaluate(() => localStorage.setItem('NOCOBASE_ROLE', 'root'));
    await throughDingTalk(window, name, 'li-lei');
    await expectSignedIn(window, name, client === 'v1' ? '/admin/settings/users-permissions?a=1&b=2' : '/admin');
    const user = await whoIsIn(window, nocobase);
    assert.equal(user.username, 'lilei');
    assert.deepEqual(user.roles.map((role) => role.name), ['member']);
    await window.page.locator('.ant-layout, [class*=layout]').first().waitFor();
    await expectNoComplaint(window);
    await window.picture('signed-in');
  }, window);
  await sessionSteps({ step, as, window, nocobase, name });
  await step(as('refusing in DingTalk is said in words'), async () => {
    await atSignIn();
    await throughDingTalk(window, name, null);
    await expectRefusal(window, 'DINGTALK_DENIED');
    await window.picture('denied');
  }, window);
  for (const [person, code] of [['wang-fang', 'PHONE_UNAVAILABLE'], ['chen-chen', 'PHONE_AMBIGUOUS'], ['alex-kim', 'NO_MATCHING_USER']]) {
    await step(as(`${person} is refused with ${code}`), async () => {
      await atSignIn();
      await throughDingTalk(window, name, person);
      await expectRefusal(window, code);
      await window.picture(code);
    }, window);
  }
  await step(as('every error code has its sentence, and an unknown one the general sentence'), async () => {
    await atSignIn();
    for (const code of [...Object.keys(BUTTON.errors), 'SOMETHING_NEW', '<img src=x onerror=alert(1)>']) {
      await returnWithError(window, name, code);
      const [start] = window.t(BUTTON.errors[code] ?? BUTTON.unknownError).split('{{');
      await window.page.getByTestId('dingtalk-error').filter({ hasText: start }).waitFor({ timeout: 10_000 });
      assert.equal(await window.page.getByTestId('dingtalk-error').locator('img').count(), 0);
    }
  }, window);
  if (language === languages[0]) await step(as('hostile targets never lead away, and run nothing'), async () => {
    const dialogs = [];
    window.page.on('dialog', (dialog) => (dialogs.push(dialog.message()), dialog.dismiss()));
    for (const target of ['//evil.example/', '/\\evil.example', 'https://evil.example/', '/.//evil.example/', 'javascript:alert(1)', '/v2/javascript:alert(1)//v2/', '/signin']) {
      await at(`/signin?redirect=${encodeURIComponent(target)}`);
      await throughDingTalk(window, name, 'li-lei');
      await window.page.waitForFunction(() => localStorage.getItem('NOCOBASE_TOKEN') && !window.location.pathname.endsWith('/signin'));
      const { origin, pathname } = new URL(window.page.url());
      assert.equal(origin, nocobase.site, target);
      assert.ok(pathname.startsWith(new URL(window.base).pathname), `${target}: ended at ${pathname}`);
      // What is no path of this site at all goes to the start page.
      if (!/^\/[.v]/.test(target)) assert.ok(pathname.includes('/admin'), `${target}: ended at ${pathname}`);
    }
    assert.deepEqual(dialogs, []);
  }, window);
  if (language === languages[0]) await queueSteps({ step, as, window, dingtalk, name, at });
  await step(as('a sign-in returned to another browser is refused in words'), async () => {
    await at('/signin');
    await window.button(name).click();
    await window.page.locator('a.person[href*="person=li-lei"]').click();
    await window.page.context().clearCookies();
    await window.page.getByRole('button', { name: /^Approve/ }).click();
    await window.page.getByText(window.t(BUTTON.errors.FLOW_NOT_FOUND).slice(0, 20)).first().waitFor();
    await window.picture('other-browser');
  }, window);
  await window.close();
}

/** The settings form in one client: what is edited, kept, masked, tested. */
async function settings(client, language) {
  const as = (what) => `${client} ${language}: ${what}`;
  const window = await admin.administratorWindow(browser, nocobase, { client, language, output, name: `${client}-settings` });
  await step(as('the form shows what is stored, masks the secret, and saving it loses nothing'), async () => {
    // The clients do not agree on whether they store a box that nobody ticked.
    await nocobase.setOptions(name, (options) => ({ ...options, membershipAtRenewal: true }));
    const before = await admin.storedOptions(nocobase, name);
    await admin.openForm(window, name);
    // The modern client shows a field for variables until it knows that a secret is in it.
    const secret = window.field(window.t('Client Secret')).locator('input, textarea').first();
    assert.equal(await secret.inputValue(), admin.MASK);
    await window.picture('form');
    const corpId = window.field(window.t('Corp ID'));
    assert.ok(!(await corpId.isVisible()), 'what the guides do not ask for is in the way');
    await window.page.getByText(window.t('Advanced'), { exact: true }).click();
    await corpId.waitFor();
    await window.picture('form-advanced');
    await admin.submit(window);
    const after = await admin.storedOptions(nocobase, name);
    assert.equal(after.clientSecret, admin.MASK);
    const unset = { refreshNickname: 'never', refreshPhone: 'never', refreshAvatar: 'never' };
    assert.deepEqual({ subject: 'unionId', bindAdministrators: false, autoLogin: false, autoLoginType: 'internal', ...unset, ...before }, after);
  }, window);
  if (language === languages[0]) await warningSteps({ step, as, window, nocobase, name, client });
  await step(as('the link on the plugin\'s card leads to the authenticators'), async () => {
    await admin.followSettingsLink(window);
    await window.picture('settings-link');
  }, window);
  await testingSteps({ step, as, window, nocobase, name, client, app });
  await logSteps({ step, as, window, name });
  await ownLinkSteps({ step, as, browser, nocobase, name, client, language, output });
  await linkByHandSteps({ step, as, window, nocobase, name });
  await step(as('the links of the authenticator can be seen, searched and removed'), async () => {
    await admin.openForm(window, name);
    const links = await admin.showLinks(window);
    await links.getByText('Lei from the users list').waitFor();
    await window.picture('links');
    await links.getByRole('searchbox').or(links.locator('input')).first().fill('nobody of this name');
    await links.locator('input').first().press('Enter');
    await links.getByText('Lei from the users list').waitFor({ state: 'detached' });
    await links.locator('input').first().fill('Lei');
    await links.locator('input').first().press('Enter');
    await links.getByText('Lei from the users list').waitFor();
    await links.getByRole('button', { name: window.t('Remove') }).first().click();
    await admin.confirm(window.page);
    await links.getByText('Lei from the users list').waitFor({ state: 'detached' });
    const rows = await nocobase.database.query(`select 1 from ${nocobase.table('usersAuthenticators')} a join ${nocobase.table('users')} u on u.id = a.${nocobase.column('userId')} where u.username = 'lilei'`);
    assert.equal(rows.length, 0);
  }, window);
  await step(as('automatic sign-up can be allowed; then a new person is signed up, with NocoBase\'s default role'), async () => {
    await setAutoSignup(window, true);
    const workflow = await watchNewUsers();
    const person = await openWindow(browser, nocobase, { client, language, output, name: `${client}-new-user` });
    await person.open('/signin');
    await throughDingTalk(person, name, 'han-meimei');
    await expectSignedIn(person, name);
    const user = await whoIsIn(person, nocobase);
    assert.equal(user.phone, '13900139001');
    assert.deepEqual(user.roles.map((role) => role.name), ['member']);
    await person.picture('signed-up');
    await person.close();
    const token = await nocobase.administrator();
    await nocobase.until('the workflow has run for the new user', async () => {
      const runs = await nocobase.request(`workflows/${workflow}/executions:list`, { method: 'GET', token });
      return runs.json.data.some((run) => run.context?.data?.id === user.id);
    });
    const listed = await nocobase.request(`users:list?filter=${encodeURIComponent(JSON.stringify({ phone: '13900139001' }))}`, { method: 'GET', token });
    assert.equal(listed.json.data.length, 1);
    const given = await nocobase.request(`users/${user.id}/roles:add`, { token, body: ['admin'] });
    assert.equal(given.status, 200, given.text);
    const removed = await nocobase.request(`users:destroy?filterByTk=${user.id}`, { token });
    assert.equal(removed.status, 200, removed.text);
    // The form has shown what it can; one fewer page to wait for.
    await nocobase.setOptions(name, (options) => ({ ...options, public: { ...options.public, autoSignup: false } }));
  }, window);
  await window.close();
}

/** A workflow on new users, as an administrator draws it; returns its id. */
async function watchNewUsers() {
  const token = await nocobase.administrator();
  const values = { title: 'New users', type: 'collection', enabled: true, config: { collection: 'users', mode: 1 } };
  const made = await nocobase.request('workflows:create', { token, body: values });
  assert.equal(made.status, 200, made.text);
  return made.json.data.id;
}

async function setAutoSignup(window, wanted) {
  await admin.openForm(window, name);
  await window.field(window.t('Sign up automatically when the user does not exist')).getByRole('checkbox').setChecked(wanted);
  await admin.submit(window);
  assert.equal((await admin.storedOptions(nocobase, name)).public.autoSignup, wanted);
}

/** Adds and enables the plugin in the ways that the guide only mentions. */
async function addPlugin(window) {
  if (source === 'remote') {
    await admin.addPackage(window, nocobase, `${sidecar.url}/plugin.tgz`);
  } else {
    const packages = await PackageServer.start(folder);
    await admin.addPackage(window, nocobase, `${packages.url}/${path.basename(await packManaged(packageFile))}`);
    await packages.stop();
  }
  await admin.setEnabled(window, nocobase, true);
}

/** A start page that no administrator has seen tells members that they may not make it. */
async function visitFirst(client) {
  const window = await admin.administratorWindow(browser, nocobase, { client, language: languages[0], output, name: `${client}-first` });
  await window.open('/admin');
  await untilIn(window);
  await window.page.waitForLoadState('networkidle');
  await window.close();
}

async function journey() {
  const [language] = languages;
  const token = await nocobase.administrator();
  await seedUsers(token);
  const window = await admin.administratorWindow(browser, nocobase, { client: 'v1', language, output, name: 'administrator' });
  await step('the labels that the guides are compared with are those of this NocoBase', () => expectLabels(nocobase));
  if (source !== 'upload') {
    const isAdded = await step(`the plugin is added and enabled on the plugin manager page (${source})`, () => addPlugin(window), window);
    if (!isAdded) return;
  }
  for (const [index, one] of [...languages, ...guides].entries()) {
    const file = source === 'upload' && index === 0 ? await packManaged(packageFile) : null;
    const isFollowed = await followGuide({ step, browser, nocobase, dingtalk, app, output, language: one, file });
    if (file && !isFollowed) return;
  }
  let redirectUri;
  await step('Authentication, Add new, DingTalk: filled in, Redirect URL copied, saved', async () => {
    redirectUri = await admin.addAuthenticator(window, { name, ...app });
    assert.equal(redirectUri, nocobase.redirectUrl);
    assert.equal((await admin.storedOptions(nocobase, name)).clientSecret, admin.MASK);
  }, window);
  await dingtalk.registerApp({ ...app, redirectUri });
  for (const client of clients) {
    await visitFirst(client);
    for (const one of languages) {
      await people(client, one);
      await settings(client, one);
    }
  }
  await awaySteps({ step, browser, nocobase, sidecar, name, output, clients, language });
  await step('the plugin is disabled, enabled and removed without harm', async () => {
    const session = await openWindow(browser, nocobase, { client: 'v1', language, output, name: 'survivor' });
    await session.open('/signin');
    await throughDingTalk(session, name, 'li-lei');
    await expectSignedIn(session, name);
    await admin.setEnabled(window, nocobase, false);
    await whoIsIn(session, nocobase);
    await session.page.reload();
    await untilIn(session);
    await admin.setEnabled(window, nocobase, true);
    assert.equal((await nocobase.database.query(`select 1 from ${nocobase.table('authenticators')} where name = '${name}' and enabled = true`)).length, 1);
    await admin.setEnabled(window, nocobase, false);
    const signedOut = await nocobase.request('auth:signOut', { token: await session.stored('NOCOBASE_TOKEN'), headers: { 'X-Authenticator': name } });
    assert.equal(signedOut.status, 200, signedOut.text);
    await session.close();
    await admin.remove(window, nocobase);
    assert.equal((await nocobase.request('authenticators:publicList', { method: 'GET' })).json.data.length, 1);
  }, window);
  const unexpected = await dingtalk.unexpected();
  await step('DingTalk was asked nothing it would not have understood', () => assert.deepEqual(unexpected, []));
  await window.close();
}

try {
  await nocobase.remove();
  const simulation = fs.mkdtempSync(path.join(os.tmpdir(), 'nbdt-journey-'));
  dingtalk = await DingTalk.start(simulation);
  // Where the program comes with the package, NocoBase's environment says what it needs to know.
  if (source !== 'remote') Object.assign(nocobase.extraEnv, dingtalk.environment);
  await nocobase.start();
  fs.mkdirSync(folder, { recursive: true });
  if (source === 'remote') {
    sidecar = new SidecarProgram(nocobase, dingtalk, folder, await freePort());
    await sidecar.start();
  } else {
    sidecar = new ManagedProgram(nocobase);
  }
  browser = await launch();
  await journey();
} catch (error) {
  failures += 1;
  console.error(error.stack);
} finally {
  await browser?.close();
  if (source === 'remote') await sidecar?.stop();
  await dingtalk?.stop();
  if (!environment.KEEP) await nocobase.stop();
  console.log(failures ? `${failures} failed; logs in ${folder} and ${nocobase.logFile}, pictures in ${output}` : `all passed; pictures in ${output}`);
}
process.exit(failures ? 1 : 0);
