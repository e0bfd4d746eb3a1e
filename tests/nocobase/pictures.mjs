// The pictures of the guides: NocoBase's pages in each language, cut out and small.

import fs from 'node:fs';
import path from 'node:path';
import { screenshot } from './window.mjs';

const MARGIN = 16;
const HIGHEST = 700;

/** Writes pictures of the guide as small files, where that is wanted. */
export function photographer(browser, language) {
  const folder = process.env.PICTURES;
  return async (name, page, height, find) => {
    if (!folder) return;
    const usual = page.viewportSize();
    await page.setViewportSize({ ...usual, height });
    const clip = await find();
    // NocoBase's assistant floats over the corner of every page.
    const png = await screenshot(page, { clip, animations: 'disabled', style: 'div:has(> .ai-chat-button-badge) { visibility: hidden !important; }' });
    await page.setViewportSize(usual);
    const desk = await browser.newPage();
    const webp = await desk.evaluate(async (encoded) => {
      const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
      const picture = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
      const canvas = new OffscreenCanvas(picture.width, picture.height);
      canvas.getContext('2d').drawImage(picture, 0, 0);
      const blob = await canvas.convertToBlob({ type: 'image/webp', quality: 0.35 });
      return btoa(String.fromCharCode(...new Uint8Array(await blob.arrayBuffer())));
    }, png.toString('base64'));
    await desk.close();
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, `${name}.${language.split('-')[0]}.webp`), Buffer.from(webp, 'base64'));
  };
}

/** The smallest rectangle around some elements, with a margin; not higher than what is read at a glance. */
export async function around(...elements) {
  for (const element of elements) await element.scrollIntoViewIfNeeded();
  const boxes = await Promise.all(elements.map((element) => element.boundingBox()));
  const edges = (near, size) => {
    const end = elements[0].page().viewportSize()[size];
    const start = Math.max(Math.min(...boxes.map((box) => box[near])) - MARGIN, 0);
    return [start, Math.min(Math.max(...boxes.map((box) => box[near] + box[size])) + MARGIN, end) - start];
  };
  const [[x, width], [y, height]] = [edges('x', 'width'), edges('y', 'height')];
  return { x, y, width, height: Math.min(height, HIGHEST) };
}
