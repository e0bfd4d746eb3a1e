'use strict';

// The token by which the sidecar is recognised when it asks for changes: signed with the secret of NocoBase's sessions,
// for this purpose alone, for a minute at most, and for one body.

const { createHash, createHmac, timingSafeEqual } = require('node:crypto');

const AUDIENCE = 'nocobase-dingtalk-changes';
const MAX_SECONDS = 60;
/** How far two clocks may be apart. */
const LEEWAY_SECONDS = 30;

const parsed = (part) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));

const isSame = (given, expected) => given.length === expected.length && timingSafeEqual(given, expected);

/** What a token says, or null where it is none of ours or not of this time. */
function readChangeToken(authorization, secret, now = Date.now()) {
  const text = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization ?? '')?.[1];
  if (!text) return null;
  const [header, payload, signature] = text.split('.');
  const expected = createHmac('sha256', secret).update(`${header}.${payload}`).digest();
  if (!isSame(Buffer.from(signature, 'base64url'), expected)) return null;
  try {
    const claims = parsed(payload);
    const { aud, iat, exp, digest } = claims;
    const seconds = now / 1000;
    const isOfThisTime = Number.isSafeInteger(iat) && Number.isSafeInteger(exp) && exp > iat && exp - iat <= MAX_SECONDS
      && iat <= seconds + LEEWAY_SECONDS && seconds <= exp + LEEWAY_SECONDS;
    const isOurs = parsed(header).alg === 'HS256' && aud === AUDIENCE && /^[0-9a-f]{64}$/.test(digest);
    return isOurs && isOfThisTime ? claims : null;
  } catch {
    return null;
  }
}

/** Whether a body is the one that the token was signed for. */
const isSignedFor = ({ digest }, body) => isSame(Buffer.from(digest, 'hex'), createHash('sha256').update(body).digest());

module.exports = { AUDIENCE, isSignedFor, readChangeToken };
