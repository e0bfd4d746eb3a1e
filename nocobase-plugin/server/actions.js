'use strict';

// `dingtalk:*`: the sidecar's administration, behind NocoBase's own access control.

const { answerHeaders, envelope } = require('./sidecar');
const { refuse, unavailable } = require('./auth');

// The doctor asks DingTalk several things in a row.
const ANSWER_LIMIT_MS = 60_000;
const METHODS = { configForm: 'GET', signInButton: 'GET', bindings: 'GET', audit: 'GET', diagnose: 'POST', unbind: 'POST' };

function withoutCredentials(querystring) {
  const query = new URLSearchParams(querystring);
  for (const name of ['token', '__appName']) query.delete(name);
  return query.toString();
}

function forwarded(sidecar, name, method) {
  return async (ctx, next) => {
    if (method === 'POST' && ctx.method !== 'POST') ctx.throw(405, { message: 'Method Not Allowed', code: 'METHOD_NOT_ALLOWED', logLevel: 'warn' });
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
      unavailable(ctx, error);
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
