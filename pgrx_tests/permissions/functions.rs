//! Every function: who may call it, and that nobody acts as somebody else.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pgrx_tests::permissions::*;
    use pgrx::prelude::*;

    struct Line {
        text: &'static str,
        call: &'static str,
        cells: Vec<&'static str>,
        /// What each uuid argument is: `actor`, `subject` or `key`, and its name.
        ids: Vec<(&'static str, &'static str)>,
    }

    impl Line {
        fn name(&self) -> &'static str {
            self.call.split('(').next().unwrap_or_default()
        }

        fn cell(&self, caller: &str) -> &'static str {
            let column = CALLERS.iter().position(|other| *other == caller);
            self.cells[column.unwrap_or_else(|| panic!("no column {caller}"))]
        }
    }

    fn matrix() -> Vec<Line> {
        lines(include_str!("functions.txt"))
            .map(|text| {
                let mut parts = text.splitn(3, " | ").map(str::trim);
                let call = parts.next().unwrap_or_default();
                let cells = cells(parts.next().unwrap_or_default().trim_end_matches('|'), text);
                let ids = parts.next().unwrap_or_default().split(", ").filter(|id| !id.is_empty());
                let ids = ids
                    .map(|id| id.split_once(' ').unwrap_or_else(|| panic!("kind and name: {text}")))
                    .collect();
                Line { text, call, cells, ids }
            })
            .collect()
    }

    /// The functions of our schemas. Trigger functions are for nobody, all of them: see below.
    fn catalog(condition: &str) -> Vec<String> {
        names(&format!(
            "select format('%s.%s', n.nspname, p.proname) from pg_catalog.pg_proc p
               join pg_catalog.pg_namespace n on n.oid = p.pronamespace
              where n.nspname in ({SCHEMAS}) and {condition}"
        ))
    }

    const TRIGGERS: &str = "p.prorettype in ('trigger'::regtype, 'event_trigger'::regtype)";

    #[pg_test]
    fn the_matrix_has_every_function() {
        let mut matrix: Vec<String> = matrix().iter().map(|line| line.name().to_owned()).collect();
        matrix.dedup();
        let functions = catalog(&format!("not {TRIGGERS}"));
        none(compare(&matrix, &functions));
        // A line stands for a name; PostgREST would have to guess between two functions of one.
        let mut unique = functions.clone();
        unique.dedup();
        assert_eq!(unique, functions);
    }

    #[pg_test]
    fn everybody_may_call_what_the_matrix_says() {
        run(PROBE);
        let cast = Cast::assemble();
        let mut problems = Vec::new();
        for line in matrix() {
            for (caller, &cell) in CALLERS.iter().zip(&line.cells) {
                let outcome = outcome(&cast, &line, caller);
                if outcome != cell {
                    problems.push(format!("{caller}: {outcome} instead of {cell}: {}", line.text));
                }
            }
        }
        none(problems);
    }

    /// `yes`, `.` without the privilege to call, `no` where the function refuses with 42501, or the SQLSTATE.
    fn outcome(cast: &Cast, line: &Line, caller: &str) -> String {
        become_database();
        let callable = may_call(line.name(), role_of(caller));
        cast.become_caller(caller);
        let outcome = probe(&format!("select * from {}", cast.fill_in(line.call, caller)));
        match (outcome.as_str(), callable) {
            ("42501", true) => "no".to_owned(),
            ("42501", false) => ".".to_owned(),
            (_, true) => outcome,
            (_, false) => format!("{outcome} without the privilege"),
        }
    }

    fn may_call(function: &str, role: &str) -> bool {
        one(&format!(
            "select has_function_privilege('{role}', '{function}'::regproc, 'execute')
                and has_schema_privilege('{role}', '{}', 'usage')",
            function.split('.').next().unwrap_or_default()
        ))
    }

    #[pg_test]
    fn nobody_calls_a_trigger_function() {
        run(PROBE);
        let cast = Cast::assemble();
        let functions = catalog(TRIGGERS);
        assert!(functions.len() >= 5);
        for caller in CALLERS {
            cast.become_caller(caller);
            for function in &functions {
                assert_eq!(probe(&format!("select {function}()")), "42501", "{caller} {function}");
            }
        }
    }

    /// Every argument of type uuid of a function that clients may call.
    fn uuid_arguments() -> Vec<String> {
        names(&format!(
            "select format('%s.%s %s', n.nspname, p.proname, a.name)
               from pg_catalog.pg_proc p
               join pg_catalog.pg_namespace n on n.oid = p.pronamespace
              cross join lateral unnest(p.proargtypes::oid[], p.proargnames[:p.pronargs]) as a (type, name)
              where n.nspname in ({SCHEMAS}) and not {TRIGGERS}
                and a.type in ('uuid'::regtype, 'uuid[]'::regtype)"
        ))
    }

    #[pg_test]
    fn people_are_named_by_uuid() {
        // Else the list of ids would not have them all.
        none(names(&format!(
            "select format('%s.%s %s is no uuid', n.nspname, p.proname, a.name)
               from pg_catalog.pg_proc p
               join pg_catalog.pg_namespace n on n.oid = p.pronamespace
              cross join lateral unnest(p.proargtypes::oid[], p.proargnames[:p.pronargs]) as a (type, name)
              where n.nspname in ({SCHEMAS}) and a.type <> 'uuid'::regtype
                and a.name ~* '(user|person|admin|promoter|customer|actor|owner|parent_promoter)_?id$|_by$'"
        )));
    }

    #[pg_test]
    fn the_matrix_says_what_every_id_is() {
        let mut listed: Vec<String> = matrix()
            .iter()
            .flat_map(|line| line.ids.iter().map(|(_, id)| format!("{} {id}", line.name())))
            .collect();
        listed.sort();
        listed.dedup();
        none(compare(&listed, &uuid_arguments()));
        for line in matrix() {
            for (kind, id) in line.ids {
                assert!(["actor", "subject", "key"].contains(&kind), "{}", line.text);
                // These names always say whose doing it is.
                let says_who = ["_by", "admin_id", "actor"].iter().any(|part| id.contains(part));
                assert!(!says_who || kind == "actor", "{id} must be an actor: {}", line.text);
            }
        }
    }

    #[pg_test]
    fn nobody_acts_as_somebody_else() {
        run(PROBE);
        let cast = Cast::assemble();
        let mut tried = 0;
        for line in matrix() {
            for (_, id) in line.ids.iter().filter(|(kind, _)| *kind == "actor") {
                let own = format!("{id} => {{me}}");
                assert!(line.call.contains(&own), "call it with {own}: {}", line.text);
                for caller in CALLERS.iter().filter(|caller| cast.person(caller).is_some()) {
                    cast.become_caller(caller);
                    for other in CALLERS.iter().filter(|other| *other != caller) {
                        let Some(other) = cast.person(other) else { continue };
                        let spoofed =
                            line.call.replace(&own, &format!("{id} => {}", literal(other)));
                        let call = format!("select * from {}", cast.fill_in(&spoofed, caller));
                        assert_eq!(probe(&call), "42501", "{caller}: {call}");
                        tried += usize::from(line.cell(caller) == "yes");
                    }
                }
            }
        }
        assert!(tried > 0);
    }

    #[pg_test]
    fn who_may_not_call_a_function_does_not_learn_what_there_is() {
        run(PROBE);
        let cast = Cast::assemble();
        let mut problems = Vec::new();
        let matrix = matrix();
        // Who may do it to some may learn that there is nobody else to do it to.
        let never = |line: &Line, caller: &str| {
            line.cell(caller) == "no"
                && !matrix.iter().any(|l| l.name() == line.name() && l.cell(caller) == "yes")
        };
        for line in matrix.iter().filter(|line| !line.ids.is_empty()) {
            for caller in CALLERS.iter().filter(|caller| never(line, caller)) {
                cast.become_caller(caller);
                let call = cast.fill_in(&cast.with_unknown_ids(line.call), caller);
                let outcome = probe(&format!("select * from {call}"));
                if outcome != "42501" {
                    problems.push(format!("{caller}: {outcome} instead of 42501: {call}"));
                }
            }
        }
        none(problems);
    }

    #[pg_test]
    fn nobody_else_calls_a_function_about_a_person() {
        // What a line says is tried above; this is about the lines.
        for line in
            matrix().iter().filter(|line| line.ids.iter().any(|(kind, _)| *kind == "subject"))
        {
            for caller in ["anon", "stranger", "neighbour"] {
                assert!([".", "no"].contains(&line.cell(caller)), "{caller}: {}", line.text);
            }
        }
    }
}
