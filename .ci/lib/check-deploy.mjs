// The files an operator copies: each stands in docs/operations.md word for word, and the programs that read them do.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const manual = fs.readFileSync('docs/operations.md', 'utf8');
const read = (name) => fs.readFileSync(path.join('deploy', name), 'utf8');
const has = (program) => process.env.PATH.split(':').some((folder) => fs.existsSync(path.join(folder, program)));
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nbdt-deploy-'));

const READERS = {
  'nocobase-dingtalk.service': (text) => {
    if (!has('systemd-analyze')) return 'no systemd-analyze here';
    // The program need not be installed to see whether the unit is well-formed.
    const file = path.join(folder, 'nocobase-dingtalk.service');
    fs.writeFileSync(file, text.replace('/usr/local/bin/nocobase-dingtalk', '/bin/true'));
    const said = execFileSync('systemd-analyze', ['verify', file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    assert.equal(said.trim(), '');
    return 'systemd-analyze verify';
  },
  Dockerfile: (text) => {
    const instructions = text.replace(/\\\n/g, ' ').split('\n').filter((line) => line && !line.startsWith('#')).map((line) => line.split(' ')[0]);
    const known = ['FROM', 'WORKDIR', 'COPY', 'RUN', 'USER', 'ENV', 'VOLUME', 'EXPOSE', 'ENTRYPOINT', 'CMD', 'HEALTHCHECK'];
    assert.deepEqual(instructions.filter((one) => !known.includes(one)), []);
    for (const line of text.split('\n').filter((one) => /^(ENTRYPOINT|CMD) /.test(one))) assert.ok(Array.isArray(JSON.parse(line.slice(line.indexOf('[')))));
    return `${instructions.length} instructions`;
  },
  'compose.yaml': (text) => {
    const program = 'import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))';
    const compose = JSON.parse(execFileSync('python3', ['-c', program], { input: text, encoding: 'utf8' }));
    const { nocobase, dingtalk, postgres } = compose.services;
    for (const name of ['APP_KEY', 'DB_DIALECT', 'DB_HOST', 'DB_DATABASE', 'DB_USER', 'DB_PASSWORD', 'TZ']) assert.equal(dingtalk.environment[name], nocobase.environment[name], name);
    assert.equal(dingtalk.environment.SIDECAR_URL, nocobase.environment.DINGTALK_SIDECAR_URL);
    assert.equal(postgres.environment.POSTGRES_DB, nocobase.environment.DB_DATABASE);
    for (const volume of Object.values(compose.services).flatMap((service) => service.volumes)) assert.ok(volume.split(':')[0] in compose.volumes, volume);
    const build = path.join('deploy', dingtalk.build.context);
    assert.ok(fs.existsSync(path.join(build, 'Cargo.toml')) && fs.existsSync(path.join(build, dingtalk.build.dockerfile)));
    return `${Object.keys(compose.services).length} services`;
  },
  'alerts.yml': (text) => {
    const program = process.env.PROMTOOL ?? 'promtool';
    const said = execFileSync(program, ['check', 'rules', path.join('deploy', 'alerts.yml')], { encoding: 'utf8' });
    return `promtool: ${said.match(/\d+ rules found/)[0]} in ${text.split('\n').length} lines`;
  },
  'nginx.conf': (text) => {
    assert.match(text, /location = \/api\/auth:redirect \{[^}]*proxy_read_timeout 90s;/s);
    return 'run by tests/nocobase/nginx.mjs';
  },
};

try {
  for (const [name, reader] of Object.entries(READERS)) {
    const text = read(name);
    const inManual = text.trimEnd().split('\n').map((line) => (line ? `    ${line}` : line)).join('\n');
    assert.ok(manual.includes(inManual), `docs/operations.md does not hold deploy/${name} as it is`);
    console.log(`ok    deploy/${name}: ${reader(text)}`);
  }
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}
