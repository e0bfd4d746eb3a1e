'use strict';

// The auth class of type `dingtalk`: NocoBase checks, renews and ends the session; the sidecar alone can begin one.

const { BaseAuth } = require('@nocobase/auth');
const { BUTTON } = require('./built-in');
const { CREDENTIAL_OPTIONS, PACKAGE } = require('./names');
const { announceUser, forgetUser } = require('./remembered-users');
const { answerHeaders, envelope } = require('./sidecar');

// The sidecar may keep a sign-in in DingTalk's queue for 55 s before it calls.
const ANSWER_LIMIT_MS = 90_000;

/** An error code of ours in the visitor's language. */
function sentence(ctx, code) {
  return ctx.t(BUTTON.errors[code] ?? BUTTON.unknownError, { ns: PACKAGE });
}

/** What a person has brought back from DingTalk's page, or been given inside DingTalk; nothing else goes to the sidecar. */
function proofIn(values) {
  const { flow, authCode, loginType } = values ?? {};
  if (typeof flow === 'string') return { flow };
  return typeof authCode === 'string' && typeof loginType === 'string' ? { authCode, loginType } : {};
}

/** A setting, or what a variable of NocoBase's says in its place. */
const isOn = (setting) => setting === true || setting === 'true';

/** Throws what the sidecar refused, as NocoBase's own envelope. */
function refuse(ctx, answer) {
  const error = envelope(answer)?.errors?.[0];
  if (!error?.message) unavailable(ctx, new Error(`the sidecar answered ${answer.status} without an error envelope`));
  if (answer.headers['retry-after']) ctx.set('Retry-After', answer.headers['retry-after']);
  ctx.throw(answer.status, { message: String(error.message), code: String(error.code ?? 'INTERNAL_ERROR'), logLevel: 'warn' });
}

function unavailable(ctx, error, message = sentence(ctx, 'SIDECAR_UNAVAILABLE')) {
  ctx.logger.error(`DingTalk sidecar: ${error.message}${error.cause ? `: ${error.cause.message}` : ''}`);
  ctx.throw(503, { message, code: 'SIDECAR_UNAVAILABLE', logLevel: 'warn' });
}

function authClass(sidecar, leavers) {
  return class DingTalkAuth extends BaseAuth {
    static optionsKeysNotAllowedInEnv = CREDENTIAL_OPTIONS;

    constructor(config) {
      super({ ...config, userCollection: config.ctx.db.getCollection('users') });
    }

    async check() {
      const user = await super.check();
      if (isOn(this.options?.membershipAtRenewal)) leavers.look(this.ctx, this.authenticator.name, user);
      return user;
    }

    async signIn() {
      const { ctx } = this;
      const named = ctx.get('X-Authenticator');
      // NocoBase hands an unknown or disabled name to the first enabled authenticator, which may be this one.
      if (named !== this.authenticator.name) {
        ctx.throw(404, { message: sentence(ctx, 'AUTHENTICATOR_NOT_FOUND'), code: 'AUTHENTICATOR_NOT_FOUND', logLevel: 'warn' });
      }
      const proof = proofIn(ctx.action.params.values);
      const origin = ctx.get('Origin');
      let answer;
      try {
        answer = await sidecar.forward(ctx.req, {
          method: 'POST',
          action: 'auth:signIn',
          body: proof,
          // No cookie tells whose page has sent a code of DingTalk's client.
          headers: { 'x-authenticator': named, ...(proof.authCode && origin ? { origin } : {}) },
          limitMs: ANSWER_LIMIT_MS,
        });
      } catch (error) {
        unavailable(ctx, error);
      }
      for (const [name, value] of answerHeaders(answer)) if (name === 'set-cookie') for (const cookie of value) ctx.append('Set-Cookie', cookie);
      const left = Number(answer.headers['x-dingtalk-left-user']);
      if (Number.isSafeInteger(left) && left > 0) await leavers.endSessions(ctx, named, left);
      if (answer.status !== 200) refuse(ctx, answer);
      const { user, token } = envelope(answer)?.data ?? {};
      if (!user || !token) unavailable(ctx, new Error('the sidecar answered a sign-in without user or token'));
      const created = answer.headers['x-dingtalk-created-user'];
      if (created) await announceNewUser(ctx, created);
      const changed = answer.headers['x-dingtalk-changed-user'];
      if (changed) await forgetChanged(ctx, changed);
      return { user, token };
    }
  };
}

/** NocoBase remembers each user's row until it changes it itself. */
async function forgetChanged(ctx, id) {
  try {
    await ctx.app.cache.del(`auth:${id}`);
  } catch (error) {
    ctx.logger.error(`the user ${id} could not be forgotten: ${error.message}`);
  }
}

async function announceNewUser(ctx, id) {
  let user;
  try {
    // A request for this id before it existed would have been remembered as "no such user".
    await forgetUser(ctx.app, id);
    user = await ctx.db.getRepository('users').findOne({ filterByTk: id });
  } catch (error) {
    ctx.logger.error(`the new user ${id} could not be announced: ${error.message}`);
    return;
  }
  if (user) await announceUser({ db: ctx.db, logger: ctx.logger, context: ctx }, user);
}

module.exports = { authClass, refuse, unavailable };
