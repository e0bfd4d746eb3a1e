# What a run needs besides the Rust toolchain: installed where it is missing.

CARGO_DENY_VERSION=0.20.2
OLDEST_NODE=20

tools() {
  local missing=() package
  command -v cargo
  command -v node || missing+=(nodejs npm)
  command -v cc || missing+=(build-essential)
  command -v mariadbd || missing+=(mariadb-server)
  [[ -n $(postgres_programs) ]] || missing+=(postgresql)
  [[ -x /usr/sbin/pgbouncer ]] || missing+=(pgbouncer)
  [[ -n $(browser_program) ]] || missing+=(chromium)
  # Without them Hindi and Chinese are boxes on the pictures.
  for package in fonts-noto-core fonts-noto-cjk; do
    dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
  done
  if ((${#missing[@]} > 0)); then
    # To whoever started the run, not only into the log: it changes their machine.
    echo "installs with apt-get: ${missing[*]}" | tee /dev/fd/3
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
  fi
  cargo --version
  node --version
  if (($(node -p 'process.versions.node.split(".")[0]') < OLDEST_NODE)); then
    echo "Node $OLDEST_NODE or newer is needed"
    return 1
  fi
  "$(browser_program)" --version
}

browser_program() {
  command -v "${CHROMIUM:-chromium}" || command -v chromium-browser || command -v google-chrome || true
}

# The folder of the newest PostgreSQL's programs; Debian keeps them off the path.
postgres_programs() {
  local folder
  for folder in $(compgen -G '/usr/lib/postgresql/*/bin' | sort -Vr); do
    if [[ -x $folder/initdb ]]; then
      echo "$folder"
      return
    fi
  done
  if command -v initdb >/dev/null; then dirname "$(command -v initdb)"; fi
}

# cargo_deny [--manifest-path FILE]
cargo_deny() {
  if ! command -v cargo-deny; then
    echo "installs with cargo: cargo-deny $CARGO_DENY_VERSION" >&3
    # Unoptimised: it compiles in half the time, and runs for a second.
    cargo install cargo-deny --locked --debug --version "$CARGO_DENY_VERSION"
  fi
  cargo deny --locked --config deny.toml "$@" check bans licenses sources
}
