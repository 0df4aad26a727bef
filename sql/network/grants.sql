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
        'Changes a promoter''s PINs and records it: admin_allocation, admin_deduction or customer_creation.';
    comment on function network.deduct_pin_for_customer_creation(uuid, uuid) is
        'Takes the PINs that a customer costs, once for each customer.';
    comment on function network.admin_allocate_pins(uuid, integer, uuid) is
        'Gives a promoter PINs; for admins.';
    comment on function network.admin_deduct_pins(uuid, integer, uuid) is
        'Takes PINs from a promoter; for admins.';
    comment on function network.get_pin_balance(uuid) is
        'How many PINs a promoter has.';
    comment on function network.create_pin_request(uuid, integer, text) is
        'Asks an admin for PINs.';
    comment on function network.process_pin_request(text, uuid, text, text) is
        'Approves a PIN request, which allocates the PINs, or rejects it; for admins.';
    comment on function network.distribute_affiliate_commission(uuid, uuid) is
        'Pays the commission for a customer unless it was paid; for the service role.';
    comment on function network.get_promoter_commission_summary(uuid) is
        'What a promoter earned: totals, balance and a row for each level.';
    comment on function network.get_admin_commission_summary() is
        'What the network paid in commissions: totals, admin wallet and a row for each level; for admins.';
    comment on function network.update_promoter_wallet(uuid, numeric, text) is
        'Corrects a promoter''s wallet by hand: credit or debit; for the service role.';
    comment on function network.update_admin_wallet(numeric, text) is
        'Corrects the admin wallet by hand: credit or debit; for the service role.';
    comment on function network.create_unified_promoter(text, text, text, text, text, uuid) is
        'Makes a promoter with the next promoter id, a place in the hierarchy and a wallet.';
    comment on function network.update_promoter_profile(uuid, jsonb) is
        'Changes a promoter''s contact data; an admin also status, level, e-mail and place.';
    comment on function network.generate_next_promoter_id() is
        'The next promoter id, which is used up by asking; for admins.';
    comment on function network.get_promoter_hierarchy(uuid, integer, integer, integer) is
        'The promoters from one down as a tree, each with the totals of the branch.';
    comment on function network.validate_promoter_hierarchy(uuid, uuid) is
        'Whether a promoter may stand below another: {valid, reason, depth}; for admins.';
    comment on function network.create_customer_with_commission(uuid, jsonb) is
        'Makes a customer: takes the PIN, makes the person and pays the commission, all or nothing.';
    comment on function network.update_customer_profile(uuid, jsonb) is
        'Changes a customer''s contact data; an admin also e-mail and status.';
    comment on function network.get_customer_by_promoter(uuid) is
        'The profiles of the customers that a promoter brought.';
    comment on function network.create_withdrawal_request(uuid, numeric, jsonb) is
        'Asks for an amount of the wallet, which is held at once.';
    comment on function network.process_withdrawal_request(text, uuid, text, text) is
        'Decides on a withdrawal: approved, rejected or processed, which pays it less tax and debt; for admins.';
    comment on function network.get_withdrawal_history(uuid) is
        'The withdrawals of a promoter, newest first.';
    comment on function network.get_withdrawal_bank_details(text) is
        'The bank details of a withdrawal in clear, audited; for admins.';
    comment on function network.cancel_customer(uuid, text) is
        'Cancels a customer for good and reverses their commission; for admins.';
    comment on function network.set_tax_rule(date, text, numeric, numeric, numeric) is
        'Writes which tax is deducted from withdrawals from a day on; for admins.';
    comment on function network.remove_tax_rule(date) is
        'Removes the tax rule that begins on a day while nothing was paid since; for admins.';
    comment on function network.set_promoter_pan(uuid, text) is
        'Keeps a promoter''s PAN, encrypted.';
    comment on function network.get_promoter_pan(uuid) is
        'A promoter''s PAN in clear, audited; for admins.';
    comment on function network.get_tax_certificate(uuid, text) is
        'The data of a promoter''s tax certificate for a financial year.';
    comment on function network.verify_payout_account(uuid, boolean) is
        'Says that a bank account is its promoter''s, or no longer known to be; for admins.';
    comment on function network.read_counters() is
        'What the view transaction_counters shows; for admins.';
    comment on function network.business_metrics(timestamptz, timestamptz) is
        'Commissions, PINs, customers, withdrawals and engagement of a period; for admins.';
    comment on function network.check() is
        'Every derived fact of the network that disagrees with its source; no rows mean all is well. For admins.';
end
$$;
