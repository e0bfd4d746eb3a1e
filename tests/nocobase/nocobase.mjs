// A real NocoBase to test in: installed once from its packages, started on a database of its own, ended by pid.
//
//   node nocobase.mjs up   [instance]     install where needed, start, print its settings as JSON
//   node nocobase.mjs down [instance]
//
// NBDT_NOCOBASE_HOME     where installations are kept (a cache keeps this folder); default target/nocobase
// NBDT_NOCOBASE_DIALECT  postgres (default) or mariadb
// NBDT_NOCOBASE_LAUNCH   node (default); pm2, NocoBase's own launcher, which an update of a plugin needs; or dev, as for
//                        plugins under development (`yarn dev`)
// NBDT_NOCOBASE_ENV      further lines for its .env, as JSON: {"DB_SCHEMA": "nb"}
// The database server is found with psql's or mariadb's own variables and must let this user create databases.
import { execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const HERE = path.dirname(fileURLToPath(import.meta.url));
export const NOCOBASE_VERSION = '2.2.15';
const YARN_VERSION = '1.22.22';
const PLAYWRIGHT_VERSION = '1.65.1';
export const HOME = path.resolve(process.env.NBDT_NOCOBASE_HOME ?? path.join(HERE, '../../target/nocobase'));
const APP = path.join(HOME, `app-${NOCOBASE_VERSION}`);
export const TOOLS = path.join(HOME, `tools-${YARN_VERSION}-${PLAYWRIGHT_VERSION}`);
/** Resolved by the browser alone. */
export const SITE_HOST = 'nocobase.test';
export const ADMIN = { account: 'admin@nocobase.com', password: 'admin123' };

function say(text) {
  process.stderr.write(`[nocobase] ${text}\n`);
}

export async function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function command(file, args, options = {}) {
  try {
    return await run(file, args, { maxBuffer: 64 << 20, ...options });
  } catch (error) {
    throw new Error(`${file} ${args.slice(0, 3).join(' ')} failed\n${error.stdout ?? ''}\n${error.stderr ?? error.message}`);
  }
}

// ---- installation -------------------------------------------------------------------------------------------------

const NPM_FLAGS = ['--no-audit', '--no-fund', '--no-update-notifier'];

/** What NocoBase's development mode calls, and a created app does not have. */
async function addDevelopmentTools(folder) {
  const tools = path.join(HOME, 'development-tools');
  fs.mkdirSync(tools, { recursive: true });
  await command('npm', ['install', ...NPM_FLAGS, '--prefix', tools, 'tsx@4', 'tsconfig-paths@4']);
  for (const name of fs.readdirSync(path.join(tools, 'node_modules'))) {
    const target = path.join(folder, 'node_modules', name);
    if (!fs.existsSync(target)) fs.cpSync(path.join(tools, 'node_modules', name), target, { recursive: true });
  }
}

async function installTools() {
  if (fs.existsSync(path.join(TOOLS, 'complete'))) return;
  say('installing yarn (which NocoBase calls) and playwright-core');
  fs.mkdirSync(TOOLS, { recursive: true });
  fs.writeFileSync(path.join(TOOLS, 'package.json'), '{"private":true}');
  await command('npm', ['install', ...NPM_FLAGS, '--ignore-scripts', `yarn@${YARN_VERSION}`, `playwright-core@${PLAYWRIGHT_VERSION}`], { cwd: TOOLS });
  fs.writeFileSync(path.join(TOOLS, 'complete'), '');
}

async function installApp() {
  if (fs.existsSync(path.join(APP, 'complete'))) return;
  fs.rmSync(APP, { recursive: true, force: true });
  fs.mkdirSync(HOME, { recursive: true });
  say(`installing NocoBase ${NOCOBASE_VERSION} (about two minutes)`);
  await command('npx', ['-y', `create-nocobase-app@${NOCOBASE_VERSION}`, path.basename(APP), '-d', 'postgres', '--skip-dev-dependencies'], { cwd: HOME });
  const file = path.join(APP, 'package.json');
  const manifest = JSON.parse(fs.readFileSync(file, 'utf8'));
  // npm reads overrides where yarn reads resolutions; the xlsx build NocoBase pins is not in the registry.
  manifest.overrides = { ...manifest.resolutions, ...manifest.overrides, xlsx: '0.18.5' };
  delete manifest.resolutions;
  fs.writeFileSync(file, JSON.stringify(manifest, null, 2));
  await command('npm', ['install', '--legacy-peer-deps', '--ignore-scripts', ...NPM_FLAGS], { cwd: APP });
  fs.writeFileSync(path.join(APP, 'complete'), '');
}

// ---- database -----------------------------------------------------------------------------------------------------

const quoted = (text) => `'${String(text).replaceAll("'", "''")}'`;

export class TestDatabase {
  constructor(dialect, name, password) {
    this.dialect = dialect;
    this.name = name;
    this.user = name;
    this.password = password;
  }

  async create() {
    if (this.dialect === 'mariadb') {
      const user = `${quoted(this.user)}@'%'`;
      await this.#administer(
        `DROP DATABASE IF EXISTS ${this.name}; CREATE DATABASE ${this.name} CHARACTER SET utf8mb4;` +
          `CREATE OR REPLACE USER ${user} IDENTIFIED BY ${quoted(this.password)}; GRANT ALL ON ${this.name}.* TO ${user};` +
          `CREATE OR REPLACE USER ${quoted(this.user)}@'localhost' IDENTIFIED BY ${quoted(this.password)};` +
          `GRANT ALL ON ${this.name}.* TO ${quoted(this.user)}@'localhost';`,
      );
      return;
    }
    await this.#administer(`DROP DATABASE IF EXISTS ${this.name} WITH (FORCE)`);
    const known = await this.#administer(`SELECT 1 FROM pg_roles WHERE rolname = ${quoted(this.user)}`);
    await this.#administer(`${known.trim() ? 'ALTER' : 'CREATE'} ROLE ${this.user} LOGIN PASSWORD ${quoted(this.password)}`);
    await this.#administer(`CREATE DATABASE ${this.name} OWNER ${this.user}`);
  }

  async drop() {
    if (this.dialect === 'mariadb') return this.#administer(`DROP DATABASE IF EXISTS ${this.name}`);
    return this.#administer(`DROP DATABASE IF EXISTS ${this.name} WITH (FORCE)`);
  }

  /** Rows of one statement, each an array of texts. */
  async query(sql) {
    const { stdout } =
      this.dialect === 'mariadb'
        ? await command('mariadb', ['-h', this.host, '-P', String(this.port), '-u', this.user, '-N', '-B', '-e', sql, this.name], { env: { ...process.env, MYSQL_PWD: this.password } })
        : await command('psql', ['-h', this.host, '-p', String(this.port), '-U', this.user, '-d', this.name, '-X', '-q', '-A', '-t', '-F', '\t', '-v', 'ON_ERROR_STOP=1', '-c', sql], { env: { ...process.env, PGPASSWORD: this.password } });
    return stdout.split('\n').filter(Boolean).map((line) => line.split('\t'));
  }

  get host() {
    return (this.dialect === 'mariadb' ? process.env.MYSQL_HOST : process.env.PGHOST) ?? '127.0.0.1';
  }

  get port() {
    return Number((this.dialect === 'mariadb' ? process.env.MYSQL_TCP_PORT : process.env.PGPORT) ?? (this.dialect === 'mariadb' ? 3306 : 5432));
  }

  async #administer(sql) {
    const { stdout } =
      this.dialect === 'mariadb'
        ? await command('mariadb', ['-N', '-B', '-e', sql])
        : await command('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres', '-c', sql]);
    return stdout;
  }
}

// ---- one instance -------------------------------------------------------------------------------------------------

// A start writes the paths of its settings into the page: shared, the instance started last would decide for all.
const WRITTEN_BY_NOCOBASE = ['package.json', 'node_modules/@nocobase/app/dist/client/index.html'];

export class NocoBase {
  constructor(instance, { dialect = process.env.NBDT_NOCOBASE_DIALECT ?? 'postgres', launch = process.env.NBDT_NOCOBASE_LAUNCH ?? 'node', env = {} } = {}) {
    this.instance = instance;
    this.dialect = dialect;
    this.launch = launch;
    this.extraEnv = { ...JSON.parse(process.env.NBDT_NOCOBASE_ENV ?? '{}'), ...env };
    this.folder = path.join(HOME, instance);
    this.stateFile = path.join(this.folder, 'instance.json');
    this.logFile = path.join(this.folder, 'nocobase.log');
    this.envFile = path.join(this.folder, '.env');
  }

  get publicPath() {
    return this.extraEnv.APP_PUBLIC_PATH ?? '/';
  }

  get origin() {
    return `http://127.0.0.1:${this.state.port}`;
  }

  get api() {
    return `${this.origin}${this.publicPath}api/`;
  }

  /** Where browsers find it: a name on plain http, as in many a company, where browsers withhold the clipboard. */
  get site() {
    return `http://${SITE_HOST}:${this.state.port}`;
  }

  get redirectUrl() {
    return `${this.site}${this.publicPath}api/auth:redirect`;
  }

  get database() {
    return Object.assign(new TestDatabase(this.dialect, this.state.database, this.state.databasePassword));
  }

  /** A column as it stands in this database's statements. */
  column(name) {
    const physical = this.extraEnv.DB_UNDERSCORED === 'true' ? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : name;
    return this.dialect === 'mariadb' ? `\`${physical}\`` : `"${physical}"`;
  }

  /** A table likewise, with the prefix and schema of the settings. */
  table(name) {
    const schema = this.dialect === 'postgres' && this.extraEnv.DB_SCHEMA ? `"${this.extraEnv.DB_SCHEMA}".` : '';
    return schema + this.column(`${this.extraEnv.DB_TABLE_PREFIX ?? ''}${name}`);
  }

  /** Installs and seeds where that has not been done with the same settings. */
  async prepare() {
    // A setting that is changed between two starts belongs to this instance.
    if (this.isPrepared) return;
    await installTools();
    await installApp();
    await this.#prepareInstance();
    this.isPrepared = true;
  }

  async #prepareInstance() {
    const wanted = createHash('sha256').update(JSON.stringify([NOCOBASE_VERSION, this.dialect, this.extraEnv])).digest('hex');
    if (fs.existsSync(this.stateFile)) {
      this.state = JSON.parse(fs.readFileSync(this.stateFile, 'utf8'));
      if (this.state.wanted === wanted) return;
      await this.stop();
    }
    say(`preparing instance ${this.instance} on ${this.dialect}`);
    fs.rmSync(this.folder, { recursive: true, force: true });
    fs.mkdirSync(this.folder, { recursive: true });
    // Hard links: an instance needs a node_modules of its own for its plugin links, not another gigabyte.
    await command('cp', ['-al', `${APP}/.`, this.folder]);
    for (const own of ['storage', '.env', 'complete']) fs.rmSync(path.join(this.folder, own), { recursive: true, force: true });
    for (const own of WRITTEN_BY_NOCOBASE) {
      fs.rmSync(path.join(this.folder, own), { force: true });
      fs.copyFileSync(path.join(APP, own), path.join(this.folder, own));
    }
    fs.mkdirSync(path.join(this.folder, 'storage'));
    this.state = {
      wanted,
      port: await freePort(),
      database: `nocobase_test_${this.instance.replaceAll('-', '_')}`,
      databasePassword: randomBytes(12).toString('hex'),
      appKey: randomBytes(32).toString('hex'),
    };
    const database = this.database;
    await database.create();
    this.#writeEnv();
    if (this.launch === 'dev') await addDevelopmentTools(this.folder);
    await this.#cli(['postinstall']);
    await this.#cli(['install', '--lang=en-US']);
    fs.writeFileSync(this.stateFile, JSON.stringify(this.state, null, 2), { mode: 0o600 });
  }

  #writeEnv() {
    const database = this.database;
    const lines = {
      APP_ENV: this.launch === 'dev' ? 'development' : 'production',
      APP_KEY: this.state.appKey,
      APP_PORT: this.state.port,
      API_BASE_PATH: '/api/',
      DB_DIALECT: this.dialect,
      DB_HOST: database.host,
      DB_PORT: database.port,
      DB_DATABASE: database.name,
      DB_USER: database.user,
      DB_PASSWORD: database.password,
      INIT_ROOT_EMAIL: ADMIN.account,
      INIT_ROOT_PASSWORD: ADMIN.password,
      ...this.extraEnv,
    };
    fs.writeFileSync(this.envFile, Object.entries(lines).map(([key, value]) => `${key}=${value}\n`).join(''), { mode: 0o600 });
  }

  #environment() {
    // The surrounding shell's variables would win over the .env file.
    const kept = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^(APP_|DB_|INIT_|API_|STORAGE_|NBDT_|PM2_|NODE_OPTIONS|TZ$)/.test(key)));
    return { ...kept, PATH: [this.folder, TOOLS].map((folder) => path.join(folder, 'node_modules/.bin')).concat(process.env.PATH).join(':'), ...this.#zone(), APP_LAUNCH_MODE: this.launch === 'dev' ? 'direct' : this.launch };
  }

  /** NocoBase does not start where the process and the database have two time zones. */
  #zone() {
    return this.extraEnv.DB_TIMEZONE || this.extraEnv.TZ ? {} : { TZ: 'UTC' };
  }

  async #cli(args) {
    await command(path.join(this.folder, 'node_modules/.bin/nocobase-v1'), args, { cwd: this.folder, env: this.#environment() });
  }

  async start() {
    await this.prepare();
    if (await this.isHealthy()) return this;
    await this.stop();
    this.#writeEnv();
    const log = fs.openSync(this.logFile, 'a');
    const child = spawn(path.join(this.folder, 'node_modules/.bin/nocobase-v1'), [this.launch === 'dev' ? 'app-dev' : 'start'], { cwd: this.folder, env: this.#environment(), detached: true, stdio: ['ignore', log, log] });
    child.unref();
    let ended = null;
    child.once('exit', (code) => { ended = code ?? 'a signal'; });
    this.#remember({ pid: child.pid });
    await this.untilHealthy(() => {
      if (ended !== null) throw new Error(`NocoBase ended with ${ended} while starting; see ${this.logFile}`);
    });
    return this;
  }

  #remember(facts) {
    Object.assign(this.state, facts);
    fs.writeFileSync(this.stateFile, JSON.stringify(this.state, null, 2), { mode: 0o600 });
  }

  async isHealthy() {
    try {
      const answer = await fetch(`${this.api}__health_check`, { signal: AbortSignal.timeout(2000) });
      return answer.status === 200;
    } catch {
      return false;
    }
  }

  async untilHealthy(check = () => {}, seconds = 300) {
    const deadline = Date.now() + seconds * 1000;
    while (!(await this.isHealthy())) {
      check();
      if (Date.now() > deadline) throw new Error(`NocoBase did not answer within ${seconds} s; see ${this.logFile}`);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  /** Ends the processes this instance started, and only those: the remembered pid and its descendants. */
  async stop() {
    this.state ??= fs.existsSync(this.stateFile) ? JSON.parse(fs.readFileSync(this.stateFile, 'utf8')) : null;
    const pid = this.state?.pid;
    if (!pid || !isOurs(pid, this.folder)) return;
    const family = [pid, ...descendants(pid)];
    for (const signal of ['SIGTERM', 'SIGKILL']) {
      for (const member of family) if (isOurs(member, this.folder)) tryKill(member, signal);
      const deadline = Date.now() + 8000;
      while (family.some((member) => isOurs(member, this.folder)) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 100));
    }
    this.#remember({ pid: null });
  }

  /** Ends the same processes without a warning, as when the machine loses its power. */
  crash() {
    const family = [this.state.pid, ...descendants(this.state.pid)];
    for (const member of family) if (isOurs(member, this.folder)) tryKill(member, 'SIGKILL');
    this.#remember({ pid: null });
  }

  async remove() {
    this.isPrepared = false;
    await this.stop();
    if (this.state) await this.database.drop();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  // ---- its API, as the administrator

  async request(action, { method = 'POST', body, token, headers = {}, redirect = 'manual' } = {}) {
    const answer = await fetch(`${this.api}${action}`, {
      method,
      redirect,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    let json = null;
    try {
      json = text ? JSON.parse(text) : null;
    } catch {
      // A page, not an answer of the API: the caller looks at the text.
    }
    return { status: answer.status, headers: answer.headers, text, json };
  }

  async administrator() {
    const answer = await this.request('auth:signIn', { body: ADMIN, headers: { 'X-Authenticator': 'basic' } });
    if (answer.status !== 200) throw new Error(`the administrator could not sign in: ${answer.status} ${answer.text}`);
    return answer.json.data.token;
  }

  /** Waits until the plugin manager knows the package. */
  untilListed(packageName) {
    return this.until(`${packageName} is listed`, async () => Boolean(await this.#plugin(packageName)));
  }

  untilGone(packageName) {
    return this.until(`${packageName} is gone`, async () => !(await this.#plugin(packageName)));
  }

  untilEnabled(packageName, wanted) {
    return this.until(`${packageName} is ${wanted ? 'enabled' : 'disabled'}`, async () => (await this.#plugin(packageName))?.enabled === wanted);
  }

  untilVersion(packageName, version) {
    return this.until(`${packageName} is of version ${version}`, async () => (await this.#plugin(packageName))?.version === version);
  }

  /** Changes the options of an authenticator as its form does; the mask keeps the stored secret. */
  async setOptions(name, change) {
    const token = await this.administrator();
    const filter = encodeURIComponent(JSON.stringify({ name }));
    const { json } = await this.request(`authenticators:list?filter=${filter}`, { method: 'GET', token });
    const [row] = json.data;
    // Whole, as NocoBase's form sends it: without `id` and `enabled` NocoBase takes the row for the last enabled one.
    const answer = await this.request(`authenticators:update?filterByTk=${row.id}`, { token, body: { ...row, options: change(row.options) } });
    if (answer.status !== 200) throw new Error(`authenticators:update: ${answer.status} ${answer.text}`);
  }

  async #plugin(packageName) {
    // Signing in anew for each question would be most of the work of waiting.
    this.watching ??= await this.administrator();
    const answer = await this.request('pm:list', { method: 'GET', token: this.watching });
    if (answer.status === 401) this.watching = null;
    if (answer.status !== 200) throw new Error(`pm:list answered ${answer.status}`);
    return answer.json.data.find((plugin) => plugin.packageName === packageName);
  }

  /** Asks again and again; NocoBase refuses everything while it runs a command, so a failed question is no answer. */
  async until(what, isSo, seconds = 120) {
    const deadline = Date.now() + seconds * 1000;
    let last;
    for (;;) {
      try {
        if (await isSo()) return;
      } catch (error) {
        last = error;
      }
      if (Date.now() > deadline) throw new Error(`after ${seconds} s it is still not so that ${what}`, { cause: last });
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }

  /** Runs an action that restarts NocoBase, and waits until it is back. */
  async command(action, token, options = {}) {
    const answer = await this.request(action, { token, ...options });
    if (answer.status >= 400) throw new Error(`${action}: ${answer.status} ${answer.text}`);
    await this.untilHealthy();
    return answer;
  }
}

function tryKill(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

// A pid can be given anew: only a process working in the instance's own folder is one of ours.
function isOurs(pid, folder) {
  try {
    const state = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1][0];
    return state !== 'Z' && fs.readlinkSync(`/proc/${pid}/cwd`).startsWith(folder);
  } catch {
    return false;
  }
}

function descendants(pid) {
  const children = new Map();
  for (const entry of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const parent = Number(fs.readFileSync(`/proc/${entry}/stat`, 'utf8').split(') ')[1].split(' ')[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
    } catch {
      // Ended while we looked.
    }
  }
  const found = [];
  for (const queue = [pid]; queue.length; ) for (const child of children.get(queue.shift()) ?? []) found.push(child), queue.push(child);
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [verb, instance = 'pg'] = process.argv.slice(2);
  const nocobase = new NocoBase(instance);
  if (verb === 'up') {
    await nocobase.start();
    process.stdout.write(`${JSON.stringify({ origin: nocobase.origin, api: nocobase.api, envFile: nocobase.envFile, log: nocobase.logFile, ...ADMIN }, null, 2)}\n`);
  } else if (verb === 'down') {
    await nocobase.stop();
  } else if (verb === 'remove') {
    await nocobase.remove();
  } else {
    process.stderr.write('usage: node nocobase.mjs up|down|remove [instance]\n');
    process.exitCode = 2;
  }
}
