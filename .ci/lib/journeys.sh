# What is driven from outside: NocoBase's SDK, a browser, a real NocoBase.

sdk_contract() {
  npm ci --prefix tests/sdk
  timeout --kill-after=30 300 node .ci/lib/with-site.mjs demo "$binary" node tests/sdk/contract.mjs
}

# The same contract through the plugin in a NocoBase.
sdk_in_nocobase() {
  npm ci --prefix tests/sdk
  at_exit node tests/nocobase/nocobase.mjs remove ci-sdk
  NBDT_BINARY=$binary timeout --kill-after=30 900 node tests/sdk/in-nocobase.mjs ci-sdk
}

# browser_journey demo|alone
browser_journey() {
  npm ci --prefix tests/browser
  rm -rf "tests/browser/out/$1"
  OUTPUT="$PWD/tests/browser/out/$1" CHROMIUM=$(browser_program) \
    timeout --kill-after=30 900 node .ci/lib/with-site.mjs "$1" "$binary" node tests/browser/journey.mjs
}

# nocobase_suite DIALECT CLIENTS LANGUAGES GUIDES [INSTANCE]: the journey in a NocoBase of its own, in these languages,
# and the guide alone in further ones; the packages are installed once for all. NOCOBASE_SECONDS is how long it may take, PACKAGE how the plugin comes (journey.mjs).
nocobase_suite() {
  local instance=${5:-ci-$1}
  at_exit node tests/nocobase/nocobase.mjs down "$instance"
  rm -rf "tests/nocobase/out/$instance"
  NBDT_BINARY=$binary NBDT_NOCOBASE_INSTANCE=$instance NBDT_NOCOBASE_DIALECT=$1 CLIENTS=$2 LANGUAGES=$3 GUIDES=$4 \
    OUTPUT="$PWD/tests/nocobase/out/$instance" CHROMIUM=$(browser_program) \
    timeout --kill-after=30 "${NOCOBASE_SECONDS:-2400}" node tests/nocobase/journey.mjs
}

# Users and departments, kept in step by plugin and sidecar together, as the guide of each language says.
directory_guide() {
  at_exit node tests/nocobase/nocobase.mjs remove directory-guide
  rm -rf tests/nocobase/out/directory-guide
  NBDT_BINARY=$binary OUTPUT="$PWD/tests/nocobase/out/directory-guide" CHROMIUM=$(browser_program) \
    timeout --kill-after=30 "${NOCOBASE_SECONDS:-2400}" node tests/nocobase/directory-guide.mjs
}

# inside_dingtalk DIALECT CLIENTS: people who open NocoBase inside DingTalk.
inside_dingtalk() {
  at_exit node tests/nocobase/nocobase.mjs remove "ci-in-dingtalk-$1"
  rm -rf "tests/nocobase/out/in-dingtalk-$1"
  NBDT_BINARY=$binary NBDT_NOCOBASE_INSTANCE=ci-in-dingtalk-$1 NBDT_NOCOBASE_DIALECT=$1 CLIENTS=$2 \
    OUTPUT="$PWD/tests/nocobase/out/in-dingtalk-$1" CHROMIUM=$(browser_program) \
    timeout --kill-after=30 "${NOCOBASE_SECONDS:-2400}" node tests/nocobase/in-dingtalk.mjs
}

# qr_code DIALECT CLIENTS: DingTalk's QR code on NocoBase's sign-in page.
qr_code() {
  at_exit node tests/nocobase/nocobase.mjs remove "ci-qr-$1"
  rm -rf "tests/nocobase/out/qr-$1"
  NBDT_BINARY=$binary NBDT_NOCOBASE_INSTANCE=ci-qr-$1 NBDT_NOCOBASE_DIALECT=$1 CLIENTS=$2 \
    OUTPUT="$PWD/tests/nocobase/out/qr-$1" CHROMIUM=$(browser_program) \
    timeout --kill-after=30 "${NOCOBASE_SECONDS:-2400}" node tests/nocobase/qr.mjs
}

# The pages of NocoBase's open portal template, which PORTAL_TEMPLATE names a checkout of (portal.mjs).
portal_template() {
  at_exit node tests/nocobase/nocobase.mjs remove ci-portal
  rm -rf tests/nocobase/out/portal
  NBDT_BINARY=$binary NBDT_NOCOBASE_INSTANCE=ci-portal OUTPUT="$PWD/tests/nocobase/out/portal" CHROMIUM=$(browser_program) \
    timeout --kill-after=30 "${NOCOBASE_SECONDS:-2400}" node tests/nocobase/portal.mjs
}
