'use strict';

// A package uploaded over this one: NocoBase exchanges the files and goes on with the old code until its process is
// started again, which nobody tells the administrator. We notice it, and ask NocoBase to load the new code.

const fs = require('node:fs');
const path = require('node:path');

const PACKAGE_FOLDER = path.resolve(__dirname, '../..');
const LOOK_EVERY_MS = 2000;

/** What tells one installation from the next; null while the files are being exchanged. */
function signature(files) {
  try {
    return files.map((file) => fs.statSync(file)).map(({ ino, size, mtimeMs }) => `${ino} ${size} ${mtimeMs}`).join();
  } catch {
    return null;
  }
}

class UpdateWatch {
  #timer = null;

  /**
   * @param {() => void} onUpdate called once, when other files have come and stay as they are
   * @param {{ files?: string[], everyMs?: number }} options
   */
  constructor(onUpdate, { files = [path.join(PACKAGE_FOLDER, 'package.json'), path.join(__dirname, 'built-in.js')], everyMs = LOOK_EVERY_MS } = {}) {
    this.onUpdate = onUpdate;
    this.files = files;
    this.everyMs = everyMs;
  }

  start() {
    const installed = signature(this.files);
    let last = installed;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => {
      const now = signature(this.files);
      const isThere = now !== null && now !== installed && now === last;
      last = now;
      if (!isThere) return;
      this.stop();
      this.onUpdate();
    }, this.everyMs);
    this.#timer.unref();
  }

  stop() {
    clearInterval(this.#timer);
  }
}

/** Lets the next load read this package's files anew. */
function forgetLoadedFiles(cache = require.cache, folder = PACKAGE_FOLDER) {
  for (const file of Object.keys(cache)) if (file.startsWith(folder + path.sep)) delete cache[file];
}

module.exports = { UpdateWatch, forgetLoadedFiles };
