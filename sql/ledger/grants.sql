-- Grants on the functions of ledger; finalize.sql calls it once all exist.
create procedure backoffice.install_ledger() language plpgsql as $$
begin
    grant usage on schema ledger to anon, authenticated, service_role;
    grant execute on function ledger.open_account(text, text, text, text, text, uuid, bigint, integer, bigint, bigint) to service_role;
    grant execute on function ledger.close_account(bigint) to service_role;
    grant execute on function ledger.balance(bigint, timestamptz, text) to authenticated, service_role;
    grant execute on function ledger.transfer(text, text, text, bigint, text, text, uuid, text, jsonb, timestamptz, bigint, bigint, text) to authenticated, service_role;
    grant execute on function ledger.post_journal(text, text, jsonb, uuid, text, jsonb, timestamptz, text) to service_role;
    grant execute on function ledger.post_batch(text, text, jsonb, text) to service_role;
    grant execute on function ledger.reverse_transfer(uuid, text, uuid, bigint) to authenticated, service_role;
    grant execute on function ledger.reverse_journal(uuid, text, uuid) to authenticated, service_role;
    grant execute on function ledger.hold(text, text, text, bigint, text, timestamptz, text, uuid, text, jsonb, bigint, bigint) to service_role;
    grant execute on function ledger.settle(uuid, bigint, uuid, boolean) to service_role;
    grant execute on function ledger.release(uuid) to service_role;
    grant execute on function ledger.expire_holds(integer) to service_role;
    grant execute on function ledger.statement(bigint, timestamptz, timestamptz, integer, uuid, text) to authenticated, service_role;
    grant execute on function ledger.trial_balance(text, timestamptz, text) to authenticated, service_role;
    grant execute on function ledger.check() to authenticated, service_role;
    grant execute on function ledger.set_limit(bigint, bigint, bigint, text) to authenticated, service_role;
    grant execute on function ledger.freeze_account(bigint, text) to authenticated, service_role;
    grant execute on function ledger.unfreeze_account(bigint, text) to authenticated, service_role;
    grant execute on function ledger.sweep(text, text, text[], text, text, uuid, text, jsonb, timestamptz, bigint, bigint[], bigint) to authenticated, service_role;
    grant execute on function ledger.make_checkpoints(boolean) to authenticated, service_role;
    grant execute on function ledger.open_balance(text, text, bigint, timestamptz, text, text, bigint, bigint) to authenticated, service_role;
    grant execute on function ledger.admin_systems() to authenticated, service_role;
    grant execute on function ledger.seal() to authenticated, service_role;
    grant execute on function ledger.seal_head() to authenticated, service_role;
    grant execute on function ledger.verify(timestamptz, timestamptz, text) to authenticated, service_role;
    grant execute on function ledger.archive(timestamptz) to authenticated, service_role;
    grant execute on function ledger.close_period(text, timestamptz, text, text) to authenticated, service_role;
    grant execute on function ledger.reopen_period(text, timestamptz, text) to authenticated, service_role;
    grant execute on function ledger.post_late(text, text, jsonb, timestamptz, uuid, text, jsonb) to service_role;
    grant execute on function ledger.move_account(bigint, bigint) to authenticated, service_role;
    grant execute on function ledger.chart(text, timestamptz, integer) to authenticated, service_role;
    grant execute on function ledger.balance_sheet(text, timestamptz, text, integer) to authenticated, service_role;
    grant execute on function ledger.income_statement(text, timestamptz, timestamptz, text, timestamptz, timestamptz, integer) to authenticated, service_role;
    grant execute on function ledger.set_rate(text, text, bigint, bigint, timestamptz) to authenticated, service_role;
    grant execute on function ledger.exchange(text, text, text, bigint, bigint, bigint, bigint, text, text, uuid, text, jsonb, timestamptz, bigint, bigint) to service_role;
    grant execute on function ledger.revaluation(text, timestamptz, text) to authenticated, service_role;
    grant execute on function ledger.revalue(text, timestamptz, text, text, text) to authenticated, service_role;
    grant execute on function ledger.import_statement(bigint, text, text, jsonb, jsonb) to authenticated, service_role;
    grant execute on function ledger.reconcile(uuid, jsonb, boolean) to authenticated, service_role;
    grant execute on function ledger.confirm_match(uuid, uuid[], uuid[], bigint, text) to authenticated, service_role;
    grant execute on function ledger.reject_match(uuid, uuid[], uuid[], text) to authenticated, service_role;
    grant execute on function ledger.unmatch(uuid, text) to authenticated, service_role;
    grant execute on function ledger.reconciliation(uuid) to authenticated, service_role;
    grant execute on function ledger.export(text, text, date, date, text, integer, uuid) to authenticated, service_role;
    grant execute on function ledger.export_file(text, text, date, date, text, integer, uuid) to authenticated, service_role;

    comment on schema ledger is 'Money in double entry: accounts, transfers, holds, and the proof that they agree.';
    comment on function ledger.open_account(text, text, text, text, text, uuid, bigint, integer, bigint, bigint) is
        'Opens an account, or finds the one that has the code and is the same; its id.';
    comment on function ledger.close_account(bigint) is
        'Closes an account that has neither a balance nor open holds; it takes no more transfers.';
    comment on function ledger.balance(bigint, timestamptz, text) is
        'The balance of an account in minor units, now with what is held and available, or as of a time.';
    comment on function ledger.transfer(text, text, text, bigint, text, text, uuid, text, jsonb, timestamptz, bigint, bigint, text) is
        'Moves an amount in minor units from one account to another; the same p_id again gives what is stored.';
    comment on function ledger.post_journal(text, text, jsonb, uuid, text, jsonb, timestamptz, text) is
        'Posts several transfers together, or none; the same p_id or p_key again gives what is stored.';
    comment on function ledger.post_batch(text, text, jsonb, text) is
        'Posts many transfers in one call, all or nothing or each on its own; a row for each with its result and the balances it left.';
    comment on function ledger.reverse_transfer(uuid, text, uuid, bigint) is
        'Undoes a part of a transfer, or what is left of it, by a new one that names it.';
    comment on function ledger.reverse_journal(uuid, text, uuid) is
        'Undoes every transfer of a journal by a new journal that names it, once.';
    comment on function ledger.hold(text, text, text, bigint, text, timestamptz, text, uuid, text, jsonb, bigint, bigint) is
        'Sets an amount in minor units aside until it is settled, released or expires.';
    comment on function ledger.settle(uuid, bigint, uuid, boolean) is
        'Turns a part of a hold, or what is left of it, into a transfer; p_final gives the rest back.';
    comment on function ledger.release(uuid) is
        'Gives back what is left of a hold.';
    comment on function ledger.expire_holds(integer) is
        'Tidies away holds whose time has come; how many.';
    comment on function ledger.statement(bigint, timestamptz, timestamptz, integer, uuid, text) is
        'The transfers of an account in order of time, each with the balance after it.';
    comment on function ledger.trial_balance(text, timestamptz, text) is
        'Debits, credits and balance of every account, with the totals of each currency.';
    comment on function ledger.check() is
        'Proves the books: a row for everything that is not as it must be, none when all is well.';
    comment on function ledger.set_limit(bigint, bigint, bigint, text) is
        'Sets how far the balance of an account may go below zero and how far it may grow, in minor units.';
    comment on function ledger.freeze_account(bigint, text) is
        'Stops everything that would be posted to an account until it is unfrozen.';
    comment on function ledger.unfreeze_account(bigint, text) is
        'Lets an account that was frozen take postings again.';
    comment on function ledger.sweep(text, text, text[], text, text, uuid, text, jsonb, timestamptz, bigint, bigint[], bigint) is
        'Moves all that is available in several accounts into one, in one journal.';
    comment on function ledger.make_checkpoints(boolean) is
        'Makes the checkpoints that are due, which balances and statements as of a time start at.';
    comment on function ledger.open_balance(text, text, bigint, timestamptz, text, text, bigint, bigint) is
        'Posts what an account had when its books began, once, against an account of equity.';
    comment on function ledger.check_account() is
        'Trigger: refuses an account with a class, currency, limit or stripes that no account has.';
    comment on function ledger.admin_systems() is
        'The systems whose accounts the signed-in person may read as an admin of theirs.';
    comment on function ledger.seal() is
        'Adds what was posted to the chain of seals: how much, whether there is more, and the new head.';
    comment on function ledger.seal_head() is
        'The last block of the chain of seals, with the head that is to be published elsewhere.';
    comment on function ledger.verify(timestamptz, timestamptz, text) is
        'Compares what was sealed with what is there, and with a published head; no rows when all is well.';
    comment on function ledger.archive(timestamptz) is
        'Moves sealed transfers recorded before a time, and their journals, to the archive.';
    comment on function ledger.close_period(text, timestamptz, text, text) is
        'Closes the books of a system up to a time, with closing entries into retained earnings if wanted.';
    comment on function ledger.reopen_period(text, timestamptz, text) is
        'Opens the books of a system again from a time on and undoes the closing entries of what is open then.';
    comment on function ledger.post_late(text, text, jsonb, timestamptz, uuid, text, jsonb) is
        'Posts several transfers together for a time or, where that is closed, for the first open moment.';
    comment on function ledger.move_account(bigint, bigint) is
        'Makes an account part of another, or of none.';
    comment on function ledger.chart(text, timestamptz, integer) is
        'The chart of accounts of a system as a tree, with the balance of each account and each branch.';
    comment on function ledger.balance_sheet(text, timestamptz, text, integer) is
        'Assets, liabilities, equity and the result not closed yet, with the proof that they agree.';
    comment on function ledger.income_statement(text, timestamptz, timestamptz, text, timestamptz, timestamptz, integer) is
        'Income, expenses and the result of a period, beside another if one is given.';
    comment on function ledger.set_rate(text, text, bigint, bigint, timestamptz) is
        'Sets the rate between two currencies from a time on, as an exact fraction of major units.';
    comment on function ledger.exchange(text, text, text, bigint, bigint, bigint, bigint, text, text, uuid, text, jsonb, timestamptz, bigint, bigint) is
        'Exchanges one currency for another in one journal, through the positions of the system in both.';
    comment on function ledger.revaluation(text, timestamptz, text) is
        'What the positions of a system are worth in a currency at a time, and the unrealised gain.';
    comment on function ledger.revalue(text, timestamptz, text, text, text) is
        'Posts the unrealised gain or loss on the positions of a system, once for each time.';
    comment on function ledger.import_statement(bigint, text, text, jsonb, jsonb) is
        'Stores a statement that somebody else made about an account, from CSV or rows; the same again gives what is stored.';
    comment on function ledger.reconcile(uuid, jsonb, boolean) is
        'Finds the transfers that the lines of a statement are about, and stores the matches unless it is a dry run.';
    comment on function ledger.confirm_match(uuid, uuid[], uuid[], bigint, text) is
        'Says that lines of a statement and transfers are the same money.';
    comment on function ledger.reject_match(uuid, uuid[], uuid[], text) is
        'Says that none of some lines of a statement is any of some transfers.';
    comment on function ledger.unmatch(uuid, text) is
        'Undoes a match; its pairs are not matched again by themselves.';
    comment on function ledger.reconciliation(uuid) is
        'Explains the difference between the balance of a statement and that of the books, item by item.';
    comment on function ledger.export(text, text, date, date, text, integer, uuid) is
        'The transfers of a system as lines of CSV, JSON or beancount.';
    comment on function ledger.export_file(text, text, date, date, text, integer, uuid) is
        'The same as one file, with its media type.';
end
$$;
