'use strict';

// The stored client secret goes in and never comes out: answers show a mask, and a saved mask keeps what is stored.

const { AUTH_TYPE, SECRET_MASK } = require('./names');

// A lone template names a variable; it is no secret, and the form must show it.
const TEMPLATE = /^\s*\{\{\s*\$env\.[^{}]+\}\}\s*$/;

// Where the secret stands in the options: ours, and that of the community plugin's rows.
const PLACES = [['clientSecret'], ['internal', 'appSecret']];

const isSecret = (value) => typeof value === 'string' && value !== '' && value !== SECRET_MASK && !TEMPLATE.test(value);

function valueAt(options, place) {
  return place.reduce((inner, key) => (inner !== null && typeof inner === 'object' ? inner[key] : undefined), options);
}

function replaced(options, place, value) {
  const [key, ...rest] = place;
  const copy = { ...options };
  if (rest.length) copy[key] = replaced(options[key], rest, value);
  else if (value === undefined) delete copy[key];
  else copy[key] = value;
  return copy;
}

function maskedOptions(options) {
  return PLACES.reduce((masked, place) => (isSecret(valueAt(masked, place)) ? replaced(masked, place, SECRET_MASK) : masked), options);
}

/** A copy of an answer in which no DingTalk authenticator shows its secret, at whatever depth it stands. */
function masked(value) {
  if (Array.isArray(value)) return value.map(masked);
  if (value === null || typeof value !== 'object') return value;
  const copy = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, masked(inner)]));
  const isRow = copy.options !== null && typeof copy.options === 'object' && (copy.authType === undefined || copy.authType === AUTH_TYPE);
  if (isRow) copy.options = maskedOptions(copy.options);
  return copy;
}

/** Masks what leaves by any action that can carry authenticators, lists of related records included. */
function middleware() {
  return async function maskDingTalkSecret(ctx, next) {
    await next();
    const carriesAuthenticators = /authenticators/i.test(ctx.url) && !ctx.path.endsWith('authenticators:publicList');
    const { body } = ctx;
    if (!carriesAuthenticators || body === null || typeof body !== 'object' || Buffer.isBuffer(body) || typeof body.pipe === 'function') return;
    // The rows are live models, one of them in NocoBase's cache: mask the copy that goes out.
    ctx.body = masked(JSON.parse(JSON.stringify(body)));
  };
}

/** Puts the stored secret back where a mask is about to be saved over it. */
function keepStoredSecret(model) {
  if (model.get('authType') !== AUTH_TYPE) return;
  const options = model.get('options');
  const stored = model.previous('options');
  let kept = options;
  for (const place of PLACES) {
    if (valueAt(options, place) === SECRET_MASK) kept = replaced(kept, place, valueAt(stored, place));
  }
  if (kept !== options) model.set('options', kept);
}

module.exports = { keepStoredSecret, masked, middleware };
