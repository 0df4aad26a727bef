-- Limits for the roles of the API, for this cluster. PostgREST applies them to each request. A client that goes
-- away does not end its query, so the server must; the gateway gives up after 35 s.
alter role anon set statement_timeout = '10s';
alter role authenticated set statement_timeout = '15s';
alter role service_role set statement_timeout = '120s';
alter role authenticator set lock_timeout = '5s';
alter role authenticator set idle_in_transaction_session_timeout = '60s';
