// NocoBase's own SDK signs in through the bridge and against a sidecar alone, and is answered alike.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import { openWindow } from './window.mjs';

const DEMO_AUTHENTICATOR = 'dingtalk';

/** A sign-in that DingTalk has answered and nobody has completed: its handle, and the cookies of its browser. */
async function pendingFlow(browser, site, start) {
  const window = await openWindow(browser, site, { client: 'v1', language: 'en-US', output: '', name: 'sdk' });
  const { page } = window;
  let taken;
  const flow = new Promise((resolve) => (taken = resolve));
  await page.route('**/auth:signIn', (route) => {
    taken(route.request().postDataJSON().flow);
    return route.abort();
  });
  await window.open('/signin');
  await start(window);
  await page.locator('a.person[href*="person=li-lei"]').click();
  await page.getByRole('button', { name: /^Approve/ }).click();
  const handle = await flow;
  const cookies = (await page.context().cookies(site.api)).map(({ name, value }) => `${name}=${value}`).join('; ');
  await page.context().close();
  return { handle, cookies };
}

const failure = (promise) => promise.then(() => assert.fail('was not refused'), (error) => ({ status: error.response.status, code: error.response.data.errors[0].code, keys: Object.keys(error.response.data.errors[0]).sort() }));

async function conversation(APIClient, api, authenticator, { handle, cookies }) {
  const client = new APIClient({ baseURL: api, headers: { cookie: cookies }, storageType: 'memory' });
  const signedIn = await client.auth.signIn({ flow: handle }, authenticator);
  const { user, token } = signedIn.data.data;
  const checked = await client.request({ url: 'auth:check' });
  const again = await failure(client.request({ url: 'auth:signIn', method: 'post', data: { flow: handle }, headers: { 'X-Authenticator': authenticator } }));
  await client.auth.signOut();
  const after = await failure(client.request({ url: 'auth:check', headers: { Authorization: `Bearer ${token}` } }));
  return {
    status: signedIn.status,
    keys: Object.keys(signedIn.data.data).sort(),
    userKeys: Object.keys(user).sort(),
    phone: user.phone,
    claims: Object.keys(JSON.parse(Buffer.from(token.split('.')[1], 'base64url'))).sort(),
    cookies: signedIn.headers['set-cookie'].map((cookie) => cookie.split('=')[0]).filter((name) => !name.includes('nbdt_')).sort(),
    isSame: checked.data.data.id === user.id,
    roles: checked.data.data.roles.map((role) => role.name),
    again,
    after,
  };
}

export async function sdkSteps({ step, browser, nocobase, dingtalk, name }) {
  await step('@nocobase/sdk is answered alike by the bridge and by a sidecar alone', async () => {
    const { APIClient } = createRequire(path.join(nocobase.folder, 'package.json'))('@nocobase/sdk');
    const alone = { origin: dingtalk.aloneUrl, publicPath: '/', api: `${dingtalk.aloneUrl}/api/` };
    const beside = await conversation(APIClient, nocobase.api, name, await pendingFlow(browser, nocobase, (window) => window.button(name).click()));
    const own = await conversation(APIClient, alone.api, DEMO_AUTHENTICATOR, await pendingFlow(browser, alone, ({ page }) => page.locator('.button-dingtalk').click()));
    assert.deepEqual(own, beside);
  });
}
