"""Loads a beancount file; prints errors, and the balance of every account by its id in the ledger, as JSON."""

import json
import sys

from beancount import loader
from beancount.core import data, realization

entries, errors, options = loader.load_file(sys.argv[1])
tree = realization.realize(entries)
balances = {}
for entry in entries:
    if isinstance(entry, data.Open):
        account = realization.get(tree, entry.account)
        positions = [] if account is None else list(account.balance)
        balances[entry.account] = {
            "id": entry.meta.get("account-id"),
            "code": entry.meta.get("code"),
            "system": entry.meta.get("system"),
            "amounts": {position.units.currency: str(position.units.number) for position in positions},
        }
print(
    json.dumps(
        {
            "errors": [error.message for error in errors],
            "balances": balances,
            "transactions": sum(isinstance(entry, data.Transaction) for entry in entries),
            "assertions": sum(isinstance(entry, data.Balance) for entry in entries),
            "narrations": sorted({entry.narration for entry in entries if isinstance(entry, data.Transaction)}),
        }
    )
)
