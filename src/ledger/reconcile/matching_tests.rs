use super::*;
use proptest::prelude::*;

fn line(day: i32, amount: i64, reference: &str) -> Line {
    let reference = (!reference.is_empty()).then(|| reference.to_owned());
    Line { day, amount, reference, description: None }
}

fn entry(day: i32, change: i64, reference: &str) -> Entry {
    let references = (!reference.is_empty()).then(|| reference.to_owned()).into_iter().collect();
    Entry { day, change, references, description: None }
}

fn run(lines: &[Line], entries: &[Entry], rules: &Rules) -> Found {
    find(lines, entries, &HashSet::new(), rules, &|| ())
}

/// Who was matched with whom.
fn pairs(found: &Found) -> Vec<(Vec<u32>, Vec<u32>)> {
    found.matched.iter().map(|one| (one.lines.clone(), one.entries.clone())).collect()
}

fn matched(lines: &[Line], entries: &[Entry], rules: &Rules) -> Vec<(Vec<u32>, Vec<u32>)> {
    pairs(&run(lines, entries, rules))
}

#[test]
fn the_best_pair_of_all_comes_first() {
    // The second line is nearer to the entry that the first would take.
    let lines = [line(1, 100, ""), line(3, 100, "")];
    let entries = [entry(3, 100, ""), entry(6, 100, "")];
    let found = run(&lines, &entries, &Rules::default());
    assert_eq!(pairs(&found), [(vec![1], vec![0])]);
    let apart = Rules { days: 5, ..Rules::default() };
    assert_eq!(matched(&lines, &entries, &apart), [(vec![1], vec![0]), (vec![0], vec![1])]);
}

#[test]
fn a_reference_decides_between_equal_amounts() {
    let lines = [line(1, 100, "B-0002"), line(1, 100, "A-0001")];
    let entries = [entry(1, 100, "a 0001"), entry(1, 100, "b 0002"), entry(1, 100, "")];
    let mut pairs = matched(&lines, &entries, &Rules::default());
    pairs.sort();
    assert_eq!(pairs, [(vec![0], vec![1]), (vec![1], vec![0])]);
}

#[test]
fn a_reference_is_worth_more_than_a_day() {
    let mut named = line(1, 100, "");
    named.description = Some("for A-0001".to_owned());
    let entries = [entry(1, 100, ""), entry(4, 100, "a 0001")];
    assert_eq!(matched(&[named.clone()], &entries, &Rules::default()), [(vec![0], vec![1])]);
    let required = Rules { reference: Reference::Require, ..Rules::default() };
    assert_eq!(matched(&[named], &entries, &required), [(vec![0], vec![1])]);
}

#[test]
fn direction_day_and_tolerance_are_bounds() {
    let rules = Rules { tolerance: 5, days: 2, ..Rules::default() };
    for (entry, fits) in [
        (entry(1, 105, ""), true),
        (entry(1, 106, ""), false),
        (entry(3, 100, ""), true),
        (entry(4, 100, ""), false),
        (entry(1, -100, ""), false),
    ] {
        let low = Rules { minimum_score: 0, ..rules.clone() };
        assert_eq!(
            matched(&[line(1, 100, "")], std::slice::from_ref(&entry), &low).len() == 1,
            fits,
            "{entry:?}"
        );
    }
    assert!(matched(&[line(1, 1, "")], &[entry(1, -1, "")], &rules).is_empty());
    assert!(matched(&[line(1, 0, "")], &[entry(1, 1, "")], &rules).is_empty());
}

#[test]
fn what_fits_equally_well_is_only_suggested() {
    let (lines, entries) = ([line(1, 100, "")], [entry(1, 100, ""), entry(1, 100, "")]);
    let found = run(&lines, &entries, &Rules::default());
    assert_eq!((found.matched.len(), found.suggested.len()), (0, 2));
    assert!(found.suggested[0].reasons.contains(&"several_fit".to_owned()));
    let first = Rules { take_first: true, ..Rules::default() };
    assert_eq!(matched(&lines, &entries, &first), [(vec![0], vec![0])]);
}

#[test]
fn as_many_equal_lines_as_equal_transfers_are_no_riddle() {
    let lines = vec![line(1, 100, ""); 150];
    let entries = vec![entry(1, 100, ""); 150];
    let found = run(&lines, &entries, &Rules::default());
    assert_eq!(found.matched.len(), 150);
    assert!(found.complete);
    // With one more transfer than lines, it is not said which are theirs.
    let entries = vec![entry(1, 100, ""); 151];
    assert_eq!(run(&lines, &entries, &Rules::default()).matched.len(), 0);
}

#[test]
fn what_is_left_when_others_are_taken_is_no_riddle_any_more() {
    let lines = [line(1, 100, ""), line(1, 100, "A-0001")];
    let entries = [entry(1, 100, ""), entry(1, 100, "A-0001")];
    assert_eq!(matched(&lines, &entries, &Rules::default()).len(), 2);
}

#[test]
fn a_low_score_is_a_suggestion() {
    let rules = Rules { minimum_score: 71, ..Rules::default() };
    let found = run(&[line(1, 100, "")], &[entry(1, 100, "")], &rules);
    assert_eq!((found.matched.len(), found.suggested.len()), (0, 1));
    assert_eq!(found.suggested[0].score, 70);
    let required = Rules { reference: Reference::Require, ..Rules::default() };
    let found = run(&[line(1, 100, "")], &[entry(1, 100, "")], &required);
    assert_eq!((found.matched.len(), found.suggested.len()), (0, 1));
    assert!(found.suggested[0].reasons.contains(&"no_reference".to_owned()));
}

#[test]
fn several_transfers_are_one_line() {
    let lines = [line(1, 100, "")];
    let entries = [entry(1, 60, ""), entry(2, 40, ""), entry(1, 33, "")];
    assert_eq!(matched(&lines, &entries, &Rules::default()), [(vec![0], vec![0, 1])]);
    let off = Rules { max_group: 1, ..Rules::default() };
    assert!(matched(&lines, &entries, &off).is_empty());
}

#[test]
fn several_lines_are_one_transfer() {
    let lines = [line(1, -60, ""), line(2, -40, ""), line(1, -33, "")];
    let found = matched(&lines, &[entry(1, -100, "")], &Rules::default());
    assert_eq!(found, [(vec![0, 1], vec![0])]);
}

#[test]
fn of_several_sums_none_is_taken() {
    let lines = [line(1, 100, "")];
    let entries = [entry(1, 60, ""), entry(1, 40, ""), entry(1, 70, ""), entry(1, 30, "")];
    let found = run(&lines, &entries, &Rules::default());
    assert_eq!((found.matched.len(), found.suggested.len()), (0, 2));
}

#[test]
fn a_shared_reference_makes_a_sum_of_any_size() {
    let lines = [line(1, 50 * 7, "BATCH-9")];
    let mut entries = vec![entry(1, 7, "batch 9"); 50];
    entries.push(entry(1, 7, "batch 10"));
    let found = matched(&lines, &entries, &Rules::default());
    assert_eq!(found, [(vec![0], (0..50).collect())]);
}

#[test]
fn what_was_rejected_is_neither_matched_nor_suggested() {
    let (lines, entries) = ([line(1, 100, "")], [entry(1, 100, "")]);
    let found = find(&lines, &entries, &HashSet::from([(0, 0)]), &Rules::default(), &|| ());
    assert_eq!((found.matched.len(), found.suggested.len()), (0, 0));
    let parts = [entry(1, 60, ""), entry(1, 40, "")];
    let found = find(&lines, &parts, &HashSet::from([(0, 1)]), &Rules::default(), &|| ());
    assert_eq!((found.matched.len(), found.suggested.len()), (0, 0));
}

#[test]
fn hostile_input_ends() {
    // Every line fits every transfer, and no sum is ever reached.
    let rules = Rules { tolerance: i64::MAX as u64, days: 60, max_group: 6, ..Rules::default() };
    let lines: Vec<_> = (0..2000).map(|n| line(n % 60, 1_000_001, "same same")).collect();
    let entries: Vec<_> =
        (0..4000).map(|n| entry(n % 60, 2 * i64::from(n) + 2, "same same")).collect();
    run(&lines, &entries, &rules);
    let exact = Rules { days: 60, max_group: 6, reference: Reference::Ignore, ..Rules::default() };
    let even: Vec<_> = (0..4000).map(|n| entry(n % 60, 300_000 + 2 * i64::from(n), "")).collect();
    let found = run(&lines, &even, &exact);
    assert!(found.matched.is_empty() && !found.complete);
    let huge = [line(1, i64::MIN, ""), line(1, i64::MAX, "")];
    let ends = [entry(1, i64::MIN, ""), entry(1, i64::MAX, ""), entry(1, -1, "")];
    run(&huge, &ends, &rules);
}

prop_compose! {
    fn a_line()(day in 0i32..8, amount in -30i64..30, name in 0u8..4) -> Line {
        line(day, amount, ["", "", "REF-A", "REF-B"][usize::from(name)])
    }
}
prop_compose! {
    fn an_entry()(day in 0i32..8, change in -30i64..30, name in 0u8..4) -> Entry {
        entry(day, change, ["", "", "ref a", "ref b"][usize::from(name)])
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn every_match_keeps_to_the_rules(
        lines in prop::collection::vec(a_line(), 0..25),
        entries in prop::collection::vec(an_entry(), 0..25),
        tolerance in 0u64..3, days in 0i32..4, take_first: bool,
    ) {
        let rules = Rules { tolerance, days, take_first, minimum_score: 40, ..Rules::default() };
        let found = run(&lines, &entries, &rules);
        let (mut seen_lines, mut seen_entries) = (HashSet::new(), HashSet::new());
        for one in &found.matched {
            let bank: i64 = one.lines.iter().map(|n| lines[*n as usize].amount).sum();
            let books: i64 = one.entries.iter().map(|n| entries[*n as usize].change).sum();
            prop_assert!(bank.abs_diff(books) <= tolerance);
            prop_assert!((bank > 0) == (books > 0));
            prop_assert!(one.lines.len() == 1 || one.entries.len() == 1);
            prop_assert!(one.score >= 40);
            for n in &one.lines {
                prop_assert!(seen_lines.insert(*n), "a line twice");
                for m in &one.entries {
                    let apart = lines[*n as usize].day.abs_diff(entries[*m as usize].day);
                    prop_assert!(apart <= days as u32);
                }
            }
            for m in &one.entries {
                prop_assert!(seen_entries.insert(*m), "a transfer twice");
            }
        }
        for one in &found.suggested {
            prop_assert!(one.lines.iter().all(|n| !seen_lines.contains(n)));
            prop_assert!(one.entries.iter().all(|n| !seen_entries.contains(n)));
        }
        prop_assert_eq!(run(&lines, &entries, &rules), found);
    }
}
