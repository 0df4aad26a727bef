# shellcheck shell=bash
# The database `backoffice` in the private cluster.

DATABASE=backoffice

# FRESH: recreate the database. KEEP: go on with one that an older version of the SQL created.
make_database() {
    local exists existed hash dropped=''
    hash=$(extension_sql_hash)
    existed=$(admin_psql -d postgres -Atc "select 1 from pg_catalog.pg_database where datname = '$DATABASE'")
    exists=$existed
    if [[ -n ${FRESH:-} && -n $exists ]]; then
        admin_psql -d postgres -c "drop database $DATABASE with (force)"
        exists=
    fi
    # Without this file, creating the database did not come to its end.
    if [[ -z $exists || ! -f $LOCAL/created-with ]]; then
        step "Creating the database" create_database
        printf '%s\n' "$hash" >"$LOCAL/created-with"
        RESTART=yes dropped=$existed
    elif [[ $(installed_version) != "$(extension_version)" ]]; then
        step "Updating the extension to $(extension_version)" admin_psql -d "$DATABASE" -c "alter extension backoffice update"
        printf '%s\n' "$hash" >"$LOCAL/created-with"
        RESTART=yes
    elif [[ $(<"$LOCAL/created-with") != "$hash" ]]; then
        complain_about_old_catalog
    fi
    prepare_database
    # The launcher of pg_cron ended with its database, and only a new start of the server brings it back.
    [[ -z $dropped ]] || ! has_cron || step "Restarting PostgreSQL for pg_cron" restart_postgres
}

# What a database has besides the extension, in one session: every bin/up does it again.
prepare_database() {
    local commands=()
    ! has_cron || commands+=(-c 'set client_min_messages = warning' -c 'create extension if not exists pg_cron')
    commands+=(-f -)
    if has_cron && has_function ops schedule_jobs; then
        commands+=(-c "select ops.schedule_jobs('backoffice_jobs')")
    fi
    # It warns that nobody can subscribe before wal_level is logical, which is for whoever wants to.
    if has_function ops enable_realtime; then
        commands+=(-c 'set client_min_messages = error' -c 'select ops.enable_realtime()')
    fi
    admin_psql -d "$DATABASE" -o /dev/null "${commands[@]}" <"$ROOT/docker/database/roles.sql"
}

# The process that tells events looks for a new database every other second.
wait_for_events() {
    ! has_function ops enable_realtime || wait_until 15 events_run ||
        warn "the process that tells events does not run; see $LOCAL/logs/servers/postgres.log"
}

events_run() {
    [[ -n $(admin_psql -d "$DATABASE" -Atc "select 1 from pg_catalog.pg_stat_activity
        where backend_type = 'backoffice events' and datname = '$DATABASE'") ]]
}

installed_version() {
    admin_psql -d "$DATABASE" -Atc "select extversion from pg_catalog.pg_extension where extname = 'backoffice'"
}

# The library is new, the functions and tables are old: calls may fail in strange ways.
complain_about_old_catalog() {
    local text="this database was created by other SQL than the extension has now under the same version number."
    text+=" Its tables and functions are the old ones."
    if [[ -z ${KEEP:-} ]]; then
        die "$text
    bin/up --fresh   deletes the database and creates it anew
    bin/up --keep    goes on with the old one"
    fi
    warn "$text (Going on because of --keep.)"
}

create_database() {
    admin_psql -d postgres -c "drop database if exists $DATABASE with (force)" -c "create database $DATABASE"
    admin_psql -d "$DATABASE" -c "create extension backoffice"
    # Mail does not leave a development cluster, so nobody could confirm an address.
    if has_function backoffice set_setting; then
        admin_psql -d "$DATABASE" -c "select backoffice.set_setting('identity', 'require_email_confirmation', 'false')"
    fi
}

# The job that pays everybody whom the treasury owes something; without a schedule, when it does by itself.
schedule_payday() { # [SCHEDULE]
    local url schedule=null commands
    [[ -z ${1:-} ]] || schedule="'$1'"
    commands=(-c "select ops.set_job('run_payouts', true, $schedule)")
    ! has_cron || commands+=(-c 'select ops.schedule_jobs()')
    url=$(sed -n 's/^DATABASE_URL=//p' "$LOCAL/env")
    "$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 -o /dev/null "${commands[@]}" "$url"
}

has_function() { # SCHEMA NAME
    [[ -n $(admin_psql -d "$DATABASE" -Atc "select 1 from pg_catalog.pg_proc
        where proname = '$2' and pronamespace = pg_catalog.to_regnamespace('$1') limit 1") ]]
}

api_key() {
    ! has_function backoffice api_key || admin_psql -d "$DATABASE" -Atc "select backoffice.api_key('$1')"
}

# Writes .local/env: shell assignments for scripts, tests and people. The keys stay those that were handed out
# until the database or the addresses change.
write_env() {
    local password addresses
    password=$(as_server cat "$KEYS/superuser.password")
    addresses="DATABASE_URL=postgresql://postgres:$password@127.0.0.1:$PG_PORT/$DATABASE
API_URL=http://127.0.0.1:$API_PORT"
    [[ -n ${RESTART:-} || $(head -n 2 "$LOCAL/env" 2>/dev/null) != "$addresses" ]] || return 0
    (
        umask 077
        printf '%s\nANON_KEY=%s\nSERVICE_KEY=%s\n' "$addresses" "$(api_key anon)" "$(api_key service_role)" >"$LOCAL/env.new"
    )
    mv "$LOCAL/env.new" "$LOCAL/env"
}
