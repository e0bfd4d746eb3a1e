// Opening NocoBase inside DingTalk, in a real NocoBase: phone and computer, both clients, a stand-in for DingTalk's bridge.
//
//   node in-dingtalk.mjs
//
// CLIENTS  v2,v1  which clients people use
// OUTPUT   out    folder for the pictures
// KEEP     unset  1 leaves NocoBase running
// See nocobase.mjs for where and how NocoBase is installed.

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { clientSteps, portalSteps, siteSteps } from './in-dingtalk-steps.mjs';
import { HAN_MEIMEI, LI_LEI, Site, Steps } from './site.mjs';
import { launch } from './window.mjs';

const clients = (process.env.CLIENTS ?? 'v2,v1').split(',');
const output = path.resolve(process.env.OUTPUT ?? path.join(path.dirname(fileURLToPath(import.meta.url)), 'out'));
const steps = new Steps();
const site = await Site.open(process.env.NBDT_NOCOBASE_INSTANCE ?? 'in-dingtalk', { dialect: process.env.NBDT_NOCOBASE_DIALECT ?? 'postgres' });
let browser;
try {
  await site.createUser({ nickname: 'Lei from the users list', username: 'lilei', phone: LI_LEI.phone });
  await site.createUser({ nickname: 'Meimei from the users list', username: 'hanmeimei', phone: HAN_MEIMEI.phone });
  await site.installPlugin();
  await site.createAuthenticator({ options: { public: { autoSignup: false } } });
  // Browsers find NocoBase under a name of its own.
  await site.registerRedirectUrl(site.nocobase.redirectUrl);
  browser = await launch();
  await siteSteps({ steps, site, browser, output });
  await portalSteps({ steps, site });
  for (const client of clients) await clientSteps({ steps, site, browser, output, client });
} finally {
  await browser?.close();
  await site.close();
}
steps.end();
