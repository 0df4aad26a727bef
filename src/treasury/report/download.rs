//! Giving out a report's file, to whose it is and to admins.

use crate::kernel::caller::Caller;
use crate::kernel::error::{Error, Result};
use crate::treasury::SYSTEM;
use crate::treasury::store::reports as store;

/// A report with its bytes.
pub struct File {
    pub id: i64,
    pub kind: String,
    pub format: String,
    pub status: String,
    pub media_type: Option<String>,
    pub checksum: Option<String>,
    pub content: Option<Vec<u8>>,
}

impl File {
    pub fn name(&self) -> String {
        format!("{}-{}.{}", self.kind, self.id, self.format)
    }
}

/// PT404 for none, somebody else's, and one whose file was deleted; PT409 while it is not
/// done.
pub fn download(caller: &Caller, id: i64) -> Result<File> {
    let unknown = || Error::not_found("report", id);
    let whose = store::whose(id)?;
    let admin = caller.is_admin(SYSTEM)?;
    let own = caller.person().is_some() && whose.flatten() == caller.person();
    if whose.is_none() || !(admin || own) {
        return Err(unknown());
    }
    let file = store::file(id)?.ok_or_else(unknown)?;
    if file.status != "done" {
        return Err(Error::conflict(format!("the report is {}", file.status))
            .detail(format!("report {id}, status {}", file.status)));
    }
    if file.content.is_none() {
        return Err(Error::not_found("file of report", id)
            .hint("It was deleted after treasury.report_days. Ask for the report again."));
    }
    Ok(file)
}
