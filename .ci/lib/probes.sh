# What looks for trouble that nobody thought of: fuzzing, the description against the server, mutants.

CARGO_FUZZ_VERSION=0.13.2
CARGO_MUTANTS_VERSION=27.1.0
FUZZ_TARGETS='callback_query dingtalk_answer duration env_file env_template event_callback flow_cookie form_schema jwt return_path stream_frame'

# fuzz RUNS: every target, from the corpus that is kept. What it finds is under fuzz/artifacts, what it learns under
# fuzz/target; `cargo fuzz cmin` takes that over.
fuzz() {
  command -v cargo-fuzz || cargo install cargo-fuzz --locked --debug --version "$CARGO_FUZZ_VERSION"
  cargo fmt --check --manifest-path fuzz/Cargo.toml
  cargo_deny --manifest-path fuzz/Cargo.toml
  [[ $(cargo fuzz list | xargs) == "$FUZZ_TARGETS" ]]
  # The toolchain is stable, and the flags that cargo-fuzz wants are not. No sanitizer: the crate forbids unsafe code.
  export RUSTC_BOOTSTRAP=1
  cargo fuzz build --sanitizer none
  local name
  for name in $FUZZ_TARGETS; do
    echo "== $name"
    mkdir -p "fuzz/target/corpus/$name"
    cargo fuzz run --sanitizer none "$name" "fuzz/target/corpus/$name" "fuzz/corpus/$name" -- -runs="$1" -seed=1 -timeout=20 -print_final_stats=1
  done
}

# What the Rust tests expect of the env files is what dotenv says of them.
env_files() {
  npm ci --prefix tests/dotenv
  node tests/dotenv/oracle.mjs
}

# description demo|alone EXAMPLES: the server answers what docs/openapi.json says and nothing else.
description() {
  local folder=$target/schemathesis
  if ! cmp -s tests/schemathesis/requirements.txt "$folder/requirements.txt"; then
    python3 -m venv --help >/dev/null || {
      apt-get update -q
      DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3-venv
    }
    python3 -m venv --clear "$folder"
    "$folder/bin/pip" install --quiet --requirement tests/schemathesis/requirements.txt
    cp tests/schemathesis/requirements.txt "$folder/requirements.txt"
  fi
  SCHEMATHESIS=$folder/bin/schemathesis EXAMPLES=$2 \
    timeout --kill-after=30 1800 node .ci/lib/with-site.mjs "$1" "$binary" node tests/schemathesis/check.mjs
}

# Which are examined, and by which tests, stands in .cargo/mutants.toml.
mutants() {
  command -v cargo-mutants || cargo install cargo-mutants --locked --debug --version "$CARGO_MUTANTS_VERSION"
  every_check_is_examined
  # Two at a time: a compiler spends much of its time on one thread. Nobody reads a backtrace here.
  CARGO_PROFILE_DEV_DEBUG=none cargo mutants --output target --no-times --jobs 2
}

# A check that was moved or renamed would be examined no more, and nobody would notice.
every_check_is_examined() {
  local all pattern is_one_missing=
  all=$(cargo mutants --list)
  while IFS= read -r pattern; do
    grep -Eq -- "$pattern" <<<"$all" || {
      echo ".cargo/mutants.toml: nothing is called \"$pattern\""
      is_one_missing=1
    }
  done < <(sed -n '/^examine_re/,/^]/s/^    "\(.*\)",$/\1/p' .cargo/mutants.toml | sed 's/\\\\/\\/g')
  [[ -z $is_one_missing ]]
}
