// What the settings form warns of, and a row that another plugin has made.

import assert from 'node:assert/strict';
import * as admin from './administration.mjs';

const ONLY = 'DingTalk is the only enabled sign-in method. Keep another one enabled, or nobody can sign in when DingTalk is away.';
const PHONE = 'Users may edit their own phone number, by which they are found at their first sign-in. Switch off profile editing in the system settings if you do not trust every user.';
const EARLIER = 'These are the settings of an earlier plugin. People it linked can sign in; complete the settings so that others can, too.';

export async function warningSteps({ step, as, window, nocobase, name, client }) {
  const { page, t } = window;
  const token = await nocobase.administrator();
  const ask = async (action, body) => {
    const answer = await nocobase.request(action, { token, body });
    assert.ok(answer.status < 300, `${action}: ${answer.status} ${answer.text}`);
    return answer.json.data;
  };
  const warning = (text) => page.locator('.ant-drawer .ant-alert').filter({ hasText: t(text) });
  const [{ id: password }] = (await nocobase.request(`authenticators:list?filter=${encodeURIComponent(JSON.stringify({ name: 'basic' }))}`, { method: 'GET', token })).json.data;
  const enablePassword = (enabled) => ask(`authenticators:update?filterByTk=${password}`, { id: password, enabled });
  await step(as('the form warns where people can edit their phone, and where DingTalk alone is enabled'), async () => {
    try {
      await enablePassword(false);
      await ask('systemSettings:put', { enableEditProfile: true });
      await admin.openForm(window, name);
      await warning(ONLY).waitFor();
      await warning(PHONE).waitFor();
      await window.picture('warnings');
    } finally {
      await enablePassword(true);
      await ask('systemSettings:put', { enableEditProfile: false });
    }
    try {
      await admin.openAuthenticators(window);
      const answered = ['authenticators:list', 'systemSettings:get'].map((action) => page.waitForResponse((answer) => answer.url().includes(action)));
      await Promise.all([...answered, admin.openFormOfRow(window, name)]);
      await warning(PHONE).waitFor({ state: 'detached' });
      await warning(ONLY).waitFor({ state: 'detached' });
    } finally {
      await ask('systemSettings:put', { enableEditProfile: true });
    }
  }, window);
  await step(as('a row that the community plugin made is saved in our form without losing anything'), async () => {
    const earlier = `earlier-${client}`;
    const options = { internal: { appKey: 'dingearlier', appSecret: 'earlier-secret' }, public: { autoSignup: true } };
    const { id } = await ask('authenticators:create', { name: earlier, authType: 'dingtalk', title: 'Earlier', enabled: false, options });
    try {
      await admin.openForm(window, earlier);
      await warning(EARLIER).waitFor();
      await window.picture('earlier-plugin');
      await admin.fillCredentials(window, { clientId: 'dingcompleted', clientSecret: 'completed-secret' });
      await admin.submit(window);
      const stored = await admin.storedOptions(nocobase, earlier);
      assert.deepEqual(stored.internal, { ...options.internal, appSecret: admin.MASK });
      assert.deepEqual([stored.clientId, stored.clientSecret, stored.public.autoSignup], ['dingcompleted', admin.MASK, true]);
      // By this those are found again whom the earlier plugin linked.
      assert.equal(stored.subject, 'userId');
    } finally {
      await ask(`authenticators:destroy?filterByTk=${id}`);
    }
  }, window);
}
