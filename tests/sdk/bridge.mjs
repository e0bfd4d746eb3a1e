// One journey with NocoBase's own SDK, through the plugin in a real NocoBase and against the sidecar alone. What the
// sidecar answers in both must be the same, word for word but for what differs from person to person; where NocoBase
// itself answers, the sidecar alone must answer what a client of NocoBase reads: status, code, sentence, fields.
//
//   npm ci; node bridge.mjs
//
// KEEP=1 leaves everything running. See ../nocobase/nocobase.mjs for where and how NocoBase is installed.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import { PACKAGE } from '../nocobase/administration.mjs';
import { freePort } from '../nocobase/nocobase.mjs';
import { Program } from '../nocobase/programs.mjs';
import { HAN_MEIMEI, LI_LEI, Site, Steps } from '../nocobase/site.mjs';
import { clickThroughDingTalk } from './browser.mjs';

const { APIClient } = createRequire(import.meta.url)('@nocobase/sdk');
const AUTHENTICATOR = 'dingtalk';
const steps = new Steps();

/** The sidecar alone, on its own database, with the same DingTalk and the same settings. */
async function startAlone(site) {
  const url = `http://127.0.0.1:${await freePort()}`;
  const hosts = { DINGTALK_LOGIN_URL: site.dingtalk.url, DINGTALK_API_URL: site.dingtalk.url, DINGTALK_OAPI_URL: site.dingtalk.url };
  const args = ['serve', '--listen', new URL(url).host, '--storage', path.join(site.folder, 'alone')];
  return Object.assign(await new Program('alone', args, { ...hosts, INIT_ROOT_PASSWORD: 'admin123' }, `${url}/readyz`, site.folder).start(), { url });
}

/** Sets a site up through the SDK, as its administrator; the order of users is that of the other site. */
async function prepare(siteUrl, site) {
  const api = new APIClient({ baseURL: `${siteUrl}/api/`, storageType: 'memory' });
  await api.auth.signIn({ account: 'nocobase', password: 'admin123' }, 'basic');
  await site.registerRedirectUrl(`${siteUrl}/api/auth:redirect`);
  const { data } = await api.resource('pm').get({ filterByTk: PACKAGE });
  if (!data.data.enabled) await api.request({ url: 'pm:enable', method: 'post', params: { filterByTk: PACKAGE, awaitResponse: true } });
  const options = { clientId: 'dingvariant0001', clientSecret: 'variant-secret', public: { autoSignup: true } };
  await api.resource('authenticators').create({ values: { name: AUTHENTICATOR, authType: 'dingtalk', title: 'DingTalk', enabled: true, options } });
}

const KINDS = { jti: 'uuid', id: 'id', userId: 'id' };

/** An answer without what differs by person, time and chance. */
function normal(value, key = '') {
  if (Array.isArray(value)) return value.map((one) => normal(one));
  if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, inner]) => [name, normal(inner, name)]));
  if (value === null || value === undefined) return value;
  if (KINDS[key]) return `<${KINDS[key]}>`;
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value)) return '<time>';
  if (key === 'token') return claimsOf(value);
  if (key === 'authTypeTitle') return value.replaceAll(' ', '');
  if (key === 'message') return value.replace(/(Reference|Referenz): \S+$/, '$1: <reference>');
  return value;
}

function claimsOf(token) {
  const [header, claims] = token.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));
  const { iat, exp, signInTime, ...others } = claims;
  assert.equal(Math.floor(signInTime / 1000), iat);
  return { header, lifetime: exp - iat, claims: Object.keys(others).sort(), temp: others.temp, userId: typeof others.userId };
}

/** Names and attributes of the cookies that were set; values are by chance. */
function cookies(answer) {
  return (answer.headers['set-cookie'] ?? [])
    .map((text) => text.replace(/^(nbdt_)?([^=]*)=[^;]*/, (whole, flow, name) => (flow ? 'nbdt_<handle>' : name)).replace(/expires=[^;]*/i, 'expires=<time>').split(/;\s*/))
    .map(([name, ...attributes]) => [name, ...attributes.map((attribute) => attribute.toLowerCase()).sort()].join('; '))
    .sort();
}

// Answers that NocoBase gives itself, where it stands between.
const OF_NOCOBASE = ['auth:check', 'an action of administrators', 'a role of somebody else', 'signing out', 'a session that was signed out'];

/** What of an answer of ours NocoBase's has too: a client of NocoBase relies on that. */
function common(ours, theirs) {
  if (Array.isArray(ours) && Array.isArray(theirs)) return ours.map((one, index) => common(one, theirs[index]));
  if (ours === null || theirs === null || typeof ours !== 'object' || typeof theirs !== 'object') return ours;
  return Object.fromEntries(Object.entries(ours).filter(([name]) => name in theirs).map(([name, inner]) => [name, common(inner, theirs[name])]));
}

function assertFits(ours, theirs) {
  assert.equal(ours.status, theirs.status);
  const [refusal, original] = [ours.body.errors?.[0], theirs.body.errors?.[0]];
  if (original) {
    assert.ok(refusal.message.startsWith(original.message), `"${refusal.message}" instead of "${original.message}"`);
    if (original.code) assert.equal(refusal.code, original.code);
    return;
  }
  // Nothing of ours may contradict, and no field of the user or of what else stands at the top may be missing.
  assert.deepEqual(common(ours.body, theirs.body), common(theirs.body, ours.body));
  for (const name of Object.keys(theirs.body.data ?? {})) assert.ok(name in ours.body.data, `${name} is missing`);
  const nocobases = theirs.cookies.filter((cookie) => cookie.startsWith('nb_'));
  assert.deepEqual(ours.cookies, nocobases);
}

/** The whole journey on one site: everything the SDK was answered, in order. */
async function journey(siteUrl, site) {
  const seen = {};
  const client = (headers) => new APIClient({ baseURL: `${siteUrl}/api/`, storageType: 'memory', headers });
  const note = async (title, request) => {
    const answer = await request.then((good) => good, (failure) => failure.response ?? Promise.reject(failure));
    seen[title] = { status: answer.status, body: normal(answer.data), cookies: cookies(answer), retryAfter: answer.headers['retry-after'] };
    return answer;
  };
  const click = (person) => clickThroughDingTalk({ apiUrl: `${siteUrl}/api/`, siteUrl, simulatorUrl: site.dingtalk.url, authenticator: AUTHENTICATOR, person });

  const list = await client().resource('authenticators').publicList();
  seen['the public list'] = { status: list.status, body: normal(list.data.data.filter((row) => row.name === AUTHENTICATOR)) };
  const first = await click(HAN_MEIMEI.person);
  const api = client({ Cookie: first.browser.cookieHeader() });
  await note('a new person signs in', api.auth.signIn({ flow: first.handle }, AUTHENTICATOR));
  await note('auth:check', api.request({ url: 'auth:check' }));
  await note('cookies set anew', api.auth.syncCookies());
  await note('an action of administrators', api.resource('authenticators').list());
  api.auth.setRole('a-role-nobody-has');
  await note('a role of somebody else', api.request({ url: 'auth:check' }));
  api.auth.setRole(null);
  const { token } = api.auth;
  await note('signing out', api.auth.signOut());
  const late = client();
  late.auth.setAuthenticator(AUTHENTICATOR);
  late.auth.setToken(token);
  await note('a session that was signed out', late.request({ url: 'auth:check' }));
  await note('the same sign-in again', client({ Cookie: first.browser.cookieHeader() }).auth.signIn({ flow: first.handle }, AUTHENTICATOR));
  await note('a sign-in of another browser', client().auth.signIn({ flow: (await click(LI_LEI.person)).handle }, AUTHENTICATOR));
  const german = client();
  german.auth.setLocale('de-DE');
  await note('a refusal in German', german.auth.signIn({ flow: 'unknown' }, AUTHENTICATOR));
  for (const [person, code] of [['wang-fang', 'PHONE_UNAVAILABLE']]) {
    const { browser, handle } = await click(person);
    await note(code, client({ Cookie: browser.cookieHeader() }).auth.signIn({ flow: handle }, AUTHENTICATOR));
    assert.equal(seen[code].body.errors[0].code, code);
  }
  const second = await click(HAN_MEIMEI.person);
  await note('the same person again', client({ Cookie: second.browser.cookieHeader() }).auth.signIn({ flow: second.handle }, AUTHENTICATOR));
  return seen;
}

const site = await Site.open('sdk-bridge');
let alone;
try {
  await site.installPlugin();
  await site.asAdministrator('systemSettings:put', { body: { enabledLanguages: ['en-US', 'de-DE'] } });
  alone = await startAlone(site);
  const seen = {};
  for (const [kind, url] of [['bridge', site.nocobase.origin], ['alone', alone.url]]) {
    await steps.step(`${kind}: the journey with the SDK`, async () => {
      await prepare(url, site);
      seen[kind] = await journey(url, site);
      assert.equal(seen[kind]['a new person signs in'].status, 200, JSON.stringify(seen[kind]['a new person signs in']));
      return `${Object.keys(seen[kind]).length} answers`;
    });
  }
  for (const title of Object.keys(seen.bridge ?? {})) {
    await steps.step(`the same answer: ${title}`, async () => {
      if (OF_NOCOBASE.includes(title)) assertFits(seen.alone?.[title], seen.bridge[title]);
      else assert.deepEqual(seen.alone?.[title], seen.bridge[title]);
      const { status, body } = seen.bridge[title];
      return `${status} ${body?.errors?.[0]?.code ?? ''}`.trim();
    });
  }
} catch (error) {
  await steps.step('the sites are prepared', () => { throw error; });
} finally {
  await alone?.stop();
  await site.close();
}
steps.end();
