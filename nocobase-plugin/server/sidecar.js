'use strict';

// The sidecar as the bridge sees it: one signed token per request, short patience while connecting.

const { getRequestOrigin } = require('@nocobase/utils');
const { VERSION } = require('./built-in');
const { defaultPage } = require('./sign-in-page');

const AUDIENCE = 'nocobase-dingtalk';
const BRIDGE_TOKEN_SECONDS = 60;
const CONNECT_LIMIT_MS = 2000;
const ANSWER_LIMIT_BYTES = 32 * 1024 * 1024;

// Marks what the bridge has sent: a wrong address must not make NocoBase call itself for ever.
const HOP_HEADER = 'x-dingtalk-hop';

const FLOW_COOKIE = /^(?:__Host-)?nbdt_/;
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'content-length', 'date', 'server']);

/** The sidecar could not be reached, or did not answer as a sidecar does. */
class SidecarUnavailable extends Error {
  constructor(message, cause) {
    super(message);
    this.name = 'SidecarUnavailable';
    this.cause = cause;
  }
}

/** As the system says it of a connection. */
const late = () => Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' });

/** Only the cookies of sign-ins in flight: a session cookie is none of the sidecar's business. */
function flowCookies(header) {
  return String(header ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => FLOW_COOKIE.test(pair))
    .join('; ');
}

function forwardedHeaders(headers) {
  const raw = { for: headers['x-forwarded-for'], proto: headers['x-forwarded-proto'], host: headers['x-forwarded-host'], standard: headers.forwarded };
  return Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== undefined).map(([name, value]) => [name, String(value)]));
}

class Sidecar {
  /**
   * @param {() => { sign(payload: object, options: object): string }} jwt NocoBase's signer: asked for at each call, since a reload makes a new one
   * @param {import('./place').RemotePlace | import('./place').ManagedPlace} place where it is
   */
  constructor(jwt, place) {
    this.jwt = jwt;
    this.place = place;
  }

  /**
   * The claims never hold a `userId`: NocoBase takes a token with one, and without `temp`, for an API key of that user.
   */
  bridgeToken(req, actor) {
    const protocol = req.socket?.encrypted ? 'https' : 'http';
    const claims = {
      app: 'main',
      bridge: VERSION,
      api: apiBasePath(),
      signIn: defaultPage(),
      origin: getRequestOrigin({ headers: req.headers, protocol, get: (name) => req.headers[name.toLowerCase()] ?? '' }),
      host: req.headers.host,
      forwarded: forwardedHeaders(req.headers),
      peer: req.socket?.remoteAddress,
      ...(actor === undefined || actor === null ? {} : { actor: Number(actor) }),
    };
    return this.jwt().sign(claims, { audience: AUDIENCE, expiresIn: BRIDGE_TOKEN_SECONDS });
  }

  /**
   * Forwards a request and resolves with the whole answer, `{ status, headers, body }`.
   *
   * @param {import('node:http').IncomingMessage} req the visitor's request
   * @param {{ method?: string, action: string, query?: string, body?: unknown, raw?: Buffer, actor?: number, headers?: Record<string, string>, limitMs: number }} call
   *   `raw` is a JSON text as it came, in the place of `body`
   */
  async forward(req, call) {
    if (req.headers[HOP_HEADER]) throw new SidecarUnavailable('the address of the sidecar leads back to NocoBase');
    const body = call.raw ?? (call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body)));
    const headers = {
      ...passedOn(req.headers),
      ...call.headers,
      'x-dingtalk-bridge': this.bridgeToken(req, call.actor),
      [HOP_HEADER]: '1',
      ...(body ? { 'content-type': 'application/json', 'content-length': String(body.length) } : {}),
    };
    const options = { method: call.method ?? 'GET', path: `${apiBasePath()}${call.action}${call.query ? `?${call.query}` : ''}`, headers };
    try {
      return await this.#send(options, body, call.limitMs);
    } catch (error) {
      if (mayBeSentAgain(error, options.method)) return this.#send(options, body, call.limitMs);
      throw error;
    }
  }

  async #send({ method, path, headers }, body, limitMs) {
    const reached = await this.place.reach(CONNECT_LIMIT_MS);
    if (!reached) throw new SidecarUnavailable('the program of this package does not run', this.place.failure);
    return new Promise((resolve, reject) => {
      const request = reached.transport.request({ ...reached.options, method, path: `${reached.prefix}${path}`, headers });
      let connectTimer;
      const giveUp = (message, cause) => {
        clearTimeout(connectTimer);
        clearTimeout(answerTimer);
        const error = new SidecarUnavailable(message, cause);
        error.wasReused = request.reusedSocket;
        request.destroy();
        reject(error);
      };
      const answerTimer = setTimeout(() => giveUp(`the sidecar did not answer within ${limitMs / 1000} s`, late()), limitMs);
      request.on('socket', (socket) => {
        if (!socket.connecting) return;
        connectTimer = setTimeout(() => giveUp(`the sidecar could not be reached within ${CONNECT_LIMIT_MS / 1000} s`, late()), CONNECT_LIMIT_MS);
        socket.once(reached.connected, () => clearTimeout(connectTimer));
      });
      request.on('error', (cause) => giveUp('the sidecar could not be reached', cause));
      request.on('response', (response) => {
        const chunks = [];
        let size = 0;
        response.on('data', (chunk) => {
          size += chunk.length;
          if (size > ANSWER_LIMIT_BYTES) giveUp('the sidecar answered more than the bridge takes');
          else chunks.push(chunk);
        });
        response.on('error', (cause) => giveUp('the answer of the sidecar broke off', cause));
        response.on('end', () => {
          clearTimeout(answerTimer);
          resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) });
        });
      });
      request.end(body);
    });
  }
}

/** What was certainly not read, or what changes nothing when it is read twice. */
function mayBeSentAgain(error, method) {
  const code = error.cause?.code;
  // The sidecar closed an idle connection just as we used it, or is being started again.
  if (code === 'ECONNREFUSED' || code === 'ENOENT') return true;
  return code === 'ECONNRESET' && (error.wasReused || method === 'GET');
}

/** What tells a person who goes somewhere from a page that loads a picture, and from a browser that looks ahead. */
const NAVIGATION_HEADERS = ['sec-fetch-site', 'sec-fetch-mode', 'sec-fetch-dest', 'sec-purpose', 'purpose', 'x-moz'];

function passedOn(headers) {
  const passed = { accept: headers.accept ?? '*/*' };
  for (const name of ['accept-language', 'user-agent', 'x-locale', ...NAVIGATION_HEADERS]) if (headers[name]) passed[name] = String(headers[name]);
  // Only where the page is: it tells of https that no proxy tells of.
  if (URL.canParse(headers.referer)) passed.referer = `${new URL(headers.referer).origin}/`;
  const cookies = flowCookies(headers.cookie);
  if (cookies) passed.cookie = cookies;
  return passed;
}

/** The headers of an answer that mean something to the visitor, `set-cookie` as a list. */
function answerHeaders(answer) {
  return Object.entries(answer.headers).filter(([name]) => !HOP_BY_HOP.has(name) && !name.startsWith('x-dingtalk-'));
}

/** The envelope of an answer, or null when it holds none. */
function envelope(answer) {
  try {
    const parsed = JSON.parse(answer.body.toString('utf8'));
    return parsed !== null && typeof parsed === 'object' ? parsed : null;
  } catch {
    return null;
  }
}

/** NocoBase's API base as the browser sees it; its command line has put `APP_PUBLIC_PATH` before it. */
function apiBasePath() {
  const base = process.env.API_BASE_PATH || '/api/';
  return base.endsWith('/') ? base : `${base}/`;
}

module.exports = { Sidecar, SidecarUnavailable, answerHeaders, apiBasePath, envelope };
