'use strict';

// What the program is told at its start: the configuration that NocoBase itself works with, read from the running
// application, so that nothing is parsed a second time.

const os = require('node:os');
const path = require('node:path');
const { VERSION } = require('./built-in');
const { CannotRun } = require('./cannot-run');
const { apiBasePath } = require('./sidecar');
const { publicPath } = require('./sign-in-page');

const DIALECTS = ['postgres', 'mysql', 'mariadb'];

const base64 = (secret) => Buffer.from(secret).toString('base64');

/** As NocoBase's own `storagePathJoin`, which versions before 2.2 lack. */
const storage = () => path.resolve(process.env.STORAGE_PATH || 'storage');

function tls(options) {
  const ssl = options.dialectOptions?.ssl;
  if (!ssl) return null;
  if (ssl === true) return { rejectUnauthorized: true };
  const text = (value) => (value === undefined || value === null ? null : String(value));
  return { mode: text(ssl.mode), ca: text(ssl.ca), key: text(ssl.key), cert: text(ssl.cert), rejectUnauthorized: ssl.rejectUnauthorized ?? null };
}

function database(options) {
  if (!DIALECTS.includes(options.dialect)) throw new CannotRun('dialect', { dialect: String(options.dialect) });
  return {
    dialect: options.dialect,
    host: options.host || null,
    port: options.port ? Number(options.port) : null,
    socket: options.dialectOptions?.socketPath ?? null,
    user: options.username,
    password: options.password ?? null,
    database: options.database,
    schema: options.schema || null,
    tablePrefix: options.tablePrefix || null,
    underscored: options.underscored === true,
    timezone: options.timezone || null,
    ssl: tls(options),
  };
}

/**
 * @param {object} app NocoBase's application
 * @param {{ restarts: number, socket: string | null }} own
 */
function handover(app, { restarts, socket }) {
  return {
    version: VERSION,
    restarts,
    // Processes that share a storage never write into one file.
    instance: `${os.hostname()}-${process.pid}`,
    socket,
    storage: path.join(storage(), 'dingtalk'),
    apiBase: apiBasePath(),
    publicPath: publicPath(),
    nocobaseUrl: `http://127.0.0.1:${process.env.APP_PORT || 13000}`,
    corsOriginWhitelist: process.env.CORS_ORIGIN_WHITELIST || null,
    sessionSecret: base64(app.authManager.jwt.getSecret()),
    aesKey: base64(app.aesEncryptor.key),
    database: database(app.db.options),
  };
}

module.exports = { handover };
