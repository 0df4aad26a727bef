use super::*;
use serde_json::json;

fn object() -> Value {
    json!({"id": "ch_1", "object": "charge", "amount": 10_001, "amount_captured": 10_001,
        "amount_refunded": 0, "captured": true, "paid": true, "status": "succeeded",
        "currency": "usd", "created": 1_700_000_000, "payment_intent": "pi_1",
        "metadata": {"owner_id": "0190d7c5-0000-7000-8000-000000000001", "split_rule_id": "7"}})
}

fn with(changes: Value) -> Value {
    let mut object = object();
    object.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    object
}

#[test]
fn a_charge_is_read_as_stripe_writes_it() {
    let object = object();
    let read = Described::read(&object, false).unwrap().unwrap();
    assert_eq!((read.id, read.intent, read.captured), ("ch_1", Some("pi_1"), 10_001));
    assert_eq!((read.rule, read.buyer, read.refunded), (Some(7), None, 0));
    assert_eq!(read.owner.unwrap().to_string(), "0190d7c5-0000-7000-8000-000000000001");
}

#[test]
fn what_is_not_paid_is_no_charge() {
    for status in ["pending", "failed"] {
        assert_eq!(Described::read(&with(json!({"status": status})), false).unwrap(), None);
    }
}

#[test]
fn an_authorization_captures_nothing() {
    // Stripe says paid of it.
    let object = with(json!({"captured": false, "amount_captured": 0, "amount_refunded": 10_001}));
    let read = Described::read(&object, false).unwrap().unwrap();
    assert_eq!((read.captured, read.refunded), (0, 0));
}

#[test]
fn what_is_released_by_a_partial_capture_is_no_refund() {
    for (refunds_releases, told, refunded, released) in
        [(true, 4_501, 500, 4_001), (true, 0, 0, 0), (false, 500, 500, 0), (false, 4_501, 4_501, 0)]
    {
        let object = with(json!({"amount_captured": 6_000, "amount_refunded": told}));
        let read = Described::read(&object, refunds_releases).unwrap().unwrap();
        assert_eq!((read.captured, read.refunded, read.released), (6_000, refunded, released));
    }
}

#[test]
fn metadata_that_says_nothing_useful_does_not_matter() {
    for metadata in
        [json!({"owner_id": "me", "split_rule_id": "x"}), json!(null), json!([1]), json!("x")]
    {
        let object = with(json!({ "metadata": metadata }));
        let read = Described::read(&object, false).unwrap().unwrap();
        assert_eq!((read.owner, read.rule), (None, None));
    }
}

#[test]
fn a_reference_is_an_id_an_object_or_nothing() {
    assert_eq!(reference(&json!("ch_1")), Some("ch_1"));
    assert_eq!(reference(&json!({"id": "ch_1"})), Some("ch_1"));
    assert_eq!(reference(&json!(null)), None);
    assert_eq!(reference(&json!("")), None);
}

#[test]
fn what_is_no_charge_is_refused() {
    for (changes, code) in [
        (json!({"id": null}), "22004"),
        (json!({"currency": "xxy"}), "22023"),
        (json!({"amount": null}), "22004"),
        (json!({"amount_captured": 1.5}), "22023"),
        (json!({"amount": -1, "amount_captured": -1}), "22023"),
        (json!({"created": "today"}), "22004"),
    ] {
        let error = Described::read(&with(changes.clone()), false).unwrap_err();
        assert_eq!(error.sqlstate.code(), code, "{changes}");
    }
}

#[test]
fn a_rule_of_the_same_second_holds() {
    let at = from_unix(1_700_000_000);
    assert_eq!(i64::from(end_of_second(at)) - i64::from(at), 999_999);
}
