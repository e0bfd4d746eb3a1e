'use strict';

// Where the sidecar is: at an address that somebody has given us, or at the socket of the program that we have started.

const http = require('node:http');
const https = require('node:https');
const { CannotRun, WAY_OUT } = require('./cannot-run');

// Below the five seconds after which the sidecar closes an idle connection, so that we rarely send into a closing one.
const IDLE_CONNECTION_MS = 4000;
// No bound on open connections: sign-ins wait in DingTalk's queue for up to 55 s, and a start must not wait behind them.
const CONNECTIONS = { keepAlive: true, maxSockets: Infinity, maxFreeSockets: 64, timeout: IDLE_CONNECTION_MS };

const words = (sentence, values = {}) => ({ sentence, values });

/** A sidecar that runs elsewhere. */
class RemotePlace {
  failure = null;

  /** @param {string} address without credentials, query or fragment */
  constructor(address) {
    const url = new URL(address);
    const isSecure = url.protocol === 'https:';
    const transport = isSecure ? https : http;
    this.name = url.origin;
    this.#reached = {
      transport,
      connected: isSecure ? 'secureConnect' : 'connect',
      prefix: url.pathname.replace(/\/+$/, ''),
      options: { agent: new transport.Agent(CONNECTIONS), protocol: url.protocol, hostname: url.hostname.replace(/^\[|\]$/g, ''), port: url.port },
    };
  }

  #reached;

  async reach() {
    return this.#reached;
  }

  retry() {}

  explain(cause) {
    return {
      problem: words('The sidecar at {{address}} cannot be reached: {{reason}}.', { address: this.name, reason: cause?.code ?? cause?.message ?? 'no answer' }),
      wayOut: words('Start it, or correct DINGTALK_SIDECAR_URL in the environment of NocoBase.'),
    };
  }
}

/** The program of this package. */
class ManagedPlace {
  name = 'the program of this package';
  #agent = new http.Agent(CONNECTIONS);

  /** @param {import('./program').Program} program */
  constructor(program) {
    this.program = program;
  }

  get failure() {
    return this.program.failure;
  }

  async reach(limitMs) {
    const target = await this.program.reach(limitMs);
    if (!target) return null;
    return { transport: http, connected: 'connect', prefix: '', options: { agent: this.#agent, hostname: '127.0.0.1', ...target } };
  }

  retry() {
    this.program.retry();
  }

  explain(cause) {
    const failure = cause instanceof CannotRun ? cause : this.failure;
    return {
      problem: failure ? words(failure.sentence, failure.values) : words('The program of this package is being started.'),
      wayOut: failure ? words(WAY_OUT) : words('Test again in a minute.'),
    };
  }
}

module.exports = { ManagedPlace, RemotePlace };
