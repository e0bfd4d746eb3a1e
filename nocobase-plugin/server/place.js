'use strict';

// Where the sidecar is: at an address that somebody has given us, or at the socket of the program that we have started.

const http = require('node:http');
const https = require('node:https');
const { CannotRun, PROGRAM_FILE, WAY_OUT } = require('./cannot-run');

// Below the five seconds after which the sidecar closes an idle connection, so that we rarely send into a closing one.
const IDLE_CONNECTION_MS = 4000;
// No bound on open connections: sign-ins wait in DingTalk's queue for up to 55 s, and a start must not wait behind them.
const CONNECTIONS = { keepAlive: true, maxSockets: Infinity, maxFreeSockets: 64, timeout: IDLE_CONNECTION_MS };

const words = (sentence, values = {}) => ({ sentence, values });

const unreachable = (address, cause) => words('The sidecar at {{address}} cannot be reached: {{reason}}.', { address, reason: cause?.code ?? cause?.message ?? '-' });

/** How a sidecar that is there can be at odds with NocoBase; only one that was started by hand can. */
const AT_ODDS = {
  SECRET_MISMATCH: () => ({
    problem: [words('NocoBase and the sidecar do not share one secret.')],
    wayOut: words("Start the sidecar with NocoBase's settings file, and restart NocoBase after changing APP_KEY."),
  }),
  CLOCK_MISMATCH: ({ date }) => ({
    problem: [words('The clocks of NocoBase and the sidecar differ by {{seconds}} s.', { seconds: Math.round(Math.abs(Date.now() - Date.parse(date)) / 1000) })],
    wayOut: words('Set both clocks by a time server: signed tokens live only for a minute.'),
  }),
};

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
    return (
      AT_ODDS[cause?.code]?.(cause) ?? {
        problem: [unreachable(this.name, cause)],
        wayOut: words('Start it, or correct DINGTALK_SIDECAR_URL in the environment of NocoBase.'),
      }
    );
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
    if (failure) {
      const tried = failure.values.path ? [] : [words('Program: {{path}}.', { path: PROGRAM_FILE })];
      return { problem: [words(failure.sentence, failure.values), ...tried], wayOut: words(WAY_OUT) };
    }
    const problem = this.program.target ? unreachable(PROGRAM_FILE, cause) : words('The program of this package is being started.');
    return { problem: [problem], wayOut: words('Test again in a minute.') };
  }
}

module.exports = { ManagedPlace, RemotePlace };
