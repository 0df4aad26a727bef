//! Functions, operators and tables that somebody puts where the real ones are looked for first:
//! nothing of the ledger finds them.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::ledger::walls::*;
    use pgrx::prelude::*;

    /// Every operator and function of PostgreSQL that can be, once more in a schema of the
    /// attacker's, where it raises P0BAD whoever comes across it.
    const TRAPS: [&str; 3] = [
        "set local check_function_bodies = off",
        "do $do$
         declare
             it record;
         begin
             for it in
                 select p.proname as name, oidvectortypes(p.proargtypes) as arguments,
                        format_type(p.prorettype, null) as result
                   from pg_catalog.pg_proc p
                  where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind in ('f', 'a')
                    and not p.proretset and p.provariadic = 0 and p.proargmodes is null
                    and p.pronargdefaults = 0
                    and not exists (select from pg_catalog.pg_type t
                                     where t.oid = any (p.proargtypes || p.prorettype) and t.typtype = 'p')
             loop
                 execute format('create or replace function walls.%I(%s) returns %s language plpgsql
                     as $f$ begin raise exception using errcode = ''P0BAD''; end $f$',
                     it.name, it.arguments, it.result);
             end loop;
             for it in
                 select o.oprname as name, format_type(o.oprleft, null) as l, format_type(o.oprright, null) as r,
                        format_type(o.oprresult, null) as result, o.oid
                   from pg_catalog.pg_operator o
                  where o.oprnamespace = 'pg_catalog'::regnamespace and o.oprkind = 'b'
                    and not exists (select from pg_catalog.pg_type t
                                     where t.oid in (o.oprleft, o.oprright, o.oprresult) and t.typtype = 'p')
             loop
                 execute format('create function walls.operator_%s(%s, %s) returns %s language plpgsql
                     as $f$ begin raise exception using errcode = ''P0BAD''; end $f$', it.oid, it.l, it.r, it.result);
                 execute format('create operator walls.%s (leftarg = %s, rightarg = %s, function = walls.operator_%s)',
                     it.name, it.l, it.r, it.oid);
             end loop;
         end $do$",
        "grant execute on all functions in schema walls to public",
    ];

    const SHADOWED: &str = "set local search_path = walls, pg_temp, pg_catalog, ledger";

    /// Calls without a function or an operator of the caller's own.
    const CALLS: [&str; 24] = [
        "ledger.transfer('walls', 'bank', 'sales', 1)",
        "ledger.transfer('walls', 'bank', 'striped', 1, 'k', 'INR', p_description => 'd', p_metadata => '{}', p_effective_at => '2025-02-01')",
        "ledger.transfer('walls', 'striped', 'bank', null, p_balancing => 'debit')",
        "ledger.transfer('walls', 'bank', 'nowhere', 1)",
        "ledger.sweep('walls', 'sales', array['bank', 'vault'])",
        "ledger.open_balance('walls', 'vault', 5, '2024-05-01')",
        "ledger.trial_balance('walls')",
        "ledger.trial_balance('walls', '2025-01-01', 'recorded')",
        "ledger.check()",
        "ledger.seal()",
        "ledger.seal_head()",
        "ledger.verify()",
        "ledger.archive('2024-01-01')",
        "ledger.make_checkpoints(true)",
        "ledger.admin_systems()",
        "ledger.close_period('walls', '2024-06-01', 'earnings')",
        "ledger.reopen_period('walls', '2024-01-01', 'why')",
        "ledger.chart('walls')",
        "ledger.balance_sheet('walls', null, 'INR')",
        "ledger.income_statement('walls', '2024-01-01', '2026-01-01', 'INR')",
        "ledger.set_rate('USD', 'INR', 84, 1, '2024-02-01')",
        "ledger.revaluation('walls', '2024-04-01', 'INR')",
        "ledger.revalue('walls', '2024-04-01', 'INR', 'sales')",
        "ledger.export('walls', 'csv')",
    ];

    fn admin(callers: &[Caller]) -> &Caller {
        callers.iter().find(|caller| caller.name == "an admin of every system").unwrap()
    }

    #[pg_test]
    fn functions_of_the_ledger_find_no_operator_or_function_of_the_callers() {
        let callers = scene();
        TRAPS.iter().for_each(|statement| run(statement));
        let calls: Vec<String> = CALLS.iter().map(|call| format!("select * from {call}")).collect();
        let tries = |path: &str| {
            admin(&callers).enter();
            run(path);
            // The traps are where they would be found.
            let trapped = outcomes_undone(["select 1 + 1", "select md5('x')"].into_iter());
            let outcomes = outcomes_undone(calls.iter().map(String::as_str));
            run("set local search_path to default");
            leave();
            (trapped, outcomes)
        };
        let (not_trapped, expected) = tries("set local search_path to default");
        let (trapped, shadowed) = tries(SHADOWED);
        assert_eq!(not_trapped, ["00000", "00000"]);
        assert_eq!(trapped, ["P0BAD", "P0BAD"]);
        assert!(expected.iter().filter(|code| *code == "00000").count() >= 20, "{expected:?}");
        none(
            std::iter::zip(CALLS, std::iter::zip(expected, shadowed))
                .filter(|(_, (expected, found))| expected != found)
                .map(|(call, (expected, found))| format!("{found} instead of {expected}: {call}"))
                .collect(),
        );
    }

    #[pg_test]
    fn views_and_policies_find_no_operator_or_function_of_the_callers() {
        let callers = scene();
        TRAPS.iter().for_each(|statement| run(statement));
        admin(&callers).enter();
        let readable = relations("r").into_iter().chain(relations("v")).filter(|name| {
            one::<bool>(&format!("select pg_catalog.has_table_privilege('{name}', 'select')"))
        });
        let reads: Vec<String> = readable.map(|name| format!("select * from {name}")).collect();
        assert!(reads.len() >= 25);
        run(SHADOWED);
        let outcomes = outcomes_undone(reads.iter().map(String::as_str));
        none(
            std::iter::zip(reads, outcomes)
                .filter(|(_, code)| code != "00000")
                .map(|(read, code)| format!("{code}: {read}"))
                .collect(),
        );
    }

    #[pg_test]
    fn temporary_tables_named_as_those_of_the_ledger_are_not_found() {
        let callers = scene();
        for name in relations("r") {
            let bare = name.trim_start_matches("ledger.");
            run(&format!(
                "create temporary table {bare} (like {name}); grant all on pg_temp.{bare} to public"
            ));
        }
        let balance = "select debits_posted::bigint from ledger.accounts where system = 'walls' and code = 'bank'";
        let before: i64 = one(balance);
        admin(&callers).enter();
        for path in ["pg_temp, ledger", "ledger, pg_temp", "pg_temp, pg_catalog", "ledger"] {
            run(&format!("set local search_path = {path}"));
            run("select ledger.transfer('walls', 'bank', 'sales', 3)");
            run("select ledger.seal()");
        }
        run("set local search_path to default");
        leave();
        assert_eq!(one::<i64>(balance), before + 12);
        for name in relations("r") {
            let bare = name.trim_start_matches("ledger.");
            assert_eq!(one::<i64>(&format!("select count(*) from pg_temp.{bare}")), 0, "{bare}");
        }
    }
}
