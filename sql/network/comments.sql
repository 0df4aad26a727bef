-- network: what columns hold, where the file that makes their table does not say.

comment on column network.admin_wallet.admin_id is 'The admin who stands for the platform.';
comment on column network.admin_wallet.balance is 'What the wallet has now, in major units.';
comment on column network.admin_wallet.total_commission_received is 'All shares of commissions that came to the platform, less those that were reversed, in major units.';
comment on column network.admin_wallet.unclaimed_commissions is 'The same: only what nobody in the line claims comes here.';
comment on column network.admin_wallet.created_at is 'When the platform was set up.';
comment on column network.admin_wallet.updated_at is 'When a share last came or was reversed; when the platform was set up where none did.';

comment on column network.affiliate_commissions.id is 'Ours, in the order in which they were earned.';
comment on column network.affiliate_commissions.customer_id is 'The customer for whom it was paid.';
comment on column network.affiliate_commissions.initiator_promoter_id is 'The promoter who brought the customer.';
comment on column network.affiliate_commissions.recipient_type is 'promoter, or admin where the share went to the platform.';
comment on column network.affiliate_commissions.level is 'How far above the customer the share is from: 1 for the promoter who brought the customer, up to 4.';
comment on column network.affiliate_commissions.status is 'credited; nothing sets pending or failed.';
comment on column network.affiliate_commissions.transaction_id is 'Its human number.';
comment on column network.affiliate_commissions.note is 'What the share was for, in words.';
comment on column network.affiliate_commissions.created_at is 'When it was earned, or reversed.';
comment on column network.affiliate_commissions.updated_at is 'As created_at: nothing changes the row afterwards.';

comment on column network.cancellations.customer_id is 'The customer.';
comment on column network.cancellations.reason is 'Why, in the words of whoever cancelled.';
comment on column network.cancellations.cancelled_by is 'Who cancelled; NULL for a server or psql.';
comment on column network.cancellations.cancelled_at is 'When it was cancelled.';

comment on column network.customers.id is 'The customer''s profile.';
comment on column network.customers.metadata is 'What else whoever created the customer noted, as a JSON object.';
comment on column network.customers.created_at is 'When the customer was created.';
comment on column network.customers.updated_at is 'As created_at: only commission_status changes afterwards, without this time.';

comment on column network.instalments.investment_id is 'The savings plan.';
comment on column network.instalments.number is 'Its place in the plan, from 1.';
comment on column network.instalments.due_on is 'The day on which it is due.';
comment on column network.instalments.paid_on is 'The day on which it was paid; NULL where it was not.';
comment on column network.instalments.recorded_at is 'When somebody recorded that it was paid or missed; NULL where nobody did.';

comment on column network.investments.id is 'Ours, as UUID v7.';
comment on column network.investments.customer_id is 'The customer whose it is.';
comment on column network.investments.kind is 'lump_sum, or savings_plan.';
comment on column network.investments.instalment_amount is 'Of a savings plan: what is due each time, in major units; NULL for a lump sum.';
comment on column network.investments.instalment_count is 'Of a savings plan: how many instalments there are, from 1 to 600; NULL for a lump sum.';
comment on column network.investments.frequency is 'Of a savings plan: how often one is due (weekly, monthly, quarterly or yearly); NULL for a lump sum.';
comment on column network.investments.status is 'active, or closed.';
comment on column network.investments.closed_on is 'The day on which it ended; NULL while it is active.';
comment on column network.investments.note is 'What whoever recorded it noted down.';
comment on column network.investments.created_at is 'When it was recorded.';
comment on column network.investments.updated_at is 'When the row last changed.';

comment on column network.level_changes.id is 'Ours, as UUID v7.';
comment on column network.level_changes.promoter_id is 'The promoter.';
comment on column network.level_changes.from_level is 'Affiliate, Manager or Director: the level before.';
comment on column network.level_changes.to_level is 'Affiliate, Manager or Director: the level since.';
comment on column network.level_changes.created_at is 'When it changed.';

comment on column network.level_overrides.promoter_id is 'The promoter.';
comment on column network.level_overrides.level is 'Affiliate, Manager or Director.';
comment on column network.level_overrides.set_by is 'The admin who set it; NULL for a server or psql.';
comment on column network.level_overrides.set_at is 'When it was set.';

comment on column network.open_withdrawals.id is 'The request.';
comment on column network.open_withdrawals.request_id is 'Its human number.';
comment on column network.open_withdrawals.promoter_id is 'The promoter who asked.';
comment on column network.open_withdrawals.amount is 'In major units (rupees).';
comment on column network.open_withdrawals.status is 'pending, or approved.';
comment on column network.open_withdrawals.created_at is 'When it was asked for.';
comment on column network.open_withdrawals.expected_by is 'The end of the day by which it is to be processed.';

comment on column network.payout_accounts.id is 'Ours, as UUID v7.';
comment on column network.payout_accounts.promoter_id is 'The promoter who gave it.';
comment on column network.payout_accounts.ifsc_code is 'The bank''s branch, by its IFSC.';
comment on column network.payout_accounts.account_holder_name is 'In whose name the account is.';
comment on column network.payout_accounts.first_used_at is 'When a withdrawal first named it.';
comment on column network.payout_accounts.verified_by is 'The admin who said that it is the promoter''s; NULL where nobody has, and where a server or psql did.';

comment on column network.pin_requests.id is 'Ours, as UUID v7.';
comment on column network.pin_requests.request_id is 'Its human number.';
comment on column network.pin_requests.promoter_id is 'The promoter who asks.';
comment on column network.pin_requests.pins is 'How many, from 1 to 10,000.';
comment on column network.pin_requests.status is 'pending, approved or rejected.';
comment on column network.pin_requests.note is 'What the promoter says for it.';
comment on column network.pin_requests.admin_notes is 'What the admin who decided says.';
comment on column network.pin_requests.processed_by is 'The admin who decided; NULL while it is pending, and where a server or psql named nobody.';
comment on column network.pin_requests.processed_at is 'When it was decided; NULL while it is pending.';
comment on column network.pin_requests.created_at is 'When it was asked for.';
comment on column network.pin_requests.updated_at is 'When the row last changed.';

comment on column network.pin_transactions.id is 'Ours, as UUID v7.';
comment on column network.pin_transactions.transaction_id is 'Its human number.';
comment on column network.pin_transactions.user_id is 'Whose PINs they are.';
comment on column network.pin_transactions.action_type is 'customer_creation, which uses one, admin_allocation, or admin_deduction.';
comment on column network.pin_transactions.pin_change_value is 'How many PINs came; below zero where they went.';
comment on column network.pin_transactions.balance_before is 'How many the promoter had before.';
comment on column network.pin_transactions.balance_after is 'How many the promoter had afterwards.';
comment on column network.pin_transactions.note is 'What it was for, in words.';
comment on column network.pin_transactions.created_by is 'Who did it; NULL where a server or psql named nobody.';
comment on column network.pin_transactions.created_at is 'When it happened.';
comment on column network.pin_transactions.updated_at is 'The same: rows do not change.';

comment on column network.platform.only_row is 'Always true, so that there is one row.';
comment on column network.platform.admin_id is 'The admin who stands for the platform.';
comment on column network.platform.currency is 'ISO 4217; what all amounts of the network are in.';
comment on column network.platform.created_at is 'When the platform was set up.';

comment on column network.portfolio.investment_id is 'The investment.';
comment on column network.portfolio.customer_id is 'The customer whose it is.';
comment on column network.portfolio.product is 'What it is invested in, by the name of the product or plan.';
comment on column network.portfolio.kind is 'lump_sum, or savings_plan.';
comment on column network.portfolio.status is 'active, or closed.';
comment on column network.portfolio.started_on is 'The day of the investment, or the day on which the first instalment is due.';
comment on column network.portfolio.closed_on is 'The day on which it ended; NULL while it is active.';
comment on column network.portfolio.invested is 'What was paid in, in major units.';
comment on column network.portfolio.gain is 'What it is worth, or what came back when it was closed, less what was paid in; 0 until somebody says what it is worth.';
comment on column network.portfolio.valued_on is 'The day of the latest valuation; NULL where there is none.';
comment on column network.portfolio.next_number is 'The number of the next instalment that is due today or later; NULL where there is none.';
comment on column network.portfolio.next_amount is 'How much that is, in major units.';
comment on column network.portfolio.paid_instalments is 'How many instalments were paid.';
comment on column network.portfolio.missed_instalments is 'How many instalments were missed.';
comment on column network.portfolio.overdue_instalments is 'How many instalments are due since before today and neither paid nor missed.';
comment on column network.portfolio.overdue_amount is 'How much those are, in major units.';

comment on column network.profiles.id is 'The person in identity.';
comment on column network.profiles.role is 'admin, promoter or customer.';
comment on column network.profiles.address is 'The postal address, as the person gave it.';
comment on column network.profiles.created_at is 'When the person joined the network.';
comment on column network.profiles.updated_at is 'When the row last changed.';

comment on column network.promoter_wallet.promoter_id is 'The promoter.';
comment on column network.promoter_wallet.last_commission_at is 'When a commission was last earned; NULL where none was.';
comment on column network.promoter_wallet.created_at is 'When the promoter was created.';
comment on column network.promoter_wallet.updated_at is 'When the promoter last earned, came under somebody else, or got an account in the ledger.';

comment on column network.promoters.id is 'The promoter''s profile.';
comment on column network.promoters.created_at is 'When the promoter was created.';
comment on column network.promoters.updated_at is 'When the row last changed.';

comment on column network.tax_deductions.promoter_id is 'The promoter who was paid.';
comment on column network.tax_deductions.paid_on is 'The day of the payout, in the time zone of the setting network.time_zone.';
comment on column network.tax_deductions.rule_valid_from is 'Which rule was in force: the day on which it began.';
comment on column network.tax_deductions.section is 'The section of the law, as the certificate names it.';
comment on column network.tax_deductions.rate is 'Per cent that the rule takes of this promoter.';
comment on column network.tax_deductions.created_at is 'When the payout was processed.';

comment on column network.tax_identities.promoter_id is 'The promoter.';
comment on column network.tax_identities.pan_secret_id is 'The sealed PAN in backoffice.secrets.';
comment on column network.tax_identities.created_at is 'When a PAN was first given.';
comment on column network.tax_identities.updated_at is 'When it was last given.';

comment on column network.tax_rules.valid_from is 'The day on which it begins.';
comment on column network.tax_rules.created_by is 'The admin who made it; NULL for a server or psql.';
comment on column network.tax_rules.created_at is 'When it was made.';

comment on column network.transaction_counters.counter is 'promoter, customer, transaction, withdrawal or pin_request.';
comment on column network.transaction_counters.prefix is 'What the numbers begin with.';
comment on column network.transaction_counters.sequence_name is 'The sequence that counts; withdrawal and pin_request share one.';
comment on column network.transaction_counters.last_number is 'The last number that the sequence gave; 0 before the first.';

comment on column network.valuations.investment_id is 'The investment.';
comment on column network.valuations.valued_on is 'The day.';
comment on column network.valuations.note is 'What whoever recorded it noted down.';
comment on column network.valuations.recorded_by is 'Who recorded it last; NULL for a server or psql.';
comment on column network.valuations.created_at is 'When it was first recorded.';
comment on column network.valuations.updated_at is 'When its value or note last changed.';

comment on column network.withdrawal_holds.request_id is 'The withdrawal request.';
comment on column network.withdrawal_holds.hold_id is 'The hold in ledger.holds.';
comment on column network.withdrawal_holds.bank_secret_id is 'The sealed bank details in backoffice.secrets.';

comment on column network.withdrawal_requests.id is 'Ours, as UUID v7.';
comment on column network.withdrawal_requests.request_id is 'Its human number.';
comment on column network.withdrawal_requests.promoter_id is 'The promoter who asks.';
comment on column network.withdrawal_requests.status is 'pending, approved, rejected or processed.';
comment on column network.withdrawal_requests.admin_notes is 'What an admin last wrote with a decision; NULL where nobody wrote anything.';
comment on column network.withdrawal_requests.processed_at is 'When it was last decided on; NULL while it is pending.';
comment on column network.withdrawal_requests.created_at is 'When it was asked for.';

comment on column network.withdrawal_reviews.acknowledged_by is 'The admin who approved in spite of the flags; NULL where nobody has, and where a server or psql named nobody.';
comment on column network.withdrawal_reviews.acknowledged_at is 'When that was; NULL where nobody has.';
comment on column network.withdrawal_reviews.created_at is 'When the checks ran first.';
comment on column network.withdrawal_reviews.updated_at is 'When they last found something else, or it was approved in spite of them.';
