-- treasury: who sees what is asked of Stripe, and who asks it.
grant select on treasury.stripe_requests to authenticated, service_role;
create policy stripe_requests_read on treasury.stripe_requests for select to authenticated
    using ((select backoffice.has_role('treasury', 'admin')));

create procedure backoffice.install_treasury_requests() language plpgsql as $$
begin
    grant execute on function
        treasury.claim_stripe_requests(text, integer, integer),
        treasury.acknowledge_stripe_request(uuid, text, integer, jsonb, text)
        to service_role;
    grant execute on function
        treasury.retry_stripe_request(uuid),
        treasury.close_stripe_request(uuid, text)
        to authenticated, service_role;

    comment on function treasury.claim_stripe_requests(text, integer, integer) is
        'Leases calls of Stripe that are due to a worker; for the service role.';
    comment on function treasury.acknowledge_stripe_request(uuid, text, integer, jsonb, text) is
        'Takes what Stripe answered to a claimed call; for the service role.';
    comment on function treasury.retry_stripe_request(uuid) is
        'Has a dead call tried again while Stripe knows its key; for admins.';
    comment on function treasury.close_stripe_request(uuid, text) is
        'Says of a dead call that Stripe did not do it; for admins, with a note.';
end
$$;
