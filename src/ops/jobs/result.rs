//! What a job gives back: a JSON object of counts.

use serde_json::{Map, Value, json};

/// How many problems of a job are listed in its result.
const LISTED: usize = 20;

/// The result of a job that did `done` of at most `most`: there may be more.
pub fn batch(what: &str, done: usize, most: i64) -> Value {
    let mut result = Map::from_iter([(what.to_owned(), json!(done))]);
    if i64::try_from(done).is_ok_and(|done| done >= most) {
        result.insert("more".to_owned(), Value::Bool(true));
    }
    Value::Object(result)
}

/// The result of a job that looks for what must not be; none found is a success.
pub fn problems(found: Vec<Value>) -> Value {
    let count = found.len();
    let listed: Vec<_> = found.into_iter().take(LISTED).collect();
    json!({"problems": count, "found": listed})
}

/// Whether the job wants to be called again.
pub(super) fn wants_more(result: &Value) -> bool {
    result.get("more") == Some(&Value::Bool(true))
}

/// How many problems the job found.
pub(super) fn problem_count(result: &Value) -> i64 {
    result.get("problems").and_then(Value::as_i64).unwrap_or(0)
}

/// Adds what a further call did: integers are summed, of all else the last counts.
pub(super) fn add(total: Value, next: Value) -> Value {
    let (Value::Object(mut total), Value::Object(next)) = (total, next) else {
        return Value::Null;
    };
    total.remove("more");
    for (key, value) in next {
        let sum = match (total.get(&key).and_then(Value::as_i64), value.as_i64()) {
            (Some(before), Some(more)) => json!(before.saturating_add(more)),
            _ => value,
        };
        total.insert(key, sum);
    }
    Value::Object(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_batch_asks_for_more() {
        assert_eq!(batch("deleted", 10, 10), json!({"deleted": 10, "more": true}));
        assert_eq!(batch("deleted", 9, 10), json!({"deleted": 9}));
        assert!(wants_more(&batch("deleted", 10, 10)) && !wants_more(&batch("deleted", 0, 10)));
    }

    #[test]
    fn counts_of_batches_are_summed_and_the_last_says_whether_there_is_more() {
        let total = add(batch("deleted", 10, 10), batch("deleted", 10, 10));
        assert_eq!(total, json!({"deleted": 20, "more": true}));
        assert_eq!(add(total, batch("deleted", 3, 10)), json!({"deleted": 23}));
        let named = add(json!({"last": "a"}), json!({"last": "b", "n": 1}));
        assert_eq!(named, json!({"last": "b", "n": 1}));
    }

    #[test]
    fn problems_are_counted_and_the_first_are_listed() {
        let none = problems(Vec::new());
        assert_eq!((problem_count(&none), &none["found"]), (0, &json!([])));
        let many = problems((0..50).map(|n| json!(n)).collect());
        assert_eq!(problem_count(&many), 50);
        assert_eq!(many["found"].as_array().map(Vec::len), Some(LISTED));
    }
}
