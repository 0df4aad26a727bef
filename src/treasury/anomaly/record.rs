//! Keeping what was found: each anomaly once, with an alert for those that cannot wait,
//! until an admin has looked at it.

use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result};
use crate::kernel::input::{Object, free_text};
use crate::kernel::rows::Record;
use crate::ops::watch::alert::{self as ops_alert, Severity as AlertSeverity};
use crate::treasury::anomaly::finding::{Finding, Severity};
use crate::treasury::store::anomalies as store;
use crate::treasury::{SYSTEM, alert, user};
use pgrx::Uuid;
use serde_json::{Value, json};

/// Who found what we find ourselves.
const OURS: &str = "backoffice";
const ALERT: &str = "treasury_anomaly";
const MORE: &str = "treasury_anomalies";
/// So many anomalies have an alert each within an hour, in however many batches they are
/// found; one more a day says that there are others.
pub const MOST_TOLD: usize = 20;
/// The most that a list gives at once, and unless it is said.
const MOST_LISTED: i64 = 1000;
const LISTED: i64 = 100;
const LONGEST_EXPLANATION: usize = 10_000;

/// Something new that may need an alert.
struct Kept<'a> {
    id: i64,
    severity: Severity,
    score: f64,
    kind: &'a str,
    description: &'a str,
    user: Option<Uuid>,
    charge: Option<Uuid>,
}

/// Keeps findings that are new, and tells of them; how many.
pub fn keep(found: &[Finding]) -> Result<usize> {
    let mut kept = Vec::new();
    for finding in found {
        if let Some(id) = store::insert(OURS, finding, None)? {
            kept.push(Kept {
                id,
                severity: finding.severity,
                score: finding.score,
                kind: finding.kind.as_str(),
                description: &finding.description,
                user: finding.user,
                charge: finding.charge,
            });
        }
    }
    let count = kept.len();
    tell(kept)?;
    Ok(count)
}

/// Keeps findings that have alerts of their own.
pub fn keep_silently(found: &[Finding]) -> Result<()> {
    found.iter().try_for_each(|finding| store::insert(OURS, finding, None).map(drop))
}

/// The worst first; a first look at a long past must not flood a channel.
fn tell(mut kept: Vec<Kept<'_>>) -> Result<()> {
    kept.retain(|one| one.severity > Severity::Low);
    kept.sort_by(|a, b| b.severity.cmp(&a.severity).then(b.score.total_cmp(&a.score)));
    if kept.is_empty() {
        return Ok(());
    }
    let (told, day) = store::told(ALERT)?;
    let free = MOST_TOLD.saturating_sub(usize::try_from(told).unwrap_or(usize::MAX));
    kept.iter().take(free).try_for_each(|one| {
        let detail = json!({
            "anomaly_id": one.id,
            "anomaly": one.kind,
            "score": one.score,
            "user_id": one.user.map(|id| id.to_string()),
            "charge_id": one.charge.map(|id| id.to_string()),
        });
        let severity = alert_severity(one.severity);
        let message = one.description.to_owned();
        alert::raise(severity, ALERT, Some(one.id.to_string()), message, detail).map(drop)
    })?;
    let Some(others) = kept.get(free..).filter(|others| !others.is_empty()) else {
        return Ok(());
    };
    let worst = others.iter().map(|one| one.severity).max().unwrap_or(Severity::Medium);
    let (count, message) =
        (others.len(), format!("{} more anomalies were found at once.", others.len()));
    let detail = json!({ "anomalies": count });
    alert::raise(alert_severity(worst), MORE, Some(day), message, detail).map(drop)
}

fn alert_severity(severity: Severity) -> AlertSeverity {
    match severity {
        Severity::High => AlertSeverity::Critical,
        Severity::Medium => AlertSeverity::Warning,
        Severity::Low => AlertSeverity::Info,
    }
}

/// What a model outside has found.
pub struct Flag<'a> {
    pub detector: &'a str,
    pub key: &'a str,
    pub kind: &'a str,
    pub severity: Severity,
    pub description: &'a str,
    pub score: Option<f64>,
    pub entry: Option<i64>,
    pub charge: Option<&'a str>,
    pub user: Option<Uuid>,
    pub explanation: Value,
}

const KEYS: [&str; 10] = [
    "detector",
    "key",
    "kind",
    "severity",
    "description",
    "score",
    "related_entry_id",
    "charge",
    "user_id",
    "explanation",
];

impl<'a> Flag<'a> {
    fn parse(value: &'a Value) -> Result<Self> {
        let object = Object::new("p_anomaly", value, &KEYS)?;
        let name = |key: &str, longest: usize, good: fn(char) -> bool| {
            let text = object.required_text(key)?;
            let rule = || object.wrong(key, &format!("must be a name of at most {longest} bytes"));
            let good = text.len() <= longest && text.chars().all(good);
            if good { Ok(text) } else { Err(rule()) }
        };
        let detector =
            name("detector", 100, |c| c.is_ascii_alphanumeric() || " ._:/-".contains(c))?;
        if detector.eq_ignore_ascii_case(OURS) {
            return Err(object.wrong("detector", "must be the name of another"));
        }
        let kind = name("kind", 50, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')?;
        if !kind.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(object.wrong("kind", "must begin with a letter"));
        }
        object.required_text("severity")?;
        let severity = object.choice("severity", &Severity::NAMES)?.and_then(Severity::parse);
        let severity = severity.ok_or_else(|| Error::missing("p_anomaly.severity"))?;
        let number =
            |value: &Value| value.as_f64().ok_or_else(|| object.wrong("score", "must be a number"));
        let explanation = object.object("explanation")?.cloned().unwrap_or_else(|| json!({}));
        if explanation.to_string().len() > LONGEST_EXPLANATION {
            let rule = format!("must have at most {LONGEST_EXPLANATION} bytes");
            return Err(object.wrong("explanation", &rule));
        }
        Ok(Flag {
            detector,
            key: object.required_text("key")?,
            kind,
            severity,
            description: object.required_text("description")?,
            score: object.value("score").map(number).transpose()?,
            entry: object.positive("related_entry_id", i64::MAX)?,
            charge: object.text("charge")?,
            user: object.uuid("user_id")?,
            explanation,
        })
    }
}

/// Flags what a model outside has found; again it changes nothing. The anomaly's id.
pub fn flag(caller: &Caller, value: &Value) -> Result<i64> {
    caller.require_admin(SYSTEM)?;
    let flag = Flag::parse(value)?;
    if let Some(user) = flag.user {
        user::require(user, "p_anomaly.user_id")?;
    }
    let unknown = |id: &str| Error::not_found("charge", id);
    let known = |id: &str| store::charge(id)?.ok_or_else(|| unknown(id));
    let charge = flag.charge.map(known).transpose()?;
    let Some(id) = store::flag(&flag, charge.as_ref())? else {
        let gone = || Error::internal("an anomaly was neither stored nor found");
        return store::find(flag.detector, flag.key)?.ok_or_else(gone);
    };
    tell(vec![Kept {
        id,
        severity: flag.severity,
        score: flag.score.unwrap_or(0.0),
        kind: flag.kind,
        description: flag.description,
        user: flag.user,
        charge: charge.map(|charge| charge.id),
    }])?;
    Ok(id)
}

/// Says that an admin has looked at an anomaly; its alert is over then.
pub fn resolve(caller: &Caller, id: i64, note: &str) -> Result<i64> {
    caller.require_admin(SYSTEM)?;
    let note = free_text(Some(note), "p_note")?.ok_or_else(|| Error::missing("p_note"))?;
    if store::resolve(id, caller.person(), note)? {
        ops_alert::settle(&format!("{ALERT}:{id}"), caller.person(), note)?;
        return Ok(id);
    }
    match store::exists(id)? {
        true => Err(Error::conflict("the anomaly is resolved already")),
        false => Err(Error::not_found("anomaly", id)),
    }
}

/// The same with {id, note}; the id may also be called anomaly_id.
pub fn resolve_request(caller: &Caller, request: &Value) -> Result<i64> {
    caller.require_admin(SYSTEM)?;
    let object = Object::new("p_request", request, &["id", "anomaly_id", "note"])?;
    let id = match (object.number_of("id")?, object.number_of("anomaly_id")?) {
        (Some(id), None) | (None, Some(id)) => id,
        (Some(id), Some(other)) if id == other => id,
        (None, None) => return Err(Error::missing("p_request.id")),
        _ => return Err(object.wrong("id", "must be anomaly_id, where both are there")),
    };
    resolve(caller, id, object.required_text("note")?)
}

/// Anomalies, the latest first: `status` is open, resolved or all.
pub fn list(
    caller: &Caller,
    severity: Option<&str>,
    status: Option<&str>,
    limit: Option<i32>,
    offset: Option<i32>,
) -> Result<Vec<Record>> {
    caller.require_admin(SYSTEM)?;
    let given = |text: Option<&'_ str>| {
        text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let (severity, status) = (given(severity), given(status));
    if severity.as_deref().is_some_and(|name| Severity::parse(name).is_none()) {
        let rule = format!("must be one of {}", Severity::NAMES.join(", "));
        return Err(Error::invalid("p_severity", rule));
    }
    let open = match status.as_deref().unwrap_or("open") {
        "open" => Some(true),
        "resolved" => Some(false),
        "all" => None,
        _ => return Err(Error::invalid("p_status", "must be one of open, resolved, all")),
    };
    let limit = limit.map_or(LISTED, i64::from);
    if !(1..=MOST_LISTED).contains(&limit) {
        return Err(Error::invalid("p_limit", format!("must be from 1 to {MOST_LISTED}")));
    }
    let offset = offset.map_or(0, i64::from);
    if offset < 0 {
        return Err(Error::invalid("p_offset", "must not be below zero"));
    }
    store::list(severity.as_deref(), open, limit, offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flag() -> Value {
        json!({"detector": "model 2", "key": "k", "kind": "fraud", "severity": "high", "description": "d"})
    }

    #[test]
    fn a_flag_says_who_what_and_how_bad() {
        let flag = flag();
        let parsed = Flag::parse(&flag).unwrap();
        assert_eq!((parsed.detector, parsed.severity), ("model 2", Severity::High));
        assert_eq!(parsed.explanation, json!({}));
    }

    #[test]
    fn what_is_no_flag_is_refused() {
        for (key, value, code) in [
            ("detector", json!(null), "22004"),
            ("detector", json!("Backoffice"), "22023"),
            ("detector", json!("x\n"), "22023"),
            ("detector", json!("x".repeat(101)), "22023"),
            ("key", json!(" "), "22004"),
            ("kind", json!("Fraud"), "22023"),
            ("kind", json!("1fraud"), "22023"),
            ("severity", json!(null), "22004"),
            ("severity", json!("worst"), "22023"),
            ("description", json!(""), "22004"),
            ("score", json!("9"), "22023"),
            ("related_entry_id", json!(0), "22023"),
            ("user_id", json!("me"), "22023"),
            ("explanation", json!([]), "22023"),
            ("explanation", json!({"x": "y".repeat(10_000)}), "22023"),
            ("other", json!(1), "22023"),
        ] {
            let mut bad = flag();
            let shown = format!("{key} {value}");
            bad[key] = value;
            // A line's end is trimmed like any space.
            if shown.contains("x\\n") {
                bad[key] = json!("x\ny");
            }
            let error = Flag::parse(&bad).err().unwrap_or_else(|| panic!("{shown}"));
            assert_eq!(error.sqlstate.code(), code, "{shown}");
        }
    }
}
