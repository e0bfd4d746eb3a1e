# Steps of a run: each with a heading, a log of its own, its duration, and a count at the end.
#
# A step is a function run plainly, never as a condition: bash would ignore its failures there. What goes wrong
# ends the script, and the trap tells in which step. Bash runs it after a signal, too, unless that has its own.

passed=0
failed=()
current_step=
current_log=
step_started=0
cleanups=()
exec 3>&1

# The settings of the surrounding shell are not those of what is tested.
clear_settings() {
  local name
  for name in $(compgen -e); do
    case "$name" in
      APP_* | API_* | CORS_* | DB_* | DINGTALK_* | INIT_* | LOG_FORMAT | NBDT_BINARY | NBDT_NOCOBASE_ENV | NOCOBASE_* | PG* | MYSQL_* | RUST_LOG | SIDECAR_* | STORAGE_* | TEST_*)
        unset "$name"
        ;;
    esac
  done
}

seconds_since() {
  printf '%d s' $((SECONDS - $1))
}

begin_step() {
  current_step=$1
  current_log="$logs/$(tr -c 'a-zA-Z0-9\n' '-' <<<"$1").log"
  step_started=$SECONDS
  printf '== %s\n' "$1" >&3
}

pass_step() {
  passed=$((passed + 1))
  printf 'ok    %s (%s)\n' "$current_step" "$(seconds_since "$step_started")" >&3
  current_step=
}

fail_step() {
  printf 'FAIL  %s (%s), log %s:\n' "$current_step" "$(seconds_since "$step_started")" "${current_log#"$PWD"/}" >&3
  # Long journeys fail far from their end, and what is kept of this output may be short: the failures come first.
  grep -n -A 6 -E '^FAIL|^---- .* stdout|^error' "$current_log" | head -n 60 >&3 || true
  printf 'its end:\n' >&3
  tail -n 25 "$current_log" >&3
  failed+=("$current_step")
  current_step=
}

# step NAME COMMAND...: a failure ends the run.
step() {
  begin_step "$1"
  shift
  "$@" >"$current_log" 2>&1 </dev/null
  pass_step
}

# suite NAME FUNCTION...: a failure is counted, and the run goes on. The function runs in a bash of its own,
# which is the one place where its failures can be looked at without being ignored.
suite() {
  begin_step "$1"
  shift
  local status=0
  ONLY_SUITE=$(printf '%q ' "$@") bash "$0" >"$current_log" 2>&1 </dev/null || status=$?
  if ((status == 0)); then pass_step; else fail_step; fi
}

# at_exit COMMAND...: run at the end, the latest first.
at_exit() {
  cleanups=("$(printf '%q ' "$@")" "${cleanups[@]}")
}

finish() {
  local status=$?
  trap - EXIT
  set +e
  if [[ -n $current_step ]]; then fail_step; fi
  local cleanup child
  # Ended by a signal, a run leaves a child that works on.
  for child in $(pgrep -P $$); do kill "$child"; done 2>/dev/null
  for cleanup in "${cleanups[@]}"; do eval "$cleanup" >>"$logs/end.log" 2>&1; done
  if [[ -z ${ONLY_SUITE:-} ]]; then
    printf '%d passed, %d failed in %s\n' "$passed" "${#failed[@]}" "$(seconds_since 0)" >&3
  fi
  if ((${#failed[@]} > 0 && status == 0)); then status=1; fi
  exit "$status"
}

start_run() {
  logs="$PWD/target/ci/$(basename "$0")"
  export logs
  # The bash of one suite works with what its parent has set up.
  if [[ -z ${ONLY_SUITE:-} ]]; then
    rm -rf "$logs"
    clear_settings
  fi
  mkdir -p "$logs"
  export CI=true RUST_BACKTRACE=0 CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0 npm_config_update_notifier=false npm_config_audit=false npm_config_fund=false
  trap finish EXIT
}
