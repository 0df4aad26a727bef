# shellcheck shell=bash
# Folders, the account that servers run under, and free ports.

# Servers refuse to run as root, and should: root hands them to the account of Debian's PostgreSQL package.
if ((EUID == 0)); then SERVER_USER=postgres; else SERVER_USER=$(id -un); fi

# Runs a command as the servers' account. The working directory is one that every account may enter.
as_server() (
    cd /
    if ((EUID == 0)); then
        HOME=/ exec setpriv --reuid="$SERVER_USER" --regid="$SERVER_USER" --init-groups -- "$@"
    fi
    exec "$@"
)

# A folder that belongs to the servers' account.
server_folder() {
    if ((EUID == 0)); then
        install -d -o "$SERVER_USER" -g "$SERVER_USER" -m "$1" "$2"
    else
        install -d -m "$1" "$2"
    fi
}

# Whether a folder can be used: the servers' account may enter it, sockets in it have a name short enough for the
# kernel (107 bytes with the file name), and it needs no quotes in anybody's configuration.
usable_by_servers() {
    ((${#1} <= 75)) && [[ $1 =~ ^[A-Za-z0-9/._+-]+$ ]] && as_server test -x "$1"
}

# Makes a folder for what a checkout keeps, or a link to one under /var/tmp where the checkout's own place will not
# do (root's home, for instance).
make_local() {
    local folder target
    folder=$(readlink -f "$(dirname "$1")")/$(basename "$1")
    [[ ! -L $folder || -e $folder ]] || rm "$folder"
    if [[ ! -e $folder ]]; then
        if usable_by_servers "$(dirname "$folder")" && ((${#folder} <= 75)); then
            mkdir "$folder"
        else
            target=$(mktemp -d "/var/tmp/backoffice-$(id -un)-XXXXXX")
            chmod 755 "$target"
            ln -s "$target" "$folder"
        fi
    fi
    [[ -O $folder ]] || die "$folder belongs to $(stat -Lc %U "$folder"): run this as that account, or use a checkout of your own"
    usable_by_servers "$(readlink -f "$folder")" ||
        die "the account $SERVER_USER cannot use $(readlink -f "$folder"): move that folder away and try again"
}

# The folder of the cluster as the caller wants it; a relative one is relative to the checkout.
wanted_local() {
    local wanted=${BACKOFFICE_LOCAL:-.local}
    [[ $wanted = /* ]] || wanted=$ROOT/$wanted
    printf '%s' "$wanted"
}

# Sets BUILD (shared by the checkout), LOCAL (this cluster) and PG (PostgreSQL's major version). Needs the servers'
# account.
find_places() {
    local wanted
    wanted=$(wanted_local)
    make_local "$ROOT/.local"
    BUILD=$(readlink -f "$ROOT/.local")
    [[ $wanted = "$ROOT/.local" ]] || {
        mkdir -p "$(dirname "$wanted")"
        make_local "$wanted"
    }
    LOCAL=$(readlink -f "$wanted")
    PG=${BACKOFFICE_PG:-$(as_server cat "$LOCAL/data/PG_VERSION" 2>/dev/null || echo 15)}
    [[ $PG =~ ^1[5-8]$ ]] || die "PostgreSQL $PG is not supported (15 to 18 are)"
    RUN=$LOCAL/run KEYS=$LOCAL/keys PG_BIN=$(pg_bin "$LOCAL/pg$PG")
    export LOCAL BUILD
    mkdir -p "$LOCAL/logs" "$LOCAL/etc" "$BUILD/logs"
}

# One bin/up or bin/down at a time for each cluster.
lock_cluster() {
    exec 9>"$LOCAL/lock"
    flock -w 600 9 || die "another bin/up or bin/down has been at work on $LOCAL for ten minutes"
}

# Whether nothing has this port, not even as the near end of a connection to somewhere else.
port_is_free() {
    ! { cat /proc/net/tcp; cat /proc/net/tcp6 2>/dev/null || true; } |
        awk -v port="$(printf '%04X' "$1")" '{ split($2, local, ":") } local[2] == port && $4 != "06" { found = 1 } END { exit !found }'
}

# Sets API_PORT, PG_PORT, REST_PORT, ADMIN_PORT: those of the last time, unless somebody else took one while the
# server that wants it was down. The first time they are 18000 and the following, or what BACKOFFICE_PORT says: below
# the range from which the kernel takes ports for connections.
choose_ports() {
    local names=(API_PORT PG_PORT REST_PORT ADMIN_PORT) name ours=" " candidate=${BACKOFFICE_PORT:-18000}
    # shellcheck source=/dev/null
    [[ ! -f $LOCAL/ports ]] || source "$LOCAL/ports"
    for name in "${names[@]}"; do
        if [[ -n ${!name:-} ]] && { owner_runs "$name" || port_is_free "${!name}"; }; then
            ours+="${!name} "
        else
            printf -v "$name" ''
        fi
    done
    for name in "${names[@]}"; do
        [[ -z ${!name} ]] || continue
        until [[ $ours != *" $candidate "* ]] && port_is_free "$candidate"; do
            candidate=$((candidate + 1))
            ((candidate < 65000)) || die "no free port found from ${BACKOFFICE_PORT:-18000} on; set BACKOFFICE_PORT"
        done
        printf -v "$name" %s "$candidate"
        ours+="$candidate "
    done
    for name in "${names[@]}"; do printf '%s=%s\n' "$name" "${!name}"; done >"$LOCAL/ports"
}

# Whether the server that listens on the port of this name is ours and runs.
owner_runs() {
    case $1 in
        PG_PORT) postgres_runs ;;
        API_PORT) process_runs nginx ;;
        *) process_runs postgrest ;;
    esac
}

# Whether a process lives and has this text in its command line: after a reboot its number may be somebody else's,
# and where nobody collects the dead (containers without an init) it still exists, with an empty command line.
process_is() {
    [[ -n $1 ]] && tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" | grep -qF -- "$2"
}

# Whether the process of run/NAME.pid lives and is ours.
process_runs() {
    process_is "$(cat "$RUN/$1.pid" 2>/dev/null)" "$LOCAL/etc/"
}

# stop_process NAME SIGNAL: ends it and waits until it has ended.
stop_process() {
    if process_runs "$1"; then
        kill "-$2" "$(cat "$RUN/$1.pid")"
        wait_until 15 process_gone "$1" || kill -KILL "$(cat "$RUN/$1.pid")" 2>/dev/null || true
    fi
    rm -f "$RUN/$1.pid"
}

process_gone() { ! process_runs "$1"; }
