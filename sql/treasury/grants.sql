-- Grants on the functions of the treasury; finalize.sql calls it once all exist.
create procedure backoffice.install_treasury() language plpgsql as $$
begin
    grant usage on schema treasury to authenticated, service_role;

    grant execute on function
        treasury.list_split_rules(uuid),
        treasury.create_split_rule(jsonb),
        treasury.update_split_rule(bigint, jsonb),
        treasury.delete_split_rule(bigint),
        treasury.preview_split(bigint, text, bigint, jsonb, bigint),
        treasury.rule_in_force(uuid, text, timestamptz),
        treasury.read_my_shares(),
        treasury.link_stripe_account(uuid, text)
        to authenticated, service_role;
    -- What Stripe says comes through a server.
    grant execute on function treasury.apply_stripe_account(jsonb, timestamptz, boolean) to service_role;

    comment on schema treasury is
        'Split rules and connected accounts of hosts and artists.';
    comment on function treasury.list_split_rules(uuid) is
        'The split rules of the caller, or of somebody else for admins.';
    comment on function treasury.create_split_rule(jsonb) is
        'Makes a split rule: {name, rules, is_default, currency, owner_id}.';
    comment on function treasury.update_split_rule(bigint, jsonb) is
        'Changes a split rule from now on: {name, rules, is_default, currency}.';
    comment on function treasury.delete_split_rule(bigint) is
        'Ends a split rule; its versions stay.';
    comment on function treasury.preview_split(bigint, text, bigint, jsonb, bigint) is
        'What each would get of an amount, and give back of a refund.';
    comment on function treasury.rule_in_force(uuid, text, timestamptz) is
        'The version of a default rule that splits an owner''s revenue of some time.';
    comment on function treasury.read_my_shares() is
        'What the view my_shares shows.';
    comment on function treasury.link_stripe_account(uuid, text) is
        'Says which account at Stripe is a person''s; for admins.';
    comment on function treasury.apply_stripe_account(jsonb, timestamptz, boolean) is
        'Takes over what Stripe says of an account, unless something newer is known; for the service role.';
end
$$;
