'use strict';

// `dingtalk:*`: the sidecar's administration, behind NocoBase's own access control, and what visitors' browsers ask.

const { refuse, unavailable } = require('./auth');
const { PACKAGE } = require('./names');
const { SidecarUnavailable, answerHeaders, envelope } = require('./sidecar');

// The doctor asks DingTalk several things in a row.
const ANSWER_LIMIT_MS = 60_000;
// A link waits in DingTalk's queue as a sign-in does.
const LINK_LIMIT_MS = 90_000;
// What a page waits for before it shows itself.
const VISITOR_LIMIT_MS = 10_000;
/** What of an answer's headers is for the browser. */
const HANDED_ON = ['content-type', 'content-disposition', 'cache-control'];
/** For everybody: how to sign in by itself, and where signing in begins, with the button or a code to scan. */
const PUBLIC_METHODS = { checkLogin: 'GET', getAuthUrl: 'POST', qrCode: 'POST' };
/** For whoever is signed in: their own link. */
const OWN_METHODS = { myLink: 'GET', link: 'POST', unlinkMe: 'POST' };
const METHODS = { configForm: 'GET', signInButton: 'GET', bindings: 'GET', unlinkedUsers: 'GET', audit: 'GET', calls: 'GET', diagnose: 'POST', bind: 'POST', unbind: 'POST' };
/** The directory kept in step: for whoever may synchronize users and departments. */
const DIRECTORY_METHODS = {
  sources: 'GET', run: 'GET', runs: 'GET', runRows: 'GET', runReport: 'GET', callbackAddress: 'GET', startRun: 'POST', confirmRun: 'POST', discardRun: 'POST',
};

function withoutCredentials(querystring) {
  const query = new URLSearchParams(querystring);
  for (const name of ['token', '__appName']) query.delete(name);
  return query.toString();
}

const translated = (ctx, { sentence, values }) => ctx.t(sentence, { ns: PACKAGE, ...values, interpolation: { escapeValue: false } });

/** What a sidecar says to whoever is not its NocoBase. */
const AT_ODDS = ['SECRET_MISMATCH', 'CLOCK_MISMATCH'];

/** Throws where what answers is no sidecar, or none of this NocoBase. A session's refusal would end that of the reader. */
function requireOurSidecar(answer) {
  const code = envelope(answer)?.errors?.[0]?.code;
  const isSidecar = answer.status < 400 || (code && answer.status !== 401 && code !== 'SIDECAR_UNAVAILABLE');
  if (isSidecar && !AT_ODDS.includes(code)) return;
  const cause = Object.assign(new Error(code ?? 'no error envelope'), { code: isSidecar ? code : `HTTP ${answer.status}`, date: answer.headers.date });
  throw new SidecarUnavailable(`the sidecar answered ${answer.status}`, cause);
}

/** What an administrator is told when the sidecar is away: what was tried, why it was of no use, what to do. */
function whatIsWrong(ctx, sidecar, error) {
  const { problem, wayOut } = sidecar.place.explain(error.cause);
  return { message: problem.map((words) => translated(ctx, words)).join(' '), action: translated(ctx, wayOut) };
}

/** The doctor's report when the doctor is away. */
function reportWithoutSidecar(ctx, sidecar, error) {
  const finding = { check: 'program', status: 'error', ...whatIsWrong(ctx, sidecar, error) };
  return { data: { verdict: translated(ctx, { sentence: 'To mend: {{count}}.', values: { count: 1 } }), findings: [finding] } };
}

function requireMethod(ctx, method) {
  if (method === 'POST' && ctx.method !== 'POST') ctx.throw(405, { message: 'Method Not Allowed', code: 'METHOD_NOT_ALLOWED', logLevel: 'warn' });
}

/** Asks the sidecar for an action in the name of a request's user, if there is one. */
function ask(ctx, sidecar, name, method, { limitMs, headers }) {
  return sidecar.forward(ctx.req, {
    method,
    action: `dingtalk:${name}`,
    query: withoutCredentials(ctx.request.querystring),
    body: method === 'POST' ? ctx.request.body ?? {} : undefined,
    actor: ctx.state.currentUser?.id,
    headers,
    limitMs,
  });
}

/** Hands the sidecar's answer on, a refusal as NocoBase's own. */
function answerWith(ctx, answer) {
  const headers = answerHeaders(answer);
  for (const [header, value] of headers) if (header === 'set-cookie') for (const cookie of value) ctx.append('Set-Cookie', cookie);
  if (answer.status >= 400) refuse(ctx, answer);
  ctx.withoutDataWrapping = true;
  ctx.status = answer.status;
  ctx.body = envelope(answer) ?? answer.body;
  for (const [header, value] of headers) if (HANDED_ON.includes(header)) ctx.set(header, value);
}

/** Adds to the doctor's report what only the bridge knows. */
function withOwnFindings(ctx, answer, findings) {
  const report = envelope(answer);
  if (!findings.length || answer.status !== 200 || !Array.isArray(report?.data?.findings)) return answer;
  const told = findings.map(({ check, status, message, action }) => ({ check, status, message: translated(ctx, message), action: translated(ctx, action) }));
  report.data.findings.push(...told);
  return { ...answer, body: Buffer.from(JSON.stringify(report)) };
}

const forwarded = (ownFindings) => (sidecar, name, method) => {
  return async (ctx, next) => {
    requireMethod(ctx, method);
    // Whoever tests has mended something, perhaps.
    if (name === 'diagnose') sidecar.place.retry();
    let answer;
    try {
      answer = await ask(ctx, sidecar, name, method, { limitMs: ANSWER_LIMIT_MS });
      requireOurSidecar(answer);
      if (name === 'diagnose') answer = withOwnFindings(ctx, answer, ownFindings());
    } catch (error) {
      if (name === 'diagnose') {
        ctx.logger.error(`DingTalk sidecar: ${error.message}${error.cause ? `: ${error.cause.message}` : ''}`);
        ctx.withoutDataWrapping = true;
        ctx.body = reportWithoutSidecar(ctx, sidecar, error);
        return next();
      }
      const { message, action } = whatIsWrong(ctx, sidecar, error);
      unavailable(ctx, error, `${message} ${action}`);
    }
    answerWith(ctx, answer);
    await next();
  };
};

/** Whoever is no administrator is told nothing of where a sidecar is, or why it is away. */
function forwardedForPeople(limitMs) {
  return (sidecar, name, method) => async (ctx, next) => {
    requireMethod(ctx, method);
    const named = ctx.get('X-Authenticator');
    let answer;
    try {
      answer = await ask(ctx, sidecar, name, method, { limitMs, headers: named ? { 'x-authenticator': named } : undefined });
      requireOurSidecar(answer);
    } catch (error) {
      unavailable(ctx, error);
    }
    answerWith(ctx, answer);
    ctx.set('Cache-Control', 'no-store');
    await next();
  };
}

/** NocoBase's audit keeps the body of a request, with a password in it. */
const withoutPassword = (ctx) => ({ request: { body: ctx.request.body?.flow ? { flow: ctx.request.body.flow } : {} } });

const AUDITED = [
  'dingtalk:bind', 'dingtalk:unbind', 'dingtalk:diagnose', 'dingtalk:startRun', 'dingtalk:confirmRun', 'dingtalk:discardRun',
  ...['link', 'unlinkMe'].map((name) => ({ name: `dingtalk:${name}`, getMetaData: withoutPassword })),
];

/** @param {() => { check: string, status: string, message: object, action: object }[]} ownFindings */
function actions(sidecar, ownFindings = () => []) {
  const made = (methods, forward) => Object.entries(methods).map(([name, method]) => [name, forward(sidecar, name, method)]);
  const forAdministrators = forwarded(ownFindings);
  return Object.fromEntries([...made({ ...METHODS, ...DIRECTORY_METHODS }, forAdministrators), ...made(OWN_METHODS, forwardedForPeople(LINK_LIMIT_MS)), ...made(PUBLIC_METHODS, forwardedForPeople(VISITOR_LIMIT_MS))]);
}

module.exports = { AUDITED, DIRECTORY_ACTIONS: Object.keys(DIRECTORY_METHODS), OWN_ACTIONS: Object.keys(OWN_METHODS), PUBLIC_ACTIONS: Object.keys(PUBLIC_METHODS), actions };
