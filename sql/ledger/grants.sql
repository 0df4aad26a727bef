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
        'Opens an account, or finds the one that has the code and is the same; its id.

For the service role. p_class is asset, liability, equity, income or expense; p_max_overdraft (minor units, null
for no limit) is how far its balance may go below zero, p_max_balance how far it may grow; p_stripes (2 to 64)
spreads the counters of an account that nearly every transfer touches. 22023 for values not allowed, PT404
unknown parent, PT409 where the code belongs to an account that differs.';
    comment on function ledger.close_account(bigint) is
        'Closes an account that has neither a balance nor open holds; it takes no more transfers.

For the service role. PT404 unknown account, PT409 not empty.';
    comment on function ledger.balance(bigint, timestamptz, text) is
        'The balance of an account in minor units, on the side that is normal for its class: now, with what holds take from it, or what was posted up to and with a time.

For its owner, admins of its system or of the ledger, and the service role.

p_basis is effective or recorded: which of a transfer''s two times counts. 42501 for anybody else, PT404 unknown
account, 22023 another basis.';
    comment on function ledger.transfer(text, text, text, bigint, text, text, uuid, text, jsonb, timestamptz, bigint, bigint, text) is
        'Moves an amount (minor units) from one account to another: debits p_debit, credits p_credit.

For admins of the ledger and the service role.

Accounts are named by their codes in p_system or by their ids. p_currency must be that of both; left out, it is
not asked. The same p_id with the same content again gives what is stored. With p_balancing the amount, or
without one everything, is the most that is moved: debit moves what the debited account has in credit, credit
what the credited one has in debit, both no more than either. The balances are those that it left, null for a
striped account. 22023 amount not above zero, same account, other currency; 22003 out of range; PT404 unknown
account; PT409 closed, frozen, a limit, nothing to be moved, or the id is taken.';
    comment on function ledger.post_journal(text, text, jsonb, uuid, text, jsonb, timestamptz, text) is
        'Posts several transfers together, or none.

For the service role.

p_legs is an array of at most 10000 objects with debit and credit (codes in p_system) or debit_account_id and
credit_account_id, amount (minor units) and, if wanted, id and currency. The same p_id, or the same p_key (a
text of up to 200 bytes, unique in the system), with the same content again gives what is stored; with other
content it is PT409, naming the first field that differs. Errors as those of ledger.transfer, and 22023 for a
key that is not known.';
    comment on function ledger.post_batch(text, text, jsonb, text) is
        'Posts many transfers in one call.

For the service role.

p_transfers is an array of 1 to 10000 objects with debit and credit (codes in p_system) or debit_account_id and
credit_account_id, amount (minor units) and, if wanted, id (the idempotency key) and currency. p_mode is all
(all or nothing; the error names the first transfer that is refused) or each. Each transfer is judged by what
those before it left. A row for each, in their order: result is ok, exists (posted before with the same content)
or refused, then with sqlstate and reason; balances are those that the transfer left, null for a striped
account. 22004, 22003, 22023 for a malformed batch; in all those of ledger.transfer.';
    comment on function ledger.reverse_transfer(uuid, text, uuid, bigint) is
        'Undoes a part of a transfer (p_amount in minor units), or what is left of it, by a new one that names it; never more than the whole.

For admins of the ledger and the service role. The same p_id with the same content again gives what is stored.
PT404 unknown transfer; PT409 less is left or nothing, a reversal itself, or a limit forbids it; 22023 without a
reason or an amount that is not above zero.';
    comment on function ledger.reverse_journal(uuid, text, uuid) is
        'Undoes every transfer of a journal by a new journal that names it, once.

For admins of the ledger and the service role. Errors as those of ledger.reverse_transfer.';
    comment on function ledger.hold(text, text, text, bigint, text, timestamptz, text, uuid, text, jsonb, bigint, bigint) is
        'Sets an amount (minor units) aside for a transfer still to come: it counts against what is available until it is settled, released, or p_expires_at comes.

For the service role.

Arguments and errors as those of ledger.transfer; 22023 for an expiry that is past.';
    comment on function ledger.settle(uuid, bigint, uuid, boolean) is
        'Turns a part of a hold (p_amount in minor units) into a transfer, or all that is left of it; p_final gives the rest back.

For the service role.

Gives the transfer with the balances that it left, and what is left of the hold. The same p_id again gives the
same transfer. PT404 unknown hold; PT409 where it is not open, less is left, or the id is taken; 22023 amount
not above zero.';
    comment on function ledger.release(uuid) is
        'Gives back what is left of a hold.

For the service role. Again, or after it has expired, it changes nothing. PT404 unknown hold; PT409 where it is
used up.';
    comment on function ledger.expire_holds(integer) is
        'Closes up to p_limit (1 to 10000) holds whose time has come; how many.

For the service role. It only tidies: an expired hold counts no more from its time on.';
    comment on function ledger.statement(bigint, timestamptz, timestamptz, integer, uuid, text) is
        'The transfers of an account in order of time, each with the balance after it, from p_from (with it) to p_to (without it).

For its owner, admins of its system or of the ledger, and the service role.

p_basis is effective or recorded: which time orders it. A page has p_limit rows (1 to 1000); the next one comes
after p_after, the transfer of the last row. 42501 for anybody else; PT404 unknown account, or p_after is no
transfer of it.';
    comment on function ledger.trial_balance(text, timestamptz, text) is
        'What every account was debited and credited, and its balance on the side where it stands; after the accounts of a currency a row without account holds the totals.

For admins of the ledger and the service role.

Of one system or of all; of everything posted, or up to and with p_at by the time that p_basis (effective or
recorded) names. 22023 another basis.';
    comment on function ledger.check() is
        'Proves the books: a row for everything that is not as it must be, none when all is well.

For admins of the ledger and the service role.

Every counter equals the sum of its transfers (stripes included) or open holds, debits equal credits in every
currency, no limit is broken, no transfer goes from one currency to another, and what a transfer names exists
and fits.';
    comment on function ledger.set_limit(bigint, bigint, bigint, text) is
        'Sets how far the balance of an account may go below zero (p_max_overdraft) and how far it may grow (p_max_balance), in minor units; null for no limit.

For admins of the ledger and the service role. The change is logged, with p_reason.

PT404 unknown account; PT409 closed, or its balance does not keep to the new limit, with what holds may take and
bring; 22023 below zero.';
    comment on function ledger.freeze_account(bigint, text) is
        'Stops everything that would be posted to an account, held on it or settled, until it is unfrozen; holds are still released and expire.

For admins of the ledger and the service role. The change is logged, with p_reason. Again, it changes nothing.

PT404 unknown account; PT409 closed; 22023 without a reason.';
    comment on function ledger.unfreeze_account(bigint, text) is
        'Lets an account that was frozen take postings again; the rest as for ledger.freeze_account.';
    comment on function ledger.sweep(text, text, text[], text, text, uuid, text, jsonb, timestamptz, bigint, bigint[], bigint) is
        'Moves all that is available in several accounts into one, in one journal; a row for each account that had something, no row where none had.

For admins of the ledger and the service role.

The accounts are named by codes in p_system (p_from) or by ids, or they are all accounts directly below p_parent
that have the currency of p_to. The same p_id with the same accounts again gives what is stored. 22023 an
account named twice or of another currency; PT404 unknown account; PT409 closed, frozen, a limit, or the id is
taken; 22004 without accounts.';
    comment on function ledger.make_checkpoints(boolean) is
        'Makes the checkpoints that are due, so that balances and statements as of a time are quick; the job checkpoint_ledger does it too.

For admins of the ledger and the service role.

Looks at accounts with new transfers, and with p_whole at all of them. Gives how many accounts it looked at and
how many checkpoints it made. Transfers of the last few seconds, and those that a running transaction could
still come before, are left for the next time.';
    comment on function ledger.open_balance(text, text, bigint, timestamptz, text, text, bigint, bigint) is
        'Posts what an account had when its books began: a transfer between it and an account of equity, once for each account.

For admins of the ledger and the service role.

Accounts are named by their codes in p_system or by their ids. p_amount is in minor units in the account''s
normal direction, below zero for the other; it counts for p_effective_at, and nothing else of the account may
count for an earlier time. The same again gives what is stored. 22023 amount of 0, p_equity not of the class
equity or of another currency; PT404 unknown account; PT409 another opening balance (reverse it first),
something earlier, or closed.';
    comment on function ledger.check_account() is
        'Trigger: refuses an account with a class, currency, limit or stripes that no account has.';
    comment on function ledger.admin_systems() is
        'The systems whose accounts the signed-in person may read as an admin of theirs; policies use it.';
    comment on function ledger.seal() is
        'Seals what has been posted since the last block: how many transfers in how many blocks, whether there is more, and the new head.

For admins of the ledger and the service role; the job seal_ledger calls it.

One call seals at most about 50000 transfers. What a running transaction may still post before, and what is
younger than ledger.seal_delay_seconds, waits.';
    comment on function ledger.seal_head() is
        'The last block of the chain; no row before the first.

For admins of the ledger and the service role.

head is height and hash: what is to be published elsewhere, for ledger.verify. Everything recorded up to
sealed_until is sealed.';
    comment on function ledger.verify(timestamptz, timestamptz, text) is
        'Compares what was sealed with what is there: no row when all is well.

For admins of the ledger and the service role.

The chain is compared with itself and with p_head, a head that ledger.seal_head gave before; transfers recorded
from p_from up to p_to, or all, with what was sealed of them. The first transfer that is not as it was is named:
transfer_altered, transfer_missing, transfer_extra, journal_altered, account_altered; of the chain
block_altered, block_missing, head_missing, head_differs. 22023 for a p_head that is none, or a p_to before
p_from.';
    comment on function ledger.archive(timestamptz) is
        'Moves sealed transfers recorded before p_before, and their journals, to the archive; how many of each, and whether there are more.

For admins of the ledger and the service role; the job archive_ledger does it by ledger.archive_months.

One call moves about 20000 transfers. Everything that is asked of the ledger stays the same. 22023 for a time
less than 31 days ago.';
    comment on function ledger.close_period(text, timestamptz, text, text) is
        'Closes the books of p_system up to p_until, the first moment that stays open: nothing is posted for an earlier time any more.

For admins of the ledger and the service role; again it changes nothing. Returns the closing.

With p_retained_earnings, the code of an equity account, income and expense are carried there at the last moment
of the period; in another currency than the account has, into code:USD, which is opened. 22023 a time that has
not come, or no equity account; PT404 unknown system or account; PT409 where the books are closed further
already or with other entries, a limit forbids the entries, or transactions that may have posted for the period
do not end.';
    comment on function ledger.reopen_period(text, timestamptz, text) is
        'Opens the books of p_system again from p_until on, or from the beginning where it is null, and undoes the closing entries of what is open then.

For admins of the ledger and the service role; again it changes nothing. Returns the reopening.

22004 without a reason; PT409 where nothing after p_until is closed, or a limit forbids undoing the entries.';
    comment on function ledger.post_late(text, text, jsonb, timestamptz, uuid, text, jsonb) is
        'Posts transfers together, as ledger.post_journal does, for p_effective_at or, where that is in a closed period, for the first moment that is open.

For the service role.

The time that they were meant for is kept in ledger.late_postings. The same p_id with the same content again
gives what is stored. Errors as those of ledger.post_journal; 22004 without a time.';
    comment on function ledger.move_account(bigint, bigint) is
        'Makes account p_account part of p_parent_id, or of none where that is null.

For admins of the ledger and the service role; again it changes nothing. Returns the account.

Both must be of one system and class; the currency may differ. 22004 no account, 22023 another system or class,
or the account itself or a part of it; PT404 unknown account.';
    comment on function ledger.chart(text, timestamptz, integer) is
        'The chart of accounts of p_system as a tree, with the balance of each account and each branch in minor units, now or up to and with p_at by effective time.

For admins of the system or of the ledger, and the service role.

A branch has a row for each currency in it. p_depth leaves out what is deeper; the branches hold it all the
same. 22004 no system, 22023 another depth or a time that is not finite, PT404 unknown system.';
    comment on function ledger.balance_sheet(text, timestamptz, text, integer) is
        'The balance sheet of p_system, or of all systems, in minor units: now or up to and with p_at by effective time, for each currency or p_currency.

For admins of the system or of the ledger, and the service role; of all systems not for the former.

Sections: assets, liabilities, equity, result (income less expenses that no closing has carried into equity),
other_systems (what they were credited for debits here, less the other way round). A row without account is the
sum of its section. The last row proves the sheet: difference is assets less all the rest, and must be 0.
p_depth as for ledger.chart. 22023 another currency or depth, PT404 unknown system.';
    comment on function ledger.income_statement(text, timestamptz, timestamptz, text, timestamptz, timestamptz, integer) is
        'Income and expenses of p_system, or of all systems, in minor units: from p_from (with it) to p_to (without it) by effective time, for each currency or p_currency, beside another period if one is given to compare with.

For the same callers as ledger.balance_sheet.

Sections: income, expenses, result. A row without account is the sum of its section. Closing entries are left
out, so that a closed year shows what it showed before. p_depth as for ledger.chart. 22004 no period, or half of
one to compare with; 22023 a period that ends before it begins, another currency or depth; PT404 unknown system.';
    comment on function ledger.set_rate(text, text, bigint, bigint, timestamptz) is
        'Sets the rate between two currencies from p_at on (now if left out): one major unit of p_base is worth p_numerator/p_denominator of p_quote.

For admins of the ledger and the service role. Returns the rate, in lowest terms.

It serves in both directions. The same again changes nothing; another for the same time counts in place of the
first, which stays on record. 22023 an unknown currency, the same twice, a number that is not above zero.';
    comment on function ledger.exchange(text, text, text, bigint, bigint, bigint, bigint, text, text, uuid, text, jsonb, timestamptz, bigint, bigint) is
        'Exchanges one currency for another in one journal: debits p_debit by p_debit_amount and credits p_credit by p_credit_amount, minor units of the currency that each account has, through the accounts position:USD and so on, equity of p_system that is opened when it is needed.

For the service role.

Of the amounts one may be left out: it follows from the rate p_rate_numerator/p_rate_denominator (major units of
the credited currency for one of the debited), or from the rate in force. What is left of a minor unit stays
with p_remainder: position (the business), account, or nearest. The same p_id with the same content again gives
what is stored. 22004 no amount; 22023 not above zero, too small, a rate beside two amounts, accounts of one
currency; 22003 out of range; PT404 unknown account, no rate; PT409 as for ledger.post_journal.';
    comment on function ledger.revaluation(text, timestamptz, text) is
        'What the positions of p_system in other currencies are worth in p_currency, now or at p_at, at the rates of that time: a row for each position and, without currency, a last one whose value is the unrealised gain (a loss if below zero).

For admins of the system or of the ledger, and the service role.

Positions and values are minor units, values to the nearest; rates are major units of p_currency for one of the
row''s. 22004, 22023 bad input; PT404 a rate is missing; 22003 a value that does not fit.';
    comment on function ledger.revalue(text, timestamptz, text, text, text) is
        'Posts the unrealised gain or loss that ledger.revaluation shows for p_at: between the position of p_currency and p_gains, or p_losses (the same if left out), codes of income or expense accounts of p_system in that currency.

For admins of the ledger and the service role. Once for each time: again it gives the first. Returns the
revaluation.

22004, 22023 bad input, or a time that has not come; PT404 unknown account, or a rate is missing; PT409 a closed
period, or it was posted with other accounts.';
    comment on function ledger.import_statement(bigint, text, text, jsonb, jsonb) is
        'Stores a statement that somebody else (a bank) made about an account.

For admins of the ledger and the service role.

p_csv is a text of at most 8 MiB, p_rows an array of objects with date, amount, reference and description; one
of both is given, with at most 20000 lines. p_options says how to read them. p_reference names the statement:
the same again gives what is stored. Amounts in the answer are minor units. 22023 for a line or an option that
cannot be read, naming it; 22003 out of range; PT404 unknown account; PT409 where the account has another
statement of this name.';
    comment on function ledger.reconcile(uuid, jsonb, boolean) is
        'Finds the transfers that the lines of a statement are about, and stores the matches; a dry run only tells them.

For admins of the ledger and the service role.

p_rules is an object: amount_tolerance (minor units), days, reference, reference_keys, minimum_score, max_group,
ambiguous, suggestions. Only what is in no match is looked at. outcome is matched, suggested, unmatched_line,
unmatched_transfer, or incomplete where the search gave up. Amounts are minor units. PT404 unknown statement;
22023 for a rule that is not known, or too many transfers.';
    comment on function ledger.confirm_match(uuid, uuid[], uuid[], bigint, text) is
        'Says that lines of a statement and transfers are the same money.

For admins of the ledger and the service role.

Their amounts may differ by p_tolerance (minor units). Either side may be empty, where the other adds up to
nothing. The same again gives what is stored. PT404 unknown statement, line of it, or transfer of its account;
PT409 where one is in another match; 22023 where the amounts differ.';
    comment on function ledger.reject_match(uuid, uuid[], uuid[], text) is
        'Says that none of some lines is any of some transfers: they are not matched or suggested by themselves; how many pairs were not rejected before.

For admins of the ledger and the service role. PT404 unknown statement, line or transfer; PT409 where they are
matched; 22023 without a reason.';
    comment on function ledger.unmatch(uuid, text) is
        'Undoes a match; its pairs are rejected, so that they are not matched again by themselves.

When it was undone; again gives the same. For admins of the ledger and the service role. PT404 unknown match;
22023 without a reason.';
    comment on function ledger.reconciliation(uuid) is
        'Explains the difference between the balance of a statement and that of the books, item by item, in minor units.

For admins of the ledger and the service role.

From opening_difference to unexplained the amounts add up to closing_difference. PT404 unknown statement.';
    comment on function ledger.export(text, text, date, date, text, integer, uuid) is
        'The transfers that touch an account of a system, or all, as lines of text, in the order of their effect.

For admins of the ledger and the service role.

p_format is csv, jsonl or beancount. Days from p_from on and before p_to count, in p_time_zone. At most p_limit
transfers (1 to 100000): the next page of csv and jsonl comes after the last one''s id (p_after); beancount is
one whole or 22023. 22023 for another format, limit or time zone; PT404 where p_after is no transfer.';
    comment on function ledger.export_file(text, text, date, date, text, integer, uuid) is
        'The same as one file: through PostgREST it has its own Content-Type and a name.

For admins of the ledger and the service role. Arguments and errors as those of ledger.export.';
end
$$;
