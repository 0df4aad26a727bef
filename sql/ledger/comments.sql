-- ledger: what columns hold, where the file that makes their table does not say.

comment on column ledger.account_stripes.account_id is 'The account whose counters these are a part of.';
comment on column ledger.account_stripes.debits_posted is 'Minor units that were debited by way of this row.';
comment on column ledger.account_stripes.credits_posted is 'Minor units that were credited by way of this row.';

comment on column ledger.accounting_problems.problem is 'Which rule is broken: closed_period, exchange or parent.';
comment on column ledger.accounting_problems.account_id is 'The account it is about.';
comment on column ledger.accounting_problems.transfer_id is 'The transfer it is about; NULL where it is about none.';
comment on column ledger.accounting_problems.expected is 'Of an exchange the amount that a transfer should have, in minor units; NULL for the others.';
comment on column ledger.accounting_problems.found is 'Always NULL: here as in ledger.problems.';
comment on column ledger.accounting_problems.detail is 'What is wrong, in words.';

comment on column ledger.accounts.id is 'Ours, counted.';
comment on column ledger.accounts.created_at is 'When it was opened.';
comment on column ledger.accounts.currency is 'ISO 4217; all its amounts are in minor units of it.';
comment on column ledger.accounts.name is 'What it is for, in words.';

comment on column ledger.balances.account_id is 'The account.';
comment on column ledger.balances.system is 'The module whose account it is, such as network.';
comment on column ledger.balances.code is 'Its name within the system; unique there.';
comment on column ledger.balances.name is 'What it is for, in words.';
comment on column ledger.balances.owner_id is 'The person whose account it is; NULL for the platform''s own.';
comment on column ledger.balances.currency is 'ISO 4217.';
comment on column ledger.balances.class is 'asset, liability, equity, income or expense.';

comment on column ledger.books.system is 'The module whose books they are.';
comment on column ledger.books.acted_at is 'When they were last closed or reopened.';
comment on column ledger.books.acted_by is 'The admin who did it; NULL for a server and for psql.';
comment on column ledger.books.reason is 'Why they were reopened, or what the closing was for.';

comment on column ledger.checkpoint_problems.problem is 'Always checkpoint.';
comment on column ledger.checkpoint_problems.account_id is 'The account whose checkpoint it is.';
comment on column ledger.checkpoint_problems.transfer_id is 'Always NULL: here as in ledger.problems.';
comment on column ledger.checkpoint_problems.expected is 'What the transfers add up to since the checkpoint before, debits less credits, in minor units.';
comment on column ledger.checkpoint_problems.found is 'What the checkpoints say of the same, in minor units.';
comment on column ledger.checkpoint_problems.detail is 'What is wrong, in words.';

comment on column ledger.checkpoint_progress.single is 'Always true, so that there is one row.';

comment on column ledger.checkpoints.account_id is 'The account.';

comment on column ledger.closing_journals.system is 'The module whose books were closed.';

comment on column ledger.dated_checkpoints.account_id is 'The account.';

comment on column ledger.entries.transfer_id is 'The transfer.';
comment on column ledger.entries.account_id is 'The account that sees it so.';
comment on column ledger.entries.account_system is 'The module whose account it is.';
comment on column ledger.entries.account_code is 'The account''s name within its system.';
comment on column ledger.entries.owner_id is 'The person whose account it is; NULL for the platform''s own.';
comment on column ledger.entries.amount is 'Minor units, above zero.';
comment on column ledger.entries.currency is 'ISO 4217.';
comment on column ledger.entries.system is 'The module that posted it.';
comment on column ledger.entries.kind is 'What it is for, as that module names it.';
comment on column ledger.entries.description is 'What it is for, in words.';
comment on column ledger.entries.metadata is 'What else its module noted down, as a JSON object.';
comment on column ledger.entries.hold_id is 'The hold that it settles, in whole or in part.';
comment on column ledger.entries.reverses_id is 'The transfer that it undoes, or a part of.';

comment on column ledger.exchanges.journal_id is 'The journal.';
comment on column ledger.exchanges.system is 'The module that posted it.';
comment on column ledger.exchanges.debit_account_id is 'The account that is debited.';
comment on column ledger.exchanges.debit_currency is 'ISO 4217 of that account.';
comment on column ledger.exchanges.credit_account_id is 'The account that is credited.';
comment on column ledger.exchanges.credit_currency is 'ISO 4217 of that account.';
comment on column ledger.exchanges.recorded_at is 'When it was posted.';

comment on column ledger.external_lines.id is 'Ours, as UUID v7.';
comment on column ledger.external_lines.statement_id is 'The statement it is from.';
comment on column ledger.external_lines.booked_on is 'The day on which it was booked, as the statement says.';
comment on column ledger.external_lines.description is 'What the statement says of it.';

comment on column ledger.external_statements.id is 'Ours, as UUID v7.';
comment on column ledger.external_statements.account_id is 'Our account that it is about.';
comment on column ledger.external_statements.starts_on is 'Its first day.';
comment on column ledger.external_statements.lines is 'How many lines it has.';
comment on column ledger.external_statements.imported_at is 'When it was imported.';

comment on column ledger.holds.id is 'Made by the caller or as UUID v7; a repeat with the same id returns what is stored.';
comment on column ledger.holds.debit_account_id is 'The account that the transfer is to debit.';
comment on column ledger.holds.credit_account_id is 'The account that the transfer is to credit.';
comment on column ledger.holds.created_at is 'When it was made.';
comment on column ledger.holds.closed_at is 'When it ceased to be open; NULL while it is.';
comment on column ledger.holds.kind_id is 'What it is for: the row of transfer_kinds.';
comment on column ledger.holds.description is 'What it is for, in words.';
comment on column ledger.holds.metadata is 'What else its module noted down, as a JSON object.';

comment on column ledger.journal_keys.key is 'The key that the caller chose.';

comment on column ledger.journals.id is 'Made by the caller or as UUID v7.';
comment on column ledger.journals.kind_id is 'What it is for: the row of transfer_kinds.';
comment on column ledger.journals.recorded_at is 'When it was posted.';
comment on column ledger.journals.effective_at is 'The time it counts for where that is not recorded_at.';
comment on column ledger.journals.description is 'What it is for, in words.';
comment on column ledger.journals.metadata is 'What else its module noted down, as a JSON object.';

comment on column ledger.match_lines.match_id is 'The match.';
comment on column ledger.match_lines.line_id is 'The line of the statement.';

comment on column ledger.match_rejections.line_id is 'The line of the statement.';
comment on column ledger.match_rejections.transfer_id is 'The transfer.';
comment on column ledger.match_rejections.statement_id is 'The statement of the line.';
comment on column ledger.match_rejections.reason is 'Why, in the words of whoever said so.';
comment on column ledger.match_rejections.rejected_at is 'When that was said.';

comment on column ledger.match_transfers.match_id is 'The match.';
comment on column ledger.match_transfers.transfer_id is 'The transfer.';

comment on column ledger.matches.id is 'Ours, as UUID v7.';
comment on column ledger.matches.statement_id is 'The statement whose lines are matched.';
comment on column ledger.matches.note is 'What whoever matched it noted down.';
comment on column ledger.matches.matched_at is 'When it was made.';
comment on column ledger.matches.undone_at is 'When it was undone; NULL while it holds.';
comment on column ledger.matches.undone_reason is 'Why it was undone; NULL while it holds.';

comment on column ledger.periods.system is 'The module whose books were closed or reopened.';

comment on column ledger.problems.problem is 'Which rule is broken: debits_posted, credits_posted, debits_pending, credits_pending, currency_unbalanced, limit, stripes, unknown_account, currency_mixed, archived_twice, unknown_kind, unknown_journal, empty_journal, hold or reversal.';
comment on column ledger.problems.account_id is 'The account it is about; NULL where it is about none.';
comment on column ledger.problems.transfer_id is 'The transfer it is about; NULL where it is about none.';
comment on column ledger.problems.expected is 'What there should be, in minor units, or how many stripes; NULL where it is about no number.';
comment on column ledger.problems.found is 'What there is, in minor units, or how many stripes; NULL where it is about no number.';
comment on column ledger.problems.detail is 'What is wrong, in words.';

comment on column ledger.rates.id is 'Ours, as UUID v7.';
comment on column ledger.rates.valid_from is 'From when on it holds.';
comment on column ledger.rates.numerator is 'Of the fraction: so many major units of quote for denominator of base.';
comment on column ledger.rates.denominator is 'Of the fraction: so many major units of base for numerator of quote.';

comment on column ledger.revaluation_lines.revaluation_id is 'The revaluation.';
comment on column ledger.revaluation_lines.currency is 'ISO 4217 of the position.';

comment on column ledger.revaluations.id is 'Ours, as UUID v7.';
comment on column ledger.revaluations.system is 'The module whose positions were valued.';
comment on column ledger.revaluations.gains_account_id is 'The account that gains went to.';
comment on column ledger.revaluations.losses_account_id is 'The account that losses went to.';
comment on column ledger.revaluations.recorded_at is 'When it was posted.';

comment on column ledger.seal_blocks.sealed_at is 'When it was made.';
comment on column ledger.seal_blocks.transfers is 'How many transfers it seals.';

comment on column ledger.transfer_kinds.system is 'The module.';
comment on column ledger.transfer_kinds.kind is 'What its transfers are for, as it names it.';

comment on column ledger.transfers.debit_account_id is 'The account that is debited.';
comment on column ledger.transfers.credit_account_id is 'The account that is credited.';
comment on column ledger.transfers.kind_id is 'What it is for: the row of transfer_kinds.';
comment on column ledger.transfers.description is 'What it is for, in words; that of its journal where it is NULL.';
comment on column ledger.transfers.metadata is 'What else its module noted down, as a JSON object; that of its journal where it is NULL.';
