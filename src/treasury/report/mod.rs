//! Reports: files that people and tax authorities want of the books.
//!
//! Somebody asks for one ([`request`]), or the night does ([`nightly`]); a job makes it
//! ([`run`]), and its bytes are kept until they are old ([`retention`]). What it may be about is
//! in [`parameters`]; the kinds are [`form_1099`] with its [`threshold`], [`vat_invoice`]
//! and [`ledger_export`].

mod download;
mod form_1099;
mod jobs;
pub mod ledger_export;
pub mod nightly;
pub mod parameters;
mod request;
mod retention;
pub mod run;
pub mod threshold;
mod vat_invoice;

pub use download::{File, download};
pub use form_1099::{Charge, Months, too_large};
pub use jobs::init;

pub use request::request;
pub use run::run;

use crate::kernel::error::{Error, Result};
use crate::kernel::settings;
use crate::treasury::SYSTEM;
use crate::treasury::store::reports as store;
use parameters::Parameters;
use pgrx::Uuid;
use std::cell::RefCell;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Form1099,
    VatInvoice,
    LedgerExport,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Form1099 => "1099",
            Kind::VatInvoice => "vat_invoice",
            Kind::LedgerExport => "ledger_export",
        }
    }

    /// 22023 naming `field` for a type that there is not.
    pub fn parse(text: &str, field: &str) -> Result<Self> {
        match text {
            "1099" => Ok(Kind::Form1099),
            "vat_invoice" => Ok(Kind::VatInvoice),
            "ledger_export" => Ok(Kind::LedgerExport),
            _ => Err(Error::invalid(field, "must be 1099, vat_invoice or ledger_export")),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    Json,
}

impl Format {
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Json => "json",
        }
    }

    /// 22023 naming `field` for a format that there is not.
    pub fn parse(text: &str, field: &str) -> Result<Self> {
        match text {
            "csv" => Ok(Format::Csv),
            "json" => Ok(Format::Json),
            _ => Err(Error::invalid(field, "must be csv or json")),
        }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Format::Csv => "text/csv; charset=utf-8",
            Format::Json => "application/json",
        }
    }
}

/// What is to be in a report.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Whose it is; `None` is everybody.
    pub user: Option<Uuid>,
    pub kind: Kind,
    pub format: Format,
    pub parameters: Parameters,
}

impl Wanted {
    /// Which state of the data it would show now. Asked for before the file is made: what
    /// changes meanwhile is then another state, and never taken for this one.
    fn version(&self) -> Result<String> {
        match &self.parameters {
            Parameters::Form1099(asked) => form_1099::version(self.person()?, asked),
            Parameters::Invoice { charge } => vat_invoice::version_of_charge(charge),
            Parameters::Invoices(period) => vat_invoice::version_of_period(self.person()?, period),
            Parameters::Entries(asked) => ledger_export::version(self.user, asked),
        }
    }

    fn make(&self) -> Result<String> {
        match &self.parameters {
            Parameters::Form1099(asked) => form_1099::make(self.person()?, asked, self.format),
            Parameters::Invoice { charge } => vat_invoice::of_charge(charge, self.format),
            Parameters::Invoices(period) => {
                vat_invoice::of_period(self.person()?, period, self.format)
            }
            Parameters::Entries(asked) => ledger_export::make(self.user, asked, self.format),
        }
    }

    fn person(&self) -> Result<Uuid> {
        self.user.ok_or_else(|| Error::internal("only entries are everybody's"))
    }
}

thread_local! {
    /// The last that was found to be one: PostgreSQL reads all of its files to tell.
    static KNOWN_ZONE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Where days, months and years begin; PT409 where the setting is no time zone.
pub fn time_zone() -> Result<String> {
    let zone: String = settings::get(SYSTEM, "report_time_zone")?;
    if !zone.is_empty() && KNOWN_ZONE.with_borrow(|known| *known == zone) {
        return Ok(zone);
    }
    if store::is_time_zone(&zone)? {
        KNOWN_ZONE.set(zone.clone());
        return Ok(zone);
    }
    Err(Error::conflict("the setting treasury.report_time_zone is no time zone").detail(zone))
}

/// The most rows of one report.
fn most_rows() -> Result<usize> {
    let most: i64 = settings::get(SYSTEM, "report_max_rows")?;
    Ok(usize::try_from(most).unwrap_or(usize::MAX))
}

/// PT409: the report would be longer than the setting allows.
fn too_long(most: usize) -> Error {
    Error::conflict(format!("the report would have more than {most} rows"))
        .hint("Ask for a shorter period, or have an admin raise treasury.report_max_rows.")
}
