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
        'Treasury: what Stripe tells, split to the cent and paid out.

Charges, refunds and disputes become entries of the ledger, by split rules; payouts, reports, anomalies, and what admins
do by hand. Amounts are in minor units of their currency, times in UTC. What writes is a function.';
    comment on function treasury.list_split_rules(uuid) is
        'The split rules of user p_owner_id (the caller), in the order of their making; page with limit and offset.

For the owner and admins; a server that names nobody gets everybody''s. 42501 not allowed.';
    comment on function treasury.create_split_rule(jsonb) is
        'Makes a split rule from p_rule: name, rules (1 to 50 of {recipient_id, percent, fixed, minimum}: percent exact, at most 6 decimals, all together exactly 100; fixed and minimum in minor units, for a rule with a currency), is_default (false; another default of the owner and currency is none then), currency (ISO 4217; every currency), owner_id (the caller; others, or null for the platform, for admins).

For hosts, artists and admins. With an Idempotency-Key header a repeat changes nothing. Returns the rule.
22023/22004 bad input, PT404 unknown user, PT409 200 rules, 42501 not allowed, or an admin''s own share of what
is somebody else''s.';
    comment on function treasury.update_split_rule(bigint, jsonb) is
        'Changes rule p_rule_id to what p_rule has of name, rules, is_default and currency (see create_split_rule; what is absent stays).

It holds from now on: what was split before is not touched, and the old version is kept. For the owner, if still
a host or artist, and admins; again it changes nothing. Returns the rule. 22023/22004 bad input, PT404 unknown
rule (to its owner and admins) or user, 42501 not allowed, or an admin''s own share of what is somebody else''s.';
    comment on function treasury.delete_split_rule(bigint) is
        'Ends rule p_rule_id from now on; its versions stay.

For the owner, if still a host or artist, and admins. With an Idempotency-Key header a repeat gives the same
answer. Returns the version that says so, without rules. 22004 no id, PT404 unknown or ended already (to its
owner and admins), 42501 not allowed.';
    comment on function treasury.preview_split(bigint, text, bigint, jsonb, bigint) is
        'What each would get of p_amount (minor units of p_currency, ISO 4217) by rule p_rule_id or by p_rules (as in create_split_rule), and give back once p_refunded (0 to p_amount) of it was refunded.

The first row is the platform''s. party is platform, recipient or owner; share, refunded and kept in minor units,
each summing exactly. Nothing is kept of it. For the rule''s owner; with p_rules for hosts, artists and admins.
22023/22004 bad input, PT404 unknown rule (to its owner and admins), 42501 not allowed.';
    comment on function treasury.rule_in_force(uuid, text, timestamptz) is
        'The version that splits what user p_owner_id earned in p_currency (ISO 4217) at p_at (now) where nothing else is said: their default then, for the currency or else for all; without one the platform''s.

No row: all of it is the owner''s. For the owner and admins. 22023/22004 bad input, 42501 not allowed.';
    comment on function treasury.read_my_shares() is
        'The caller''s own part of every split rule that names them: what the view treasury.my_shares shows.

To servers everybody''s.';
    comment on function treasury.link_stripe_account(uuid, text) is
        'Says that the account p_stripe_account_id (acct_…) at Stripe is that of user p_user_id.

For admins and servers; again it changes nothing. Returns the account. 22023/22004 bad input, PT404 unknown
user, PT409 the user has another account or the account is another''s, 42501 not an admin.';
    comment on function treasury.apply_stripe_account(jsonb, timestamptz, boolean) is
        'Takes over Stripe''s account object p_account (of account.updated) from an event made at p_event_created, in p_live mode or not (unknown).

An older event changes nothing; of two in one second the one that says more holds. For servers. Returns the
account. 22023/22004 bad input, PT404 nobody''s account, PT409 of the other mode, 42501 no server.';
end
$$;
