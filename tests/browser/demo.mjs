// The demo: an invented DingTalk, people who each show one outcome.

import assert from 'node:assert/strict';
import { signOut } from './browser.mjs';

/** Who can be chosen in the simulator, and what the sign-in page then says; no text means signed in under that name. */
const PEOPLE = [
  { key: 'li-lei', name: '李雷' },
  { key: 'han-meimei', name: '韩梅梅' },
  { key: 'wang-fang', refusal: 'PHONE_UNAVAILABLE' },
  { key: 'chen-chen', refusal: 'PHONE_AMBIGUOUS' },
];

export async function demoJourney(window, { baseUrl, simulatorUrl }) {
  const { page, open, t, picture } = window;
  const { data: button } = await (await fetch(`${baseUrl}/api/dingtalk:signInButton`)).json();

  // A page that asks for a session is found again after the sign-in.
  await open('/admin');
  await page.locator('.button-dingtalk').waitFor();
  await picture('sign-in');

  for (const person of PEOPLE) {
    await page.locator('.button-dingtalk').click();
    await page.locator(`a.person[href*="person=${person.key}"]`).click();
    await page.getByRole('button', { name: /^Approve/ }).click();
    if (person.refusal) {
      const alert = page.getByRole('alert');
      await alert.waitFor();
      const said = await alert.locator('p').first().innerText();
      assert.ok(said.startsWith(t(button.errors[person.refusal])), `${person.key}: ${said}`);
      assert.match(said.slice(t(button.errors[person.refusal]).length), /\S+$/, `${person.key}: no reference in "${said}"`);
      await picture(`refused-${person.key}`);
    } else {
      await page.locator('dl.facts').waitFor();
      assert.ok((await page.locator('dl.facts').innerText()).includes(person.name), `${person.key} is not signed in under that name`);
      assert.equal(new URL(page.url()).pathname, '/admin');
      await picture(`signed-in-${person.key}`);
      await signOut(window);
    }
    assertNothingLeftInAddress(page);
  }

  await outsider(window);

  await page.locator('.button-dingtalk').click();
  await page.getByRole('button', { name: /^Refuse/ }).click();
  const alert = page.getByRole('alert');
  await alert.waitFor();
  const said = await alert.locator('p').first().innerText();
  assert.ok(said.startsWith(t(button.errors.DINGTALK_DENIED)), said);
  assert.match(said.slice(t(button.errors.DINGTALK_DENIED).length), /\S{8}$/, `no reference in "${said}"`);
  assertNothingLeftInAddress(page);
  await picture('cancelled');

  await alert.getByRole('link', { name: t(button.startAgain) }).click();
  await page.locator('a.person').first().waitFor();

  await hostileAddresses(window, button);
  await crowd(window, button, simulatorUrl);
}

/** The demo names its organization, so DingTalk lets nobody else approve and says why; the next one may. */
async function outsider({ page, open, picture }) {
  await page.locator('.button-dingtalk').click();
  await page.locator('a.person[href*="person=zhao-yun"]').click();
  const alert = page.getByRole('alert');
  await alert.waitFor();
  assert.match(await alert.innerText(), /not a member of the organization/);
  await picture('refused-zhao-yun');
  await page.getByRole('link', { name: 'Choose another person' }).click();
  await page.locator('a.person').first().waitFor();
  await open('/signin');
}

/** DingTalk refuses a call because of its limits: the page waits as long as it is told and sends the same flow again. */
async function crowd(window, button, simulatorUrl) {
  const { page, open, t, picture } = window;
  // The sidecar tries three times itself before it tells the page to wait.
  const times = 3;
  const posted = [];
  page.on('request', (request) => {
    if (request.url().includes('auth:signIn')) posted.push(request.postDataJSON().flow);
  });
  await open('/signin');
  await page.locator('.button-dingtalk').waitFor();
  const answer = await fetch(`${simulatorUrl}/__simulator/faults`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ call: 'userAccessToken', effect: 'too-many-requests', times }),
  });
  assert.ok(answer.ok, 'the simulator took no fault');
  await page.locator('.button-dingtalk').click();
  await page.locator('a.person[href*="person=li-lei"]').click();
  await page.getByRole('button', { name: /^Approve/ }).click();
  await page.getByText(t(button.waiting)).waitFor();
  await picture('waiting');
  await page.getByRole('timer').waitFor();
  await page.locator('dl.facts').waitFor();
  assert.equal(posted.length, 2);
  assert.equal(posted[0], posted[1], 'another flow was sent the second time');
}

/** What somebody may send by mail: addresses with codes, markup and foreign targets in them. */
async function hostileAddresses({ page, open, t }, button) {
  await open(`/signin?authenticator=x&error=${encodeURIComponent('<img src=x onerror=alert(1)>')}`);
  const alert = page.getByRole('alert');
  await alert.waitFor();
  assert.equal(await alert.locator('p').first().innerText(), t(button.unknownError));
  assert.equal(await alert.locator('img').count(), 0);

  await open('/signin?authenticator=dingtalk&dingtalk=0123456789abcdef');
  await alert.waitFor();
  assert.ok((await alert.innerText()).includes(t(button.errors.FLOW_NOT_FOUND)));

  for (const target of ['//evil.example/', '/\\evil.example', 'https://evil.example/', '/.//evil.example/', '/\t/evil.example', 'javascript:alert(1)']) {
    await open(`/signin?redirect=${encodeURIComponent(target)}`);
    await page.locator('.button-dingtalk').click();
    await page.locator('a.person[href*="person=li-lei"]').click();
    await page.getByRole('button', { name: /^Approve/ }).click();
    await page.locator('dl.facts').waitFor();
    assert.equal(new URL(page.url()).pathname, '/admin', `left for ${target}`);
  }
}

function assertNothingLeftInAddress(page) {
  const address = page.url();
  assert.doesNotMatch(address, /[?&](token|code|authCode|state|dingtalk|authenticator|error)=/);
}
