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
        'Today in the time zone of the network.';
    comment on function network.promoters_below() is
        'Every promoter of the line below the caller; the policies ask it.';
    comment on function network.create_investment(uuid, text, numeric, date, text) is
        'Records an investment of a customer; a record only, no money moves.';
    comment on function network.create_savings_plan(uuid, text, numeric, integer, text, date, text) is
        'Records a savings plan of a customer with all its instalments.';
    comment on function network.record_instalment(uuid, integer, text, date, numeric) is
        'Records an instalment of a savings plan as paid or missed.';
    comment on function network.record_valuation(uuid, numeric, date, text) is
        'Records what an investment was worth on a day; for admins.';
    comment on function network.close_investment(uuid, numeric, date) is
        'Ends an investment with what the customer got back; for admins.';
    comment on function network.get_customer_portfolio(uuid) is
        'What a customer has invested, what it is worth, and what is due.';
    comment on function network.get_portfolio_history(uuid, date, date, text) is
        'What a portfolio was worth at the end of each day, week or month.';
    comment on function network.get_promoter_level(uuid) is
        'A promoter''s level, what counts for it, and what is missing to the next.';
    comment on function network.set_promoter_level(uuid, text, text) is
        'Sets a promoter''s level by hand, or gives it back to the rules; for admins.';
    comment on function network.promote_promoters() is
        'Gives every promoter the level that the rules say; for admins.';
    comment on function network.get_period_summary(uuid, date, date, text) is
        'What a promoter, or the whole network, did each day, week or month.';
    comment on function network.archive_old_rows() is
        'Moves old rows to their archives; for admins.';
end
$$;
