// The load generator beside the community plugin: one NocoBase with both plugins, both driven in turn.
//
//   node benches/peer.mjs PLUGIN [ARGUMENT...]
//
// PLUGIN    folder of a checkout of github.com/kevinwonstans/nocobase-plugin-dingtalk 1.0.0, as it is there (with its dist/)
// ARGUMENT  for the load generator, as in `cargo bench --bench load -- ARGUMENT...`
// LOAD      the load generator, where it is built already
// KEEP=1    leaves NocoBase installed. See tests/nocobase/nocobase.mjs for where that is, and for its database server.
//
// Nothing of the community plugin is kept. Two things are changed in the copy that is added to NocoBase: its auth type is
// called `dingtalk-peer`, because two plugins with one type keep NocoBase from starting, and its calls go to DingTalk's
// double, because it knows no other address than DingTalk's.

import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort, NocoBase } from '../tests/nocobase/nocobase.mjs';
import { PackageServer } from '../tests/nocobase/packages.mjs';
import { Program } from '../tests/nocobase/programs.mjs';

const run = promisify(execFile);
const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const OURS = 'nocobase-plugin-auth-dingtalk';
const THEIRS = 'nocobase-plugin-dingtalk';
// As in benches/load/database.rs and benches/load/servers.rs.
const AUTHENTICATOR = 's_load';
const COMMUNITY = 's_community';
const APP = { id: 'ding', secret: 'secret' };

async function loadGenerator() {
  if (process.env.LOAD) return path.resolve(process.env.LOAD);
  const args = ['bench', '--locked', '--no-run', '--bench', 'load', '--message-format=json'];
  const { stdout } = await run('cargo', args, { cwd: ROOT, maxBuffer: 64 << 20 });
  const built = stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line)).find((line) => line.target?.name === 'load' && line.executable);
  return built.executable;
}

function replaceIn(file, replacements) {
  const text = Object.entries(replacements).reduce((before, [from, to]) => {
    if (!before.includes(from)) throw new Error(`${file} does not hold ${from}, as that of version 1.0.0 does`);
    return before.replace(from, to);
  }, fs.readFileSync(file, 'utf8'));
  fs.writeFileSync(file, text);
}

/** The community plugin as a package, with an auth type that leaves ours alone. */
async function communityPackage(plugin, folder, doubleUrl) {
  const copy = path.join(folder, 'community');
  fs.cpSync(plugin, path.join(copy, 'package'), { recursive: true, filter: (file) => !/\/(\.git|node_modules|src)$/.test(file) });
  const server = path.join(copy, 'package/dist');
  replaceIn(path.join(server, 'shared/constants.js'), { 'const AuthName = "dingtalk";': 'const AuthName = "dingtalk-peer";' });
  replaceIn(path.join(server, 'server/openapi/dingTalkApi.js'), { 'https://api.dingtalk.com': doubleUrl, 'https://oapi.dingtalk.com': doubleUrl });
  await run('tar', ['-czf', path.join(folder, `${THEIRS}-1.0.0.tgz`), '-C', copy, 'package']);
}

/** The process that serves NocoBase: the largest one that works in its folder. */
function servingProcess(nocobase) {
  const sizes = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      if (!fs.readlinkSync(`/proc/${pid}/cwd`).startsWith(nocobase.folder)) return [];
      return [{ pid: Number(pid), size: Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) }];
    } catch {
      // Ended while we looked.
      return [];
    }
  });
  return sizes.reduce((most, one) => (one.size > most.size ? one : most)).pid;
}

class DingTalkDouble extends Program {
  constructor(load, port, folder) {
    super('double', [], {}, `http://127.0.0.1:${port}/calls`, folder);
    Object.assign(this, { load, port });
  }

  async start() {
    const log = fs.openSync(this.logFile, 'a');
    this.child = spawn(this.load, ['double', '--port', String(this.port)], { stdio: ['ignore', log, log] });
    this.ended = new Promise((resolve) => this.child.once('exit', resolve));
    return this;
  }
}

async function add(nocobase, name, url) {
  const token = await nocobase.administrator();
  await nocobase.command('pm:add', token, { body: { compressedFileUrl: url } });
  await nocobase.untilListed(name);
  await nocobase.command(`pm:enable?filterByTk=${name}&awaitResponse=true`, await nocobase.administrator());
  await nocobase.untilEnabled(name, true);
  await nocobase.untilHealthy();
}

async function createAuthenticator(nocobase, name, authType, options) {
  const body = { name, authType, enabled: true, options: { public: { autoSignup: true }, ...options } };
  const answer = await nocobase.request('authenticators:create', { body, token: await nocobase.administrator() });
  if (answer.status !== 200) throw new Error(`authenticators:create: ${answer.status} ${answer.text}`);
}

const [plugin, ...args] = process.argv.slice(2);
if (!plugin) throw new Error('say where the community plugin is; the head of this file says how to get it');
const load = await loadGenerator();
process.env.NBDT_BINARY ??= path.join(ROOT, 'target/release/nocobase-dingtalk');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nbdt-peer-'));
const [doublePort, sidecarPort] = [await freePort(), await freePort()];
const doubleUrl = `http://127.0.0.1:${doublePort}`;
// The sidecar reads NocoBase's settings file, so what it needs stands there too.
const env = {
  DINGTALK_QPS_PER_API: '0',
  ...Object.fromEntries(['LOGIN', 'API', 'OAPI'].map((name) => [`DINGTALK_${name}_URL`, doubleUrl])),
};
const nocobase = new NocoBase('peer', { dialect: 'postgres', env });
let double;
let sidecar;
let packages;
let exitCode = 2;
try {
  await nocobase.stop();
  if (fs.existsSync(nocobase.stateFile)) await nocobase.remove();
  double = await new DingTalkDouble(load, doublePort, folder).start();
  await nocobase.start();
  const sidecarUrl = `http://127.0.0.1:${sidecarPort}`;
  const sidecarArgs = ['serve', '--env-file', nocobase.envFile, '--listen', `127.0.0.1:${sidecarPort}`, '--storage', path.join(folder, 'sidecar')];
  sidecar = await new Program('sidecar', sidecarArgs, {}, `${sidecarUrl}/readyz`, folder).start();
  packages = await PackageServer.start(folder);
  await communityPackage(plugin, folder, doubleUrl);
  await add(nocobase, OURS, `${sidecarUrl}/plugin.tgz`);
  await add(nocobase, THEIRS, `${packages.url}/${THEIRS}-1.0.0.tgz`);
  await createAuthenticator(nocobase, AUTHENTICATOR, 'dingtalk', { clientId: APP.id, clientSecret: APP.secret });
  await createAuthenticator(nocobase, COMMUNITY, 'dingtalk-peer', { internal: { userCheckType: 'mobile', appKey: APP.id, appSecret: APP.secret } });
  const peer = {
    nocobase: `127.0.0.1:${nocobase.state.port}`,
    sidecar: `127.0.0.1:${sidecarPort}`,
    nocobasePid: servingProcess(nocobase),
    sidecarPid: sidecar.child.pid,
    doublePid: double.child.pid,
    appKey: nocobase.state.appKey,
    community: COMMUNITY,
  };
  const file = path.join(folder, 'peer.json');
  fs.writeFileSync(file, JSON.stringify(peer), { mode: 0o600 });
  const child = spawn(load, ['--peer', file, '--binary', process.env.NBDT_BINARY, ...args], { stdio: 'inherit' });
  exitCode = await new Promise((resolve, reject) => child.once('error', reject).once('exit', (code) => resolve(code ?? 2)));
} finally {
  await packages?.stop();
  await sidecar?.stop();
  await double?.stop();
  if (!process.env.KEEP) {
    await nocobase.remove();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
process.exit(exitCode);
