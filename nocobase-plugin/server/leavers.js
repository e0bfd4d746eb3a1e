'use strict';

// Whoever has left the organization: their sessions are ended here, in NocoBase's own process, which keeps users in memory
// and would not see it done in its tables.

const { envelope } = require('./sidecar');

const ROOT = 'root';
/** How often one person is asked about while their sessions go on. */
const ASKED_EVERY_MS = 3_600_000;
// The sidecar may keep a question in DingTalk's queue for 55 s; nobody waits for the answer.
const ANSWER_LIMIT_MS = 60_000;
// A refused sign-in waits for this one.
const REPORT_LIMIT_MS = 10_000;
/** Whoever signs in waits in the same queue for DingTalk: a crowd of these questions would be before them. */
const MOST_AT_ONCE = 8;
/** More people than these are not asked about until the next hour, rather than too often. */
const MOST_PEOPLE = 100_000;

/** Whether a token is of a session; an API key's is not, and goes on working. */
function isOfSession(token) {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString('utf8')).temp === true;
  } catch {
    return false;
  }
}

class Leavers {
  /**
   * @param {import('./sidecar').Sidecar} sidecar
   * @param {() => number} now milliseconds
   */
  constructor(sidecar, now = Date.now) {
    this.sidecar = sidecar;
    this.now = now;
    /** When each person was last asked about, the longest ago first. */
    this.asked = new Map();
    this.asking = 0;
  }

  /**
   * Asks, at most once an hour a person, whether somebody still belongs to the organization, and ends the sessions of who
   * does not. Nobody waits for it: the next request is refused, as NocoBase refuses an ended session. Whatever keeps the
   * answer from coming throws nobody out.
   */
  look(ctx, authenticator, user) {
    const id = Number(user?.id);
    // Who comes meanwhile is asked about with their next request.
    if (this.asking >= MOST_AT_ONCE || !Number.isSafeInteger(id) || !isOfSession(ctx.getBearerToken()) || !this.#isDue(`${id} ${authenticator}`)) return null;
    this.asking += 1;
    return this.#ask(ctx, authenticator, id)
      .catch((error) => ctx.logger.warn(`DingTalk sidecar: whether user ${id} still belongs to the organization is not known: ${error.message}`))
      .finally(() => { this.asking -= 1; });
  }

  #isDue(key) {
    const now = this.now();
    for (const [oldest, at] of this.asked) {
      if (now - at < ASKED_EVERY_MS) break;
      this.asked.delete(oldest);
    }
    if (this.asked.has(key) || this.asked.size >= MOST_PEOPLE) return false;
    this.asked.set(key, now);
    return true;
  }

  async #ask(ctx, authenticator, id) {
    const answer = await this.sidecar.forward(ctx.req, { action: 'dingtalk:membership', query: named(authenticator), actor: id, limitMs: ANSWER_LIMIT_MS });
    const told = envelope(answer);
    if (answer.status !== 200) throw new Error(told?.errors?.[0]?.code ?? `the sidecar answered ${answer.status}`);
    if (told?.data?.membership === 'left') await this.endSessions(ctx, authenticator, id);
  }

  /** Ends all sessions of a user, tells the sidecar's audit what came of it, and never throws: a refusal stays one. */
  async endSessions(ctx, authenticator, id) {
    let outcome = 'failed';
    let apiKeys = 0;
    try {
      apiKeys = await countApiKeys(ctx.db, id);
      outcome = await endUnlessLastRoot(ctx.db, id, this.now());
      ctx.logger.warn(`DingTalk: user ${id} has left the organization; sessions: ${outcome}; API keys that go on working: ${apiKeys}`);
    } catch (error) {
      ctx.logger.error(`DingTalk: user ${id} has left the organization, and the sessions could not be ended: ${error.message}`);
    }
    try {
      const call = { method: 'POST', action: 'dingtalk:sessionsEnded', query: named(authenticator), body: { outcome, apiKeys }, actor: id, limitMs: REPORT_LIMIT_MS };
      const answer = await this.sidecar.forward(ctx.req, call);
      if (answer.status >= 300) throw new Error(`the sidecar answered ${answer.status}`);
    } catch (error) {
      ctx.logger.error(`DingTalk sidecar: the audit was not told of the sessions of user ${id}: ${error.message}`);
    }
    return outcome;
  }
}

const named = (authenticator) => new URLSearchParams({ authenticator }).toString();

async function countApiKeys(db, id) {
  if (!db.hasCollection('apiKeys')) return 0;
  return db.getRepository('apiKeys').count({ filter: { createdById: id } });
}

async function isLastRoot(db, id) {
  const rows = await db.getRepository('rolesUsers').find({ filter: { roleName: ROOT } });
  const holders = [...new Set(rows.map((row) => Number(row.get('userId'))))];
  if (!holders.includes(id)) return false;
  // A role may still be noted for a user who is gone.
  const others = holders.filter((holder) => holder !== id);
  return others.length === 0 || (await db.getRepository('users').count({ filter: { id: others } })) === 0;
}

async function endUnlessLastRoot(db, id, now) {
  if (await isLastRoot(db, id)) return 'lastRoot';
  await endSessions(db, id, now);
  return 'ended';
}

/** Ends all sessions of a user that exist now. */
async function endSessions(db, id, now = Date.now()) {
  const user = await db.getRepository('users').findOne({ filterByTk: id });
  if (!user) throw new Error('there is no such user');
  // NocoBase compares with the second in which a token was issued: who comes back in this very one keeps their new session.
  const second = Math.floor(now / 1000) * 1000;
  user.set('passwordChangeTz', Math.max(second, Number(user.get('passwordChangeTz') ?? 0)));
  // A save of the model, and no update in the table: what NocoBase keeps of the user in memory follows.
  await user.save();
}

module.exports = { ASKED_EVERY_MS, Leavers, MOST_AT_ONCE, MOST_PEOPLE, countApiKeys, endSessions, isLastRoot };
