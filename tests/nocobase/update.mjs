// An update of the package, as NocoBase does it: unpack over the old one, then start the process anew under pm2.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { PACKAGE } from './administration.mjs';
import { expectSignedIn, throughDingTalk } from './sign-in.mjs';
import { openWindow } from './window.mjs';

const NEXT_VERSION = '0.1.99';

/** The sidecar's package with a later version. */
async function laterPackage(sidecar, folder) {
  const source = path.join(folder, 'package.tgz');
  const target = path.join(folder, `${PACKAGE}-${NEXT_VERSION}.tgz`);
  fs.writeFileSync(source, Buffer.from(await (await fetch(`${sidecar.url}/plugin.tgz`)).arrayBuffer()));
  execFileSync('tar', ['-xzf', source, '-C', folder]);
  const manifest = path.join(folder, 'package/package.json');
  fs.writeFileSync(manifest, JSON.stringify({ ...JSON.parse(fs.readFileSync(manifest, 'utf8')), version: NEXT_VERSION }));
  execFileSync('tar', ['-czf', target, '-C', folder, 'package']);
  return target;
}

function serve(file) {
  const server = http.createServer((_, response) => fs.createReadStream(file).pipe(response));
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve({ server, url: `http://127.0.0.1:${server.address().port}/${path.basename(file)}` })));
}

export async function updateSteps({ step, browser, nocobase, sidecar, name, output, language, folder }) {
  await step('the package is updated under pm2, and sign-in goes on', async () => {
    const { server, url } = await serve(await laterPackage(sidecar, folder));
    try {
      const token = await nocobase.administrator();
      const answer = await nocobase.request('pm:update', { token, body: { packageName: PACKAGE, compressedFileUrl: url } });
      assert.equal(answer.status, 200, answer.text);
      await nocobase.untilVersion(PACKAGE, NEXT_VERSION);
      await nocobase.untilHealthy();
    } finally {
      server.close();
    }
    const rows = await nocobase.database.query(`select 1 from authenticators where name = '${name}' and enabled = true`);
    assert.equal(rows.length, 1, 'the authenticator is no longer enabled');
    const window = await openWindow(browser, nocobase, { client: 'v1', language, output, name: 'updated' });
    await window.open('/signin');
    await throughDingTalk(window, name, 'li-lei');
    await expectSignedIn(window, name);
    await window.close();
  });
}
