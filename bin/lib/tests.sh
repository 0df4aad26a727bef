# shellcheck shell=bash
# The three kinds of tests that bin/test runs. Each adds to PASSED and FAILED.

PASSED=0 FAILED=0

# count NAME PASSED FAILED STATUS: a runner that failed without a failed test, or ran none, is a failure itself.
count() {
    local name=$1 passed=$2 failed=$3 status=$4
    if ((passed + failed == 0)); then
        warn "$name: no test ran"
        failed=1
    elif ((status != 0 && failed == 0)); then
        warn "$name: ended with status $status"
        failed=1
    fi
    PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed))
    printf '\n%s: %d passed, %d failed\n' "$name" "$passed" "$failed"
}

# run LOG COMMAND…: shows and keeps the output; the status goes to STATUS, because the caller goes on either way.
run() {
    local log=$1
    shift
    set +e
    "$@" 2>&1 8>&- | tee "$log"
    STATUS=${PIPESTATUS[0]}
    set -e
}

# pgrx installs the extension with its test functions, so these tests have a copy of PostgreSQL of their own.
test_db() {
    local log=$BUILD/logs/test-db.log options=()
    use_test_postgres
    server_folder 755 "$BUILD/pgrx-data"
    ((EUID != 0)) || options+=(--runas "$SERVER_USER")
    printf 'Tests inside PostgreSQL %s. The first build takes a few minutes.\n' "$PG"
    cd "$ROOT"
    # With a backtrace in every error, clients of the tests would see them.
    run "$log" env RUST_BACKTRACE=0 cargo pgrx test "pg$PG" "${PG_FEATURES[@]}" ${1:+"$1"} "${options[@]}" \
        --pgdata "$BUILD/pgrx-data"
    count "Inside PostgreSQL $PG" \
        "$(sum_of 's/^test result: .* \([0-9]*\) passed; .*/\1/p' "$log")" \
        "$(sum_of 's/^test result: .* \([0-9]*\) failed; .*/\1/p' "$log")" "$STATUS"
}

# Names the PostgreSQL that tests and clippy compile against; one for both, so that neither recompiles the other's.
# The features name it too: what is compiled for one major stays beside what is compiled for the others.
use_test_postgres() {
    copy_postgres "$BUILD/pg$PG-test"
    pgrx_home "$BUILD/pgrx-test-$PG" "$BUILD/pg$PG-test"
    export PGRX_HOME=$BUILD/pgrx-test-$PG
    PG_FEATURES=(--no-default-features --features "pg$PG")
}

sum_of() { sed -n "$1" "$2" | awk '{ sum += $1 } END { print sum + 0 }'; }

test_http() {
    local log=$BUILD/logs/test-http.log tap=$BUILD/logs/test-http.tap files=("$ROOT"/pgrx_tests/http/*.test.mjs)
    [[ -z $1 ]] || files=("$(realpath "$1")")
    printf 'Tests through the gateway.\n'
    fresh_servers || { count "Through the gateway" 0 0 1 && return; }
    run "$log" env "${TEST_ENV[@]}" node --test --test-timeout=300000 --test-reporter=spec --test-reporter-destination=stdout \
        --test-reporter=tap --test-reporter-destination="$tap" "${files[@]}"
    count "Through the gateway" "$(sum_of 's/^# pass //p' "$tap")" \
        "$(sum_of 's/^# \(fail\|cancelled\) //p' "$tap")" "$STATUS"
}

test_docs() {
    local log=$BUILD/logs/test-docs.log files=("$ROOT/README.md" "$ROOT"/docs/*.md) file passed=0 failed=0 status=0
    [[ -z $1 ]] || files=("$(realpath "$1")")
    printf 'Examples of the documentation.\n'
    for file in "${files[@]}"; do
        [[ -f $file ]] || continue
        fresh_servers || { status=1 && continue; }
        run "$log" env "${TEST_ENV[@]}" node "$ROOT/pgrx_tests/http/docs/run.mjs" "$file"
        ((STATUS == 0)) || status=$STATUS
        passed=$((passed + $(sum_of 's/^.*: \([0-9]*\) passed, .*/\1/p' "$log")))
        failed=$((failed + $(sum_of 's/^.* passed, \([0-9]*\) failed.*/\1/p' "$log")))
    done
    count "Documentation" "$passed" "$failed" "$status"
}

# Servers with an empty database; sets TEST_ENV to what their tests find in the environment. pg_dump refuses servers
# that are newer than itself, so the programs are the server's.
fresh_servers() {
    "$ROOT/bin/up" --fresh --quiet 8>&- || return 1
    # pg_cron would pay everybody every minute of some hours of the night, which a test at that time does not expect.
    schedule_payday '0 0 29 2 *' || return 1
    mapfile -t TEST_ENV <"$LOCAL/env"
    TEST_ENV+=("PATH=$PG_BIN:$PATH")
}

stop_test_servers() { "$ROOT/bin/down" --quiet 8>&- || true; }
