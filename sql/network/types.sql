-- network: the enumerations of the document. Those of text columns are domains, and so
-- are other rules of one column: PostgreSQL reads the checks of a table anew in every statement.
create domain network.role_level as text
    constraint role_level_check check (value in ('Affiliate', 'Manager', 'Director'));
create domain network.profile_status as text
    constraint profile_status_check check (value in ('Active', 'Inactive'));
create domain network.pin_balance as integer constraint pin_balance_check check (value >= 0);
create domain network.distribution as text
    constraint distribution_check check (value in ('pending', 'distributed', 'none'));
create type network.user_role as enum ('admin', 'promoter', 'customer');
create type network.pin_action as enum ('customer_creation', 'admin_allocation', 'admin_deduction');
create type network.recipient_type as enum ('promoter', 'admin');
create type network.commission_status as enum ('pending', 'credited', 'failed');
create type network.withdrawal_status as enum ('pending', 'approved', 'rejected', 'processed');
create type network.request_status as enum ('pending', 'approved', 'rejected');
