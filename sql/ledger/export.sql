-- PostgREST answers with a value of a domain of this name as it is, whatever the client
-- accepts; its function says in a header what it is.
create domain ledger."*/*" as text;
comment on domain ledger."*/*" is 'A file. The function that makes it sets Content-Type.';
