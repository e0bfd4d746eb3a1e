// A site over HTTP: a NocoBase of its own with the package enabled, the sidecar beside it, a simulated DingTalk,
// and one DingTalk authenticator. What needs no page is asked here without a browser.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { Browser, clickThroughDingTalk } from '../sdk/browser.mjs';
import { PACKAGE } from './administration.mjs';
import { freePort, NocoBase } from './nocobase.mjs';
import { DingTalk, ManagedProgram, packManaged, PLATFORM, SidecarProgram } from './programs.mjs';

export const APP = { clientId: 'dingvariant0001', clientSecret: 'variant-secret' };
export const NAME = 'ding';

/** People of the simulated DingTalk, with the phone numbers that NocoBase writes for them. */
export const LI_LEI = { person: 'li-lei', phone: '13800138000' };
export const HAN_MEIMEI = { person: 'han-meimei', phone: '13900139001' };

export class Site {
  constructor(nocobase) {
    this.nocobase = nocobase;
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nbdt-site-'));
  }

  /** A fresh NocoBase; `beforeStart` sees it installed and not yet running. Managed, it brings its sidecar along. */
  static async open(instance, { dialect = 'postgres', launch = 'node', env = {}, managed = false, beforeStart = () => {} } = {}) {
    const site = new Site(new NocoBase(instance, { dialect, launch, env }));
    const { nocobase } = site;
    try {
      site.dingtalk = await DingTalk.start(site.folder);
      if (managed) Object.assign(nocobase.extraEnv, site.dingtalk.environment);
      await nocobase.stop();
      if (fs.existsSync(nocobase.stateFile)) await nocobase.remove();
      await nocobase.prepare();
      await beforeStart(nocobase);
      await nocobase.start();
      if (managed) {
        site.program = new ManagedProgram(nocobase);
        site.packageFile = await packManaged(path.join(site.folder, `${PACKAGE}.tgz`));
      } else {
        site.sidecar = new SidecarProgram(nocobase, site.dingtalk, site.folder, await freePort());
        await site.sidecar.start();
      }
    } catch (error) {
      await site.close();
      throw error;
    }
    return site;
  }

  async close() {
    await this.sidecar?.stop();
    await this.dingtalk?.stop();
    if (process.env.KEEP) return;
    await this.nocobase.remove();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  /** As an administrator over the API: answers what it must, or throws. */
  async asAdministrator(action, { method = 'POST', ...options } = {}) {
    this.token ??= await this.nocobase.administrator();
    const answer = await this.nocobase.request(action, { method, token: this.token, ...options });
    assert.ok(answer.status < 300, `${action}: ${answer.status} ${answer.text}`);
    return answer.json?.data;
  }

  async addPackage(url = `${this.sidecar.url}/plugin.tgz`) {
    await this.asAdministrator('pm:add', { body: { compressedFileUrl: url } });
    await this.nocobase.untilListed(PACKAGE);
  }

  /** Uploads a package, or a newer one over it. */
  async uploadPackage(file = this.packageFile, action = 'pm:add') {
    this.token ??= await this.nocobase.administrator();
    const form = new FormData();
    form.append('file', new Blob([fs.readFileSync(file)]), path.basename(file));
    const answer = await fetch(`${this.nocobase.api}${action}`, { method: 'POST', headers: { authorization: `Bearer ${this.token}` }, body: form });
    assert.ok(answer.status < 300, `${action}: ${answer.status} ${await answer.text()}`);
    await this.nocobase.untilListed(PACKAGE);
  }

  /** What the packed program says when it is called in NocoBase's folder. */
  async examine() {
    const program = `storage/plugins/${PACKAGE}/bin/${PLATFORM}/nocobase-dingtalk`;
    const options = { cwd: this.nocobase.folder, env: { ...process.env, ...this.dingtalk.environment } };
    const examined = promisify(execFile)(program, ['doctor', '--env-file', '.env', '--storage', 'storage/dingtalk', '--json'], options);
    // Findings that are problems end it with 1; what it says is in its output all the same.
    return JSON.parse((await examined.catch((failure) => failure)).stdout);
  }

  /** What "Test connection" says of the program. */
  async programFinding() {
    const answer = await this.nocobase.request('dingtalk:diagnose', { token: await this.nocobase.administrator() });
    if (answer.status === 429) return null;
    assert.equal(answer.status, 200, answer.text);
    return answer.json.data.findings.find(({ check }) => check === 'program');
  }

  /** Enables or disables a plugin; resolves with NocoBase's answer, which may be a refusal. */
  async setEnabled(wanted, name = PACKAGE) {
    const token = await this.nocobase.administrator();
    const answer = await this.nocobase.request(`pm:${wanted ? 'enable' : 'disable'}?filterByTk=${name}&awaitResponse=true`, { token });
    await this.nocobase.untilHealthy();
    if (answer.status < 300) await this.nocobase.untilEnabled(name, wanted);
    return answer;
  }

  async installPlugin() {
    await (this.program ? this.uploadPackage() : this.addPackage());
    const answer = await this.setEnabled(true);
    assert.equal(answer.status, 200, answer.text);
    return answer;
  }

  async createAuthenticator({ name = NAME, enabled = true, options = {} } = {}) {
    await this.registerRedirectUrl(`${this.nocobase.api}auth:redirect`);
    return this.asAdministrator('authenticators:create', {
      body: { name, authType: 'dingtalk', enabled, options: { public: { autoSignup: true }, ...APP, ...options } },
    });
  }

  registerRedirectUrl(redirectUri) {
    return this.dingtalk.registerApp({ ...APP, redirectUri });
  }

  async createUser(values) {
    return this.asAdministrator('users:create', { body: values });
  }

  /** What a person's browser does between the button and the sign-in page. */
  async comeBack(person, authenticator = NAME) {
    const { origin: siteUrl, api: apiUrl } = this.nocobase;
    return clickThroughDingTalk({ apiUrl, siteUrl, simulatorUrl: this.dingtalk.url, authenticator, person });
  }

  /** The post of the button, after a return. */
  async finish({ browser, handle }, authenticator = NAME) {
    const answer = await this.nocobase.request('auth:signIn', { body: { flow: handle }, headers: { 'X-Authenticator': authenticator, cookie: browser.cookieHeader() } });
    return { ...answer, cookies: new Browser().take(answer.headers.getSetCookie()).names() };
  }

  async signIn(person, authenticator = NAME) {
    const answer = await this.finish(await this.comeBack(person, authenticator), authenticator);
    assert.equal(answer.status, 200, answer.text);
    return { ...answer.json.data, cookies: answer.cookies };
  }

  asSession(action, token, { method = 'GET', authenticator = NAME } = {}) {
    return this.nocobase.request(action, { method, token, headers: { 'X-Authenticator': authenticator } });
  }

  /** A session as NocoBase must treat every one: known, renewed after its token's end, ended for good. */
  async expectLivingSession(token, userId, secret = this.nocobase.state.appKey) {
    const check = await this.asSession('auth:check', token);
    assert.equal(check.status, 200, check.text);
    assert.equal(check.json.data.id, userId);
    const roles = await this.asSession('roles:check', token);
    assert.equal(roles.status, 200, roles.text);
    const renewal = await this.asSession('auth:check', aged(token, secret));
    assert.equal(renewal.status, 200, renewal.text);
    const renewed = renewal.headers.get('x-new-token');
    assert.ok(renewed && renewed !== token, 'no new token');
    const after = await this.asSession('auth:check', renewed);
    assert.equal(after.json?.data?.id, userId, after.text);
    const out = await this.asSession('auth:signOut', renewed, { method: 'POST' });
    assert.equal(out.status, 200, out.text);
    const late = await this.asSession('auth:check', renewed);
    assert.equal(late.status, 401, late.text);
    return check.json.data;
  }

  /** The audit of the sidecar, oldest first. */
  audit() {
    const folder = this.program ? path.join(this.nocobase.folder, 'storage/dingtalk/audit') : path.join(this.folder, 'sidecar/audit');
    return fs.readdirSync(folder).sort().flatMap((file) => fs.readFileSync(path.join(folder, file), 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)));
  }
}

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The same session an hour past its token's end, as after a night. */
function aged(token, secret) {
  const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());
  const now = Math.floor(Date.now() / 1000);
  const unsigned = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ ...claims, iat: now - 25 * 3600, exp: now - 3600 })}`;
  return `${unsigned}.${createHmac('sha256', secret).update(unsigned).digest('base64url')}`;
}

/** Steps of a script: each said with its duration, failures counted; `end` is the last line and the exit code. */
export class Steps {
  #failures = 0;
  #passed = 0;

  async step(title, run) {
    const started = Date.now();
    try {
      const figures = await run();
      this.#passed += 1;
      console.log(`ok    ${title}${figures ? `: ${figures}` : ''} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
    } catch (error) {
      this.#failures += 1;
      console.error(`FAIL  ${title}\n${error.stack}`);
    }
  }

  end() {
    console.log(`${this.#passed} passed, ${this.#failures} failed`);
    process.exit(this.#failures || !this.#passed ? 1 : 0);
  }
}

export async function until(what, isSo, seconds = 30) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await isSo();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`after ${seconds} s it is still not so that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
