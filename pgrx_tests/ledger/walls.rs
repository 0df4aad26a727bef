//! Nobody but the functions writes the ledger: every table of it, tried in every form by
//! everybody. The tables come from the catalog, so a new one is tried by itself.
//!
//! - `strangers`: those who may not write at all; what they try is in `forms`
//! - `owner`: the owner of the tables and superusers, whom triggers stop
//! - `traces`: what an owner does who takes the triggers away, and what finds it
//! - `shadows`: functions, operators and tables that somebody puts before the real ones

mod forms;
mod owner;
mod shadows;
mod strangers;
mod traces;

use crate::kernel::ids::new_id;
use crate::pgrx_tests::ledger::support::alone;
use crate::pgrx_tests::support::*;
use pgrx::Uuid;

/// A row in every table of the ledger.
const ROWS: [&str; 26] = [
    "select ledger.open_account('walls', 'bank', 'INR', 'asset'),
            ledger.open_account('walls', 'vault', 'INR', 'asset'),
            ledger.open_account('walls', 'striped', 'INR', 'liability', p_stripes => 2),
            ledger.open_account('walls', 'dollars', 'USD', 'asset'),
            ledger.open_account('walls', 'sales', 'INR', 'income'),
            ledger.open_account('walls', 'earnings', 'INR', 'equity')",
    "select ledger.transfer('walls', 'bank', 'striped', 100)",
    r#"select ledger.post_journal('walls', 'k', '[{"debit": "bank", "credit": "striped", "amount": 1},
        {"debit": "bank", "credit": "striped", "amount": 2}]', p_key => 'key')"#,
    "select ledger.hold('walls', 'striped', 'bank', 1, p_expires_at => now() + interval '1 hour')",
    "select ledger.transfer('walls', 'bank', 'sales', 100, p_effective_at => '2024-01-15')",
    "select ledger.close_period('walls', '2024-02-01', 'earnings')",
    r#"select ledger.post_late('walls', 'k', '[{"debit": "bank", "credit": "sales", "amount": 5}]',
        '2024-01-20')"#,
    "select ledger.set_rate('USD', 'INR', 83, 1, '2024-01-01')",
    "select ledger.exchange('walls', 'bank', 'dollars', p_credit_amount => 10,
        p_effective_at => '2024-02-10')",
    "select ledger.revalue('walls', '2024-03-01', 'INR', 'sales')",
    "select ledger.transfer('walls', 'vault', 'striped', 7, p_effective_at => '2025-01-05')",
    "select ledger.transfer('walls', 'vault', 'striped', 8, p_effective_at => '2025-01-06')",
    r#"select ledger.import_statement(id, 'january', p_rows =>
        '[{"date": "2025-01-05", "amount": 7}, {"date": "2025-01-06", "amount": 8}]')
         from ledger.accounts where system = 'walls' and code = 'vault'"#,
    "select ledger.reconcile(id) from ledger.external_statements",
    "select ledger.unmatch(match_id, 'wrong') from ledger.match_transfers
        join ledger.transfers t on t.id = transfer_id where amount = 8",
    "select backoffice.set_setting('ledger', 'seal_delay_seconds', '0')",
    "select ledger.seal()",
    // What the jobs would make after months; made up, so that nobody has to wait for it.
    "insert into ledger.transfers_archive
     select (jsonb_populate_record(t, jsonb_build_object('id', gen_random_uuid()))).*
       from ledger.transfers t",
    "insert into ledger.journals_archive select * from ledger.journals",
    "insert into ledger.checkpoints select id, now(), 1, 1 from ledger.accounts",
    "insert into ledger.dated_checkpoints select id, now(), 1, 1, 1 from ledger.accounts",
    "insert into ledger.checkpoint_progress default values on conflict do nothing",
    // Where attackers have a place of their own, and the privileges that others gave them.
    "create schema walls; grant all on schema walls to public",
    "create role walls_login login; create role walls_usage login; create role walls_member login",
    "grant usage on schema ledger to walls_usage; grant authenticated to walls_member",
    "create function walls.try(statements text[], undo boolean) returns text[] language plpgsql as $f$
     declare
         outcomes text[] := '{}';
         statement text;
     begin
         foreach statement in array statements loop
             begin
                 execute statement;
                 if undo then
                     raise exception using errcode = 'P0YES';
                 end if;
                 outcomes := outcomes operator(pg_catalog.||) text '00000';
             exception when others then
                 outcomes := outcomes operator(pg_catalog.||) pg_catalog.replace(sqlstate, 'P0YES', '00000');
             end;
         end loop;
         return outcomes;
     end $f$",
];

/// Who tries: how the session began, the role that it took, and what its token says.
struct Caller {
    name: &'static str,
    session: &'static str,
    role: Option<&'static str>,
    person: Option<Uuid>,
}

/// Keeps other tests out, and makes a row in every table and somebody who is an admin everywhere.
fn scene() -> Vec<Caller> {
    alone();
    for statement in ROWS {
        run(statement);
    }
    let (owner, admin) = (new_id(), new_id());
    run(&format!("update ledger.accounts set owner_id = '{owner}' where code = 'striped'"));
    run(&format!("select backoffice.grant_role('{admin}', '*', 'admin')"));
    callers(owner, admin)
}

/// Everybody who is neither the owner of the tables nor a superuser.
fn callers(owner: Uuid, admin: Uuid) -> Vec<Caller> {
    let api =
        |name, role, person| Caller { name, session: "authenticator", role: Some(role), person };
    let login = |name| Caller { name, session: name, role: None, person: None };
    vec![
        api("anon", "anon", None),
        api("the owner of an account", "authenticated", Some(owner)),
        api("an admin of every system", "authenticated", Some(admin)),
        api("service_role", "service_role", None),
        login("authenticator"),
        login("walls_login"),
        login("walls_usage"),
        login("walls_member"),
        // Signed in to the database itself, with a token that nobody verified.
        Caller {
            name: "a member of authenticated with the claims of an admin",
            session: "walls_member",
            role: Some("authenticated"),
            person: Some(admin),
        },
    ]
}

impl Caller {
    /// Whose privileges count.
    fn role(&self) -> &str {
        self.role.unwrap_or(self.session)
    }

    /// The code of a statement that names something of the ledger, for those who find it.
    fn finds<'a>(&self, code: &'a str) -> &'a str {
        let role = self.role();
        let usage = format!("select pg_catalog.has_schema_privilege('{role}', 'ledger', 'usage')");
        if one::<bool>(&usage) { code } else { "42501" }
    }

    /// Begins a session as PostgreSQL sees it: SET ROLE asks what that one may become.
    fn enter(&self) {
        leave();
        let role = self.role();
        let person = self.person.map_or("null".to_owned(), |id| format!(r#""{id}""#));
        let claims = format!(r#"{{"role": "{role}", "sub": {person}, "aal": "aal2"}}"#);
        run(&format!("select set_config('request.jwt.claims', '{claims}', true)"));
        run(&format!("set local session authorization {}", self.session));
        if let Some(role) = self.role {
            run(&format!("set local role {role}"));
        }
    }

    /// Runs statements one after the other; what comes out otherwise than expected.
    fn tries(&self, attempts: &[(String, &str)]) -> Vec<String> {
        self.enter();
        let outcomes = outcomes(attempts.iter().map(|(statement, _)| statement.as_str()));
        leave();
        std::iter::zip(attempts, outcomes)
            .filter(|((_, code), outcome)| outcome != code)
            .map(|((statement, code), outcome)| {
                format!("{}: {outcome} instead of {code}: {statement}", self.name)
            })
            .collect()
    }
}

/// The session is the superuser's again.
fn leave() {
    run("reset session authorization; reset role");
    run("select set_config('request.jwt.claims', '', true)");
}

/// Runs each statement in a subtransaction of its own, where what succeeds stays; the
/// SQLSTATEs, 00000 for success.
fn outcomes<'a>(statements: impl Iterator<Item = &'a str>) -> Vec<String> {
    try_all(statements, false)
}

/// The same, and everything is undone.
fn outcomes_undone<'a>(statements: impl Iterator<Item = &'a str>) -> Vec<String> {
    try_all(statements, true)
}

fn try_all<'a>(statements: impl Iterator<Item = &'a str>, undo: bool) -> Vec<String> {
    let list: Vec<String> = statements.map(literal).collect();
    assert!(!list.is_empty());
    one(&format!("select walls.try(array[{}], {undo})", list.join(", ")))
}

fn names(sql: &str) -> Vec<String> {
    maybe::<Vec<String>>(&format!("select array_agg(name order by name) from ({sql}) as x (name)"))
        .unwrap_or_default()
}

/// The names of everything of a kind (`r`, `v`, `S`) in the schema ledger.
fn relations(kind: &str) -> Vec<String> {
    names(&format!(
        "select format('%I.%I', nspname, relname) from pg_catalog.pg_class c
           join pg_catalog.pg_namespace n on n.oid = c.relnamespace
          where nspname = 'ledger' and relkind = '{kind}'"
    ))
}

/// A table with what attempts say of it.
struct Table {
    name: String,
    /// All columns, in order.
    columns: Vec<String>,
    /// All columns with their types, and the same of the primary key.
    definitions: String,
    key_definitions: String,
    keys: Vec<String>,
    primary_key: String,
}

fn tables() -> Vec<Table> {
    let found: Vec<Table> = relations("r").into_iter().map(Table::read).collect();
    assert!(found.len() >= 26);
    found
}

impl Table {
    fn read(name: String) -> Self {
        let of_table = format!(
            "from pg_catalog.pg_attribute a
              where a.attrelid = '{name}'::regclass and attnum > 0 and not attisdropped"
        );
        let of_key = format!(
            "from pg_catalog.pg_constraint c
             cross join lateral unnest(c.conkey) with ordinality as k (number, n)
             join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.number
            where c.conrelid = '{name}'::regclass and c.contype = 'p'"
        );
        let definition = "format('%I %s', attname, format_type(atttypid, atttypmod))";
        Table {
            columns: one(&format!("select array_agg(quote_ident(attname) order by attnum) {of_table}")),
            definitions: one(&format!(
                "select string_agg({definition} || case when attnotnull then ' not null' else '' end,
                                   ', ' order by attnum) {of_table}"
            )),
            key_definitions: one(&format!("select string_agg({definition}, ', ' order by n) {of_key}")),
            keys: one(&format!("select array_agg(quote_ident(attname) order by n) {of_key}")),
            primary_key: one(&format!("select min(quote_ident(conname)) {of_key}")),
            name,
        }
    }

    /// Fills in `{t}`, `{c}` (the first column), `{keys}` and `{pk}` (the columns and the name of
    /// the primary key), and definitions of the columns and the keys.
    fn fill_in(&self, form: &str) -> String {
        form.replace("{t}", &self.name)
            .replace("{c}", &self.columns[0])
            .replace("{keys}", &self.keys.join(", "))
            .replace("{pk}", &self.primary_key)
            .replace("{columns}", &self.definitions)
            .replace("{key definitions}", &self.key_definitions)
    }
}

/// Every row of every table, and how tables, views, triggers, rules, functions and privileges
/// are: what no attempt may change.
fn everything() -> String {
    leave();
    let mut parts: Vec<String> = relations("r")
        .iter()
        .map(|table| {
            let rows: String = one(&format!(
                "select md5(coalesce(string_agg(t::text, ',' order by t::text), '')) from {table} t"
            ));
            format!("{table} {rows}")
        })
        .collect();
    for (catalog, of) in [
        ("pg_class", "relnamespace = 'ledger'::regnamespace"),
        ("pg_attribute", "attrelid in (select oid from ours)"),
        ("pg_trigger", "tgrelid in (select oid from ours)"),
        ("pg_rewrite", "ev_class in (select oid from ours)"),
        ("pg_policy", "polrelid in (select oid from ours)"),
        ("pg_constraint", "connamespace = 'ledger'::regnamespace"),
        ("pg_inherits", "true"),
        ("pg_proc", "pronamespace in ('ledger'::regnamespace, 'backoffice'::regnamespace)"),
        ("pg_type", "typnamespace = 'ledger'::regnamespace"),
        ("pg_namespace", "nspname in ('ledger', 'backoffice')"),
        ("pg_depend", "deptype = 'e'"),
        ("pg_event_trigger", "true"),
        ("pg_auth_members", "true"),
    ] {
        // Statistics and ages of tables change by themselves.
        let state: String = one(&format!(
            "with ours as (select oid from pg_catalog.pg_class where relnamespace = 'ledger'::regnamespace)
             select md5(coalesce(string_agg(row, ',' order by row), '')) from (
                 select (to_jsonb(c) - '{{relpages,reltuples,relallvisible,relfrozenxid,relminmxid}}'::text[])::text
                   from pg_catalog.{catalog} c where {of}) rows (row)"
        ));
        parts.push(format!("{catalog} {state}"));
    }
    parts.join("\n")
}

#[track_caller]
fn none(problems: Vec<String>) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}
