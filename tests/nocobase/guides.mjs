// The link of the plugin's card: the guide, from NocoBase's own address, in the language of the page.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import * as admin from './administration.mjs';

export async function guideSteps({ step, browser, nocobase, output, client, language }) {
  const window = await admin.administratorWindow(browser, nocobase, { client, language, output, name: 'guide' });
  await step(`${language}: the card's link opens the guide in that language`, async () => {
    const guide = await admin.openGuide(window);
    await guide.waitForLoadState();
    const [heading] = fs.readFileSync(new URL(`../../docs/guide.${language.split('-')[0]}.md`, import.meta.url), 'utf8').split('\n');
    assert.equal(await guide.getByRole('heading', { level: 1 }).innerText(), heading.replace('# ', ''));
    assert.equal(await guide.getAttribute('html', 'lang'), language);
    assert.ok(guide.url().startsWith(`${nocobase.site}${nocobase.publicPath}static/plugins/`), guide.url());
    for (const width of [1280, 360]) {
      await guide.setViewportSize({ width, height: 900 });
      const excess = await guide.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(excess <= 0, `${excess} px too wide at ${width} px`);
      await window.picture(`${width}`, guide);
    }
  }, window);
  await window.close();
}
