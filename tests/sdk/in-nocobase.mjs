// The same contract through the plugin in a real NocoBase: what the SDK is answered there, the sidecar answers alone.
//
// See tests/nocobase/nocobase.mjs for where and how NocoBase is installed; NBDT_BINARY is the sidecar.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, NocoBase } from '../nocobase/nocobase.mjs';
import { DingTalk, SidecarProgram } from '../nocobase/programs.mjs';

const PLUGIN = 'nocobase-plugin-auth-dingtalk';
const AUTHENTICATOR = 'dingtalk';
const app = { clientId: 'dingsdk0001', clientSecret: 'sdk-secret' };

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nbdt-sdk-'));
const nocobase = new NocoBase(process.env.NBDT_NOCOBASE_INSTANCE ?? 'sdk');
let dingtalk;
let sidecar;
let exitCode = 1;

async function post(action, body) {
  const answer = await nocobase.request(action, { token: await nocobase.administrator(), body });
  assert.ok(answer.status < 300, `${action}: ${answer.status} ${answer.text}`);
  return answer;
}

async function addPlugin() {
  await post('pm:add', { compressedFileUrl: `${sidecar.url}/plugin.tgz` });
  await nocobase.untilListed(PLUGIN);
  await post(`pm:enable?filterByTk=${PLUGIN}`, {});
  await nocobase.untilEnabled(PLUGIN, true);
  await nocobase.untilHealthy();
}

try {
  await nocobase.remove();
  await nocobase.start();
  dingtalk = await DingTalk.start(folder);
  sidecar = new SidecarProgram(nocobase, dingtalk, folder, await freePort());
  await sidecar.start();
  await addPlugin();
  await dingtalk.registerApp({ ...app, redirectUri: `${nocobase.api}auth:redirect` });
  await post('users:create', { nickname: 'Lei', phone: '13800138000' });
  await post('systemSettings:put', { enabledLanguages: ['en-US', 'de-DE'] });
  await post('authenticators:create', { name: AUTHENTICATOR, authType: 'dingtalk', enabled: true, options: app });

  const contract = spawn(process.execPath, [fileURLToPath(new URL('contract.mjs', import.meta.url))], {
    env: { ...process.env, SIDECAR_URL: nocobase.origin, SIMULATOR_URL: dingtalk.url, AUTHENTICATOR, ROOT_ACCOUNT: 'admin@nocobase.com', ROOT_PASSWORD: 'admin123' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  exitCode = await new Promise((resolve, reject) => contract.once('error', reject).once('exit', (code) => resolve(code ?? 1)));
  if (exitCode !== 0) console.error(`logs in ${folder} and ${nocobase.logFile}`);
} catch (error) {
  console.error(error.stack);
} finally {
  await sidecar?.stop();
  await dingtalk?.stop();
  await nocobase.stop();
}
process.exit(exitCode);
