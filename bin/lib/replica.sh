# shellcheck shell=bash
# A streaming replica of the cluster that bin/up runs, with a PostgREST and a gateway of its own.

# From here on LOCAL is the replica's folder, inside the cluster's. Programs and keys are the cluster's own.
enter_replica() {
    REPLICA=yes PRIMARY=$LOCAL PRIMARY_RUN=$RUN PRIMARY_PORT=${PG_PORT:-}
    LOCAL=$PRIMARY/replica
    RUN=$LOCAL/run
    mkdir -p "$LOCAL/logs" "$LOCAL/etc"
    lock_cluster
}

# Sets PG_PORT, the port of the cluster.
need_primary() {
    [[ -f $LOCAL/ports ]] && postgres_runs || die "nothing to copy: the cluster in $LOCAL does not run (start it with bin/up)"
    PG_PORT=$(sed -n "s/^PG_PORT=//p" "$LOCAL/ports")
    [[ $(as_server cat "$LOCAL/data/PG_VERSION") = "$PG" ]] || die "that cluster is not of PostgreSQL $PG: set BACKOFFICE_PG"
}

# A role that may copy the cluster and nothing else, for the servers' own account, through the socket only.
admit_replica() {
    admin_psql -d postgres <<'SQL'
do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'backoffice_replica') then
        create role backoffice_replica login replication;
    end if;
end
$$;
SQL
    as_server grep -q backoffice_replica "$LOCAL/data/pg_hba.conf" ||
        as_server sh -c "echo 'local replication backoffice_replica peer map=servers' >>'$LOCAL/data/pg_hba.conf'"
    as_server grep -q backoffice_replica "$LOCAL/data/pg_ident.conf" ||
        as_server sh -c "echo 'servers $SERVER_USER backoffice_replica' >>'$LOCAL/data/pg_ident.conf'"
    admin_psql -d postgres -c 'select pg_catalog.pg_reload_conf()' >/dev/null
}

# Starts the replica where it was, or makes it anew: the first time, where it fell too far behind, and where the
# cluster is another one by now.
start_replica() {
    if as_server test -f "$LOCAL/data/standby.signal"; then
        configure_postgres
        start_postgres
        ! wait_until 10 replica_streams || return 0
        stop_postgres
    fi
    step "Copying the cluster" copy_cluster
    configure_postgres
    start_postgres
    wait_until 30 replica_streams || die "the replica does not get what the cluster writes; see $LOCAL/logs/servers"
}

copy_cluster() {
    rm -rf "$LOCAL/data" "$LOCAL/data.new" "$LOCAL/env"
    server_folder 700 "$LOCAL/data.new"
    as_server "$PG_BIN/pg_basebackup" --pgdata "$LOCAL/data.new" --host "$PRIMARY_RUN" --port "$PRIMARY_PORT" \
        --username backoffice_replica --wal-method stream --checkpoint fast --write-recovery-conf
    mv "$LOCAL/data.new" "$LOCAL/data"
}

replica_streams() {
    [[ $(admin_psql -d postgres -Atc "select 1 from pg_catalog.pg_stat_wal_receiver where status = 'streaming'") = 1 ]]
}
