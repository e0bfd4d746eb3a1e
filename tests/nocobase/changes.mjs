// Asks the bridge for changes as the sidecar does: signed, for one body, within a minute.

import { createHash, createHmac } from 'node:crypto';

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

export function signed(claims, secret, header = { alg: 'HS256', typ: 'JWT' }) {
  const unsigned = `${encode(header)}.${encode(claims)}`;
  return `${unsigned}.${createHmac('sha256', secret).update(unsigned).digest('base64url')}`;
}

export function claimsFor(body, { secondsAgo = 0, lives = 60, ...more } = {}) {
  const iat = Math.floor(Date.now() / 1000) - secondsAgo;
  return { aud: 'nocobase-dingtalk-changes', iat, exp: iat + lives, digest: createHash('sha256').update(body).digest('hex'), ...more };
}

/** What the sidecar would ask with; `change` lacks its source, which stands in `this`. */
export class Changes {
  constructor(nocobase, source) {
    Object.assign(this, { nocobase, source });
  }

  async post(text, token) {
    const headers = { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) };
    const answer = await fetch(`${this.nocobase.api}dingtalk:applyChanges`, { method: 'POST', headers, body: text });
    const said = await answer.text();
    return { status: answer.status, text: said, json: said.startsWith('{') ? JSON.parse(said) : null };
  }

  async ask(change) {
    const text = JSON.stringify({ source: this.source, ...change });
    return this.post(text, signed(claimsFor(text), this.nocobase.state.appKey));
  }

  /** The same, and it must be taken. */
  async apply(change) {
    const answer = await this.ask(change);
    if (answer.status !== 200) throw new Error(`${change.operation}: ${answer.status} ${answer.text}`);
    return answer.json.data;
  }

  departments(...records) {
    return this.apply({ operation: 'departments', records: records.map((record) => ({ dataType: 'department', ...record })) });
  }

  people(people, more = {}) {
    return this.apply({ operation: 'people', people: people.map(({ record, ...rest }) => ({ ...rest, record: { dataType: 'user', departments: [], ...record } })), ...more });
  }

  leavers(people, how = 'removeRoles', more = {}) {
    return this.apply({ operation: 'leavers', how, people, ...more });
  }
}
