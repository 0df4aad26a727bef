# shellcheck shell=bash
# What a person sees: short lines, progress for long steps, the end of the log when one fails.

QUIET=${QUIET:-}

say() { [[ -n $QUIET ]] || printf '%s\n' "$*" >&2; }
warn() { printf 'Warning: %s\n' "$*" >&2; }
die() {
    printf 'Error: %s\n' "$*" >&2
    exit 1
}

# Prints the elapsed time and the last line of a log until it is killed. On a terminal it redraws one line;
# elsewhere it writes a line every half minute, so that a log of a long build shows that it lives.
progress() {
    local title=$1 log=$2 seconds=0 line
    # $$ is the script, which may have been interrupted.
    while sleep 1 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
        seconds=$((seconds + 1))
        if [[ -t 2 ]]; then
            line=$(tail -c 2000 "$log" 2>/dev/null | tr '\r' '\n' | sed '/^[[:space:]]*$/d' | tail -n 1 | tr -cd '[:print:]')
            line="$title … $seconds s  $line"
            printf '\r\033[K%s' "${line:0:79}" >&2
        elif ((seconds % 30 == 0)); then
            printf '%s … %d s\n' "$title" "$seconds" >&2
        fi
    done
}

# step TITLE COMMAND…: runs the command with its output in a log file and ends the script if it fails.
# Do not call it from a condition: the shell then ignores errors inside functions.
step() {
    local title=$1 log started=$SECONDS status=0 ticker
    shift
    mkdir -p "$LOCAL/logs"
    log="$LOCAL/logs/$(tr -cs 'A-Za-z0-9\n' '-' <<<"${title,,}" | sed 's/-$//').log"
    progress "$title" "$log" &
    ticker=$!
    set +e
    (
        set -e
        "$@"
    ) >"$log" 2>&1
    status=$?
    set -e
    kill "$ticker" 2>/dev/null || true
    wait "$ticker" 2>/dev/null || true
    [[ ! -t 2 ]] || printf '\r\033[K' >&2
    if ((status != 0)); then
        printf '%s: failed after %d s. The end of %s:\n' "$title" $((SECONDS - started)) "$log" >&2
        tail -n 40 "$log" | sed 's/^/    /' >&2
        exit 1
    fi
    say "$title: done ($((SECONDS - started)) s)"
}

# wait_until SECONDS COMMAND…: tries until the command succeeds; status 1 when the time is over.
wait_until() {
    local tries=$(($1 * 10))
    shift
    until "$@"; do
        ((tries-- > 0)) || return 1
        sleep 0.1
    done
}
