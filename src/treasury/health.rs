//! How the treasury is, in one answer: numbers of each part, and what is bad about them.

use crate::kernel::caller::Caller;
use crate::kernel::error::Result;
use crate::kernel::settings::Settings;
use crate::ops::jobs;
use crate::ops::watch::alert::Severity;
use crate::ops::watch::{Complaint, assemble};
use crate::treasury::SYSTEM;
use crate::treasury::store::health as store;
use serde_json::{Map, Value, json};

/// The health as JSON: `status` (ok, warning, critical), `reasons`, and the parts.
pub fn report(caller: &Caller) -> Result<Value> {
    caller.require_admin(SYSTEM)?;
    // As the checks have it that raise alerts of the same.
    let settings = Settings::of(SYSTEM)?;
    let (late, soon): (i64, i64) =
        (settings.get("request_late_seconds")?, settings.get("dispute_due_hours")?);
    let mut facts = Map::new();
    for (name, value) in [
        ("books", store::books()?),
        ("webhooks", store::webhooks()?),
        ("requests", store::requests(late)?),
        ("payouts", store::payouts()?),
        ("disputes", store::disputes(soon)?),
        ("jobs", of_jobs()?),
        ("anomalies", store::anomalies()?),
        ("approvals", store::approvals()?),
        ("reconciliation", store::reconciliation()?),
    ] {
        facts.insert(name.to_owned(), value);
    }
    let complaints = judge(&facts);
    Ok(assemble(facts, complaints))
}

/// The last runs of the treasury's jobs.
fn of_jobs() -> Result<Value> {
    let all = jobs::status()?.into_iter().filter(|status| status.chosen.job.system == SYSTEM);
    Ok(all
        .map(|status| {
            json!({
                "name": status.chosen.job.name,
                "enabled": status.chosen.enabled,
                "status": status.state.last_status,
                "error": status.error(),
                "last_run_at": status.state.last_run_at,
                "last_success_at": status.state.last_success_at,
                "overdue": status.overdue,
            })
        })
        .collect())
}

/// The rules.
fn judge(facts: &Map<String, Value>) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (severity, part, key, what) in RULES {
        let count = facts.get(*part).and_then(|part| part[*key].as_i64()).unwrap_or(0);
        if count > 0 {
            complaints.push((*severity, format!("{count} {what}")));
        }
    }
    for job in facts.get("jobs").and_then(Value::as_array).into_iter().flatten() {
        let name = job["name"].as_str().unwrap_or_default();
        if job["status"] == "failed" {
            complaints.push((Severity::Warning, format!("the job {name} failed")));
        } else if job["overdue"] == true {
            complaints.push((Severity::Warning, format!("the job {name} is overdue")));
        }
    }
    complaints
}

/// A part and one of its numbers, and what more than none of it means.
const RULES: &[(Severity, &str, &str, &str)] = &[
    (Severity::Critical, "books", "unbalanced", "currencies do not balance"),
    (Severity::Critical, "books", "problems", "problems in the books"),
    (Severity::Critical, "webhooks", "given_up", "events of Stripe were given up"),
    (Severity::Warning, "webhooks", "failed", "events of Stripe failed"),
    (Severity::Warning, "webhooks", "long_parked", "events of Stripe wait for what does not come"),
    (Severity::Critical, "requests", "dead", "requests to Stripe were given up"),
    (Severity::Warning, "requests", "late", "requests to Stripe are late"),
    (Severity::Warning, "payouts", "review", "payouts wait for an admin"),
    (Severity::Critical, "disputes", "overdue", "disputes were not answered in time"),
    (Severity::Warning, "disputes", "due_soon", "disputes have to be answered soon"),
    (Severity::Critical, "anomalies", "high", "anomalies of high severity are open"),
    (Severity::Warning, "anomalies", "medium", "anomalies of medium severity are open"),
    (Severity::Warning, "approvals", "adjustments", "adjustments wait for a second admin"),
    (Severity::Warning, "approvals", "overrides", "overrides wait for a second admin"),
    (Severity::Warning, "reconciliation", "open", "things differ between Stripe and the books"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn status(part: &str, value: Value) -> (String, usize) {
        let mut facts = Map::new();
        for name in ["books", "webhooks", "requests", "payouts", "disputes", "anomalies"] {
            facts.insert(name.to_owned(), json!({}));
        }
        facts.insert(part.to_owned(), value);
        let complaints = judge(&facts);
        let answer = assemble(facts, complaints);
        let reasons = answer["reasons"].as_array().map_or(0, Vec::len);
        (answer["status"].as_str().unwrap_or_default().to_owned(), reasons)
    }

    #[test]
    fn all_is_well_when_nothing_is_bad() {
        assert_eq!(status("jobs", json!([])), ("ok".to_owned(), 0));
        let fine = json!({"unbalanced": 0, "problems": null, "receivables": 3});
        assert_eq!(status("books", fine), ("ok".to_owned(), 0));
        let ran = json!([{"name": "a", "status": "succeeded", "overdue": false}]);
        assert_eq!(status("jobs", ran), ("ok".to_owned(), 0));
    }

    #[test]
    fn every_rule_complains_by_itself_and_as_badly_as_it_says() {
        for (severity, part, key, _) in RULES {
            let (status, reasons) = status(part, json!({*key: 1}));
            assert_eq!((status.as_str(), reasons), (severity.as_str(), 1), "{part}.{key}");
        }
    }

    #[test]
    fn a_job_that_failed_or_did_not_run_is_a_warning() {
        for job in [
            json!({"name": "a", "status": "failed", "overdue": false}),
            json!({"name": "a", "status": "succeeded", "overdue": true}),
            json!({"name": "a", "status": null, "overdue": true}),
        ] {
            assert_eq!(status("jobs", json!([job])), ("warning".to_owned(), 1), "{job}");
        }
    }
}
