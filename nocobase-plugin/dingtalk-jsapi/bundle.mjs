// Makes dingtalk-jsapi.js from the pinned packages of this folder, the same bytes each time.
//
//   npm ci && node bundle.mjs            write it
//   npm ci && node bundle.mjs --check    fail where it is another one

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import esbuild from 'esbuild';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const { version } = JSON.parse(fs.readFileSync(here('node_modules/dingtalk-jsapi/package.json'), 'utf8'));
const notice = fs.readFileSync(here('LICENSE'), 'utf8').trim();

const { outputFiles: [{ text }] } = await esbuild.build({
  absWorkingDir: here('.'),
  entryPoints: ['entry.mjs'],
  bundle: true,
  minify: true,
  write: false,
  format: 'esm',
  // Older than what NocoBase itself needs.
  target: 'chrome69',
  charset: 'utf8',
  // Every browser that runs NocoBase has promises of its own.
  alias: { 'promise-polyfill/dist/polyfill': './nothing.mjs' },
  banner: { js: `/*! dingtalk-jsapi ${version}, in parts. ${notice.replaceAll('*/', '* /')} */` },
});

const file = here('dingtalk-jsapi.js');
if (process.argv.includes('--check')) {
  if (fs.readFileSync(file, 'utf8') !== text) throw new Error('dingtalk-jsapi.js is not what bundle.mjs makes of its sources');
} else {
  fs.writeFileSync(file, text);
}
console.log(`${text.length} characters`);
