// The nginx example of the operations manual, in front of a real NocoBase: https, `auth:redirect` straight to the
// sidecar, everything else to NocoBase; and the same without that one location.
//
//   node nginx.mjs
//
// Needs nginx and openssl, and an address 127.0.0.3 for the visitor (Linux has it). KEEP=1 leaves everything running.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Browser } from '../sdk/browser.mjs';
import { freePort } from './nocobase.mjs';
import { HAN_MEIMEI, LI_LEI, NAME, Site, Steps, until } from './site.mjs';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const EXAMPLE = fs.readFileSync(path.join(ROOT, 'deploy/nginx.conf'), 'utf8');
const HOST = 'nocobase.example.com';
// nginx reaches its upstreams from an address of its own, so that trusting it is not trusting the visitor beside it.
const PROXY = '127.0.0.2';
const VISITOR = '127.0.0.3';
const FORGED = '203.0.113.66';

/** Replaces text that must be there, so that an example that changes is not tested as something else. */
function replaced(text, from, to) {
  assert.ok(text.includes(from), `the example has no "${from}"`);
  return text.replaceAll(from, to);
}

class Nginx {
  constructor(folder, site) {
    Object.assign(this, { folder, site });
  }

  /** The example with the ports, files and names of here, on a port of its own. */
  #server(port, log, isDirect) {
    let text = replaced(EXAMPLE, 'listen 443 ssl', `listen ${port} ssl`);
    text = replaced(text, `/etc/ssl/certs/${HOST}.pem`, path.join(this.folder, 'certificate.pem'));
    text = replaced(text, `/etc/ssl/private/${HOST}.key`, path.join(this.folder, 'key.pem'));
    text = replaced(text, 'http://127.0.0.1:13100', this.site.sidecar.url);
    text = replaced(text, 'http://127.0.0.1:13000', this.site.nocobase.origin);
    text = replaced(text, '/var/log/nginx/dingtalk.log', path.join(this.folder, log));
    if (isDirect) return text;
    const without = text.replace(/\n *location = \/api\/auth:redirect \{[^}]*\}\n/, '\n').replace(/^log_format .*\n/, '');
    assert.notEqual(without, text);
    return without;
  }

  async start() {
    fs.mkdirSync(this.folder);
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', `/CN=${HOST}`, '-addext', `subjectAltName=DNS:${HOST}`, '-keyout', path.join(this.folder, 'key.pem'), '-out', path.join(this.folder, 'certificate.pem')], { stdio: 'ignore' });
    this.certificate = fs.readFileSync(path.join(this.folder, 'certificate.pem'));
    [this.direct, this.bridged] = [await freePort(), await freePort()];
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${this.folder}/${name};`).join(' ');
    const file = path.join(this.folder, 'nginx.conf');
    fs.writeFileSync(file, `daemon off; pid ${this.folder}/pid; error_log ${this.folder}/error.log; events {}
http { ${temporary} access_log off; proxy_bind ${PROXY};
${this.#server(this.direct, 'direct.log', true)}
${this.#server(this.bridged, 'bridged.log', false)}
}`);
    this.child = spawn('nginx', ['-p', this.folder, '-c', file, '-e', `${this.folder}/error.log`], { stdio: ['ignore', 'inherit', 'inherit'] });
    this.ended = new Promise((resolve) => this.child.once('exit', resolve));
    await until('nginx answers', () => {
      if (this.child.exitCode !== null) throw new Error(`nginx ended with ${this.child.exitCode}: ${fs.readFileSync(`${this.folder}/error.log`, 'utf8')}`);
      return this.request(this.direct, '/api/__health_check').then((answer) => answer.status === 200, () => false);
    });
    return this;
  }

  async stop() {
    this.child.kill('SIGQUIT');
    await this.ended;
  }

  origin(port) {
    return `https://${HOST}:${port}`;
  }

  /** A request as the visitor's browser sends it, from the visitor's address. */
  request(port, target, { method = 'GET', headers = {}, body } = {}) {
    return new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const request = https.request({
        host: '127.0.0.1',
        port,
        localAddress: VISITOR,
        servername: HOST,
        ca: this.certificate,
        method,
        path: target,
        headers: { host: `${HOST}:${port}`, ...(text ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) } : {}), ...headers },
      });
      request.once('error', reject);
      request.once('upgrade', (response, socket) => {
        socket.destroy();
        resolve({ status: response.statusCode, headers: response.headers, text: '' });
      });
      request.once('response', (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString() }));
      });
      request.end(text);
    });
  }
}

/** The whole way of a person through nginx, with whatever they forge; resolves with the answer of the sign-in. */
async function signIn(nginx, port, person, forged = {}) {
  const browser = new Browser();
  const get = async (target) => {
    const answer = await nginx.request(port, target, { headers: { cookie: browser.cookieHeader(), ...forged } });
    browser.take(answer.headers['set-cookie']);
    assert.equal(answer.status, 302, `${target.split('?')[0]} answered ${answer.status} ${answer.text.slice(0, 200)}`);
    return { location: new URL(answer.headers.location, nginx.origin(port)), cookies: answer.headers['set-cookie'] ?? [] };
  };
  const start = await get(`/api/auth:redirect?authenticator=${NAME}&return=/signin`);
  assert.equal(start.location.searchParams.get('redirect_uri'), `${nginx.origin(port)}/api/auth:redirect`);
  assert.match(start.cookies[0], /^__Host-nbdt_.*; ?Secure/i);
  const approval = await fetch(`${start.location.origin}/oauth2/approve`, { method: 'POST', redirect: 'manual', body: new URLSearchParams({ request: start.location.search.slice(1), person }) });
  const back = new URL(approval.headers.get('location'));
  assert.equal(back.origin, nginx.origin(port));
  const page = (await get(back.pathname + back.search)).location;
  assert.equal(page.searchParams.get('error'), null);
  const answer = await nginx.request(port, '/api/auth:signIn', {
    method: 'POST',
    headers: { cookie: browser.cookieHeader(), origin: nginx.origin(port), 'X-Authenticator': NAME, ...forged },
    body: { flow: page.searchParams.get('dingtalk') },
  });
  assert.equal(answer.status, 200, answer.text);
  for (const cookie of answer.headers['set-cookie'].filter((one) => one.startsWith('nb_'))) assert.match(cookie, /; ?secure/i);
  return JSON.parse(answer.text).data;
}

const steps = new Steps();
const site = await Site.open('nginx');
let nginx;
try {
  await site.createUser({ nickname: 'Lei', username: 'lilei', phone: LI_LEI.phone });
  await site.installPlugin();
  await site.createAuthenticator();
  await site.sidecar.stop();
  site.sidecar.program.env.SIDECAR_TRUSTED_PROXIES = PROXY;
  await site.sidecar.start();
  nginx = await new Nginx(path.join(site.folder, 'nginx'), site).start();
  const last = () => site.audit().at(-1);
  const started = async () => Number((await (await fetch(`${site.sidecar.url}/metrics`)).text()).match(/^nocobase_dingtalk_flows_started_total (\d+)/m)[1]);
  const logOf = (name) => (fs.existsSync(path.join(nginx.folder, name)) ? fs.readFileSync(path.join(nginx.folder, name), 'utf8') : '');

  await steps.step('the manual holds the example as it is tested here', async () => {
    const manual = fs.readFileSync(path.join(ROOT, 'docs/operations.md'), 'utf8');
    assert.ok(manual.includes(EXAMPLE.trimEnd().split('\n').map((line) => (line ? `    ${line}` : line)).join('\n')));
    assert.equal(EXAMPLE.match(/proxy_read_timeout 90s;/g).length, 2);
  });
  for (const [kind, port] of [['auth:redirect straight to the sidecar', nginx.direct], ['everything to NocoBase', nginx.bridged]]) {
    await site.registerRedirectUrl(`${nginx.origin(port)}/api/auth:redirect`);
    await steps.step(`${kind}: a person signs in over https, under the origin the browser sees`, async () => {
      const before = await started();
      const { user, token } = await signIn(nginx, port, LI_LEI.person);
      assert.equal(user.username, 'lilei');
      assert.equal(await started(), before + 1);
      await site.expectLivingSession(token, user.id);
    });
    await steps.step(`${kind}: the audit holds the visitor's address`, async () => {
      assert.equal(last().result, 'OK');
      assert.equal(last().address, VISITOR);
      return last().address;
    });
    await steps.step(`${kind}: forged forwarding headers are not believed`, async () => {
      const forged = { 'X-Forwarded-For': FORGED, 'X-Real-IP': FORGED, 'X-Forwarded-Host': 'evil.example', 'X-Forwarded-Proto': 'http', Forwarded: `for=${FORGED};host=evil.example` };
      await signIn(nginx, port, HAN_MEIMEI.person, forged);
      assert.equal(last().address, VISITOR);
    });
  }
  await steps.step('auth:redirect went past NocoBase on one port and through it on the other; the log of nginx holds no query', async () => {
    const lines = logOf('direct.log').trim().split('\n');
    assert.equal(lines.length, 4);
    for (const line of lines) assert.match(line, /^127\.0\.0\.3 \[[^\]]+\] "GET \/api\/auth:redirect" 302 \d+$/);
    assert.equal(logOf('bridged.log'), '');
    // What a bridge forwards counts as the same action; only NocoBase's absence tells the two ways apart.
    await site.nocobase.stop();
    const target = `/api/auth:redirect?authenticator=${NAME}&return=/signin`;
    assert.equal((await nginx.request(nginx.direct, target)).status, 302);
    assert.equal((await nginx.request(nginx.bridged, target)).status, 502);
    await site.nocobase.start();
  });
  await steps.step('the proxy example reaches no other action, however its address is written', async () => {
    for (const target of ['/api/auth:signIn/../auth:redirect', '/api/auth:signIn/%2e%2e/auth:redirect', '/api//auth:redirect', '/api/./auth:redirect', '/x/../api/auth:redirect', '/api/auth:redirect/../auth:redirect']) {
      const answer = await nginx.request(nginx.direct, target, { method: 'POST', headers: { 'X-Authenticator': NAME, origin: nginx.origin(nginx.direct) }, body: { flow: 'x' } });
      // auth:redirect takes no POST, and a sign-in that was reached would say that there is no such flow.
      assert.equal(answer.status, 405, `${target}: ${answer.text}`);
    }
    const past = await fetch(`${site.sidecar.url}/api/auth:signIn`, { method: 'POST', headers: { 'content-type': 'application/json', 'X-Authenticator': NAME }, body: '{}' });
    assert.equal(past.status, 403, 'past NocoBase nobody signs in');
  });
  await steps.step('pages, settings and the web socket of NocoBase come through', async () => {
    assert.match((await nginx.request(nginx.direct, '/signin')).text, /<html/i);
    assert.equal((await nginx.request(nginx.direct, '/api/authenticators:publicList')).status, 200);
    const key = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': Buffer.alloc(16).toString('base64') };
    assert.equal((await nginx.request(nginx.direct, '/ws', { headers: key })).status, 101);
  });
  await steps.step('nothing of the sidecar but auth:redirect is published', async () => {
    for (const target of ['/metrics', '/healthz', '/readyz', '/plugin.tgz', '/openapi.json']) {
      const answer = await nginx.request(nginx.direct, target);
      assert.ok(!/nocobase_dingtalk_|"openapi"/.test(answer.text) && !/gzip/.test(answer.headers['content-type'] ?? ''), `${target}: ${answer.status} ${answer.headers['content-type']}`);
    }
  });
} catch (error) {
  await steps.step('the site is prepared', () => { throw error; });
} finally {
  await nginx?.stop();
  await site.close();
}
steps.end();
