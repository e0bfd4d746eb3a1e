// Drives a running sidecar in a real browser. By environment:
//   BASE_URL        where the sidecar answers, such as http://127.0.0.1:13100
//   SIMULATOR_URL   where the simulated DingTalk answers; given, the demo's journey runs, else the one of a sidecar alone
//   ROOT_ACCOUNT, ROOT_PASSWORD   the administrator, for the journey of a sidecar alone
//   OUTPUT          folder for the pictures (default: out)
//   LANGUAGES       which languages (default: en-US,hi-IN)
//   CHROMIUM        the browser (default: /usr/bin/chromium)

import { aloneJourney } from './alone.mjs';
import { launch, openWindow, WIDTHS } from './browser.mjs';
import { demoJourney } from './demo.mjs';

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
  : (window) => aloneJourney(window, { baseUrl, root: { account: required('ROOT_ACCOUNT'), password: required('ROOT_PASSWORD') } });

const browser = await launch();
let failures = 0;
for (const locale of languages) {
  for (const [size, width] of Object.entries(WIDTHS)) {
    const name = `${kind}-${locale}-${size}`;
    const window = await openWindow(browser, { baseUrl, locale, width, outputFolder, name, isDark: size === 'narrow' });
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
}
if (isDemo) failures += await unexpectedRequests();
await browser.close();
process.exit(failures === 0 ? 0 : 1);

/** The simulator notes every request that the real DingTalk would not have understood. */
async function unexpectedRequests() {
  const answer = await (await fetch(`${simulatorUrl}/__simulator/calls`)).json();
  const unexpected = answer.unexpected ?? [];
  for (const one of unexpected) console.error(`FAIL  DingTalk got an unexpected request: ${JSON.stringify(one)}`);
  return unexpected.length;
}
