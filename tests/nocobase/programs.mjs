// The project's own processes that a journey needs: the sidecar beside NocoBase, and a DingTalk to talk to.

import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from './nocobase.mjs';

const run = promisify(execFile);

// The organization of the simulator's people.
export const DEMO_CORP_ID = 'ding3f9c1e77a20b4d58836fc2657bd714e8';
const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

export function binary() {
  const candidates = [process.env.NBDT_BINARY, ...['release', 'debug'].map((profile) => path.join(ROOT, 'target', profile, 'nocobase-dingtalk'))].filter(Boolean);
  const found = candidates.find((file) => fs.existsSync(file));
  if (!found) throw new Error(`build the sidecar first: none of ${candidates.join(', ')} exists`);
  return found;
}

/** A process that is up when its URL answers, and down when told. */
export class Program {
  constructor(name, args, env, readyUrl, folder) {
    Object.assign(this, { name, args, env, readyUrl });
    this.logFile = path.join(folder, `${name}.log`);
  }

  async start() {
    const log = fs.openSync(this.logFile, 'a');
    // Settings of the surrounding shell are not this program's.
    const kept = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^(APP_|API_|DB_|INIT_|SIDECAR_|DINGTALK_|NOCOBASE_|NBDT_|STORAGE_)/.test(key)));
    this.child = spawn(binary(), this.args, { env: { ...kept, ...this.env }, stdio: ['ignore', log, log] });
    this.ended = new Promise((resolve) => this.child.once('exit', resolve));
    let code = null;
    this.ended.then((value) => (code = value ?? 'a signal'));
    const deadline = Date.now() + 30_000;
    for (;;) {
      if (code !== null) throw new Error(`${this.name} ended with ${code}:\n${fs.readFileSync(this.logFile, 'utf8')}`);
      const answer = await fetch(this.readyUrl, { signal: AbortSignal.timeout(1000) }).catch(() => null);
      if (answer?.ok) return this;
      if (Date.now() > deadline) throw new Error(`${this.name} is not ready; see ${this.logFile}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async stop() {
    if (!this.child || this.child.exitCode !== null) return;
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 10_000);
    await this.ended;
    clearTimeout(timer);
  }
}

/** DingTalk, as the demo brings it, with the demo's sidecar alone at `aloneUrl`. */
export class DingTalk {
  static async start(folder) {
    const [port, alone] = [await freePort(), await freePort()];
    const url = `http://127.0.0.1:${port}`;
    const args = ['demo', '--listen', `127.0.0.1:${alone}`, '--simulator-listen', `127.0.0.1:${port}`, '--storage', path.join(folder, 'demo')];
    const program = await new Program('demo', args, {}, `http://127.0.0.1:${alone}/readyz`, folder).start();
    return Object.assign(new DingTalk(), { url, program, aloneUrl: `http://127.0.0.1:${alone}` });
  }

  /** What a sidecar must be told in order to talk to it. */
  get environment() {
    return { DINGTALK_LOGIN_URL: this.url, DINGTALK_API_URL: this.url, DINGTALK_OAPI_URL: this.url };
  }

  stop() {
    return this.program.stop();
  }

  async #post(what, body) {
    const answer = await fetch(`${this.url}/__simulator/${what}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    if (answer.status !== 204) throw new Error(`the simulator refused ${what}: ${answer.status} ${await answer.text()}`);
  }

  /** Registers an app with its redirect URL, as an administrator does in the developer console. */
  registerApp({ clientId, clientSecret, redirectUri, permissions }) {
    return this.#post('apps', { clientId, clientSecret, corpId: DEMO_CORP_ID, redirectUris: [redirectUri], ...(permissions ? { permissions } : {}) });
  }

  /** Adds somebody with a DingTalk account, or replaces the one of this key. */
  addPerson(person) {
    return this.#post('people', person);
  }

  /** What DingTalk's own client would give a page of this app for the person who uses it. */
  async inClientCode({ clientId, corpId, person }) {
    const answer = await fetch(`${this.url}/__simulator/in-client-code`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ clientId, corpId, person }) });
    return answer.json();
  }

  /** Fills an organization with so many departments and people beside those that are there. */
  fill(organization) {
    return this.#post('organization', organization);
  }

  /** Where an app is called when something happens, as its page in DingTalk's console says. */
  setCallback(address) {
    return this.#post('callback', address);
  }

  /** Somebody is called otherwise, of which apps that listen are told. */
  rename(person, name) {
    return this.#post('name', { person, name });
  }

  /** Somebody leaves the organization. */
  leave(person) {
    return this.#post('membership', { person, corpId: DEMO_CORP_ID });
  }

  /** Somebody joins it, or comes back, under this user id. */
  join(person, userId) {
    return this.#post('membership', { person, corpId: DEMO_CORP_ID, userId });
  }

  /** How often each of DingTalk's interfaces has been called. */
  async calls() {
    return (await (await fetch(`${this.url}/__simulator/calls`)).json()).calls;
  }

  putFault(fault) {
    return this.#post('faults', fault);
  }

  clearFaults() {
    return this.#post('faults/clear', {});
  }

  async unexpected() {
    return (await (await fetch(`${this.url}/__simulator/calls`)).json()).unexpected;
  }
}

/** The sidecar beside a NocoBase, on its settings file. */
export class SidecarProgram {
  constructor(nocobase, dingtalk, folder, port) {
    this.url = `http://127.0.0.1:${port}`;
    const args = ['serve', '--env-file', nocobase.envFile, '--listen', `127.0.0.1:${port}`, '--storage', path.join(folder, 'sidecar')];
    this.program = new Program('sidecar', args, dingtalk.environment, `${this.url}/readyz`, folder);
  }

  start() {
    return this.program.start();
  }

  stop() {
    return this.program.stop();
  }
}

export const PLATFORM = `${process.platform}-${process.arch}`;

/** Packs the package that brings its program along; a debug build loses its symbols first, which nobody uploads. */
export async function packManaged(file, { program } = {}) {
  let packed = program;
  if (!packed) {
    packed = `${file}.program`;
    await run('strip', ['-o', packed, binary()]);
  }
  await run(binary(), ['plugin', 'pack', '--program', `${PLATFORM}=${packed}`, '--output', file]);
  return file;
}

/** The program that a NocoBase's plugin has started. */
export class ManagedProgram {
  constructor(nocobase) {
    this.nocobase = nocobase;
    this.file = path.join(nocobase.folder, 'storage/plugins/nocobase-plugin-auth-dingtalk/bin', PLATFORM, 'nocobase-dingtalk');
  }

  /** The running ones, with the process that has started each. */
  running() {
    const found = [];
    for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        // An update replaces the file: its link then ends in " (deleted)".
        if (!fs.readlinkSync(`/proc/${pid}/exe`).startsWith(this.file)) continue;
        const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        if (state !== 'Z') found.push({ pid: Number(pid), parent: Number(parent) });
      } catch {
        // Gone while we looked.
      }
    }
    return found;
  }

  /** Takes the right to run away, and the program down: it stays down. */
  async stop() {
    fs.chmodSync(this.file, 0o644);
    for (const { pid } of this.running()) process.kill(pid, 'SIGKILL');
    await this.nocobase.until('the program is gone', () => this.running().length === 0);
  }

  /** Mends it, and tests the connection, as an administrator would. */
  async start() {
    fs.chmodSync(this.file, 0o755);
    const token = await this.nocobase.administrator();
    await this.nocobase.until('the program runs again', async () => {
      const answer = await this.nocobase.request('dingtalk:diagnose', { token });
      return answer.json?.data?.findings?.some(({ check, status }) => check === 'program' && status === 'ok');
    });
  }
}
