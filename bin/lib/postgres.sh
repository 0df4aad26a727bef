# shellcheck shell=bash
# The private PostgreSQL: a copy of Debian's that an ordinary user may install extensions into, and its cluster.

DEBIAN_PG=/usr/lib/postgresql/15
DEBIAN_PG_SHARE=/usr/share/postgresql/15

# copy_postgres FOLDER: PostgreSQL's programs find their files relative to themselves, so a copy that keeps
# Debian's layout needs nothing else. Copied anew when one of Debian's packages changes or comes later than the copy.
copy_postgres() {
    local to=$1 version
    version=$("$DEBIAN_PG/bin/postgres" --version; stat -c '%n %s %Y' "$DEBIAN_PG/lib/pg_cron.so" 2>/dev/null || true)
    [[ $(cat "$to/version" 2>/dev/null) != "$version" ]] || return 0
    rm -rf "$to"
    mkdir -p "$to/lib/postgresql" "$to/share/postgresql" "$to/include"
    cp -a "$DEBIAN_PG" "$to/lib/postgresql/"
    cp -a "$DEBIAN_PG_SHARE" "$to/share/postgresql/"
    ln -s /usr/include/postgresql "$to/include/postgresql"
    printf '%s\n' "$version" >"$to/version"
}

# pgrx_home FOLDER POSTGRES: writes pgrx's configuration, which names the one PostgreSQL it may use.
pgrx_home() {
    mkdir -p "$1"
    printf 'base_port = 28800\nbase_testing_port = 32200\n[configs]\npg15 = "%s/lib/postgresql/15/bin/pg_config"\n' "$2" >"$1/config.toml.new"
    # Left alone when it says the same: its time of change decides what Cargo compiles again.
    if cmp -s "$1/config.toml.new" "$1/config.toml"; then
        rm "$1/config.toml.new"
    else
        mv "$1/config.toml.new" "$1/config.toml"
    fi
}

postgres_runs() {
    process_is "$(as_server head -n 1 "$LOCAL/data/postmaster.pid" 2>/dev/null)" "$LOCAL/data"
}

# Makes the cluster the first time. Its superuser's password is for DATABASE_URL; the servers come in through the
# socket, where PostgreSQL asks the kernel who they are.
make_cluster() {
    [[ ! -f $LOCAL/data/PG_VERSION ]] || return 0
    step "Making the database cluster" init_cluster
}

init_cluster() {
    server_folder 700 "$LOCAL/keys"
    rm -rf "$LOCAL/data" "$LOCAL/data.new" "$LOCAL/created-with" "$LOCAL/env"
    server_folder 700 "$LOCAL/data.new"
    write_secret superuser.password "$(random_base64url 24)"
    as_server "$PG_BIN/initdb" -D "$LOCAL/data.new" --username=postgres --pwfile="$LOCAL/keys/superuser.password" \
        --data-checksums --encoding=UTF8 --locale=C.UTF-8 --auth-local=peer --auth-host=scram-sha-256
    write_server_file data.new/pg_hba.conf <<TEXT
# Through the socket: the servers' own account. Through TCP: a password.
local all postgres,authenticator peer map=servers
host  all all 127.0.0.1/32 scram-sha-256
TEXT
    write_server_file data.new/pg_ident.conf <<TEXT
servers $SERVER_USER postgres
servers $SERVER_USER authenticator
TEXT
    as_server sh -c "echo \"include_if_exists 'backoffice.conf'\" >>'$LOCAL/data.new/postgresql.conf'"
    # Only a finished cluster gets the name that make_cluster looks for.
    mv "$LOCAL/data.new" "$LOCAL/data"
}

# write_server_file PATH: standard input becomes a file that only the servers' account can read.
write_server_file() {
    as_server sh -c "umask 077; cat >'$LOCAL/$1'"
}

# write_secret NAME TEXT: made once, then never changed.
write_secret() {
    as_server test -s "$LOCAL/keys/$1" || printf '%s\n' "$2" | write_server_file "keys/$1"
}

# The files that the extension's settings name.
make_keys() {
    server_folder 700 "$LOCAL/keys"
    write_secret root.key "$(new_root_key)"
    write_secret jwks.json "$(new_jwks)"
}

# Debian has pg_cron for its own PostgreSQL; one from elsewhere may come without it.
has_cron() { [[ -f $LOCAL/pg15/lib/postgresql/15/lib/pg_cron.so ]]; }

# What shared_preload_libraries says, separated by commas.
preloaded_libraries() {
    local libraries=(backoffice)
    ! has_cron || libraries+=(pg_cron)
    local IFS=,
    printf '%s' "${libraries[*]}"
}

# Sets RESTART when the running server must be restarted to see what changed.
configure_postgres() {
    local conf
    conf=$(DATABASE_LISTEN=127.0.0.1 DATABASE_PORT=$PG_PORT DATABASE_SOCKETS=$RUN DATABASE_KEYS=$LOCAL/keys \
        DATABASE_NAME=$DATABASE DATABASE_PRELOAD=$(preloaded_libraries) \
        "$ROOT/docker/fill-in" <"$ROOT/docker/database/postgresql.conf")
    if [[ $(as_server cat "$LOCAL/data/backoffice.conf" 2>/dev/null) != "$conf" ]]; then
        write_server_file data/backoffice.conf <<<"$conf"
        RESTART=yes
    fi
}

start_postgres() {
    server_folder 700 "$RUN"
    server_folder 700 "$LOCAL/logs/servers"
    if [[ -n ${RESTART:-} ]] && postgres_runs; then
        say "PostgreSQL is restarted: the extension or its configuration changed"
        stop_postgres
    fi
    if ! postgres_runs; then
        # PostgreSQL itself takes any living process of that number for its predecessor.
        as_server rm -f "$LOCAL/data/postmaster.pid" "$RUN/.s.PGSQL.$PG_PORT.lock"
        step "Starting PostgreSQL" launch_postgres
    fi
}

launch_postgres() {
    local log=$LOCAL/logs/servers/postgres.log
    if ! as_server env RUST_LIB_BACKTRACE=0 "$PG_BIN/pg_ctl" start -w -t 60 -s -D "$LOCAL/data" -l "$log" 9>&-; then
        as_server tail -n 20 "$log"
        return 1
    fi
}

restart_postgres() {
    stop_postgres
    launch_postgres
}

stop_postgres() {
    ! postgres_runs || as_server "$PG_BIN/pg_ctl" stop -m fast -w -s -D "$LOCAL/data"
}

# psql as the superuser, through the socket; stops at the first error.
admin_psql() {
    as_server "$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 -h "$RUN" -p "$PG_PORT" -U postgres "$@"
}
