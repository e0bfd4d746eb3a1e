// The sign-in page: password form, DingTalk buttons, and the second half of a sign-in that comes back from DingTalk.

import { api } from '../api.js';
import { flow, forgetFlow, giveUp, redeem, refusalSentence, startUrl, takeReturn } from '../dingtalk-flow.js';
import { fill, h, icon, spinner, uniqueId, whileBusy } from '../dom.js';
import { expand, t } from '../i18n.js';
import { isInsideDingTalk, signInOnClick, signInOnExpiry } from '../in-dingtalk.js';
import { banner, loading, sentence, showFailure } from '../messages.js';
import { qrCode } from '../qr-code.js';

const DINGTALK = 'dingtalk';
const PASSWORD = 'Email/Password';

/** What was typed survives a change of language, which draws the page anew. */
let typedAccount = '';

/** Texts of the button as the server gives them; the fallbacks are for the moments it does not. */
let buttonTexts = null;

// Going back from DingTalk can bring this very page back to life, with the button still busy.
addEventListener('pageshow', () => document.querySelector('.button-dingtalk[aria-busy]')?.removeAttribute('aria-busy'));

export function signInPage(page) {
  const { app, root, languageSwitch } = page;
  const content = h('div', { class: 'sign-in-content' });
  fill(root, h('div', { class: 'sign-in' },
    h('header', { class: 'sign-in-top' }, languageSwitch),
    h('main', { class: 'sign-in-card card' }, h('h1', null, app.site.title), content)));

  takeReturn();
  let shown = null;
  flow.onchange = () => {
    if (!page.isCurrent()) return;
    const isUnderWay = flow.phase === 'working' || flow.phase === 'waiting';
    if (isUnderWay) showProgress(content);
    else if (flow.phase === 'counting') shown === 'counting' ? updateCountdown(content) : showCountdown(content);
    else showMethods(page, content);
    shown = flow.phase;
  };
  if (flow.handle) redeem((authenticator, data) => enter(app, authenticator, data));
  else flow.onchange();
  signInOnExpiry().then((kind) => afterAttempt(app, kind));
}

/** An attempt inside DingTalk has led in, or the page says why it has not. */
function afterAttempt(app, kind) {
  if (kind === 'entered') app.goOn();
  else if (kind !== 'nothing') flow.onchange();
}

function enter(app, authenticator, data) {
  forgetFlow();
  typedAccount = '';
  app.enter(authenticator, data);
}

function showProgress(content) {
  let status = content.querySelector('.progress-text');
  if (!status) {
    status = h('p', { class: 'progress-text', role: 'status' });
    fill(content, h('div', { class: 'progress' }, spinner(), status));
  }
  fill(status, flow.phase === 'waiting'
    ? t(buttonTexts?.waiting ?? 'Many people are signing in. You keep your place in the queue.')
    : t(buttonTexts?.pending ?? 'Completing your DingTalk sign-in…'));
}

const countdownText = () => t('Next try in {{seconds}} s.', { seconds: flow.secondsLeft });

function showCountdown(content) {
  fill(content,
    h('div', { role: 'status' }, banner('warning', flow.failure)),
    h('p', { class: 'countdown', role: 'timer' }, spinner(), h('span', null, countdownText())),
    h('button', { type: 'button', class: 'button', onclick: giveUp }, t('Cancel')));
}

function updateCountdown(content) {
  fill(content.querySelector('.countdown span:last-child'), countdownText());
}

/** The ways to sign in, with the sentence for a refused sign-in above them. */
async function showMethods(page, content) {
  const { app, isCurrent } = page;
  fill(content, loading());
  let methods;
  try {
    [methods, buttonTexts] = await Promise.all([
      api.get('authenticators:publicList').then(({ data }) => data ?? []),
      api.get('dingtalk:signInButton').then(({ data }) => data).catch(() => buttonTexts),
    ]);
  } catch (error) {
    if (isCurrent()) showFailure(content, error, () => showMethods(page, content));
    return;
  }
  if (!isCurrent()) return;
  const passwords = methods.filter((method) => method.authType === PASSWORD);
  const dingtalks = methods.filter((method) => method.authType === DINGTALK);
  fill(content,
    refusal(dingtalks),
    app.site.demo && flow.phase !== 'refused'
      && banner('info', t('This is a demo with a simulated DingTalk: press the DingTalk button and choose a person.')),
    passwords.length > 0 && passwordForm(app, passwords),
    passwords.length > 0 && dingtalks.length > 0 && h('div', { class: 'or' }, h('span', null, t('or'))),
    dingtalks.length > 0 && h('div', { class: 'sign-in-buttons' }, dingtalks.map((method) => [dingtalkButton(app, method), qrCode(method, buttonTexts?.qrCode)])),
    passwords.length + dingtalks.length === 0 && banner('warning', t('No sign-in method is enabled. Ask your administrator.')));
}

function refusal(dingtalks) {
  const text = refusalSentence(buttonTexts);
  if (!text) return null;
  const method = dingtalks.find(({ name }) => name === flow.authenticator) ?? dingtalks[0];
  return banner('error', text, method && h('a', { class: 'button', href: startUrl(method.name) }, t(buttonTexts?.startAgain ?? 'Start again')));
}

function dingtalkButton(app, method) {
  const title = expand(method.title) || t(buttonTexts?.title ?? 'Sign in with DingTalk');
  const link = h('a', {
    class: 'button button-large button-dingtalk', href: startUrl(method.name), onclick: async (event) => {
      link.setAttribute('aria-busy', 'true');
      if (!isInsideDingTalk) return;
      event.preventDefault();
      const kind = await signInOnClick(method.name);
      if (kind === 'nothing') location.assign(link.href);
      else afterAttempt(app, kind);
    },
  },
    icon('dingtalk'), h('span', null, title));
  return link;
}

function passwordForm(app, methods) {
  const ids = { account: uniqueId('account'), password: uniqueId('password'), method: uniqueId('method') };
  const failure = h('div', null);
  const account = h('input', { id: ids.account, name: 'account', autocomplete: 'username', required: true, autocapitalize: 'none', spellcheck: 'false',
    value: typedAccount, oninput: () => { typedAccount = account.value; } });
  const password = h('input', { id: ids.password, name: 'password', type: 'password', autocomplete: 'current-password', required: true });
  const method = methods.length > 1 && h('select', { id: ids.method },
    methods.map((one) => h('option', { value: one.name }, expand(one.title) || expand(one.authTypeTitle) || one.name)));
  const submit = h('button', { type: 'submit', class: 'button button-primary button-large' }, t('Sign in'));

  const signIn = async () => {
    fill(failure);
    const authenticator = method ? method.value : methods[0].name;
    try {
      const { data } = await api.post('auth:signIn', {
        body: { account: account.value.trim(), password: password.value }, headers: { 'X-Authenticator': authenticator }, anonymous: true,
      });
      enter(app, authenticator, data);
    } catch (error) {
      fill(failure, banner('error', sentence(error)));
      password.select();
    }
  };
  return h('form', { class: 'form', onsubmit: (event) => { event.preventDefault(); whileBusy(submit, signIn); } },
    failure,
    method && h('div', { class: 'field' }, h('label', { for: ids.method }, t('Sign-in method')), method),
    h('div', { class: 'field' }, h('label', { for: ids.account }, t('Username or email')), account),
    h('div', { class: 'field' }, h('label', { for: ids.password }, t('Password')), password),
    submit);
}
