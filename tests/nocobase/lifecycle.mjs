// The life of the package in a NocoBase under its own launcher: disabled, enabled, updated, removed, and beside
// another plugin that brings the same auth type.
//
//   node lifecycle.mjs
//
// KEEP=1 leaves everything running. See nocobase.mjs for where and how NocoBase is installed.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { PACKAGE } from './administration.mjs';
import { PackageServer, STRANGER } from './packages.mjs';
import { HAN_MEIMEI, LI_LEI, NAME, Site, Steps, until } from './site.mjs';

const steps = new Steps();
const site = await Site.open('lifecycle', { launch: 'pm2' });
const { nocobase } = site;
const packages = await PackageServer.start(site.folder);

const rows = (sql) => nocobase.database.query(sql);
const isEnabled = async (name) => (await rows(`select enabled from authenticators where name = '${name}'`))[0][0] === 't';
const plugin = async (name = PACKAGE) => (await site.asAdministrator('pm:list', { method: 'GET' })).find((one) => one.packageName === name);
const publicNames = async () => (await nocobase.request('authenticators:publicList', { method: 'GET' })).json.data.map((row) => row.name);
const installedFolder = (name) => path.join(nocobase.folder, 'storage/plugins', name);

async function expectPassword() {
  assert.ok(await nocobase.administrator());
}

async function restart() {
  await nocobase.stop();
  await nocobase.start();
}

try {
  await site.createUser({ nickname: 'Lei', username: 'lilei', phone: LI_LEI.phone });
  await site.installPlugin();
  await site.createAuthenticator();
  await site.createAuthenticator({ name: 'ding-off', enabled: false });
  const leaving = await site.signIn(LI_LEI.person);
  const staying = await site.signIn(HAN_MEIMEI.person);
  const expectStaying = async () => {
    const answer = await site.asSession('auth:check', staying.token);
    assert.deepEqual([answer.status, answer.json?.data?.id], [200, staying.user.id], answer.text);
  };

  await steps.step('disabling switches the DingTalk authenticators off; live sessions go on, and can be signed out', async () => {
    const answer = await site.setEnabled(false);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(await isEnabled(NAME), false);
    assert.deepEqual(await publicNames(), ['basic']);
    await expectStaying();
    assert.equal((await site.asSession('auth:check', leaving.token)).status, 200);
    assert.equal((await site.asSession('auth:signOut', leaving.token, { method: 'POST' })).status, 200);
    assert.equal((await site.asSession('auth:check', leaving.token)).status, 401);
    await expectPassword();
  });
  await steps.step('while disabled no request of NocoBase reaches the sidecar', async () => {
    const answer = await nocobase.request(`auth:redirect?authenticator=${NAME}&return=/signin`, { method: 'GET' });
    assert.equal(answer.headers.get('location'), null);
    assert.notEqual(answer.status, 302);
  });
  await steps.step('a NocoBase that starts anew with the plugin disabled lets the session go on', async () => {
    await restart();
    await expectStaying();
    await expectPassword();
  });
  await steps.step('enabling brings back what disabling switched off, and nothing else', async () => {
    const answer = await site.setEnabled(true);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(await isEnabled(NAME), true);
    assert.equal(await isEnabled('ding-off'), false);
    await expectStaying();
    const { token, user } = await site.signIn(LI_LEI.person);
    await site.expectLivingSession(token, user.id);
  });
  await steps.step('the package is updated from its address; NocoBase restarts itself with the new one', async () => {
    const { version } = await plugin();
    const next = version.replace(/\d+$/, (patch) => Number(patch) + 1);
    const url = await packages.reversioned(`${site.sidecar.url}/plugin.tgz`, next);
    // NocoBase lets no update pass without a key, though its handler never reads it.
    await site.asAdministrator(`pm:update?filterByTk=${PACKAGE}`, { body: { compressedFileUrl: url, packageName: PACKAGE } });
    await until(`${next} is there`, async () => {
      const listed = await plugin().catch(() => null);
      return listed?.version === next && listed.enabled;
    }, 180);
    await nocobase.untilHealthy();
    await expectStaying();
    const { token, user } = await site.signIn(LI_LEI.person);
    await site.expectLivingSession(token, user.id);
    return `${version} to ${next}`;
  });
  await steps.step('another plugin with the same auth type cannot be enabled beside ours, and harms nothing', async () => {
    await site.asAdministrator('pm:add', { body: { compressedFileUrl: await packages.stranger() } });
    await nocobase.untilListed(STRANGER);
    const answer = await site.setEnabled(true, STRANGER);
    assert.ok(answer.status >= 400, answer.text);
    const { user } = await site.signIn(LI_LEI.person);
    assert.equal(user.username, 'lilei');
    return `${answer.status} ${answer.json?.errors?.[0]?.message ?? answer.text}`;
  });
  await steps.step('NocoBase starts with both enabled: ours stays idle and says so, passwords work', async () => {
    await nocobase.stop();
    await rows(`delete from "applicationPlugins" where "packageName" = '${STRANGER}'`);
    await rows(`insert into "applicationPlugins" (name, "packageName", version, enabled, installed, "builtIn", "createdAt", "updatedAt") values ('${STRANGER}', '${STRANGER}', '1.0.0', true, true, false, now(), now())`);
    const logged = fs.statSync(nocobase.logFile).size;
    await nocobase.start();
    await expectPassword();
    assert.deepEqual([(await plugin()).enabled, (await plugin(STRANGER)).enabled], [true, true]);
    const said = () => fs.readFileSync(nocobase.logFile, 'utf8').slice(logged);
    assert.match(said(), /stays idle: another enabled plugin has registered the auth type/);
  });
  await steps.step('ours can be disabled then, and is refused while the other is enabled', async () => {
    assert.equal((await site.setEnabled(false)).status, 200);
    const refused = await site.setEnabled(true);
    assert.ok(refused.status >= 400, refused.text);
    assert.match(refused.text, /Another enabled plugin already provides DingTalk sign-in/);
    assert.equal((await plugin()).enabled, false);
    await expectPassword();
    return `${refused.status} ${refused.json?.errors?.[0]?.message}`;
  });
  await steps.step('with the other one disabled ours is enabled and works', async () => {
    assert.equal((await site.setEnabled(false, STRANGER)).status, 200);
    const answer = await site.setEnabled(true);
    assert.equal(answer.status, 200, answer.text);
    const { token, user } = await site.signIn(LI_LEI.person);
    await site.expectLivingSession(token, user.id);
  });
  await steps.step('both are removed; NocoBase starts anew without them', async () => {
    await site.setEnabled(false);
    for (const name of [PACKAGE, STRANGER]) {
      await site.asAdministrator(`pm:remove?filterByTk=${name}`);
      await until(`${name} is gone`, async () => !fs.existsSync(installedFolder(name)));
      await nocobase.untilHealthy();
    }
    await restart();
    assert.equal(await plugin(), undefined);
    assert.equal(await plugin(STRANGER), undefined);
    assert.deepEqual(await publicNames(), ['basic']);
    await expectPassword();
  });
} catch (error) {
  await steps.step('the site is prepared', () => { throw error; });
} finally {
  await packages.stop();
  await site.close();
}
steps.end();
