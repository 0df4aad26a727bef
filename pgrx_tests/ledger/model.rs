//! Random sequences of everything, through the functions of the ledger: after every step
//! the tables are what the model adds up from scratch, the invariants hold, and a refusal
//! is one that the model foresees and changes nothing.

#[pgrx::pg_schema]
mod tests {
    use crate::kernel::error::Error;
    use crate::kernel::spi::subtransaction;
    use crate::ledger::model::foresee::{foresee, judge_batch};
    use crate::ledger::model::steps::{Step, aim, any_step};
    use crate::ledger::model::{ACCOUNTS, Model};
    use crate::pgrx_tests::ledger::model_books::Books;
    use crate::pgrx_tests::ledger::support::alone;
    use crate::pgrx_tests::support;
    use pgrx::prelude::*;
    use proptest::prelude::*;
    use proptest::test_runner::{TestError, TestRunner};

    const SEQUENCES: u32 = 200;

    /// What was tried.
    #[derive(Clone, Copy, Debug, Default)]
    struct Counts {
        sequences: u32,
        steps: u32,
        refused: u32,
        repeated: u32,
    }

    /// One step, in the model and in the database.
    fn run(
        model: &mut Model,
        books: &mut Books,
        step: Step,
        counts: &mut Counts,
    ) -> Result<(), TestCaseError> {
        let Some(step) = aim(step, model) else { return Ok(()) };
        let (next, refusals) = foresee(model, &step);
        let before = books.digest();
        counts.steps += 1;
        match books.run(&step) {
            Ok(answer) => {
                prop_assert!(refusals.is_empty(), "{:?}: foreseen {:?}", step, refusals);
                match &step {
                    Step::Batch(items, _) => {
                        let results: Vec<&str> = answer.split(' ').collect();
                        let foreseen = judge_batch(model, items).1;
                        prop_assert_eq!(results.len(), foreseen.len());
                        for (result, codes) in results.iter().zip(&foreseen) {
                            prop_assert!(codes.contains(result), "{:?}: {}", step, answer);
                        }
                    }
                    Step::Again(_) => {
                        counts.repeated += 1;
                        prop_assert!(!answer.is_empty() && !answer.contains("false"), "{}", answer);
                        prop_assert_eq!(&before, &books.digest(), "{:?}", step);
                    }
                    _ => prop_assert!(!answer.contains("true"), "{:?}: {}", step, answer),
                }
                *model = next;
                let unknown = books.learn(model);
                prop_assert_eq!(unknown, Vec::<String>::new(), "{:?}", step);
            }
            Err(code) => {
                counts.refused += 1;
                prop_assert!(refusals.contains(&code.as_str()), "{:?}: {}", step, code);
                prop_assert_eq!(&before, &books.digest(), "{:?}", step);
            }
        }
        books.take_over_closed_holds(model);
        prop_assert_eq!(books.found(), books.foreseen(model), "{:?}", step);
        prop_assert_eq!(books.problems(), Vec::<String>::new(), "{:?}", step);
        Ok(())
    }

    /// A sequence on accounts of its own, of which nothing stays.
    fn sequence(
        stripes: Vec<i32>,
        steps: Vec<Step>,
        counts: &mut Counts,
    ) -> Result<(), TestCaseError> {
        let mut outcome = Ok(());
        let undone = subtransaction(|| -> Result<(), Error> {
            let mut books = Books::open(&stripes);
            let mut model = Model::new(stripes);
            outcome =
                steps.into_iter().try_for_each(|step| run(&mut model, &mut books, step, counts));
            Err(Error::conflict("the sequence is over"))
        });
        let error = undone.expect_err("it is taken back");
        outcome?;
        prop_assert_eq!(error.sqlstate.code(), "PT409", "{}", error.message);
        counts.sequences += 1;
        Ok(())
    }

    #[pg_test]
    fn the_tables_agree_with_adding_up_from_scratch() {
        alone();
        // It lets nobody change the time of a hold, which comes here when the sequence says.
        support::run("alter table ledger.holds disable trigger holds_fixed");
        let config = ProptestConfig {
            cases: SEQUENCES,
            max_shrink_iters: 600,
            failure_persistence: None,
            ..ProptestConfig::default()
        };
        let stripes =
            prop::collection::vec(prop_oneof![3 => Just(0), 2 => 2..6], ACCOUNTS as usize);
        let sequences = (stripes, prop::collection::vec(any_step(), 15..30));
        let counts = std::cell::Cell::new(Counts::default());
        let outcome = TestRunner::new(config).run(&sequences, |(stripes, steps)| {
            let mut tried = counts.get();
            let outcome = sequence(stripes, steps, &mut tried);
            counts.set(tried);
            outcome
        });
        match outcome {
            Ok(()) => {}
            Err(TestError::Fail(reason, (stripes, steps))) => {
                let steps: Vec<String> = steps.iter().map(|step| format!("{step:?}")).collect();
                panic!("{reason}\nstripes {stripes:?}, shrunk to:\n{}", steps.join("\n"))
            }
            Err(error) => panic!("{error}"),
        }
        let counts = counts.get();
        log!("the model of the ledger: {counts:?}");
        assert_eq!(counts.sequences, SEQUENCES);
        // A model that only foresees refusals proves nothing.
        assert!(counts.refused < counts.steps * 2 / 3 && counts.repeated > 50, "{counts:?}");
    }
}
