// The guide, followed to the letter: what somebody does who knows NocoBase's pages by nothing but the labels that the
// guide of their language names. Each step takes the labels of the same step of the guide, in their order.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import * as admin from './administration.mjs';
import { around, photographer } from './pictures.mjs';
import { approve, expectSignedIn, returnWithError } from './sign-in.mjs';
import { choose, openWindow } from './window.mjs';

const corpus = (name) => JSON.parse(fs.readFileSync(new URL(`../corpus/${name}`, import.meta.url), 'utf8'));
const LABELS = corpus('nocobase_labels.json');
export const LABELS_OF_DINGTALK = corpus('dingtalk_labels.json');
// The messages of the section on what does not work, in its order; the one without a code is said inside DingTalk only,
// where in-dingtalk.mjs sees it.
const TROUBLES = ['FLOW_NOT_FOUND', 'CREDENTIALS_REJECTED', 'PHONE_UNAVAILABLE', null, 'SIDECAR_UNAVAILABLE'];
/** What a picture shows in place of the address of this test. */
const EXAMPLE = 'https://nocobase.example.com';

/** NocoBase's labels that the guides are compared with are those of this NocoBase. */
export async function expectLabels(nocobase) {
  const there = structuredClone(LABELS);
  const languages = new Set(Object.values(LABELS).flatMap(Object.values).flatMap(Object.keys));
  for (const language of languages) {
    const { resources } = (await nocobase.request(`app:getLang?locale=${language}`, { method: 'GET' })).json.data;
    for (const [name, labels] of Object.entries(there)) for (const [key, texts] of Object.entries(labels)) texts[language] = resources[name][key];
  }
  assert.deepEqual(LABELS, there);
}

/** A label as the whole of a text. antd parts two Chinese characters by a blank, and a field's label may have a colon. */
export const exact = (label) => new RegExp(`^[*\\s]*${[...label].map((letter) => letter.replace(/[.*+?^${}()|[\]\\]/, '\\$&')).join('\\s?')}[:：\\s]*$`);

/** The sections of a guide that is open: headings, numbered steps, and points, with what they name. */
export function read(page) {
  return page.evaluate(() => {
    const text = (element) => element.textContent.replace(/\s+/g, ' ').trim();
    const item = (element) => {
      const own = (name) => [...element.querySelectorAll(name)].filter((one) => one.closest('li') === element || one.closest('p') === element).map(text);
      return { labels: own('strong'), messages: own('em') };
    };
    const sections = [];
    for (const element of document.querySelectorAll('h2, h3, main > ol > li, main > ul > li, main > p')) {
      if (element.matches('h2, h3')) sections.push({ title: text(element), steps: [], points: [], paragraphs: [] });
      else sections.at(-1)?.[element.matches('ol > li') ? 'steps' : element.matches('p') ? 'paragraphs' : 'points'].push(item(element));
    }
    return sections;
  });
}

/** The page that the card's link opens: the guide of the language, from NocoBase's own address, as wide as its window. */
async function expectGuideBehind(link, window, nocobase, language, title) {
  const [guide] = await Promise.all([window.page.context().waitForEvent('page'), link.click()]);
  await guide.waitForLoadState();
  assert.equal(await guide.getByRole('heading', { level: 1 }).innerText(), title);
  assert.equal(await guide.getAttribute('html', 'lang'), language);
  assert.ok(guide.url().startsWith(`${nocobase.site}${nocobase.publicPath}static/plugins/`), guide.url());
  for (const width of [1280, 360]) {
    await guide.setViewportSize({ width, height: 900 });
    const excess = await guide.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(excess <= 0, `${excess} px too wide at ${width} px`);
    assert.ok(await guide.evaluate(() => [...document.images].every((picture) => picture.naturalWidth > 0)), 'a picture is missing');
    await window.picture(`${width}`, guide);
  }
  await guide.close();
}

/**
 * @param file the package, where it is to be added as the guide says; otherwise the plugin is there and enabled
 * @returns whether there was an authenticator in the end
 */
export async function followGuide({ step, browser, nocobase, dingtalk, app, output, language, file }) {
  const as = (section) => `${language}: the guide, "${section.title}"`;
  const photograph = photographer(browser, language);
  const window = await admin.administratorWindow(browser, nocobase, { client: 'v1', language, output, name: 'guide' });
  const { page } = window;
  const labelled = (role, label) => page.getByRole(role).filter({ hasText: exact(label) });
  const field = (label) => window.field(exact(label));
  const openSettings = (label) => choose(page.getByTestId('plugin-settings-button'), labelled('menuitem', label).last());

  await page.goto(`${dingtalk.aloneUrl}/docs/guide.${language}`);
  const title = await page.getByRole('heading', { level: 1 }).innerText();
  const sections = await read(page);
  const [, activate, , , add, form, callback, signIn] = sections;
  const trouble = sections.at(-2);

  await step(as(activate), async () => {
    const [{ labels: [manager, addAndUpdate] }, { labels: [upload, submit, address] }, { labels: [category, plugin] }] = activate.steps;
    const categoryLink = page.locator('.ant-list-item a').filter({ hasText: exact(category) });
    const card = page.getByRole('button', { name: plugin, exact: true });
    await window.open('/admin');
    await openSettings(manager);
    await labelled('button', addAndUpdate).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText(exact(address)).waitFor();
    await dialog.getByText(exact(upload)).click();
    await dialog.getByRole('button').filter({ hasText: exact(submit) }).waitFor();
    if (file) {
      await dialog.locator('input[type=file]').setInputFiles(file);
      await dialog.getByText(path.basename(file)).waitFor();
      await window.picture('plugin-add');
      await dialog.getByRole('button').filter({ hasText: exact(submit) }).click();
      await nocobase.untilListed(admin.PACKAGE);
      await page.reload();
    } else {
      await dialog.locator('.ant-modal-close').click();
    }
    await categoryLink.click();
    await card.waitFor();
    if (file) {
      await card.getByRole('switch').click();
      await nocobase.untilEnabled(admin.PACKAGE, true);
      await nocobase.untilHealthy();
      await page.reload();
      await categoryLink.click();
      await card.waitFor();
    }
    assert.ok(await card.getByRole('switch').isChecked());
    await window.picture('plugin-manager');
    await photograph('plugin-manager', page, 900, () => around(categoryLink, labelled('button', addAndUpdate), card));
    await expectGuideBehind(card.getByRole('link', { name: window.coreIn('Docs') }), window, nocobase, language, title);
  }, window);

  let made;
  await step(as(add), async () => {
    const [{ labels: [authentication, addNew, type] }, { labels: [enabled] }, { labels: [submit] }] = add.steps;
    const [, { labels: [clientId, clientSecret] }, { labels: [redirectUrl] }] = form.points;
    const advanced = form.paragraphs.flatMap((paragraph) => paragraph.labels).at(-1);
    const shown = form.points.slice(0, 3).flatMap((point) => point.labels);
    const folded = form.points.slice(3).flatMap((point) => point.labels).filter((label) => !LABELS_OF_DINGTALK.includes(label));
    await openSettings(authentication);
    await choose(labelled('button', addNew), labelled('menuitem', type));
    for (const label of shown) await field(label).waitFor();
    await window.input(field(clientId)).fill(app.clientId);
    await window.input(field(clientSecret)).fill(app.clientSecret);
    await field(enabled).getByRole('checkbox').check();
    const address = field(redirectUrl).locator('input');
    assert.equal(await address.inputValue(), nocobase.redirectUrl);
    await window.picture('form');
    if (process.env.PICTURES) {
      await address.evaluate((input, url) => (input.value = url), nocobase.redirectUrl.replace(nocobase.site, EXAMPLE));
      await photograph('form', page, 1000, () => around(field(enabled), page.locator('.ant-drawer-footer button').last()));
      await address.evaluate((input, url) => (input.value = url), nocobase.redirectUrl);
    }
    await page.getByText(exact(advanced)).click();
    // Some are the headings of several fields.
    for (const label of folded) await field(label).or(page.getByRole('heading').filter({ hasText: exact(label) })).first().waitFor();
    await window.picture('form-advanced');
    await page.locator('.ant-drawer').getByRole('button').filter({ hasText: exact(submit) }).click();
    await page.getByTestId('dingtalk-redirect-url').waitFor({ state: 'detached' });
    const filter = encodeURIComponent(JSON.stringify({ authType: 'dingtalk' }));
    const { json } = await nocobase.request(`authenticators:list?filter=${filter}`, { method: 'GET', token: await nocobase.administrator() });
    [made] = json.data;
    assert.deepEqual(json.data.map((row) => row.enabled), [true]);
  }, window);
  if (!made) {
    await window.close();
    return false;
  }

  await step(as(callback), async () => {
    const { labels: [configure, test] } = callback.steps.at(-1);
    await dingtalk.registerApp({ ...app, redirectUri: nocobase.redirectUrl });
    await page.locator('tr').filter({ hasText: made.name }).last().locator('a').filter({ hasText: exact(configure) }).click();
    await labelled('button', test).click();
    const findings = page.getByTestId('dingtalk-findings');
    await findings.locator('.ant-alert').first().waitFor();
    await window.picture('test');
    await photograph('test', page, 2000, () => around(labelled('button', test), findings));
  }, window);

  const visitor = await openWindow(browser, nocobase, { client: 'v1', language, output, name: 'guide' });
  await step(as(trouble), async () => {
    await visitor.open('/signin');
    await visitor.button(made.name).waitFor();
    assert.deepEqual(trouble.points.map(({ messages }) => messages.length), TROUBLES.map(() => 1));
    for (const [index, code] of TROUBLES.entries()) {
      if (!code) continue;
      await returnWithError(visitor, made.name, code);
      await visitor.page.getByTestId('dingtalk-error').filter({ hasText: trouble.points[index].messages[0] }).waitFor({ timeout: 10_000 });
    }
    await visitor.picture('trouble');
  }, visitor);
  await step(as(signIn), async () => {
    const [{ labels: [button] }, , { labels: [linkedUsers, signInLog] }] = signIn.steps;
    const signInButton = visitor.page.getByRole('button').filter({ hasText: exact(button) });
    await visitor.open('/signin');
    await signInButton.waitFor();
    await visitor.picture('sign-in');
    await photograph('sign-in', visitor.page, 900, () => around(visitor.page.locator('form').first(), signInButton));
    await signInButton.click();
    await approve(visitor, 'li-lei');
    await expectSignedIn(visitor, made.name);
    await labelled('tab', linkedUsers).click();
    await page.getByTestId('dingtalk-bindings').getByText('Lei from the users list').waitFor();
    await window.picture('linked-users');
    await labelled('tab', signInLog).click();
    await page.getByTestId('dingtalk-log').getByText('Lei from the users list').first().waitFor();
    await window.picture('sign-in-log');
  }, visitor);
  await visitor.close();
  await window.close();
  // The next language begins where this one has begun.
  const removed = await nocobase.request(`authenticators:destroy?filterByTk=${made.id}`, { token: await nocobase.administrator() });
  assert.ok(removed.status < 300, removed.text);
  return true;
}
