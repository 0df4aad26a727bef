-- Grants on the functions of the network; finalize.sql calls it once all exist.
create procedure backoffice.install_network() language plpgsql as $$
begin
    grant usage on schema network to authenticated, service_role;

    grant execute on function
        network.execute_pin_transaction(uuid, text, integer, uuid),
        network.deduct_pin_for_customer_creation(uuid, uuid),
        network.admin_allocate_pins(uuid, integer, uuid),
        network.admin_deduct_pins(uuid, integer, uuid),
        network.get_pin_balance(uuid),
        network.create_pin_request(uuid, integer, text),
        network.process_pin_request(text, uuid, text, text),
        network.get_promoter_commission_summary(uuid),
        network.get_admin_commission_summary(),
        network.create_unified_promoter(text, text, text, text, text, uuid),
        network.update_promoter_profile(uuid, jsonb),
        network.generate_next_promoter_id(),
        network.get_promoter_hierarchy(uuid, integer, integer, integer),
        network.validate_promoter_hierarchy(uuid, uuid),
        network.create_customer_with_commission(uuid, jsonb),
        network.update_customer_profile(uuid, jsonb),
        network.get_customer_by_promoter(uuid),
        network.create_withdrawal_request(uuid, numeric, jsonb),
        network.process_withdrawal_request(text, uuid, text, text),
        network.get_withdrawal_history(uuid),
        network.get_withdrawal_bank_details(text),
        network.cancel_customer(uuid, text),
        network.set_tax_rule(date, text, numeric, numeric, numeric),
        network.remove_tax_rule(date),
        network.set_promoter_pan(uuid, text),
        network.get_promoter_pan(uuid),
        network.get_tax_certificate(uuid, text),
        network.verify_payout_account(uuid, boolean),
        network.check(),
        network.read_counters(),
        network.business_metrics(timestamptz, timestamptz)
        to authenticated, service_role;
    -- Money that moves without a person behind it: servers only.
    grant execute on function
        network.distribute_affiliate_commission(uuid, uuid),
        network.update_promoter_wallet(uuid, numeric, text),
        network.update_admin_wallet(numeric, text)
        to service_role;

    comment on schema network is
        'Promoters, PINs, customers with multi-level commissions, wallets and withdrawals.';
    comment on function network.execute_pin_transaction(uuid, text, integer, uuid) is
        'Changes the PINs of promoter p_user_id by p_pin_change_value and records it.

p_action_type: admin_allocation (a positive change, for admins), admin_deduction (negative, for admins),
customer_creation (negative, for the promoter or an admin). p_created_by must be the caller, or NULL; a server
may name anybody. With an Idempotency-Key header a repeat changes nothing. Returns the transaction. 22023 bad
action or value, PT404 unknown profile, PT409 not enough PINs, 42501 not allowed.';
    comment on function network.deduct_pin_for_customer_creation(uuid, uuid) is
        'Takes the PINs that customer p_customer_id costs from p_promoter_id, who brought them; once for each customer, a repeat returns the same transaction. create_customer_with_commission does it by itself.

For the promoter or an admin. PT404 unknown customer, PT409 not enough PINs, 42501 not allowed.';
    comment on function network.admin_allocate_pins(uuid, integer, uuid) is
        'Gives promoter p_user_id p_pins (1 to 1,000,000)

PINs. For admins. Returns the transaction; errors as execute_pin_transaction.';
    comment on function network.admin_deduct_pins(uuid, integer, uuid) is
        'Takes p_pins (1 to 1,000,000)

PINs from promoter p_user_id. For admins. Returns the transaction; errors as execute_pin_transaction.';
    comment on function network.get_pin_balance(uuid) is
        'How many PINs promoter p_user_id has.

For the promoter or an admin. PT404 unknown profile, 42501 not allowed.';
    comment on function network.create_pin_request(uuid, integer, text) is
        'Asks an admin for p_pins (1 to 10,000)

PINs. For the promoter or an admin. Returns the request. 22023 bad number, PT409 inactive promoter, 42501 not
allowed.';
    comment on function network.process_pin_request(text, uuid, text, text) is
        'Decides on a PIN request: p_status approved, which allocates the PINs, or rejected. p_request_id is its id or its number (BPVR…).

For admins. The same decision again changes nothing. Returns the request. PT404 unknown, PT409 decided
otherwise, 22023 another status, 42501 not an admin.';
    comment on function network.distribute_affiliate_commission(uuid, uuid) is
        'Pays the commission for p_customer_id, whom p_initiator_promoter_id brought.

The trigger does so when a customer is made; a repeat returns what exists. For the service role. Returns the
rows, one for each level. 22023 not a customer, or not this promoter''s, 42501 not allowed.';
    comment on function network.get_promoter_commission_summary(uuid) is
        'What a promoter earned: totals, balance, and a row for each level.

Amounts in major units. For the promoter or an admin. PT404 or 22023 where the id is not a promoter''s, 42501 not
allowed.';
    comment on function network.get_admin_commission_summary() is
        'What the network paid in commissions: totals, the admin wallet, and a row for each level.

Amounts in major units. For admins; 42501 otherwise.';
    comment on function network.update_promoter_wallet(uuid, numeric, text) is
        'Corrects a promoter''s wallet by hand: p_operation credit or debit, p_amount in major units (rupees), above zero.

For the service role. With an Idempotency-Key header a repeat changes nothing. Returns the wallet. 22023 bad
input, PT404 unknown profile, PT409 more than there is, 42501 not allowed.';
    comment on function network.update_admin_wallet(numeric, text) is
        'Corrects the admin wallet by hand; as update_promoter_wallet.';
    comment on function network.create_unified_promoter(text, text, text, text, text, uuid) is
        'Makes a promoter with the next promoter id, a place in the hierarchy and a wallet.

An admin may put them anywhere (no parent: at the top); a promoter below themselves, which is the default, or
below somebody of their own line. Without p_password they get an invitation by mail. Returns the profile.
22023/22004 bad input, 23505 e-mail or phone taken, PT422 weak password, PT404 unknown parent, PT409 inactive
parent or line too long, 42501 not allowed.';
    comment on function network.update_promoter_profile(uuid, jsonb) is
        'Changes a promoter.

Keys of p_updates: name, phone, address; for admins also email, status (Active, Inactive), role_level
(Affiliate, Manager, Director) and parent_promoter_id, which moves the promoter with everybody below. Returns
the profile. 22023 unknown key or bad value, 23505 taken, PT404 unknown profile, PT409 a cycle or a line too
long, 42501 not allowed.';
    comment on function network.generate_next_promoter_id() is
        'The next promoter id (BPVP01, …), which is used up by asking.

For admins.';
    comment on function network.get_promoter_hierarchy(uuid, integer, integer, integer) is
        'The promoters from p_promoter_id down as a tree, each with the totals of the branch, also of what is not shown: at most p_max_depth levels below, of those directly below p_limit after the first p_offset, and no more than the setting network.hierarchy_nodes; truncated says so.

Commissions are to an admin what the promoters of a branch earned, to a promoter what they earned from it. For
the promoter, those above, and admins. 22023 bad limit, PT404 unknown profile (to admins), 42501 not allowed.';
    comment on function network.validate_promoter_hierarchy(uuid, uuid) is
        'Whether promoter p_promoter_id may stand below p_parent_id (NULL: at the top): {valid, reason, depth}.

Changes nothing. For admins. PT404 or 22023 where an id is not a promoter''s, 42501 not an admin.';
    comment on function network.create_customer_with_commission(uuid, jsonb) is
        'Makes a customer of promoter p_promoter_id: takes the PIN, makes the person, and pays the commission, all or nothing.

Keys of p_customer_data: name and email or phone (needed), password (without one the customer is invited),
address, source, metadata (an object), and id: a UUID of the caller''s, with which a repeat returns the same
customer instead of making a second. For the promoter or an admin. Returns the profile. 22023/22004 bad input or
unknown key, 23505 e-mail or phone taken, PT422 weak password, PT409 not enough PINs, inactive promoter, or
another customer under the same id, PT404 unknown promoter, 42501 not allowed.';
    comment on function network.update_customer_profile(uuid, jsonb) is
        'Changes a customer.

Keys of p_updates: name, phone, address for the customer; name, address for the promoter who brought them; also
email and status (Active, Inactive) for admins. Returns the profile. 22023 unknown key or bad value, 23505
taken, PT404 unknown profile (to admins), 42501 not allowed.';
    comment on function network.get_customer_by_promoter(uuid) is
        'The profiles of the customers that promoter p_promoter_id brought, in the order of their coming; page with limit and offset.

For the promoter or an admin; 42501 otherwise.';
    comment on function network.create_withdrawal_request(uuid, numeric, jsonb) is
        'Asks for p_amount (major units, rupees) of promoter p_promoter_id''s wallet, which is held at once.

Keys of p_bank_details: account_holder_name, account_number (9 to 18 digits), ifsc_code, bank_name, branch; the
first three are needed. They are kept encrypted, the row shows them masked. For the promoter or an admin. With
an Idempotency-Key header a repeat returns the same request. 22023/22004 bad input or below the minimum, PT404
unknown profile, PT409 more than is available, 42501 not allowed.';
    comment on function network.process_withdrawal_request(text, uuid, text, text) is
        'Decides on a withdrawal: p_status approved, rejected (releases the amount) or processed (pays out what was approved). p_request_id is its id or its number (BPVW…), p_admin_id the caller or NULL.

For admins. The same decision again changes nothing. Returns the request. 22023 another status, PT404 unknown
request, PT409 a step its state does not allow, 42501 not an admin.';
    comment on function network.get_withdrawal_history(uuid) is
        'The withdrawals of promoter p_promoter_id, newest first; page with limit and offset.

For the promoter or an admin; 42501 otherwise.';
    comment on function network.get_withdrawal_bank_details(text) is
        'The bank details of a withdrawal in clear; every look is written to the audit log.

For admins. PT404 unknown request, 42501 not an admin.';
    comment on function network.cancel_customer(uuid, text) is
        'Cancels customer p_customer_id for good: they become inactive, and every share of their commission is reversed.

What a promoter has no longer in the wallet becomes a debt that is netted with the next withdrawal. For admins;
again it changes nothing. Returns the profile. 22023/22004 bad input or not a customer, PT404 unknown profile,
42501 not an admin.';
    comment on function network.set_tax_rule(date, text, numeric, numeric, numeric) is
        'Writes the tax rule that begins on p_valid_from: from then on tax is deducted from withdrawals when they are processed, at p_rate_with_pan or p_rate_without_pan per cent, once a promoter''s financial year (April to March) exceeds p_yearly_threshold (major units).

A rate of 0 ends it. For admins; again it changes nothing. Returns the rule. 22023/22004/22003 bad input, PT409
where withdrawals were paid since that day, 42501 not an admin.';
    comment on function network.remove_tax_rule(date) is
        'Removes the tax rule that begins on p_valid_from; whether there was one.

For admins. 22023/22004 bad input, PT409 where withdrawals were paid since that day, 42501 not an admin.';
    comment on function network.set_promoter_pan(uuid, text) is
        'Keeps the PAN of promoter p_promoter_id, encrypted; the row shows its last four characters.

For the promoter or an admin; again it changes nothing. 22023/22004 bad input, PT404 unknown profile, 42501 not
allowed.';
    comment on function network.get_promoter_pan(uuid) is
        'The PAN of promoter p_promoter_id in clear; every look is written to the audit log.

For admins. PT404 unknown profile or no PAN, 42501 not an admin.';
    comment on function network.get_tax_certificate(uuid, text) is
        'What the tax certificate of promoter p_promoter_id for p_financial_year (such as 2026-27) says: totals, quarters, sections with their rates, and every payout.

Amounts in major units. For the promoter or an admin. 22023/22004 bad input, PT404 unknown profile, 42501 not
allowed.';
    comment on function network.verify_payout_account(uuid, boolean) is
        'Says that bank account p_account_id (a row of payout_accounts) is its promoter''s, or with p_verified false that it is no longer known to be.

For admins; again it changes nothing. Returns the row. PT404 unknown account, 42501 not an admin.';
    comment on function network.read_counters() is
        'The counters behind the human numbers and how far they have come: what the view network.transaction_counters shows.

To anybody but an admin: no rows.';
    comment on function network.business_metrics(timestamptz, timestamptz) is
        'The business metrics from p_from (with it) to p_to (without it): commissions, PINs, customers, promoters, withdrawals, times of approval, engagement.

Amounts in major units. For admins; 22023 where the period is none, 42501 not an admin.';
    comment on function network.check() is
        'Compares every fact of the network that is derived or kept twice with what it follows from: PINs with their transactions, places with parents, copies with persons, commissions, reversals, withdrawals and tax with the ledger.

No rows: all is well. For admins.';
end
$$;
