// Stands between NocoBase and the sidecar: answers what a script has prepared, writes down what was asked, and hands
// everything else on.

import http from 'node:http';
import { freePort } from './nocobase.mjs';

const read = async (stream) => {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
};

export class StandIn {
  /** Where the sidecar is that the rest is for. */
  target = null;
  /** By what follows the API's base, without its query: `({ query, body, headers }) => ({ status, json, waitMs })`. */
  answers = new Map();
  asked = [];

  static async start() {
    const standIn = new StandIn();
    const port = await freePort();
    standIn.url = `http://127.0.0.1:${port}`;
    standIn.server = http.createServer((req, res) => standIn.#answer(req, res).catch(() => res.destroy()));
    await new Promise((resolve) => standIn.server.listen(port, '127.0.0.1', resolve));
    return standIn;
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }

  /** What was asked of an action, oldest first. */
  of(name) {
    return this.asked.filter((one) => one.name === name);
  }

  async #answer(req, res) {
    const body = await read(req);
    const url = new URL(req.url, this.url);
    const name = url.pathname.replace(/^.*\/api\//, '');
    const claims = req.headers['x-dingtalk-bridge'] && JSON.parse(Buffer.from(req.headers['x-dingtalk-bridge'].split('.')[1], 'base64url').toString());
    const prepared = this.answers.get(name);
    this.asked.push({ name, query: Object.fromEntries(url.searchParams), body: body.toString(), claims });
    if (!prepared) return this.#handOn(req, res, body);
    const { status = 200, json, text, type = 'application/json', waitMs = 0 } = await prepared({ query: Object.fromEntries(url.searchParams), body: body.toString(), claims, headers: req.headers });
    if (waitMs) await new Promise((resolve) => setTimeout(resolve, waitMs));
    res.writeHead(status, { 'content-type': type });
    res.end(text ?? JSON.stringify(json));
  }

  async #handOn(req, res, body) {
    const { hostname, port } = new URL(this.target);
    const onward = http.request({ hostname, port, method: req.method, path: req.url, headers: req.headers }, (answer) => {
      res.writeHead(answer.statusCode, answer.headers);
      answer.pipe(res);
    });
    onward.on('error', () => res.destroy());
    onward.end(body);
  }
}
