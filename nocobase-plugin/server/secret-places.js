'use strict';

// Where the options of our rows hold a secret, and what stands there in its stead.

const { AUTH_TYPE, SECRET_MASK, SOURCE_TYPE } = require('./names');

/**
 * The kinds of rows: `places` are paths in the options, and under `prefix` and the path a secret is kept apart. The
 * ids of two kinds may be the same.
 */
const AUTHENTICATORS = {
  collection: 'authenticators',
  typeField: 'authType',
  type: AUTH_TYPE,
  // Ours, and that of the community plugin's rows.
  places: ['clientSecret', 'internal.appSecret'],
  prefix: '',
};
const SOURCES = {
  collection: 'userDataSyncSources',
  typeField: 'sourceType',
  type: SOURCE_TYPE,
  places: ['clientSecret', 'token', 'encodingAesKey'],
  prefix: 'source.',
};
const KEYS = new Set([AUTHENTICATORS, SOURCES].flatMap(({ places }) => places.map((place) => place.split('.').pop())));

// A lone template names a variable; it is no secret, and the form must show it.
const TEMPLATE = /^\s*\{\{\s*\$env\.[^{}]+\}\}\s*$/;

// Rows stand five levels deep at most; what is nested deeper must not exhaust the stack.
const DEPTH_LIMIT = 12;

const isObject = (value) => value !== null && typeof value === 'object';
const isSecret = (value) => typeof value === 'string' && value.trim() !== '' && value !== SECRET_MASK && !TEMPLATE.test(value);

function valueAt(options, place) {
  return place.split('.').reduce((inner, key) => (isObject(inner) ? inner[key] : undefined), options);
}

/** A copy of the options with another value in a place, or with none. */
function replaced(options, place, value) {
  const [key, ...rest] = place.split('.');
  const copy = { ...options };
  if (rest.length) copy[key] = replaced(options[key], rest.join('.'), value);
  else if (value === undefined) delete copy[key];
  else copy[key] = value;
  return copy;
}

/** The same without secrets, at whatever depth they stand; what holds none is not copied. */
function redacted(value, depth = 0) {
  if (!isObject(value) || depth > DEPTH_LIMIT) return value;
  let copy = value;
  for (const [key, inner] of Object.entries(value)) {
    const clean = KEYS.has(key) && isSecret(inner) ? SECRET_MASK : redacted(inner, depth + 1);
    if (clean === inner) continue;
    if (copy === value) copy = Array.isArray(value) ? [...value] : { ...value };
    copy[key] = clean;
  }
  return copy;
}

module.exports = { AUTHENTICATORS, SOURCES, isObject, isSecret, redacted, replaced, valueAt };
