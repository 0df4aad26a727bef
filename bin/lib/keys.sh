# shellcheck shell=bash
# New keys, in the form that the extension and PostgREST read.

random_base64url() { openssl rand "$1" | base64 -w0 | tr '+/' '-_' | tr -d '='; }

# What secrets in the database are encrypted with: <key id>:<base64 of 32 bytes>.
new_root_key() { printf 'k1:%s\n' "$(openssl rand -base64 32)"; }

# What tokens are signed with: a JWKS.
new_jwks() {
    printf '{"keys":[{"kty":"oct","kid":"%s","alg":"HS256","k":"%s"}]}\n' "$(openssl rand -hex 8)" "$(random_base64url 48)"
}
