// The program that the plugin starts, watched without NocoBase: node --test program.test.mjs

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';

const require = createRequire(import.meta.url);
const { Program } = require('../../nocobase-plugin/server/program');
const { CannotRun, findProgram, isMountedNoexec, whyItDidNotStart } = require('../../nocobase-plugin/server/cannot-run');

const { UpdateWatch, forgetLoadedFiles } = require('../../nocobase-plugin/server/update');

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nbdt-test-'));
after(() => fs.rmSync(folder, { recursive: true, force: true }));
const PLATFORM = `${process.platform}-${process.arch}`;

/** A program of a few lines of JavaScript that sees its configuration as `told`. */
function script(name, body) {
  const file = path.join(folder, name);
  const source = `#!${process.execPath}
    const fs = require('node:fs');
    const input = require('node:readline').createInterface({ input: process.stdin });
    const ready = (version = '1.2.3') => console.log(JSON.stringify({ ready: version, socket: told.socket }));
    let told;
    input.once('line', (line) => { told = JSON.parse(line); run(); });
    input.once('close', () => process.exit(0));
    function run() { ${body} }`;
  fs.writeFileSync(file, source, { mode: 0o755 });
  return file;
}

/** A program under watch, and what its log says. */
function watched(file, { version = '1.2.3', handover = (own) => ({ ...own, secret: 'canary' }) } = {}) {
  const lines = [];
  const log = Object.fromEntries(['error', 'warn', 'info', 'debug', 'trace'].map((level) => [level, (text) => lines.push(`${level} ${text}`)]));
  const program = new Program({ log, version, handover, find: async () => file });
  return { program, lines };
}

const until = async (isSo) => {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10));
};
const isAlive = (pid) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
const noted = (file) => fs.readFileSync(file, 'utf8').split('\n').filter(Boolean);

test('the program is told its configuration, is reached when it is ready, and ends when it is let go', async () => {
  const note = path.join(folder, 'told');
  const { program } = watched(script('plain', `fs.writeFileSync('${note}', JSON.stringify({ told, pid: process.pid })); ready();`));
  program.start();
  const target = await program.reach(20_000);
  const { told, pid } = JSON.parse(fs.readFileSync(note, 'utf8'));
  assert.deepEqual(told, { restarts: 0, socket: target.socketPath, secret: 'canary' });
  assert.equal(fs.statSync(path.dirname(target.socketPath)).mode & 0o777, 0o700);
  assert.ok(Buffer.byteLength(target.socketPath) < 108);
  await program.end();
  assert.equal(isAlive(pid), false);
  assert.equal(fs.existsSync(path.dirname(target.socketPath)), false, 'the folder of the socket was left');
  assert.equal(await program.reach(10), null);
});

test('of NocoBase\'s environment the program sees what is meant for it', async () => {
  const note = path.join(folder, 'environment');
  Object.assign(process.env, { SIDECAR_TEST: 'a', DINGTALK_TEST: 'b', APP_KEY: 'canary', DB_PASSWORD: 'canary', NODE_OPTIONS_TEST: 'canary', MY_SIDECAR_: 'canary', LC_TEST: 'c' });
  const { program } = watched(script('environment-of', `fs.writeFileSync('${note}', JSON.stringify(process.env)); ready();`));
  program.start();
  await program.reach(20_000);
  await program.end();
  const seen = JSON.parse(fs.readFileSync(note, 'utf8'));
  assert.deepEqual([seen.SIDECAR_TEST, seen.DINGTALK_TEST, seen.LC_TEST, seen.PATH], ['a', 'b', 'c', process.env.PATH]);
  assert.ok(!JSON.stringify(seen).includes('canary'), JSON.stringify(seen));
});

test('a program that dies is started again, and its death is one line with its last words', async () => {
  const note = path.join(folder, 'lives');
  const { program, lines } = watched(script('mortal', `fs.appendFileSync('${note}', told.restarts + '\\n'); ready();
    if (told.restarts < 2) { console.error(JSON.stringify({ level: 'ERROR', message: 'so long' })); process.exitCode = 3; process.stdin.destroy(); }`));
  program.start();
  await until(() => fs.existsSync(note) && noted(note).length === 3 && program.target);
  assert.deepEqual(noted(note), ['0', '1', '2']);
  assert.equal(program.restarts, 2);
  assert.equal(lines.filter((line) => /cannot run.*exit code 3.*so long/.test(line)).length, 2, lines.join('\n'));
  assert.equal(program.failure, null, 'it runs, and still a failure is told');
  await program.end();
});

test('there are never two: the next one waits until the one before has ended', async () => {
  const note = path.join(folder, 'turns');
  const file = script('slow-to-end', `fs.appendFileSync('${note}', 'begin ' + process.pid + '\\n'); ready();
    input.removeAllListeners('close');
    input.once('close', () => setTimeout(() => { fs.appendFileSync('${note}', 'end ' + process.pid + '\\n'); process.exit(0); }, 300));`);
  const [first, second] = [watched(file).program, watched(file).program];
  first.start();
  await first.reach(20_000);
  second.start();
  await second.reach(20_000);
  assert.deepEqual(noted(note).map((line) => line.split(' ')[0]), ['begin', 'end', 'begin']);
  await second.end();
});

test('a program that does not end is killed', async () => {
  const note = path.join(folder, 'stubborn-pid');
  const { program } = watched(script('stubborn', `fs.writeFileSync('${note}', String(process.pid)); ready(); input.removeAllListeners('close'); setInterval(() => {}, 1000);`));
  program.start();
  await program.reach(20_000);
  await program.end();
  assert.equal(isAlive(Number(noted(note)[0])), false);
});

test('ended before it was ready it is not started again', async () => {
  const note = path.join(folder, 'early');
  const { program } = watched(script('early-end', `fs.appendFileSync('${note}', 'x'); setInterval(() => {}, 1000);`));
  program.start();
  await until(() => fs.existsSync(note));
  await program.end();
  assert.equal(fs.readFileSync(note, 'utf8'), 'x');
  assert.equal(await program.reach(1000), null);
});

test('a program of another version is refused, and stays away until somebody tries again', async () => {
  const { program, lines } = watched(script('other-version', `ready('9.9.9');`));
  program.start();
  await until(() => program.failure);
  await program.reach(10);
  assert.deepEqual([program.failure.reason, program.target], ['version', null]);
  assert.match(lines.join('\n'), /version 9\.9\.9, and the package of version 1\.2\.3/);
  await program.end();
});

test('a configuration that cannot be made is told, and nothing is started', async () => {
  const note = path.join(folder, 'not-started');
  const { program } = watched(script('unwanted', `fs.writeFileSync('${note}', 'x')`), {
    handover: () => {
      throw new CannotRun('dialect', { dialect: 'kingbase' });
    },
  });
  program.start();
  await until(() => program.failure);
  assert.match(program.failure.message, /dialect kingbase/);
  assert.equal(fs.existsSync(note), false);
  await program.end();
});

test('what could not run is tried again when somebody asks', async () => {
  const file = script('mended', 'ready();');
  fs.chmodSync(file, 0o644);
  const { program } = watched(file);
  program.start();
  await until(() => program.failure);
  assert.equal(program.failure.reason, 'permission');
  fs.chmodSync(file, 0o755);
  program.retry();
  assert.ok(await program.reach(20_000));
  await program.end();
});

test('a program is run only when its checksum is right', async () => {
  const place = path.join(folder, 'bin');
  const file = path.join(place, PLATFORM, 'nocobase-dingtalk');
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, 'program');
  const programs = { [PLATFORM]: createHash('sha256').update('program').digest('hex') };
  assert.equal(await findProgram({ programs, folder: place }), file);
  fs.appendFileSync(file, '!');
  await assert.rejects(findProgram({ programs, folder: place }), { reason: 'damaged' });
  fs.rmSync(file);
  await assert.rejects(findProgram({ programs, folder: place }), { reason: 'damaged' });
  await assert.rejects(findProgram({ programs: {}, folder: place }), { reason: 'platform' });
});

test('a C library that is too old is recognised by the words of the loader', () => {
  const words = "/x/nocobase-dingtalk: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by /x/nocobase-dingtalk)";
  const file = '/x/nocobase-dingtalk';
  assert.match(CannotRun.fromLastWords(words, file).message, /too old.*GLIBC_2\.38/);
  assert.equal(CannotRun.fromLastWords(`${file}: error while loading shared libraries: libgcc_s.so.1: cannot open shared object file`, file).reason, 'loader');
  assert.equal(CannotRun.fromLastWords('the database cannot be used', file), null);
  assert.equal(CannotRun.fromLastWords('', file), null);
});

test('a file that the system cannot run is for another processor', async () => {
  const file = path.join(folder, 'foreign');
  fs.writeFileSync(file, Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, ...Array(9).fill(0), 2, 0, 0xff, 0, ...Array(44).fill(1)]), { mode: 0o755 });
  const { program } = watched(file);
  program.start();
  await until(() => program.failure);
  assert.equal(program.failure.reason, 'processor', program.failure.message);
  await program.end();
});

test('what the system says of a program it does not start is told in words', async () => {
  for (const [code, reason] of [['ENOENT', 'loader'], ['ENOEXEC', 'processor'], ['EACCES', 'permission'], ['EMFILE', 'spawn']]) {
    assert.equal((await whyItDidNotStart(process.execPath, { code })).reason, reason, code);
  }
});

test('the mount that a file is on says whether programs run there', async () => {
  const mounts = path.join(folder, 'mounts');
  const real = fs.realpathSync(folder);
  const escaped = real.replaceAll(' ', '\\040');
  for (const [lines, expected] of [
    ['none / ext4 rw 0 0', false],
    ['none / ext4 rw,noexec 0 0', true],
    [`none / ext4 rw,noexec 0 0\nnone ${escaped} ext4 rw 0 0`, false],
    [`none / ext4 rw 0 0\nnone ${escaped} ext4 rw,noexec,nosuid 0 0`, true],
    [`none / ext4 rw 0 0\nnone ${escaped}-other ext4 rw,noexec 0 0`, false],
    [`none ${escaped} ext4 rw,noexec 0 0\nnone ${escaped} ext4 rw 0 0`, false],
  ]) {
    fs.writeFileSync(mounts, `${lines}\n`);
    assert.equal(await isMountedNoexec(path.join(folder, 'mounts'), mounts), expected, lines);
  }
  assert.equal(await isMountedNoexec('/nowhere', '/nowhere'), false);
});

test('files that were exchanged are noticed once, and not while one is missing', async () => {
  const files = ['a', 'b'].map((name) => path.join(folder, `exchanged-${name}`));
  const write = (text) => files.forEach((file) => fs.writeFileSync(file, text));
  let noticed = 0;
  let looks = 0;
  write('old');
  const watch = new UpdateWatch(() => (noticed += 1), { files, everyMs: 5 });
  const looked = setInterval(() => (looks += 1), 5);
  const lookSeveralTimes = async () => {
    looks = 0;
    await until(() => looks > 5);
  };
  watch.start();
  await lookSeveralTimes();
  fs.rmSync(files[1]);
  await lookSeveralTimes();
  assert.equal(noticed, 0, 'half an installation was taken for a new one');
  write('newer');
  await until(() => noticed > 0);
  await lookSeveralTimes();
  assert.equal(noticed, 1);
  clearInterval(looked);
});

test('of what is loaded only the files of this package are forgotten', () => {
  const cache = { '/p/ours/dist/server/index.js': 1, '/p/ours/package.json': 1, '/p/ours-too/index.js': 1, '/node/x.js': 1 };
  forgetLoadedFiles(cache, '/p/ours');
  assert.deepEqual(Object.keys(cache), ['/p/ours-too/index.js', '/node/x.js']);
});

test('nothing is held by the process when all have ended', () => {
  assert.equal(process[Symbol.for('nocobase-plugin-auth-dingtalk.program')], undefined);
});
