//! How the system is, in one answer: facts, and what is bad about them.

use crate::kernel::error::Result;
use crate::kernel::settings;
use crate::ops::watch::alert::Severity;
use crate::ops::watch::{PROBES, collect};
use serde_json::{Map, Value, json};
use std::cmp::Reverse;

/// What is bad, and how bad.
pub type Complaint = (Severity, String);

/// The health as JSON: `status` (ok, warning, critical), `reasons`, and the facts.
pub fn report() -> Result<Value> {
    let mut facts = Map::new();
    for (name, collect) in COLLECTED {
        facts.insert((*name).to_owned(), collect()?);
    }
    let mut complaints = judge(&facts, settings::get("ops", "books_check_hours")?);
    for probe in PROBES.all() {
        let finding = (probe.run)()?;
        facts.insert(probe.name.to_owned(), finding.value);
        complaints.extend(finding.complaints);
    }
    Ok(assemble(facts, complaints))
}

type Collect = fn() -> Result<Value>;

const COLLECTED: &[(&str, Collect)] = &[
    ("versions", collect::versions),
    ("server", collect::server),
    ("connections", collect::connections),
    ("slow_queries", collect::slow_queries),
    ("statements", collect::statements),
    ("tables", collect::tables),
    ("replication", collect::replication),
    ("outbox", collect::outbox),
    ("alerts", collect::alerts),
    ("checks", collect::checks),
    ("events", collect::events),
];

/// Facts and complaints as an answer: the worst complaint comes first and is the status.
pub fn assemble(facts: Map<String, Value>, mut complaints: Vec<Complaint>) -> Value {
    complaints.sort_by_key(|(severity, _)| Reverse(*severity));
    let status = match complaints.first() {
        Some((Severity::Critical, _)) => "critical",
        Some((Severity::Warning, _)) => "warning",
        _ => "ok",
    };
    let reasons: Vec<Value> = complaints
        .into_iter()
        .map(|(severity, reason)| json!({"severity": severity.as_str(), "reason": reason}))
        .collect();
    let mut report = Map::new();
    report.insert("status".to_owned(), json!(status));
    report.insert("reasons".to_owned(), json!(reasons));
    report.extend(facts);
    Value::Object(report)
}

/// The rules. `books_hours`: how old the last check of the books may be.
fn judge(facts: &Map<String, Value>, books_hours: i64) -> Vec<Complaint> {
    let null = Value::Null;
    let fact = |name: &str| facts.get(name).unwrap_or(&null);
    let mut complaints = Vec::new();
    complaints.extend(judge_versions(fact("versions")));
    complaints.extend(judge_connections(fact("connections")));
    complaints.extend(judge_alerts(fact("alerts")));
    complaints.extend(judge_replication(fact("replication")));
    judge_checks(fact("checks"), books_hours, &mut complaints);
    let slow = fact("slow_queries").as_array().map_or(0, Vec::len);
    if slow > 0 {
        complaints.push(warning(format!("{slow} queries have been running for long")));
    }
    let late = count(&fact("outbox")["late"]);
    if late > 0 {
        complaints.push(warning(format!("{late} messages of the outbox are late")));
    }
    let events = fact("events");
    if events["wanted"] == true && events["running"] == false {
        complaints.push(warning("the process that tells events does not run".to_owned()));
    }
    complaints
}

fn warning(reason: String) -> Complaint {
    (Severity::Warning, reason)
}

fn count(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn judge_versions(versions: &Value) -> Option<Complaint> {
    let installed = &versions["installed"];
    if !versions["library"].is_null() && versions["library"] != *installed {
        let why = "the library is of another version than the extension: run ALTER EXTENSION backoffice UPDATE, \
                   and restart PostgreSQL if it still has the old library";
        return Some((Severity::Critical, why.to_owned()));
    }
    (!versions["available"].is_null() && versions["available"] != *installed)
        .then(|| warning("an update of the extension is available".to_owned()))
}

fn judge_connections(connections: &Value) -> Option<Complaint> {
    let (used, max) = (count(&connections["used"]), count(&connections["max"]));
    let reason = || format!("{used} of {max} connections are used");
    match used * 100 {
        share if share >= max * 95 => Some((Severity::Critical, reason())),
        share if share >= max * 80 => Some(warning(reason())),
        _ => None,
    }
}

fn judge_alerts(alerts: &Value) -> Option<Complaint> {
    let (critical, warnings) = (count(&alerts["critical"]), count(&alerts["warning"]));
    if critical > 0 {
        return Some((Severity::Critical, format!("{critical} critical alerts are open")));
    }
    (warnings > 0).then(|| warning(format!("{warnings} warnings are open")))
}

/// Standbys that are far behind, and slots that fill the disk.
fn judge_replication(replication: &Value) -> Option<Complaint> {
    const GIB: i64 = 1 << 30;
    let list = |name: &str| replication[name].as_array().cloned().unwrap_or_default();
    let behind = |item: &Value| {
        count(&item["lag_bytes"]) > GIB || item["lag_seconds"].as_f64().is_some_and(|s| s > 60.0)
    };
    if let Some(standby) = list("standbys").iter().find(|item| behind(item)) {
        return Some(warning(format!("standby {} is far behind", standby["name"])));
    }
    if replication["replay_lag_seconds"].as_f64().is_some_and(|seconds| seconds > 60.0) {
        return Some(warning("this standby is far behind".to_owned()));
    }
    list("slots")
        .iter()
        .find(|slot| slot["active"] == false && count(&slot["retained_bytes"]) > GIB)
        .map(|slot| warning(format!("nobody reads replication slot {}", slot["name"])))
}

/// The name of the check of the books; a module above registers it.
const BOOKS: &str = "ledger_books";

fn judge_checks(checks: &Value, books_hours: i64, complaints: &mut Vec<Complaint>) {
    let checks = checks.as_array().cloned().unwrap_or_default();
    for check in &checks {
        let name = check["name"].as_str().unwrap_or_default();
        let problems = count(&check["problems"]);
        if check["problems"].is_null() {
            complaints.push((Severity::Critical, format!("the check {name} could not run")));
        } else if name == BOOKS && problems > 0 {
            complaints.push((Severity::Critical, format!("the books have {problems} problems")));
        }
    }
    match checks.iter().find(|check| check["name"] == BOOKS) {
        None => complaints.push(warning("the books have never been checked".to_owned())),
        Some(check) if count(&check["age_seconds"]) > books_hours * 3600 => complaints
            .push(warning(format!("the books were checked more than {books_hours} hours ago"))),
        Some(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(changes: Value) -> Map<String, Value> {
        let mut facts = json!({
            "versions": {"library": "1", "installed": "1", "available": "1"},
            "connections": {"used": 3, "max": 100},
            "alerts": {"info": 2, "warning": 0, "critical": 0},
            "replication": {"standbys": [], "slots": [], "replay_lag_seconds": null},
            "checks": [{"name": BOOKS, "problems": 0, "age_seconds": 60}],
            "slow_queries": [],
            "outbox": {"late": 0},
            "events": {"wanted": true, "running": true},
        });
        for (name, value) in changes.as_object().expect("an object") {
            facts[name] = value.clone();
        }
        facts.as_object().cloned().expect("an object")
    }

    fn status(changes: Value) -> String {
        let facts = facts(changes);
        let complaints = judge(&facts, 48);
        assemble(facts, complaints)["status"].as_str().expect("a status").to_owned()
    }

    #[test]
    fn all_is_well_when_nothing_is_bad() {
        assert_eq!(status(json!({})), "ok");
        assert_eq!(status(json!({"statements": null, "tables": []})), "ok");
    }

    #[test]
    fn what_will_become_a_problem_is_a_warning() {
        for changes in [
            json!({"connections": {"used": 80, "max": 100}}),
            json!({"versions": {"library": "1", "installed": "1", "available": "2"}}),
            json!({"alerts": {"info": 0, "warning": 1, "critical": 0}}),
            json!({"checks": []}),
            json!({"checks": [{"name": BOOKS, "problems": 0, "age_seconds": 200_000}]}),
            json!({"slow_queries": [{}]}),
            json!({"outbox": {"late": 1}}),
            json!({"events": {"wanted": true, "running": false}}),
            json!({"replication": {"standbys": [{"name": "a", "lag_bytes": 2_000_000_000, "lag_seconds": null}]}}),
            json!({"replication": {"slots": [{"name": "a", "active": false, "retained_bytes": 2_000_000_000}]}}),
            json!({"replication": {"replay_lag_seconds": 61}}),
        ] {
            assert_eq!(status(changes.clone()), "warning", "{changes}");
        }
    }

    #[test]
    fn what_is_a_problem_is_critical() {
        for changes in [
            json!({"connections": {"used": 95, "max": 100}}),
            json!({"versions": {"library": "2", "installed": "1", "available": "2"}}),
            json!({"alerts": {"info": 0, "warning": 1, "critical": 1}}),
            json!({"checks": [{"name": BOOKS, "problems": 1, "age_seconds": 60}]}),
            json!({"checks": [{"name": BOOKS, "problems": 0, "age_seconds": 60},
                              {"name": "x", "problems": null, "age_seconds": 60}]}),
        ] {
            assert_eq!(status(changes.clone()), "critical", "{changes}");
        }
    }

    #[test]
    fn the_worst_reason_comes_first() {
        let facts = facts(json!({"alerts": {"warning": 0, "critical": 1}, "outbox": {"late": 1}}));
        let complaints = judge(&facts, 48);
        let reasons = assemble(facts, complaints)["reasons"].clone();
        assert_eq!(reasons[0]["severity"], "critical");
        assert_eq!(reasons.as_array().map(Vec::len), Some(2));
    }
}
