//! What the tests inside PostgreSQL share.

use pgrx::Uuid;
use pgrx::prelude::*;

/// Settings of the test server, with key files made once for this run.
#[cfg(test)]
pub fn server_options() -> Vec<&'static str> {
    static OPTIONS: std::sync::OnceLock<Vec<String>> = std::sync::OnceLock::new();
    let options = OPTIONS.get_or_init(|| {
        let root = key_file("root.key", "test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
        let jwks = key_file("jwks.json", JWKS);
        vec![
            "shared_preload_libraries = 'backoffice'".to_owned(),
            format!("backoffice.root_key_file = '{root}'"),
            format!("backoffice.jwt_keys_file = '{jwks}'"),
        ]
    });
    options.iter().map(String::as_str).collect()
}

#[cfg(test)]
const JWKS: &str = r#"{"keys":[{"kty":"oct","kid":"test","alg":"HS256",
    "k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}]}"#;

/// Writes a file that the server can read, which may run as another user.
#[cfg(test)]
fn key_file(name: &str, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::temp_dir().join(format!("backoffice-test-{}-{name}", std::process::id()));
    std::fs::write(&path, text).expect("the key file of the tests");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("its mode");
    path.display().to_string()
}

/// Runs SQL; a failure fails the test.
pub fn run(sql: &str) {
    Spi::run(sql).unwrap_or_else(|e| panic!("{e}: {sql}"));
}

/// The single value of a query.
pub fn one<T: FromDatum + IntoDatum>(sql: &str) -> T {
    maybe(sql).unwrap_or_else(|| panic!("no value: {sql}"))
}

/// The single value of a query, or nothing where there is no row or it is NULL.
pub fn maybe<T: FromDatum + IntoDatum>(sql: &str) -> Option<T> {
    Spi::connect_mut(|client| {
        let table = client.update(sql, None, &[]).unwrap_or_else(|e| panic!("{e}: {sql}"));
        if table.is_empty() {
            None
        } else {
            table.first().get_one().unwrap_or_else(|e| panic!("{e}: {sql}"))
        }
    })
}

/// Becomes a signed-in person, as PostgREST does it, until [`become_database`].
pub fn become_person(person: Uuid) {
    become_person_at(person, "aal1");
}

/// The same with an assurance level.
pub fn become_person_at(person: Uuid, aal: &str) {
    set_role(
        "authenticated",
        &format!(r#"{{"role":"authenticated","sub":"{person}","aal":"{aal}"}}"#),
    );
}

/// Becomes a visitor without a token.
pub fn become_anonymous() {
    set_role("anon", r#"{"role":"anon"}"#);
}

/// Becomes a server of the business with the service key.
pub fn become_service() {
    set_role("service_role", r#"{"role":"service_role"}"#);
}

/// Becomes psql as the database's superuser again.
pub fn become_database() {
    run("reset role; select set_config('request.jwt.claims', '', true)");
}

fn set_role(role: &str, claims: &str) {
    run("reset role");
    run(&format!("select set_config('request.jwt.claims', '{claims}', true)"));
    run(&format!("set local role {role}"));
}

/// Runs SQL that must fail; its SQLSTATE. Nothing of what it did stays.
pub fn sqlstate_of(sql: &str) -> String {
    attempt(sql).err().unwrap_or_else(|| panic!("did not fail: {sql}"))
}

/// Fails the test unless `sql` raises `code`.
#[track_caller]
pub fn expect_error(code: &str, sql: &str) {
    assert_eq!(sqlstate_of(sql), code, "{sql}");
}

/// Runs SQL in a subtransaction of its own; the SQLSTATE if it failed.
///
/// PL/pgSQL runs it, because pgrx loses codes that it does not know.
pub fn attempt(sql: &str) -> Result<(), String> {
    let outcome: String = {
        let role: String = one("select current_user::text");
        run("reset role");
        run(ATTEMPT);
        run(&format!("set local role {}", quote_role(&role)));
        one(&format!("select pg_temp.attempt({})", literal(sql)))
    };
    if outcome == "00000" { Ok(()) } else { Err(outcome) }
}

const ATTEMPT: &str = "
    create or replace function pg_temp.attempt(statement text) returns text language plpgsql as $f$
    begin
        begin
            execute statement;
        exception when others then
            return sqlstate;
        end;
        return '00000';
    end $f$;
    grant execute on function pg_temp.attempt(text) to public";

fn quote_role(role: &str) -> String {
    format!("\"{role}\"")
}

/// A text as an SQL literal.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// For tests that run jobs: one of them at a time, since a job that another session
/// runs is skipped. First of all in a test, before it locks anything else.
pub fn alone_with_jobs() {
    run("select pg_advisory_xact_lock(hashtextextended('tests of jobs', 0))");
}

/// For tests that run payouts: what another session runs is refused. First of all, too.
pub fn alone_with_runs() {
    run("select pg_advisory_xact_lock(hashtextextended('tests of payout runs', 0))");
}
