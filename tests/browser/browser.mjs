// One browser window as one person uses it: language, width, and what must never happen on any page.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const NAMESPACE = 'nocobase-plugin-auth-dingtalk';

export const WIDTHS = { narrow: 360, wide: 1280 };

export async function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

/** A fresh window; `t` gives the texts that the server gives for its language. */
export async function openWindow(browser, { baseUrl, locale, width, outputFolder, name, isDark = false, ...device }) {
  const context = await browser.newContext({
    viewport: { width, height: 800 }, locale, ...device, colorScheme: isDark ? 'dark' : 'light', permissions: ['clipboard-read', 'clipboard-write'],
  });
  await context.addInitScript((chosen) => localStorage.setItem('NOCOBASE_LOCALE', chosen), locale);
  const page = await context.newPage();
  const faults = [];
  page.on('pageerror', (error) => faults.push(`script error: ${error.message}`));
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) faults.push(message.text());
  });
  const answer = await (await fetch(`${baseUrl}/api/app:getLang?locale=${locale}`)).json();
  const texts = answer.data.resources[NAMESPACE] ?? {};
  await mkdir(outputFolder, { recursive: true });

  let pictures = 0;
  return {
    page,
    locale,
    t: (key, values = {}) => (texts[key] ?? key).replace(/\{\{\s*(\w+)\s*\}\}/g, (whole, value) => values[value] ?? whole),
    open: (path) => page.goto(baseUrl + path),
    /** Keeps a picture, and checks what holds for every page. */
    async picture(label) {
      pictures += 1;
      await page.screenshot({ path: join(outputFolder, `${name}-${String(pictures).padStart(2, '0')}-${label}.png`), fullPage: (await page.locator('dialog[open]').count()) === 0 });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${label}: the page is ${overflow}px wider than the window`);
      const unnamed = await page.evaluate(() => [...document.querySelectorAll('button, a[href], input, select, textarea')]
        .filter((one) => one.checkVisibility() && !(one.ariaLabel || one.innerText?.trim() || one.labels?.length || one.closest('label')))
        .map((one) => one.outerHTML.slice(0, 120)));
      assert.deepEqual(unnamed, [], `${label}: controls without a name`);
      assert.deepEqual(await page.evaluate(cutOff), [], `${label}: names that are not seen whole`);
      assert.deepEqual(await page.evaluate(misplaced), [], `${label}: values that stand where labels do`);
      assert.deepEqual(await page.evaluate(pale), [], `${label}: links too pale to read`);
      const scrolled = await page.evaluate(() => [...document.querySelectorAll('dialog[open]')].filter((one) => one.scrollTop || one.scrollHeight > one.clientHeight).length);
      assert.equal(scrolled, 0, `${label}: a dialog scrolls as a whole, its title and buttons with it`);
      assert.deepEqual(faults, [], `${label}: faults on the page`);
    },
    async close() {
      assert.deepEqual(faults, []);
      await context.close();
    },
  };
}

/** In the page: the product's name, tabs and entries of the navigation of which a part is hidden. */
function cutOff() {
  return [...document.querySelectorAll('.brand, .tab, .nav-link')].filter((one) => {
    const { left, right } = one.getBoundingClientRect();
    const frame = one.parentElement.getBoundingClientRect();
    return one.checkVisibility() && (one.scrollWidth > one.clientWidth + 1 || left < frame.left - 1 || right > frame.right + 1);
  }).map((one) => one.innerText);
}

/** In the page: where tables have become cards, a value in the column of labels looks like an empty field. */
function misplaced() {
  return [...document.querySelectorAll('td[data-label]')].filter((cell) => cell.checkVisibility() && getComputedStyle(cell).display === 'grid')
    .flatMap((cell) => [...cell.children].filter((one) => one.checkVisibility() && one.getBoundingClientRect().left < cell.getBoundingClientRect().left + 100))
    .map((one) => one.innerText);
}

/** In the page: links with less contrast to what is behind them than WCAG AA asks for. */
function pale() {
  const channels = (text) => /^rgba?\(([^)]+)\)$/.exec(text)?.[1].split(/[ ,/]+/).map(Number);
  const luminance = (color) => color.slice(0, 3).map((value) => value / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
  const behind = (one) => {
    const color = channels(getComputedStyle(one).backgroundColor);
    return color && color[3] !== 0 ? color : one.parentElement && behind(one.parentElement);
  };
  return [...document.querySelectorAll('a[href], .link')].filter((one) => {
    const [color, back] = [channels(getComputedStyle(one).color), behind(one)];
    if (!one.checkVisibility() || !color || !back) return false;
    const [dark, light] = [luminance(color), luminance(back)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05) < 4.5;
  }).map((one) => one.innerText);
}

export async function signInWithPassword({ page, open, t }, { account, password }) {
  await open('/signin');
  await page.getByLabel(t('Username or email'), { exact: true }).fill(account);
  await page.getByLabel(t('Password'), { exact: true }).fill(password);
  await page.getByRole('button', { name: t('Sign in'), exact: true }).click();
  await page.locator('dl.facts').waitFor();
}

export async function signOut({ page, t }) {
  await page.getByRole('button', { name: t('Sign out') }).click();
  await page.locator('main.sign-in-card').waitFor();
}
