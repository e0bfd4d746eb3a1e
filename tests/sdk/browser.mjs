// A browser as far as a sign-in needs one: cookies, and redirects looked at one by one.

import assert from 'node:assert/strict';
import http from 'node:http';

export class Browser {
  #jar = new Map();

  /** Keeps what `Set-Cookie` headers say. */
  take(setCookies = []) {
    for (const text of setCookies) {
      const [pair, ...attributes] = text.split(';').map((part) => part.trim());
      const name = pair.slice(0, pair.indexOf('='));
      const isRemoved = attributes.some((attribute) => /^max-age=0$/i.test(attribute) || /^expires=.*1970/i.test(attribute));
      if (isRemoved) this.#jar.delete(name);
      else this.#jar.set(name, pair.slice(name.length + 1));
    }
    return this;
  }

  names() {
    return [...this.#jar.keys()].sort();
  }

  cookieHeader() {
    return [...this.#jar].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  /** Goes to an address. Not by `fetch`, which says of itself that nobody navigates. */
  async get(url) {
    const headers = { cookie: this.cookieHeader(), 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    const answer = await new Promise((resolve, reject) => http.get(url, { headers }, resolve).on('error', reject));
    let text = '';
    for await (const part of answer.setEncoding('utf8')) text += part;
    this.take(answer.headers['set-cookie']);
    return { status: answer.statusCode, headers: new Headers({ location: answer.headers.location ?? '' }), text };
  }
}

/** The address a redirect leads to. */
function target(answer, from) {
  assert.equal(answer.status, 302, `${from} answered ${answer.status} instead of redirecting`);
  return new URL(answer.headers.get('location'), from);
}

/** Clicks the button, approves in the simulated DingTalk as `person`, and comes back to the sign-in page. */
export async function clickThroughDingTalk({ apiUrl, siteUrl, simulatorUrl, authenticator, person }) {
  const browser = new Browser();
  const start = new URL(`${apiUrl}auth:redirect`);
  start.search = new URLSearchParams({ authenticator, return: '/signin?redirect=/admin' });
  const atDingTalk = target(await browser.get(start), start);
  assert.equal(atDingTalk.origin, new URL(simulatorUrl).origin, 'the button does not lead to the simulator');

  const approval = `${simulatorUrl}/oauth2/approve`;
  const body = new URLSearchParams({ request: atDingTalk.search.slice(1), person });
  const back = target(await fetch(approval, { method: 'POST', redirect: 'manual', body }), approval);
  assert.equal(back.href.split('?')[0], `${apiUrl}auth:redirect`);

  const page = target(await browser.get(back), back);
  assert.equal(page.origin, siteUrl);
  assert.equal(page.pathname, '/signin');
  assert.equal(page.searchParams.get('error'), null);
  assert.equal(page.searchParams.get('authenticator'), authenticator);
  assert.equal(page.searchParams.get('redirect'), '/admin');
  for (const secret of ['token', 'code', 'authCode', 'state']) assert.ok(!page.searchParams.has(secret), `${secret} in the address of a page`);
  return { browser, handle: page.searchParams.get('dingtalk') };
}
