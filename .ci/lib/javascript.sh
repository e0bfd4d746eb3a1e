# What of the JavaScript can be looked at without a browser and without NocoBase.

javascript() {
  npm ci --ignore-scripts --prefix nocobase-plugin/dingtalk-jsapi
  node nocobase-plugin/dingtalk-jsapi/bundle.mjs --check
  timeout --kill-after=30 300 node --test tests/nocobase/bridge.test.mjs tests/nocobase/program.test.mjs tests/nocobase/in-client.test.mjs tests/nocobase/leavers.test.mjs tests/nocobase/directory.test.mjs tests/nocobase/client-files.test.mjs tests/browser/return-path.test.mjs
}
