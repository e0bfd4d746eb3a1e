// The running server against its own OpenAPI description, as an administrator:
//
//   SIDECAR_URL, ROOT_ACCOUNT, ROOT_PASSWORD   the site (node .ci/lib/with-site.mjs sets them)
//   SCHEMATHESIS                               the program
//   EXAMPLES                                   cases an operation and phase (default 10)
//
// Every operation is asked what the description allows and what it forbids. No answer may be a 5xx, have a status,
// content type or header that the description does not name, or another shape than described; nothing that wants a
// session may answer without one. The seed is fixed, so that a failure comes back.

import { spawnSync } from 'node:child_process';

const { SIDECAR_URL: site, SCHEMATHESIS: program = 'schemathesis', EXAMPLES: examples = '10' } = process.env;
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
  'allow_header_conformance',
  'ignored_auth',
];

// What would take the ground from under the other operations comes last, each with a session of its own: asked with
// the session of all, `auth:signOut` would end it; without plugin or authenticators the rest would only be refused.
const LAST = ['auth_signOut', 'pm_disable', 'authenticators_destroy'];

async function signIn() {
  const answer = await fetch(`${site}/api/auth:signIn`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Authenticator': 'basic' },
    body: JSON.stringify({ account: process.env.ROOT_ACCOUNT, password: process.env.ROOT_PASSWORD }),
  });
  if (!answer.ok) throw new Error(`signing in: ${answer.status} ${await answer.text()}`);
  return (await answer.json()).data.token;
}

function check(name, token, selection) {
  console.log(`== ${name}`);
  const run = spawnSync(program, [
    'run', `${site}/openapi.json`, '--url', site,
    '--header', `Authorization:Bearer ${token}`,
    '--checks', CHECKS.join(','), '--phases', 'examples,coverage,fuzzing', '--max-examples', examples, '--seed', '1',
    // A redirect leads to DingTalk, which is another's server.
    '--max-redirects', '0', '--request-timeout', '10', '--continue-on-failure', '--no-color',
    ...selection,
  ], { stdio: 'inherit' });
  if (run.error) throw run.error;
  return run.status === 0;
}

// All sessions first: a changed authenticator may refuse to make more.
const all = await signIn();
const lastOnes = [];
for (const name of LAST) lastOnes.push([name, await signIn()]);

let good = check('everything that leaves the site as it is', all, LAST.flatMap((name) => ['--exclude-operation-id', name]));
for (const [name, token] of lastOnes) {
  good = check(name, token, ['--include-operation-id', name]) && good;
}
process.exit(good ? 0 : 1);
