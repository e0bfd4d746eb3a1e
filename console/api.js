// NocoBase's HTTP conventions: `{base}resource:action`, its headers, its envelopes.

import { API_BASE } from './paths.js';
import { session } from './session.js';

/** Codes with which NocoBase says that the stored session is over. */
const SESSION_CODES = new Set(['EMPTY_TOKEN', 'EXPIRED_TOKEN', 'INVALID_TOKEN', 'TOKEN_RENEW_FAILED', 'BLOCKED_TOKEN', 'EXPIRED_SESSION',
  'NOT_EXIST_USER', 'USER_HAS_NO_ROLES_ERR', 'ROLE_NOT_FOUND_FOR_USER']);

/** A request that the server refused or never answered; `status` 0 means no answer at all. */
export class ApiError extends Error {
  constructor({ status, code, message, retryAfter }) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }

  get endsSession() {
    return this.status === 401 && SESSION_CODES.has(this.code);
  }
}

/** Address of an action, with `query` when there is one. */
export function actionUrl(action, query = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === null || value === '') continue;
    for (const one of [value].flat()) search.append(Array.isArray(value) ? `${name}[]` : name, one);
  }
  const text = search.toString();
  return API_BASE + action + (text ? `?${text}` : '');
}

async function send(action, { method, query, body, headers, anonymous }) {
  const token = anonymous ? null : session.token;
  const all = { Accept: 'application/json', 'X-Timezone': timezone(), ...headers };
  const optional = (name, value) => { if (value && !(name in all)) all[name] = value; };
  optional('X-Locale', session.locale);
  if (!anonymous) {
    optional('X-Authenticator', session.authenticator);
    optional('X-Role', session.role);
    optional('Authorization', token && `Bearer ${token}`);
  }
  if (body !== undefined) all['Content-Type'] = 'application/json';

  let response;
  try {
    response = await fetch(actionUrl(action, query), {
      method, headers: all, body: body === undefined ? undefined : JSON.stringify(body), credentials: 'same-origin', cache: 'no-store',
    });
  } catch {
    throw new ApiError({ status: 0, code: 'NO_ANSWER', message: '' });
  }
  const renewed = response.headers.get('x-new-token');
  if (renewed && token) session.renew(token, renewed);
  return response;
}

function timezone() {
  const minutes = -new Date().getTimezoneOffset();
  const two = (number) => String(Math.trunc(Math.abs(number))).padStart(2, '0');
  return `${minutes < 0 ? '-' : '+'}${two(minutes / 60)}:${two(minutes % 60)}`;
}

async function refusal(response) {
  const answer = await response.json().catch(() => ({}));
  // NocoBase itself says `error`, singular, while it starts.
  const said = answer?.errors?.[0] ?? answer?.error ?? {};
  const seconds = Number(response.headers.get('Retry-After'));
  return new ApiError({
    status: response.status,
    code: said.code ?? '',
    message: typeof said.message === 'string' ? said.message : '',
    retryAfter: seconds > 0 ? Math.min(Math.ceil(seconds), 600) : undefined,
  });
}

async function call(action, options) {
  const response = await send(action, options);
  if (!response.ok) throw await refusal(response);
  if (response.status === 204) return { data: null, meta: {} };
  const answer = await response.json().catch(() => null);
  if (answer === null) throw new ApiError({ status: response.status, code: 'BAD_ANSWER', message: '' });
  return { data: answer.data ?? null, meta: answer.meta ?? {} };
}

export const api = {
  get: (action, query) => call(action, { method: 'GET', query }),
  post: (action, { query, body = {}, headers, anonymous } = {}) => call(action, { method: 'POST', query, body, headers, anonymous }),

  /** The answer as a file, for what a plain link cannot fetch because it lacks the token. */
  async download(action, query) {
    const response = await send(action, { method: 'GET', query, headers: { Accept: 'text/csv' } });
    if (!response.ok) throw await refusal(response);
    return response.blob();
  },
};
