// What Node's dotenv, in the version that NocoBase has, makes of the files of ../corpus/env_files.
//
// `node oracle.mjs` compares expected.json with it, `node oracle.mjs write` writes that file anew. The Rust test
// src/config/env_file.rs reads the same file and needs no Node.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import dotenv from 'dotenv';

const CORPUS = new URL('../corpus/env_files/', import.meta.url);
const FILES = new URL('files/', CORPUS);
const EXPECTED = new URL('expected.json', CORPUS);
const GENERATED = 400;

// The environment as a process has it after NocoBase's call: dotenv.config({ path }).
function environmentAfter(file, before = {}) {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, before);
  const { error } = dotenv.config({ path: file });
  if (error) throw error;
  return { ...process.env };
}

// Pieces that the grammar has an opinion about. One character is one byte. No digit: Node keeps a variable that is
// named like an index outside the environment.
const PIECES = [
  ...'AB=:#\'"`\\\n\r \t.-_$xy', '\n', '\n', '=', '=', 'A=', '\nB=', '\nexport ', 'export', '\\n', '\\r', "\\'", '\\"', '\\`',
  '\r\n', '\0', '\x0b', '\xef\xbb\xbf', '\xe2\x80\xa8', '\xe2\x80\xa9', '\xc2\xa0', '\xc2\x85', '\xe3\x80\x80', '\xf0\x9f\x98\x80', '\xff', '\xe9', '\xed\xa0\x80', '\xe4\xb8',
];

// mulberry32: the same texts on every machine.
function* numbers(seed) {
  for (;;) {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    yield (t ^ (t >>> 14)) >>> 0;
  }
}

function* texts(count, seed = 1) {
  const number = numbers(seed);
  const below = (limit) => number.next().value % limit;
  for (let n = 0; n < count; n++) {
    let text = '';
    for (let left = 2 + below(24); left > 0; left--) text += PIECES[below(PIECES.length)];
    yield text;
  }
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dotenv-'));
const scratch = path.join(folder, '.env');

function judged(text, before) {
  fs.writeFileSync(scratch, Buffer.from(text, 'latin1'));
  return environmentAfter(scratch, before);
}

// The first that sets a variable wins, also when what it sets is empty.
const PRECEDENCE = [
  [{ A: 'environment' }, 'A=file\nB=file\n'],
  [{ A: '' }, 'A=file\nB=file\n'],
  [{ A: ' ' }, 'A=file\n'],
  [{ B: 'x' }, 'A=$B\n'],
].map(([environment, text]) => ({ environment, text, expected: judged(text, environment) }));

function verdict(generated) {
  const names = fs.readdirSync(FILES).sort();
  return {
    dotenv: JSON.parse(fs.readFileSync(new URL('node_modules/dotenv/package.json', import.meta.url), 'utf8')).version,
    files: Object.fromEntries(names.map((name) => [name, environmentAfter(new URL(name, FILES).pathname)])),
    precedence: PRECEDENCE,
    generated: [...texts(generated)].map((text) => ({ text, expected: judged(text) })),
  };
}

const [task = 'compare', count] = process.argv.slice(2);
try {
  const found = `${JSON.stringify(verdict(Number(count ?? GENERATED)), null, 1)}\n`;
  if (task === 'print') {
    process.stdout.write(found);
  } else if (task === 'write') {
    fs.writeFileSync(EXPECTED, found);
  } else if (found !== fs.readFileSync(EXPECTED, 'utf8')) {
    throw new Error('expected.json is not what dotenv says; look at the difference after `node oracle.mjs write`');
  } else {
    const { files, generated } = JSON.parse(found);
    console.log(`${Object.keys(files).length} files and ${generated.length} generated texts are as dotenv reads them`);
  }
} finally {
  fs.rmSync(folder, { recursive: true });
}
