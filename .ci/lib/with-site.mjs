// Runs a command against a sidecar of its own on free ports: node with-site.mjs demo|alone BINARY COMMAND...
//
// The command finds SIDECAR_URL and BASE_URL, ROOT_ACCOUNT and ROOT_PASSWORD, and for the demo SIMULATOR_URL.
// The sidecar has to be up within half a minute, and has to stop at SIGTERM with exit code 0.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [kind, binary, ...command] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'nbdt-site-'));
const root = { ROOT_ACCOUNT: 'nocobase', ROOT_PASSWORD: 'admin123' };
const children = [];

// Asked to end, this ends what it started.
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
    process.exit(1);
  });
}

/** Ports that were all free a moment ago, each another. */
async function freePorts(count) {
  const listeners = await Promise.all(Array.from({ length: count }, () => new Promise((resolve, reject) => {
    const server = net.createServer().once('error', reject).listen(0, '127.0.0.1', () => resolve(server));
  })));
  const ports = listeners.map((server) => server.address().port);
  await Promise.all(listeners.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function start(file, args, env, { isQuiet = false } = {}) {
  const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ['ignore', isQuiet ? 'ignore' : 'inherit', 'inherit'] });
  child.ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? signal));
  });
  // Looked at where it is awaited.
  child.ended.catch(() => {});
  children.push(child);
  return child;
}

async function untilReady(child, url) {
  let end;
  child.ended.then((code) => { end = code; }, (error) => { end = error.message; });
  const deadline = Date.now() + 30_000;
  while (end === undefined && Date.now() < deadline) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(1000) }).catch(() => null);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(end === undefined ? `${url} does not answer` : `the sidecar ended with ${end}`);
}

async function stop(child) {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
  const end = await child.ended;
  clearTimeout(timer);
  if (end !== 0) throw new Error(`the sidecar ended with ${end} instead of 0`);
}

async function startDemo(name) {
  const [port, simulatorPort] = await freePorts(2);
  const [siteUrl, simulatorUrl] = [port, simulatorPort].map((one) => `http://127.0.0.1:${one}`);
  const child = start(binary, ['demo', '--listen', `127.0.0.1:${port}`, '--simulator-listen', `127.0.0.1:${simulatorPort}`, '--storage', join(folder, name)], {}, { isQuiet: true });
  await untilReady(child, `${siteUrl}/readyz`);
  return { child, siteUrl, simulatorUrl };
}

async function startAlone() {
  // "Test connection" asks DingTalk: an invented one, never the real one.
  const { child: dingtalk, simulatorUrl } = await startDemo('dingtalk');
  const [port] = await freePorts(1);
  const siteUrl = `http://127.0.0.1:${port}`;
  const env = { INIT_ROOT_USERNAME: root.ROOT_ACCOUNT, INIT_ROOT_PASSWORD: root.ROOT_PASSWORD, DINGTALK_LOGIN_URL: simulatorUrl, DINGTALK_API_URL: simulatorUrl, DINGTALK_OAPI_URL: simulatorUrl };
  const child = start(binary, ['serve', '--listen', `127.0.0.1:${port}`, '--storage', join(folder, 'alone')], env, { isQuiet: true });
  await untilReady(child, `${siteUrl}/readyz`);
  return { child, siteUrl, dingtalk };
}

let exitCode = 1;
try {
  const { child, siteUrl, simulatorUrl, dingtalk } = kind === 'demo' ? await startDemo('demo') : await startAlone();
  const env = { ...root, SIDECAR_URL: siteUrl, BASE_URL: siteUrl, ...(simulatorUrl ? { SIMULATOR_URL: simulatorUrl } : {}) };
  const [file, ...args] = command;
  exitCode = await start(file, args, env).ended;
  await stop(child);
  if (dingtalk) await stop(dingtalk);
} catch (error) {
  console.error(error.stack);
  exitCode = 1;
} finally {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}
process.exit(exitCode === 0 ? 0 : 1);
