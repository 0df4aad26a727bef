# shellcheck shell=bash
# Sourced by every script in bin/: where things are, and the other files of this folder.
#
# A checkout keeps everything it makes in .local/. Several checkouts do not meet: each has its own copy of
# PostgreSQL, its own cluster, ports and keys. BACKOFFICE_LOCAL names another folder for a second cluster of the
# same checkout (bin/test does so); what is compiled stays in .local/ and is shared by both.

set -euo pipefail
umask 022

ROOT=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export ROOT
export LC_ALL=C.UTF-8
PATH="$HOME/.cargo/bin:$PATH:/usr/sbin:/sbin"

for part in log places packages keys postgres extension database api replica; do
    # shellcheck source=/dev/null
    source "$ROOT/bin/lib/$part.sh"
done
unset part

# The comment lines at the top of a script are its help text.
usage() {
    sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0"
}
