-- network: the enumerations of the document.
create type network.user_role as enum ('admin', 'promoter', 'customer');
create type network.pin_action as enum ('customer_creation', 'admin_allocation', 'admin_deduction');
create type network.recipient_type as enum ('promoter', 'admin');
create type network.commission_status as enum ('pending', 'credited', 'failed');
create type network.withdrawal_status as enum ('pending', 'approved', 'rejected', 'processed');
create type network.request_status as enum ('pending', 'approved', 'rejected');
