'use strict';

// `dingtalk:*`: the sidecar's administration, behind NocoBase's own access control.

const { refuse, unavailable } = require('./auth');
const { PACKAGE } = require('./names');
const { answerHeaders, envelope } = require('./sidecar');

// The doctor asks DingTalk several things in a row.
const ANSWER_LIMIT_MS = 60_000;
const METHODS = { configForm: 'GET', signInButton: 'GET', bindings: 'GET', audit: 'GET', diagnose: 'POST', unbind: 'POST' };

function withoutCredentials(querystring) {
  const query = new URLSearchParams(querystring);
  for (const name of ['token', '__appName']) query.delete(name);
  return query.toString();
}

const translated = (ctx, { sentence, values }) => ctx.t(sentence, { ns: PACKAGE, ...values, interpolation: { escapeValue: false } });

/** What an administrator is told when the sidecar is away: where it was looked for, why it is not there, what to do. */
function whatIsWrong(sidecar, error) {
  return sidecar.place.explain(error.cause);
}

/** The doctor's findings when the doctor is away. */
async function diagnoseWithoutSidecar(ctx, sidecar, error) {
  const { problem, wayOut } = whatIsWrong(sidecar, error);
  ctx.withoutDataWrapping = true;
  ctx.body = { data: { findings: [{ check: 'program', status: 'error', message: translated(ctx, problem), action: translated(ctx, wayOut) }] } };
}

function forwarded(sidecar, name, method) {
  return async (ctx, next) => {
    if (method === 'POST' && ctx.method !== 'POST') ctx.throw(405, { message: 'Method Not Allowed', code: 'METHOD_NOT_ALLOWED', logLevel: 'warn' });
    // Whoever tests has mended something, perhaps.
    if (name === 'diagnose') sidecar.place.retry();
    let answer;
    try {
      answer = await sidecar.forward(ctx.req, {
        method,
        action: `dingtalk:${name}`,
        query: withoutCredentials(ctx.request.querystring),
        body: method === 'POST' ? ctx.request.body ?? {} : undefined,
        actor: ctx.state.currentUser?.id,
        limitMs: ANSWER_LIMIT_MS,
      });
    } catch (error) {
      if (name === 'diagnose') {
        ctx.logger.error(`DingTalk sidecar: ${error.message}${error.cause ? `: ${error.cause.message}` : ''}`);
        await diagnoseWithoutSidecar(ctx, sidecar, error);
        return next();
      }
      const { problem, wayOut } = whatIsWrong(sidecar, error);
      unavailable(ctx, error, `${translated(ctx, problem)} ${translated(ctx, wayOut)}`);
    }
    if (answer.status >= 400) refuse(ctx, answer);
    ctx.withoutDataWrapping = true;
    ctx.status = answer.status;
    ctx.body = envelope(answer) ?? answer.body;
    for (const [header, value] of answerHeaders(answer)) {
      if (['content-type', 'content-disposition', 'cache-control'].includes(header)) ctx.set(header, value);
    }
    await next();
  };
}

function actions(sidecar) {
  return Object.fromEntries(Object.entries(METHODS).map(([name, method]) => [name, forwarded(sidecar, name, method)]));
}

module.exports = { actions };
