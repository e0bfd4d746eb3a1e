'use strict';

// The program that the package brings along: started, watched, started again, ended. At most one in a NocoBase process.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');
const { CannotRun, findProgram, whyItDidNotStart } = require('./cannot-run');

// NocoBase is asked for minutes while its database comes up; the program gives up on a database after seconds.
const READY_WITHIN_MS = 30_000;
// The program ends by itself within two seconds of its standard input.
const END_WITHIN_MS = 3_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
const QUIET_MS = 5 * 60_000;
// The address of a Unix socket has 108 bytes, its final zero included.
const LONGEST_SOCKET_PATH = 100;

const PASSED_ON = /^(?:SIDECAR_|DINGTALK_|LC_)|^(?:RUST_LOG|TZ|SSL_CERT_FILE|SSL_CERT_DIR|PATH|HOME|LANG|LANGUAGE)$/;
const LEVELS = { ERROR: 'error', WARN: 'warn', INFO: 'info', DEBUG: 'debug', TRACE: 'trace' };

// Another load of this file (an update of the plugin) must find the program that the one before has started.
const CURRENT = Symbol.for('nocobase-plugin-auth-dingtalk.program');

function environment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => PASSED_ON.test(name)));
}

/** A private folder with a short path for the socket; null where there is none to be had. */
function socketFolder() {
  for (const parent of new Set([os.tmpdir(), '/tmp', '/run'])) {
    if (Buffer.byteLength(parent) + '/nbdt-XXXXXX/s'.length > LONGEST_SOCKET_PATH) continue;
    try {
      return fs.mkdtempSync(path.join(parent, 'nbdt-'));
    } catch {
      // The next one may do.
    }
  }
  return null;
}

class Program {
  #log;
  #handover;
  #versionWanted;
  #find;
  #process = null;
  #folder = null;
  #isWanted = false;
  #timer = null;
  #pauseMs = FIRST_PAUSE_MS;
  #ended = Promise.resolve();
  #waiting = new Set();
  /** How often it was started again. */
  restarts = -1;
  /** Where it listens, while it does: `{ socketPath }` or `{ port }`. */
  target = null;
  /** Why it does not run, where that is known. */
  failure = null;

  /**
   * @param {{ log: object, handover: (own: { restarts: number, socket: string | null }) => object, version: string, find?: () => Promise<string> }} options
   *   `handover` makes the configuration document at each start; `find` resolves with the path of the checked program.
   */
  constructor({ log, handover, version, find = findProgram }) {
    this.#log = log;
    this.#handover = handover;
    this.#versionWanted = version;
    this.#find = find;
  }

  /** Starts the program, after the one that another instance of this class may still have; does not wait for it. */
  start() {
    if (this.#isWanted) return;
    this.#isWanted = true;
    const before = process[CURRENT];
    process[CURRENT] = this;
    this.#ended = Promise.allSettled([this.#ended, before === this ? null : before?.end()]);
    this.#launch();
  }

  /** Lets go of the program; resolves when there is none any more. */
  end() {
    this.#isWanted = false;
    clearTimeout(this.#timer);
    this.#settle(null);
    if (process[CURRENT] === this) process[CURRENT] = undefined;
    this.#process?.stdin.destroy();
    return this.#ended;
  }

  /** Tries again what could not run, since somebody may have mended it. */
  retry() {
    if (!this.#isWanted || !this.failure?.isLasting) return;
    this.failure = null;
    this.#launch();
  }

  /** Where the program listens, waiting for a start that is under way; null when it does not run by then. */
  async reach(limitMs) {
    if (this.target || !this.#isWanted || this.failure?.isLasting) return this.target;
    let timer;
    let settle;
    const settled = new Promise((resolve) => {
      settle = resolve;
      this.#waiting.add(settle);
      timer = setTimeout(() => resolve(null), limitMs);
    });
    try {
      return await settled;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(settle);
    }
  }

  #settle(target) {
    this.target = target;
    for (const settle of this.#waiting) settle(target);
    this.#waiting.clear();
  }

  #launch() {
    const before = this.#ended;
    this.#ended = (async () => {
      await before;
      if (!this.#isWanted) return;
      const started = Date.now();
      try {
        await this.#run();
      } catch (error) {
        this.failure = error instanceof CannotRun ? error : new CannotRun('spawn', { reason: error.message });
        this.#log.error(`the DingTalk sidecar cannot run: ${this.failure.message}`);
      }
      this.#settle(null);
      this.#removeFolder();
      if (!this.#isWanted || this.failure?.isLasting) return;
      this.#startAgain(Date.now() - started);
    })();
  }

  #startAgain(ranMs) {
    if (ranMs >= QUIET_MS) this.#pauseMs = 0;
    this.#timer = setTimeout(() => this.#launch(), this.#pauseMs);
    this.#timer.unref();
    this.#pauseMs = Math.min(Math.max(this.#pauseMs * 2, FIRST_PAUSE_MS), LONGEST_PAUSE_MS);
  }

  /** One life of the program; resolves when it has ended, throws when it could not begin. */
  async #run() {
    const file = await this.#find();
    if (!this.#isWanted) return;
    this.restarts += 1;
    this.#folder = socketFolder();
    const socket = this.#folder ? path.join(this.#folder, 's') : null;
    const document = JSON.stringify(this.#handover({ restarts: this.restarts, socket }));
    const child = spawn(file, ['serve', '--managed'], { env: environment(), stdio: ['pipe', 'pipe', 'pipe'] });
    const spawned = once(child, 'spawn');
    // Ended before it has read everything, it says why on standard error.
    child.stdin.on('error', () => {});
    const said = this.#readLog(child);
    const exited = new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
    try {
      await spawned;
    } catch (error) {
      throw await whyItDidNotStart(file, error);
    }
    this.#process = child;
    child.stdin.write(`${document}\n`);
    if (!this.#isWanted) child.stdin.destroy();
    const killer = this.#killWhenLate(child);
    const isReady = this.#readReady(child);
    const { code, signal } = await exited;
    killer.cancel();
    this.#process = null;
    this.#settle(null);
    if (!this.#isWanted) return;
    if (this.failure?.isLasting) return;
    const death = signal ? new CannotRun('killed', { signal }) : new CannotRun('ended', { code, words: said.last || '-' });
    this.failure = (isReady.was ? null : CannotRun.fromLastWords(said.last, file)) ?? death;
    this.#log.error(`the DingTalk sidecar cannot run: ${this.failure.message}`);
  }

  /** The log is one JSON object a line; what else stands on standard error is the loader's or a panic's. */
  #readLog(child) {
    const said = { last: '' };
    readline.createInterface({ input: child.stderr }).on('line', (line) => {
      let record = null;
      try {
        record = JSON.parse(line);
      } catch {
        // Not ours: passed on as it stands.
      }
      const level = LEVELS[record?.level] ?? 'error';
      const text = typeof record?.message === 'string' ? record.message : line;
      if (level === 'error' && text) said.last = text.slice(0, 500);
      (this.#log[level] ?? this.#log.info).call(this.#log, `DingTalk sidecar: ${text}`);
    });
    return said;
  }

  #readReady(child) {
    const ready = { was: false };
    readline.createInterface({ input: child.stdout }).on('line', (line) => {
      if (ready.was) return;
      let said;
      try {
        said = JSON.parse(line);
      } catch {
        return;
      }
      if (said.ready !== this.#versionWanted) {
        this.failure = new CannotRun('version', { program: String(said.ready), package: this.#versionWanted });
        this.#log.error(`the DingTalk sidecar cannot run: ${this.failure.message}`);
        child.stdin.destroy();
        return;
      }
      ready.was = true;
      this.failure = null;
      if (this.#isWanted) this.#settle(said.socket ? { socketPath: said.socket } : { port: said.port });
    });
    return ready;
  }

  /** Kills a program that is not ready in time, or does not end in time when it is let go. */
  #killWhenLate(child) {
    const timers = [setTimeout(() => this.target || child.kill('SIGKILL'), READY_WITHIN_MS)];
    child.stdin.once('close', () => timers.push(setTimeout(() => child.kill('SIGKILL'), END_WITHIN_MS)));
    return { cancel: () => timers.forEach(clearTimeout) };
  }

  #removeFolder() {
    if (this.#folder) fs.rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = null;
  }
}

module.exports = { Program };
