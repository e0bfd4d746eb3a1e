'use strict';

// Why the program of this package does not run on this machine, in words that an administrator can act on.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { pipeline } = require('node:stream/promises');
const { PROGRAMS } = require('./built-in');

const FOLDER = path.resolve(__dirname, '../../bin');

const platform = () => `${process.platform}-${process.arch}`;
const fileIn = (folder) => path.join(folder, platform(), 'nocobase-dingtalk');
/** Where the program for this machine has to be. */
const PROGRAM_FILE = fileIn(FOLDER);

// The sentences are keys of the locales. A lasting reason stays until somebody does something.
const REASONS = {
  platform: { sentence: 'The package holds no program for this machine ({{platform}}).', isLasting: true },
  damaged: { sentence: 'The program in the package is damaged. Upload the package again.', isLasting: true },
  processor: { sentence: 'The program was built for another processor than this machine has ({{platform}}).', isLasting: true },
  loader: { sentence: 'This machine lacks the C library that the program needs (glibc); Alpine Linux, for instance, has another one.', isLasting: true },
  library: { sentence: 'The C library of this machine is too old for the program, which needs {{library}}.', isLasting: true },
  noexec: { sentence: 'The storage folder is on a file system that does not run programs (mounted noexec).', isLasting: true },
  permission: { sentence: "NocoBase's user may not run the program {{path}}.", isLasting: true },
  version: { sentence: 'The program is of version {{program}}, and the package of version {{package}}. Upload the package again.', isLasting: true },
  dialect: { sentence: "The sidecar does not know the dialect {{dialect}} of NocoBase's database: it works on PostgreSQL, MySQL and MariaDB.", isLasting: true },
  spawn: { sentence: 'The program could not be started: {{reason}}.', isLasting: false },
  ended: { sentence: 'The program ended with exit code {{code}} and is started again. Its last words: {{words}}', isLasting: false },
  killed: { sentence: 'The program was ended by {{signal}} and is started again.', isLasting: false },
};
const WAY_OUT = 'Mend it and test again, or run the sidecar elsewhere and give NocoBase its address in DINGTALK_SIDECAR_URL.';

const filled = (sentence, values) => sentence.replace(/{{(\w+)}}/g, (whole, name) => values[name] ?? whole);

class CannotRun extends Error {
  constructor(reason, values = {}) {
    const { sentence, isLasting } = REASONS[reason];
    super(filled(sentence, values));
    Object.assign(this, { name: 'CannotRun', reason, sentence, values, isLasting });
  }

  /** A reason that was written before the program `file` could begin; null when it is none. */
  static fromLastWords(words, file) {
    const library = /version `(GLIBC_[\d.]+)' not found/.exec(words);
    if (library) return new CannotRun('library', { library: library[1] });
    if (words.includes('error while loading shared libraries')) return new CannotRun('loader');
    // What the system cannot run, libuv hands to a shell, which complains of the file's first line.
    return words.startsWith(`${file}: `) ? new CannotRun('processor', { platform: platform() }) : null;
  }
}

/** The path of the program for this machine, once its checksum has been found right. */
async function findProgram({ programs = PROGRAMS, folder = FOLDER } = {}) {
  const wanted = Object.hasOwn(programs, platform()) ? programs[platform()] : null;
  if (!wanted) throw new CannotRun('platform', { platform: platform() });
  const file = fileIn(folder);
  const hash = createHash('sha256');
  try {
    await pipeline(fs.createReadStream(file), hash);
  } catch (error) {
    if (error.code === 'EACCES') throw new CannotRun('permission', { path: file });
    throw new CannotRun('damaged');
  }
  if (hash.digest('hex') !== wanted) throw new CannotRun('damaged');
  return file;
}

/** The reason behind an error of `spawn` for a file that is there and whole. */
async function whyItDidNotStart(file, error) {
  switch (error.code) {
    case 'ENOENT':
      // The file is there: what is missing is the loader that it names.
      return new CannotRun('loader');
    case 'ENOEXEC':
    case 'UNKNOWN':
      return new CannotRun('processor', { platform: platform() });
    case 'EACCES':
    case 'EPERM':
      return (await isMountedNoexec(file)) ? new CannotRun('noexec') : new CannotRun('permission', { path: file });
    default:
      return new CannotRun('spawn', { reason: error.code ?? error.message });
  }
}

/** Whether the file system of a file forbids programs; the last mount over the longest path counts. */
async function isMountedNoexec(file, mountsFile = '/proc/self/mounts') {
  let mounts;
  try {
    mounts = await fs.promises.readFile(mountsFile, 'utf8');
    file = await fs.promises.realpath(file);
  } catch {
    return false;
  }
  let over = { length: -1, options: '' };
  for (const line of mounts.split('\n')) {
    const [, escaped, , options] = line.split(' ');
    if (!escaped) continue;
    const point = escaped.replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)));
    const isAbove = point === '/' || file === point || file.startsWith(`${point}/`);
    if (isAbove && point.length >= over.length) over = { length: point.length, options };
  }
  return over.options.split(',').includes('noexec');
}

module.exports = { CannotRun, PROGRAM_FILE, WAY_OUT, findProgram, isMountedNoexec, whyItDidNotStart };
