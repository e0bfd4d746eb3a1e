// The contract through the plugin in a real NocoBase, administration included; bridge.mjs compares the answers of a
// sign-in word for word.
//
//   npm ci; node in-nocobase.mjs [instance]
//
// See ../nocobase/nocobase.mjs for where and how NocoBase is installed.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { LI_LEI, NAME, Site, Steps } from '../nocobase/site.mjs';

const steps = new Steps();
const site = await Site.open(process.argv[2] ?? 'sdk');
try {
  await steps.step('the plugin is installed, with an authenticator, a user and two languages', async () => {
    await site.installPlugin();
    await site.createAuthenticator();
    await site.createUser({ nickname: 'Lei', phone: LI_LEI.phone });
    await site.asAdministrator('systemSettings:put', { body: { enabledLanguages: ['en-US', 'de-DE'] } });
  });
  await steps.step('the contract', async () => {
    const env = { ...process.env, SIDECAR_URL: site.nocobase.origin, SIMULATOR_URL: site.dingtalk.url, AUTHENTICATOR: NAME, ROOT_ACCOUNT: 'nocobase', ROOT_PASSWORD: 'admin123' };
    const contract = spawn(process.execPath, [fileURLToPath(new URL('contract.mjs', import.meta.url))], { env, stdio: ['ignore', 'inherit', 'inherit'] });
    const code = await new Promise((resolve, reject) => contract.once('error', reject).once('exit', resolve));
    if (code !== 0) throw new Error(`it ended with ${code}`);
  });
} finally {
  await site.close();
}
steps.end();
