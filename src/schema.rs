//! The install manifest, read from top to bottom: which SQL runs in which order.
//!
//! The chain is linear. First come roles and schemas, then every module's types
//! and tables, then pgrx puts the functions (each `requires` its module's
//! tables), then triggers, views and policies, and last `finalize.sql`.

use pgrx::prelude::*;

#[pg_schema]
mod backoffice {}
#[pg_schema]
mod ops {}
#[pg_schema]
mod identity {}
#[pg_schema]
mod auth_api {}
#[pg_schema]
mod ledger {}
#[pg_schema]
mod network {}
#[pg_schema]
mod treasury {}

extension_sql_file!("../sql/bootstrap.sql", name = "bootstrap", bootstrap);

// Tables, floor by floor.
extension_sql_file!(
    "../sql/kernel/tables.sql",
    name = "kernel_tables",
    requires = [backoffice, ops, identity, auth_api, ledger, network, treasury]
);
extension_sql_file!("../sql/ops/tables.sql", name = "ops_tables", requires = ["kernel_tables"]);
extension_sql_file!("../sql/ops/watch.sql", name = "ops_watch", requires = ["ops_tables"]);
extension_sql_file!("../sql/ops/inbox.sql", name = "ops_inbox", requires = ["ops_watch"]);
extension_sql_file!(
    "../sql/identity/tables.sql",
    name = "identity_tables",
    requires = ["ops_inbox"]
);
extension_sql_file!(
    "../sql/ledger/tables.sql",
    name = "ledger_tables",
    requires = ["identity_tables"]
);
extension_sql_file!(
    "../sql/ledger/operations.sql",
    name = "ledger_operations",
    requires = ["ledger_tables"]
);
extension_sql_file!(
    "../sql/ledger/reconcile.sql",
    name = "ledger_reconcile",
    requires = ["ledger_operations"]
);
extension_sql_file!(
    "../sql/ledger/export.sql",
    name = "ledger_export",
    requires = ["ledger_reconcile"]
);
extension_sql_file!(
    "../sql/ledger/periods.sql",
    name = "ledger_periods",
    requires = ["ledger_export"]
);
extension_sql_file!(
    "../sql/ledger/currencies.sql",
    name = "ledger_currencies",
    requires = ["ledger_periods"]
);
extension_sql_file!(
    "../sql/ledger/archive.sql",
    name = "ledger_archive",
    requires = ["ledger_currencies"]
);
extension_sql_file!("../sql/ledger/seal.sql", name = "ledger_seal", requires = ["ledger_archive"]);
extension_sql_file!(
    "../sql/ledger/history.sql",
    name = "ledger_history",
    requires = ["ledger_seal"]
);
extension_sql_file!(
    "../sql/network/types.sql",
    name = "network_types",
    requires = ["ledger_history"]
);
extension_sql_file!(
    "../sql/network/tables.sql",
    name = "network_tables",
    requires = ["network_types"]
);
extension_sql_file!(
    "../sql/network/payout_tables.sql",
    name = "network_payout_tables",
    requires = ["network_tables"]
);
extension_sql_file!(
    "../sql/network/archive.sql",
    name = "network_archive",
    requires = ["network_payout_tables"]
);
extension_sql_file!(
    "../sql/network/portfolio.sql",
    name = "network_portfolio",
    requires = ["network_archive"]
);
extension_sql_file!(
    "../sql/network/levels.sql",
    name = "network_levels",
    requires = ["network_portfolio"]
);
extension_sql_file!(
    "../sql/treasury/tables.sql",
    name = "treasury_tables",
    requires = ["network_levels"]
);
extension_sql_file!(
    "../sql/treasury/stripe.sql",
    name = "treasury_stripe",
    requires = ["treasury_tables"]
);
extension_sql_file!(
    "../sql/treasury/charges.sql",
    name = "treasury_charges",
    requires = ["treasury_stripe"]
);
extension_sql_file!(
    "../sql/treasury/requests.sql",
    name = "treasury_requests",
    requires = ["treasury_charges"]
);
extension_sql_file!(
    "../sql/treasury/payouts.sql",
    name = "treasury_payouts",
    requires = ["treasury_requests"]
);
extension_sql_file!(
    "../sql/treasury/reports.sql",
    name = "treasury_reports",
    requires = ["treasury_payouts"]
);
extension_sql_file!(
    "../sql/treasury/anomalies.sql",
    name = "treasury_anomalies",
    requires = ["treasury_reports"]
);
extension_sql_file!(
    "../sql/treasury/adjustments.sql",
    name = "treasury_adjustments",
    requires = ["treasury_anomalies"]
);
extension_sql_file!(
    "../sql/treasury/reconcile.sql",
    name = "treasury_reconcile",
    requires = ["treasury_adjustments"]
);

// Triggers, views and policies, floor by floor.
extension_sql_file!(
    "../sql/kernel/triggers.sql",
    name = "kernel_triggers",
    requires = ["treasury_reconcile"]
);
extension_sql_file!(
    "../sql/ops/triggers.sql",
    name = "ops_triggers",
    requires = ["kernel_triggers"]
);
extension_sql_file!(
    "../sql/ops/policies.sql",
    name = "ops_policies",
    requires = [
        "ops_triggers",
        kernel::api::backoffice_has_role,
        kernel::api::backoffice_is_admin,
        kernel::api::backoffice_person_id,
        kernel::api::backoffice_major,
    ]
);
extension_sql_file!("../sql/ops/archive.sql", name = "ops_archive", requires = ["ops_policies"]);
extension_sql_file!(
    "../sql/ops/inbox_access.sql",
    name = "ops_inbox_access",
    requires = ["ops_archive"]
);
extension_sql_file!(
    "../sql/identity/functions.sql",
    name = "identity_functions",
    requires = ["ops_inbox_access"]
);
extension_sql_file!(
    "../sql/identity/triggers.sql",
    name = "identity_triggers",
    requires = ["identity_functions"]
);
extension_sql_file!(
    "../sql/identity/policies.sql",
    name = "identity_policies",
    requires = ["identity_triggers"]
);
extension_sql_file!(
    "../sql/ledger/views.sql",
    name = "ledger_views",
    requires = ["identity_policies"]
);
extension_sql_file!(
    "../sql/ledger/history_views.sql",
    name = "ledger_history_views",
    requires = ["ledger_views"]
);
extension_sql_file!(
    "../sql/ledger/triggers.sql",
    name = "ledger_triggers",
    requires = ["ledger_history_views"]
);
extension_sql_file!(
    "../sql/ledger/policies.sql",
    name = "ledger_policies",
    requires = ["ledger_triggers", ledger::api::reports::ledger_admin_systems]
);
extension_sql_file!(
    "../sql/ledger/reconcile_access.sql",
    name = "ledger_reconcile_access",
    requires = ["ledger_policies"]
);
extension_sql_file!(
    "../sql/ledger/accounting_access.sql",
    name = "ledger_accounting_access",
    requires = ["ledger_reconcile_access"]
);
extension_sql_file!(
    "../sql/ledger/archive_access.sql",
    name = "ledger_archive_access",
    requires = ["ledger_accounting_access"]
);
extension_sql_file!(
    "../sql/ledger/seal_access.sql",
    name = "ledger_seal_access",
    requires = ["ledger_archive_access"]
);
extension_sql_file!(
    "../sql/network/views.sql",
    name = "network_views",
    requires = ["ledger_seal_access", network::api::counters::network_read_counters]
);
extension_sql_file!(
    "../sql/network/triggers.sql",
    name = "network_triggers",
    requires = ["network_views"]
);
extension_sql_file!(
    "../sql/network/policies.sql",
    name = "network_policies",
    requires = ["network_triggers", network::api::visibility::network_promoters_below]
);
extension_sql_file!(
    "../sql/network/archive_access.sql",
    name = "network_archive_access",
    requires = ["network_policies"]
);
extension_sql_file!(
    "../sql/network/portfolio_access.sql",
    name = "network_portfolio_access",
    requires = ["network_archive_access", network::api::portfolio::network_today]
);
extension_sql_file!(
    "../sql/network/levels_access.sql",
    name = "network_levels_access",
    requires = ["network_portfolio_access"]
);
extension_sql_file!(
    "../sql/treasury/access.sql",
    name = "treasury_access",
    requires = ["network_levels_access", treasury::api::rules::treasury_read_my_shares]
);
extension_sql_file!(
    "../sql/treasury/charges_access.sql",
    name = "treasury_charges_access",
    requires = ["treasury_access"]
);
extension_sql_file!(
    "../sql/treasury/requests_access.sql",
    name = "treasury_requests_access",
    requires = ["treasury_charges_access"]
);
extension_sql_file!(
    "../sql/treasury/payouts_access.sql",
    name = "treasury_payouts_access",
    requires = ["treasury_requests_access"]
);
extension_sql_file!(
    "../sql/treasury/reports_access.sql",
    name = "treasury_reports_access",
    requires = ["treasury_payouts_access"]
);
extension_sql_file!(
    "../sql/treasury/anomalies_access.sql",
    name = "treasury_anomalies_access",
    requires = ["treasury_reports_access"]
);
extension_sql_file!(
    "../sql/treasury/adjustments_access.sql",
    name = "treasury_adjustments_access",
    requires = ["treasury_anomalies_access", treasury::api::audit_logs::treasury_read_audit_logs]
);
extension_sql_file!(
    "../sql/treasury/reconcile_access.sql",
    name = "treasury_reconcile_access",
    requires = ["treasury_adjustments_access"]
);

// What columns hold, where the file of their table does not say.
extension_sql_file!(
    "../sql/ledger/comments.sql",
    name = "ledger_comments",
    requires = ["treasury_reconcile_access"]
);
extension_sql_file!(
    "../sql/ops/comments.sql",
    name = "ops_comments",
    requires = ["ledger_comments"]
);
extension_sql_file!(
    "../sql/network/comments.sql",
    name = "network_comments",
    requires = ["ops_comments"]
);
extension_sql_file!(
    "../sql/comments.sql",
    name = "derived_comments",
    requires = ["network_comments"]
);

// What each caller may use, run by finalize.sql.
extension_sql_file!(
    "../sql/kernel/grants.sql",
    name = "kernel_grants",
    requires = ["derived_comments"]
);
extension_sql_file!("../sql/ops/grants.sql", name = "ops_grants", requires = ["kernel_grants"]);
extension_sql_file!(
    "../sql/identity/grants.sql",
    name = "identity_grants",
    requires = ["ops_grants"]
);
extension_sql_file!(
    "../sql/ledger/grants.sql",
    name = "ledger_grants",
    requires = ["identity_grants"]
);
extension_sql_file!(
    "../sql/network/grants.sql",
    name = "network_grants",
    requires = ["ledger_grants"]
);
extension_sql_file!(
    "../sql/network/people_grants.sql",
    name = "network_people_grants",
    requires = ["network_grants"]
);
extension_sql_file!(
    "../sql/treasury/grants.sql",
    name = "treasury_grants",
    requires = ["network_people_grants"]
);
extension_sql_file!("../sql/finalize.sql", name = "finalize", finalize);
