-- treasury: who sees what is asked of Stripe.
grant select on treasury.stripe_requests to authenticated, service_role;
create policy stripe_requests_read on treasury.stripe_requests for select to authenticated
    using ((select backoffice.has_role('treasury', 'admin')));
