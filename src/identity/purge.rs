//! What identity wants done regularly: forgetting what grants nothing any more.

use crate::identity::store::{factors, sessions, tokens};
use crate::identity::throttle;
use crate::kernel::error::Result;
use crate::kernel::settings;
use crate::ops::jobs::{BATCH, Job, batch, register};
use serde_json::Value;

pub fn init() {
    register(Job {
        name: "purge_sessions",
        system: "identity",
        schedule: "22 20 * * *",
        description: "Deletes sessions that ended long ago, with their refresh tokens",
        run: purge_sessions,
    });
    register(Job {
        name: "purge_one_time_tokens",
        system: "identity",
        schedule: "27 20 * * *",
        description: "Deletes one-time tokens that were used or expired long ago",
        run: purge_one_time_tokens,
    });
    register(Job {
        name: "purge_challenges",
        system: "identity",
        schedule: "29 20 * * *",
        description: "Deletes challenges of second factors that expired",
        run: purge_challenges,
    });
    register(Job {
        name: "purge_throttle",
        system: "identity",
        schedule: "32 * * * *",
        description: "Deletes counts of failures and messages that mean nothing any more",
        run: purge_throttle,
    });
}

fn purge_sessions() -> Result<Value> {
    let days = settings::get("identity", "ended_session_days")?;
    Ok(batch("deleted", sessions::purge(days, BATCH)?, BATCH))
}

fn purge_one_time_tokens() -> Result<Value> {
    let days = settings::get("identity", "one_time_token_days")?;
    Ok(batch("deleted", tokens::purge(days, BATCH)?, BATCH))
}

fn purge_challenges() -> Result<Value> {
    Ok(batch("deleted", factors::purge_challenges(BATCH)?, BATCH))
}

fn purge_throttle() -> Result<Value> {
    Ok(batch("deleted", throttle::purge(BATCH)?, BATCH))
}
