# shellcheck shell=bash
# Builds the extension when its sources changed and installs it into a private PostgreSQL.

# Builds and installs, one script at a time: bin/test may do so while bin/up does.
provide_extension() {
    exec 7>"$BUILD/build.lock"
    flock 7
    build_extension
    install_extension
    exec 7>&-
}

# One number for everything that the built extension depends on.
source_hash() {
    (
        cd "$ROOT"
        {
            rustc --version
            cat "$BUILD/pg15/version"
            find Cargo.toml Cargo.lock backoffice.control src sql -type f -print0 2>/dev/null | sort -z | xargs -0 sha256sum
        } | sha256sum | cut -d' ' -f1
    )
}

# The result is kept in .local/build, ready to be copied into any private PostgreSQL of this checkout.
build_extension() {
    local hash
    copy_postgres "$BUILD/pg15"
    pgrx_home "$BUILD/pgrx" "$BUILD/pg15"
    hash=$(source_hash)
    [[ $(cat "$BUILD/build/hash" 2>/dev/null) != "$hash" ]] || return 0
    step "Building the extension" package_extension
    printf '%s\n' "$hash" >"$BUILD/build/hash"
}

package_extension() {
    cd "$ROOT"
    rm -rf "$BUILD/build"
    PGRX_HOME=$BUILD/pgrx cargo pgrx package --profile local --pg-config "$BUILD/pg15/lib/postgresql/15/bin/pg_config" --out-dir "$BUILD/build/tree"
    find "$BUILD/build/tree" -type f \( -name '*.so' -o -name '*.control' -o -name '*.sql' \) -exec cp -t "$BUILD/build" {} +
}

# Sets RESTART when a new library replaced one that a server may have loaded.
install_extension() {
    local lib=$LOCAL/pg15/lib/postgresql/15/lib share=$LOCAL/pg15/share/postgresql/15/extension
    copy_postgres "$LOCAL/pg15"
    ! cmp -s "$BUILD/build/hash" "$LOCAL/pg15/installed" || return 0
    rm -f "$share"/backoffice*
    cp "$BUILD/build"/backoffice*.control "$BUILD/build"/backoffice--*.sql "$share/"
    # A new file, not new content of the old one: running servers have that one mapped.
    cp "$BUILD/build/backoffice.so" "$lib/backoffice.so.new"
    mv "$lib/backoffice.so.new" "$lib/backoffice.so"
    cp "$BUILD/build/hash" "$LOCAL/pg15/installed"
    RESTART=yes
}

extension_version() {
    sed -n "s/^default_version *= *'\(.*\)'/\1/p" "$LOCAL/pg15/share/postgresql/15/extension/backoffice.control"
}

# What CREATE EXTENSION would run now. Comments move with every edit of the sources, and pgrx orders what does not
# depend on each other as it likes, so neither counts.
extension_sql_hash() {
    sed -E '/^[[:space:]]*(--|\/\*|\*\/|$)/d' "$LOCAL/pg15/share/postgresql/15/extension/backoffice--$(extension_version).sql" |
        sort | sha256sum | cut -d' ' -f1
}
