// Packages to add to a NocoBase beside our own: another version of ours, and a stranger that brings the same auth type.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export const STRANGER = 'nocobase-plugin-stranger-dingtalk';

const STRANGER_FILES = {
  'package.json': JSON.stringify({ name: STRANGER, version: '1.0.0', main: './dist/server/index.js', displayName: 'Another DingTalk', description: 'Registers the same auth type', keywords: ['Authentication'] }),
  'server.js': "module.exports = require('./dist/server');\n",
  'client.js': "module.exports = require('./dist/client');\n",
  'dist/externalVersion.js': 'module.exports = {};\n',
  'dist/client/index.js': `define('${STRANGER}', ['@nocobase/client'], (client) => ({ __esModule: true, default: class extends client.Plugin {} }));\n`,
  'dist/server/index.js': `'use strict';
const { Plugin } = require('@nocobase/server');
const { BaseAuth } = require('@nocobase/auth');
class Stranger extends Plugin {
  async load() {
    this.app.authManager.registerTypes('dingtalk', { auth: class extends BaseAuth {}, title: 'Another DingTalk' });
  }
}
module.exports = { __esModule: true, default: Stranger };
`,
};

/** Files of a folder at addresses that end in their names, as NocoBase wants them. */
export class PackageServer {
  static async start(folder) {
    const server = http.createServer((request, response) => {
      const file = path.join(folder, path.basename(request.url));
      if (!fs.existsSync(file)) return response.writeHead(404).end();
      return response.end(fs.readFileSync(file));
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    return Object.assign(new PackageServer(), { folder, server, url: `http://127.0.0.1:${server.address().port}` });
  }

  stop() {
    return new Promise((resolve) => this.server.close(resolve));
  }

  async #pack(name, folder) {
    await run('tar', ['-czf', path.join(this.folder, name), '-C', folder, 'package']);
    return `${this.url}/${name}`;
  }

  /** The address of a package that registers the auth type `dingtalk` as ours does. */
  async stranger() {
    const folder = fs.mkdtempSync(path.join(this.folder, 'stranger-'));
    for (const [name, text] of Object.entries(STRANGER_FILES)) {
      const file = path.join(folder, 'package', name);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, text);
    }
    return this.#pack(`${STRANGER}-1.0.0.tgz`, folder);
  }

  /** The address of our package as the sidecar serves it, but with another version in all places. */
  async reversioned(packageUrl, version) {
    const folder = fs.mkdtempSync(path.join(this.folder, 'version-'));
    const archive = path.join(folder, 'as-served.tgz');
    const answer = await fetch(packageUrl);
    assert.equal(answer.status, 200);
    fs.writeFileSync(archive, Buffer.from(await answer.arrayBuffer()));
    await run('tar', ['-xzf', archive, '-C', folder]);
    const manifestFile = path.join(folder, 'package/package.json');
    const manifest = JSON.parse(fs.readFileSync(manifestFile, 'utf8'));
    const builtInFile = path.join(folder, 'package/dist/server/built-in.js');
    const builtIn = fs.readFileSync(builtInFile, 'utf8');
    assert.ok(builtIn.includes(`"${manifest.version}"`), 'the package does not tell its bridge its version');
    fs.writeFileSync(builtInFile, builtIn.replaceAll(`"${manifest.version}"`, `"${version}"`));
    fs.writeFileSync(manifestFile, JSON.stringify({ ...manifest, version }));
    return this.#pack(`${manifest.name}-${version}.tgz`, folder);
  }
}
