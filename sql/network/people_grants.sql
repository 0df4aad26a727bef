-- Grants on portfolios, levels, summaries and the archive; finalize.sql calls it once all exist.
create procedure backoffice.install_network_people() language plpgsql as $$
begin
    grant execute on function
        network.today(),
        network.promoters_below(),
        network.create_investment(uuid, text, numeric, date, text),
        network.create_savings_plan(uuid, text, numeric, integer, text, date, text),
        network.record_instalment(uuid, integer, text, date, numeric),
        network.record_valuation(uuid, numeric, date, text),
        network.close_investment(uuid, numeric, date),
        network.get_customer_portfolio(uuid),
        network.get_portfolio_history(uuid, date, date, text),
        network.get_promoter_level(uuid),
        network.set_promoter_level(uuid, text, text),
        network.promote_promoters(),
        network.get_period_summary(uuid, date, date, text),
        network.archive_old_rows()
        to authenticated, service_role;

    -- A branch of three and one of ten thousand want different plans, and so do a day and a year.
    alter function network.get_promoter_hierarchy(uuid, integer, integer, integer)
        set plan_cache_mode = force_custom_plan;
    alter function network.get_period_summary(uuid, date, date, text)
        set plan_cache_mode = force_custom_plan;

    comment on function network.today() is
        'Today in the time zone of the setting network.time_zone.';
    comment on function network.promoters_below() is
        'Every promoter of the line below the signed-in person; nobody for anybody else.

As one array, which a policy compares by index instead of asking for each row.';
    comment on function network.create_investment(uuid, text, numeric, date, text) is
        'Records that customer p_customer_id invested p_amount (rupees) in p_product on p_started_on (today).

A record only, no money moves. For admins and the customer''s own active promoter. With an Idempotency-Key header
a repeat changes nothing. Returns the investment. 22023/22004 bad input, PT404 unknown profile (to admins),
PT409 inactive customer, 42501 not allowed.';
    comment on function network.create_savings_plan(uuid, text, numeric, integer, text, date, text) is
        'Records a savings plan of customer p_customer_id: p_instalments (1 to 600) instalments of p_instalment_amount (rupees), p_frequency weekly, monthly, quarterly or yearly, the first due on p_first_due_on (today).

For admins and the customer''s own active promoter; repeats and errors as create_investment. Returns the
investment.';
    comment on function network.record_instalment(uuid, integer, text, date, numeric) is
        'Records what became of instalment p_number of a savings plan: p_status paid (on p_paid_on, today; p_amount, what was due) or missed.

What was missed may still be paid; an admin also corrects what was recorded, back to due. For admins and the
customer''s own active promoter. The same again changes nothing. Returns the instalment. 22023 bad input, PT404
no such plan or instalment, PT409 recorded otherwise or closed, 42501 not allowed.';
    comment on function network.record_valuation(uuid, numeric, date, text) is
        'Records that an investment was worth p_value (rupees) at the end of p_valued_on (today).

The same day again replaces the value. For admins. Returns the valuation. 22023 bad input, PT404 unknown
investment, PT409 closed, 42501 not allowed.';
    comment on function network.close_investment(uuid, numeric, date) is
        'Ends an investment: the customer got back p_value (rupees) on p_closed_on (today).

Instalments that are still due are cancelled. For admins. The same again changes nothing. Returns the
investment. 22023 bad input, PT404 unknown investment, PT409 closed otherwise, 42501 not allowed.';
    comment on function network.get_customer_portfolio(uuid) is
        'The portfolio of customer p_customer_id: what is invested, what it is worth, the gain, the next instalment, what is overdue, and each investment.

Amounts in rupees. For the customer, their promoter, and admins. PT404 unknown profile (to admins), 42501 not
allowed.';
    comment on function network.get_portfolio_history(uuid, date, date, text) is
        'What the portfolio of customer p_customer_id was worth at the end of each day, week or month (p_granularity) from p_from (the first investment) to p_to (today): what was paid in, the value, the gain.

At most 400 rows. For the customer, their promoter, and admins. 22023 bad input, PT404 unknown profile (to
admins), 42501 not allowed.';
    comment on function network.get_promoter_level(uuid) is
        'The level of promoter p_promoter_id, what counts for it, the level that the rules would give, and what is missing to the next: {promoter_id, level, set_by_hand, earned_level, facts, next}.

For the promoter or an admin. PT404 or 22023 where the id is not a promoter''s, 42501 not allowed.';
    comment on function network.set_promoter_level(uuid, text, text) is
        'Sets the level of a promoter by hand: Affiliate, Manager or Director.

It stays, whatever the rules say, until it is set to NULL, which gives it back to them. For admins. Returns the
profile. 22023 another level or not a promoter, PT404 unknown profile, 42501 not an admin.';
    comment on function network.promote_promoters() is
        'Gives every promoter the level that the settings network.level_… say, at most 1,000 at once: {changed, more}.

Levels set by hand stay. Safe to repeat, and to run twice at once. For admins; 42501 otherwise.';
    comment on function network.get_period_summary(uuid, date, date, text) is
        'What promoter p_promoter_id did each day, week or month (p_granularity) from p_from (so that there are twelve periods) to p_to (today), in the time zone of the setting network.time_zone: customers and promoters brought, commissions earned, PINs, withdrawals.

NULL is the whole network, for admins. At most 400 rows; periods in which nothing happened are there too, and
the first and last are cut to the days asked for. For the promoter or an admin. 22023 bad input, PT404 unknown
profile, 42501 not allowed.';
    comment on function network.archive_old_rows() is
        'Moves PIN transactions, commissions and finished withdrawals that are older than the setting network.archive_months to their archives, at most 10,000 of each: {pin_transactions, affiliate_commissions, withdrawal_requests, more}.

Safe to repeat, and to run twice at once. For admins; 42501 otherwise.';
end
$$;
