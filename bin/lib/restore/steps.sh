# shellcheck shell=bash
# The steps of bin/restore.

check_arguments() {
    [[ -e $DUMP ]] || die "there is no $DUMP"
    DUMP=$(readlink -f "$DUMP")
    [[ $DATABASE_NAME =~ ^[A-Za-z_][A-Za-z0-9_]{0,62}$ ]] || die "$DATABASE_NAME is no plain name for a database"
    [[ -z $JOBS || $JOBS =~ ^[1-9][0-9]?$ ]] || die "--jobs wants a number from 1 to 99"
    [[ -z $KEY_FILES || -f $KEY_FILES/root.key ]] || die "there is no $KEY_FILES/root.key"
    [[ -z $KEY_FILES || -z $SERVER ]] || die "--keys is for a cluster of this checkout; on a server, put the files where its settings name them"
    FORMAT=$(dump_format)
    [[ -z $JOBS || $FORMAT = archive ]] || die "--jobs is not for a plain dump: make one with pg_dump --format=custom"
}

dump_format() {
    if [[ -d $DUMP ]]; then
        echo archive
        return
    fi
    case $(head -c 5 "$DUMP" | od -An -tx1 | tr -d ' \n') in
        5047444d50) echo archive ;;                            # PGDMP
        746f632e64) echo archive ;;                            # toc.d(at): tar
        1f8b*) echo gzip ;;
        *) echo plain ;;
    esac
}

# The cluster of this checkout, running and with keys; sets what libpq's programs read.
prepare_cluster() {
    provide_extension
    choose_ports
    make_cluster
    take_keys
    make_keys
    configure_postgres
    start_postgres
    PATH=$PG_BIN:$PATH
    PGPASSWORD=$(as_server cat "$LOCAL/keys/superuser.password")
    # shellcheck disable=SC2153 # choose_ports sets it
    export PGHOST=127.0.0.1 PGPORT=$PG_PORT PGUSER=postgres PGPASSWORD
}

# Keys that are there are never replaced: other databases of the cluster may need them.
take_keys() {
    local name
    [[ -n $KEY_FILES ]] || return 0
    server_folder 700 "$LOCAL/keys"
    for name in root.key jwks.json; do
        [[ -f $KEY_FILES/$name ]] || continue
        if as_server test -s "$LOCAL/keys/$name"; then
            [[ $(as_server cat "$LOCAL/keys/$name") = $(<"$KEY_FILES/$name") ]] ||
                die "the cluster in $LOCAL has another $name already: use another one (BACKOFFICE_LOCAL=.local/restored bin/restore …)"
        else
            write_server_file "keys/$name" <"$KEY_FILES/$name"
        fi
    done
}

query() { psql -X -q -At -v ON_ERROR_STOP=1 -d "$1" -c "$2"; }

refuse_existing_database() {
    local found
    found=$(query postgres "select 1 from pg_catalog.pg_database where datname = '$DATABASE_NAME'") ||
        die "cannot reach the server: is it running, and are PGHOST, PGPORT, PGUSER and PGPASSWORD right?"
    [[ -z $found ]] || die "the database $DATABASE_NAME exists: name another, or drop it first"
}

dump_as_text() {
    case $FORMAT in
        archive) pg_restore -f - "$DUMP" ;;
        gzip) gzip -dc "$DUMP" ;;
        plain) cat "$DUMP" ;;
    esac | without_cron
}

# pg_cron can be in one database of a server only, its jobs must not run in the middle of a restore, and what it may
# do is granted to a role that is in no dump. bin/up, or ops.schedule_jobs(), makes the schedule anew.
without_cron() {
    LC_ALL=C awk '
        copying { if ($0 == "\\.") copying = 0; if (!skip) print; next }
        /^-- (Data for )?Name: / { skip = /Name: (EXTENSION )?pg_cron; |Name: SCHEMA cron; |; Schema: cron; / }
        /^-- PostgreSQL database dump complete/ { skip = 0 }
        /^COPY .* FROM stdin;$/ { copying = 1 }
        !skip'
}

list_without_cron() {
    pg_restore -l "$DUMP" |
        grep -vE '^[0-9]+; [0-9]+ [0-9]+ (EXTENSION - pg_cron|COMMENT - EXTENSION pg_cron|ACL - SCHEMA cron|[A-Z ]+ cron) '
}

digest_dump() { dump_as_text | node "$ROOT/bin/lib/restore/digest.mjs" >"$WORK/dump"; }

check_dump() {
    grep -q '^extension	backoffice$' "$WORK/dump" ||
        die "$DUMP has no extension backoffice: it must be a dump of a whole database"
    ! grep -q '^inserts' "$WORK/dump" ||
        die "$DUMP was made with --inserts, which cannot be compared: make one without"
}

restore_dump() {
    query postgres "create database $DATABASE_NAME template template0"
    if ! load_dump; then
        query postgres "drop database $DATABASE_NAME with (force)"
        return 1
    fi
    query "$DATABASE_NAME" analyze
}

# All or nothing where one connection does it. Several at once follow no order that foreign keys would allow, so these
# are not asked: they held when the dump was made, and the comparison shows that nothing is missing.
load_dump() {
    if [[ $FORMAT != archive ]]; then
        dump_as_text | psql -X -q -1 -v ON_ERROR_STOP=1 -d "$DATABASE_NAME" -f - >/dev/null
        return
    fi
    list_without_cron >"$WORK/list"
    if [[ -n $JOBS ]]; then
        PGOPTIONS='-c session_replication_role=replica' pg_restore --exit-on-error -L "$WORK/list" -j "$JOBS" \
            -d "$DATABASE_NAME" "$DUMP"
    else
        pg_restore --exit-on-error -L "$WORK/list" --single-transaction -d "$DATABASE_NAME" "$DUMP"
    fi
}

digest_database() { pg_dump -d "$DATABASE_NAME" | without_cron | node "$ROOT/bin/lib/restore/digest.mjs" >"$WORK/restored"; }

verify() {
    local failed=''
    node "$ROOT/bin/lib/restore/compare.mjs" "$WORK/dump" "$WORK/restored" || failed=yes
    verify_versions || failed=yes
    verify_books || failed=yes
    verify_keys || failed=yes
    [[ -z $failed ]] || die "the database $DATABASE_NAME is not what was dumped, or cannot be used as it is; it was left as it is now"
    adopt_database
    say "Restored and verified: the database $DATABASE_NAME."
}

verify_versions() {
    local installed library
    installed=$(query "$DATABASE_NAME" "select extversion from pg_catalog.pg_extension where extname = 'backoffice'")
    library=$(query "$DATABASE_NAME" "select auth_api.health('')->>'version'")
    if [[ $installed != "$library" ]]; then
        warn "the extension is version $installed, the library $library: alter extension backoffice update"
        return 1
    fi
    say "Extension and library: version $installed."
}

# Every function check() of ours lists what disagrees.
verify_books() {
    local name problems failed=0
    for name in $(query "$DATABASE_NAME" "select n.nspname || '.check' from pg_catalog.pg_proc p
            join pg_catalog.pg_namespace n on n.oid = p.pronamespace
            join pg_catalog.pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
            join pg_catalog.pg_extension e on e.oid = d.refobjid and e.extname = 'backoffice'
           where p.proname = 'check' and p.pronargs = 0 and p.proretset order by 1"); do
        problems=$(query "$DATABASE_NAME" "select x::text from ${name%.*}.\"check\"() x limit 20")
        if [[ -n $problems ]]; then
            warn "$name() says:"$'\n'"$problems"
            failed=1
        else
            say "$name(): clean."
        fi
    done
    return $failed
}

# The key files are in no dump.
verify_keys() {
    local problems
    if ! problems=$(query "$DATABASE_NAME" "select count(*) || ' of ' || (select count(*) from backoffice.secrets)
            from backoffice.check_secrets()"); then
        warn "put the dumped server's root.key where backoffice.root_key_file says"
        return 1
    fi
    if [[ $problems != '0 of '* ]]; then
        warn "$problems secrets (bank details, TOTP seeds) do not open: the root key is not that of the dumped server (--keys FOLDER)"
        return 1
    fi
    say "Secrets: all ${problems#0 of } open."
    query "$DATABASE_NAME" "select backoffice.api_key('anon')" >/dev/null ||
        warn "put the dumped server's jwks.json where backoffice.jwt_keys_file says; with other keys, people sign in again and API keys are made anew"
}

# bin/up goes on with a database of this name.
adopt_database() {
    [[ -z $SERVER ]] || return 0
    admin_psql -d "$DATABASE_NAME" -f - <"$ROOT/docker/database/roles.sql"
    [[ $DATABASE_NAME != "$DATABASE" ]] || extension_sql_hash >"$LOCAL/created-with"
}
