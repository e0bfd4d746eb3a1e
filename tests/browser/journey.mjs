// Drives a running sidecar in a real browser. By environment:
//   BASE_URL        where the sidecar answers, such as http://127.0.0.1:13100
//   SIMULATOR_URL   where the simulated DingTalk answers; given, the demo's journey runs, else the one of a sidecar alone
//   ROOT_ACCOUNT, ROOT_PASSWORD   the administrator
//   OUTPUT          folder for the pictures (default: out)
//   LANGUAGES       which languages (default: en-US,hi-IN)
//   CHROMIUM        the browser (default: /usr/bin/chromium)

import { aloneJourney } from './alone.mjs';
import { launch, openWindow, WIDTHS } from './browser.mjs';
import { demoJourney } from './demo.mjs';
import { directoryJourney } from './directory.mjs';
import { USER_AGENTS } from './dingtalk-bridge.mjs';
import { inDingTalkJourney, withAutomaticLogin, withOptions } from './in-dingtalk.mjs';
import { ownLinkJourney } from './own-link.mjs';
import { noQrCode, qrCodeJourney } from './qr-code.mjs';

const environment = process.env;
const baseUrl = required('BASE_URL').replace(/\/$/, '');
const outputFolder = environment.OUTPUT ?? 'out';
const languages = (environment.LANGUAGES ?? 'en-US,hi-IN').split(',');
const simulatorUrl = environment.SIMULATOR_URL?.replace(/\/$/, '');
const isDemo = Boolean(simulatorUrl);

function required(name) {
  const value = environment[name];
  if (value) return value;
  console.error(`${name} is not set`);
  process.exit(2);
}

const kind = isDemo ? 'demo' : 'alone';
const journey = isDemo
  ? (window) => demoJourney(window, { baseUrl, simulatorUrl })
  : (window) => aloneJourney(window, { baseUrl, root });

const root = { account: required('ROOT_ACCOUNT'), password: required('ROOT_PASSWORD') };
const browser = await launch();
let failures = 0;

async function run(name, options, journey) {
  const window = await openWindow(browser, { baseUrl, outputFolder, name, ...options });
  try {
    await journey(window);
    await window.close();
    console.log(`ok    ${name}`);
  } catch (error) {
    failures += 1;
    console.error(`FAIL  ${name} at ${window.page.url()}\n${error.stack}`);
    await window.page.screenshot({ path: `${outputFolder}/${name}-failed.png` }).catch(() => {});
  }
}

for (const locale of languages) {
  for (const [size, width] of Object.entries(WIDTHS)) {
    await run(`${kind}-${locale}-${size}`, { locale, width, isDark: size === 'narrow' }, journey);
  }
}
if (isDemo) {
  for (const [index, locale] of languages.entries()) {
    const [size, width] = Object.entries(WIDTHS)[index % 2];
    await run(`own-link-${locale}-${size}`, { locale, width }, (window) => ownLinkJourney(window, { root }));
    await run(`directory-${locale}-${size}`, { locale, width }, (window) => directoryJourney(window, { root }));
  }
  const { data: texts } = await (await fetch(`${baseUrl}/api/dingtalk:signInButton`)).json();
  const { clientId, undo } = await withAutomaticLogin({ baseUrl, root }, 'internal');
  for (const [client, width] of [['phone', WIDTHS.narrow], ['computer', WIDTHS.wide]]) {
    await run(`in-dingtalk-${client}`, { locale: languages[0], width, userAgent: USER_AGENTS[client] }, (window) => inDingTalkJourney(window, { kind: client, simulatorUrl, clientId, texts }));
  }
  await undo();
  const code = await withOptions({ baseUrl, root }, (options) => ({ ...options, public: { ...options.public, qrCode: true } }));
  for (const [index, locale] of languages.entries()) {
    await run(`qr-code-${locale}`, { locale, width: index % 2 ? 620 : WIDTHS.wide }, (window) => qrCodeJourney(window, { simulatorUrl, texts }));
  }
  await run('qr-code-phone', { locale: languages[0], width: WIDTHS.narrow }, noQrCode);
  await run('qr-code-in-dingtalk', { locale: languages[0], width: WIDTHS.wide, userAgent: USER_AGENTS.computer }, noQrCode);
  await code.undo();
  failures += await unexpectedRequests();
}
await browser.close();
process.exit(failures === 0 ? 0 : 1);

/** The simulator notes every request that the real DingTalk would not have understood. */
async function unexpectedRequests() {
  const answer = await (await fetch(`${simulatorUrl}/__simulator/calls`)).json();
  const unexpected = answer.unexpected ?? [];
  for (const one of unexpected) console.error(`FAIL  DingTalk got an unexpected request: ${JSON.stringify(one)}`);
  return unexpected.length;
}
