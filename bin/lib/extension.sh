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
            cat "$BUILD/pg$PG/version"
            find Cargo.toml Cargo.lock backoffice.control src sql -type f -print0 2>/dev/null | sort -z | xargs -0 sha256sum
        } | sha256sum | cut -d' ' -f1
    )
}

# The result is kept in .local/build-<major>, ready to be copied into any private PostgreSQL of this checkout.
build_extension() {
    local hash
    copy_postgres "$BUILD/pg$PG"
    pgrx_home "$BUILD/pgrx-$PG" "$BUILD/pg$PG"
    hash=$(source_hash)
    [[ $(cat "$BUILD/build-$PG/hash" 2>/dev/null) != "$hash" ]] || return 0
    step "Building the extension for PostgreSQL $PG" package_extension
    printf '%s\n' "$hash" >"$BUILD/build-$PG/hash"
}

package_extension() {
    cd "$ROOT"
    rm -rf "$BUILD/build-$PG"
    PGRX_HOME=$BUILD/pgrx-$PG cargo pgrx package --profile local --no-default-features --features "pg$PG" \
        --pg-config "$(pg_bin "$BUILD/pg$PG")/pg_config" --out-dir "$BUILD/build-$PG/tree"
    find "$BUILD/build-$PG/tree" -type f \( -name '*.so' -o -name '*.control' -o -name '*.sql' \) -exec cp -t "$BUILD/build-$PG" {} +
}

# Sets RESTART when a new library replaced one that a server may have loaded.
install_extension() {
    local lib share built=$BUILD/build-$PG
    copy_postgres "$LOCAL/pg$PG"
    ! cmp -s "$built/hash" "$LOCAL/pg$PG/installed" || return 0
    lib=$("$PG_BIN/pg_config" --pkglibdir) share=$(extension_folder)
    rm -f "$share"/backoffice*
    cp "$built"/backoffice*.control "$built"/backoffice--*.sql "$share/"
    # A new file, not new content of the old one: running servers have that one mapped.
    cp "$built/backoffice.so" "$lib/backoffice.so.new"
    mv "$lib/backoffice.so.new" "$lib/backoffice.so"
    cp "$built/hash" "$LOCAL/pg$PG/installed"
    RESTART=yes
}

# Where the private PostgreSQL finds extensions.
extension_folder() { printf '%s/extension' "$("$PG_BIN/pg_config" --sharedir)"; }

extension_version() {
    sed -n "s/^default_version *= *'\(.*\)'/\1/p" "$(extension_folder)/backoffice.control"
}

# What CREATE EXTENSION would run now. Comments move with every edit of the sources, and pgrx orders what does not
# depend on each other as it likes, so neither counts.
extension_sql_hash() {
    sed -E '/^[[:space:]]*(--|\/\*|\*\/|$)/d' "$(extension_folder)/backoffice--$(extension_version).sql" |
        sort | sha256sum | cut -d' ' -f1
}
