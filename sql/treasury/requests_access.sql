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
        'Leases up to p_limit (1 to 1000) calls of Stripe that are due to p_worker for p_lease_seconds (1 to 3600), in the order in which they are due, those of one refund or payout one after the other. id is the Idempotency-Key, stripe_account_id the header Stripe-Account.

A call that workers have claimed as often as they may without a word, or first 23 hours ago, is dead instead.
For the service role. 22023/22004 bad input, 42501 for anybody else.';
    comment on function treasury.acknowledge_stripe_request(uuid, text, integer, jsonb, text) is
        'Says what Stripe answered to call p_id that p_worker claimed: the HTTP status p_status (100 to 599; null where nobody answered), the body p_response, or in p_error why there is none.

2xx is done, which needs the body; 4xx but 401, 403, 408, 409 and 429 is refused; all else is tried again later,
and dead after the last attempt. The same again changes nothing. Returns the status then: done, refused, pending
or dead. For the service role. 22023/22004 bad input, PT404 unknown, PT409 another worker has it, 42501 for
anybody else.';
    comment on function treasury.retry_stripe_request(uuid) is
        'Has the dead call p_id tried again, with its key, so that nothing happens twice.

For admins. Returns the call. 22004 no id, PT404 unknown, PT409 it is not dead or Stripe may have forgotten its
key, 42501 not an admin.';
    comment on function treasury.close_stripe_request(uuid, text) is
        'Says that Stripe did not do the dead call p_id, as an admin has seen there, who says so in p_note: it is refused, and a payout that hangs on it fails.

Of a call that was to bring the money of a failed payout back, also of a refused one, it says that the money is
back otherwise: the person can be paid again. For admins. Returns the call. 22023/22004 bad input, PT404
unknown, PT409 it is not dead, Stripe is known to have done it, or its payout is above
treasury.two_person_amount (apply_override with close_stripe_request then has a second admin agree), 42501 not
an admin.';
end
$$;
