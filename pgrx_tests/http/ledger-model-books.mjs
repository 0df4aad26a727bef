// The ledger as the model's tests use it: requests as SQL, what the tables say, and what must hold of them.

import assert from 'node:assert/strict';

const MIN = -(2n ** 63n);
/** A balance is a bigint: the function says the least there is where the true one is less. */
export const clamp = (number) => String(number < MIN ? MIN : number);
const text = (amount) => (amount === null || amount === undefined ? null : String(amount));
const DEBIT_NORMAL = ['asset', 'expense'];
const sum = (items, amount) => items.reduce((all, item) => all + BigInt(amount(item)), 0n);

/** The books of one system, with accounts numbered as the model numbers them. */
export class Books {
  constructor(system, accounts) {
    Object.assign(this, { system, accounts, ids: [] });
  }

  async open(query) {
    for (const [n, account] of this.accounts.entries()) {
      const [{ id }] = await query(
        `select ledger.open_account($1, $2, $3, $4, p_max_overdraft => $5, p_stripes => $6, p_max_balance => $7)::text as id`,
        [this.system, `a${n}`, account.currency, account.class, text(account.overdraft), account.stripes, text(account.most)],
      );
      this.ids.push(id);
    }
  }

  number(id) {
    return this.ids.indexOf(String(id));
  }

  // The account after the last does not exist.
  id = (n) => this.ids[n] ?? '0';
  code = (n) => `a${n}`;

  leg({ debit, credit, amount, id }, byCode) {
    const named = byCode
      ? { debit: this.code(debit), credit: this.code(credit) }
      : { debit_account_id: Number(this.id(debit)), credit_account_id: Number(this.id(credit)) };
    return { ...named, amount: String(amount), ...(id ? { id } : {}) };
  }

  legs = (legs, byCode) => JSON.stringify(legs.map((leg) => this.leg(leg, byCode)));
  pair = ({ debit, credit, byCode }) => (byCode ? [this.code(debit), this.code(credit), null, null] : [null, null, this.id(debit), this.id(credit)]);

  /** The statement of a request. */
  call(request) {
    const [text, params] = CALLS[request.op](request, this);
    return { text, values: params };
  }

  /** Everything that the tables say of these accounts. */
  async read(query) {
    const [state] = await query({ name: 'model books', text: STATE, values: [this.ids] });
    for (const account of state.accounts) account.n = this.number(account.id);
    return state;
  }
}

const CALLS = {
  transfer: ({ amount, id, kind, note, ...request }, books) => [
    `select * from ledger.transfer($1, $2, $3, $4, $5, p_id => $6, p_description => $7, p_debit_account_id => $8, p_credit_account_id => $9)`,
    [books.system, ...books.pair(request).slice(0, 2), text(amount), kind, id, note, ...books.pair(request).slice(2)],
  ],
  balance: ({ amount, how, id, kind, note, ...request }, books) => [
    `select * from ledger.transfer($1, $2, $3, $4, $5, p_id => $6, p_description => $7, p_debit_account_id => $8, p_credit_account_id => $9, p_balancing => $10)`,
    [books.system, ...books.pair(request).slice(0, 2), amount === 2n ** 63n - 1n ? null : text(amount), kind, id, note, ...books.pair(request).slice(2), how],
  ],
  journal: ({ legs, kind, id, note, key, byCode }, books) => [
    `select * from ledger.post_journal($1, $2, $3, p_id => $4, p_description => $5, p_key => $6)`,
    [books.system, kind, books.legs(legs, byCode), id, note, key],
  ],
  batch: ({ items, mode, byCode }, books) => [
    `select * from ledger.post_batch($1, 'move', $2, $3) order by position`,
    [books.system, books.legs(items, byCode), mode],
  ],
  sweep: ({ from, to, kind, id, note, byCode }, books) =>
    byCode
      ? [`select * from ledger.sweep($1, $2, $3, $4, p_id => $5, p_description => $6)`, [books.system, books.code(to), from.map(books.code), kind, id, note]]
      : [
          `select * from ledger.sweep($1, p_kind => $2, p_id => $3, p_description => $4, p_to_account_id => $5, p_from_account_ids => $6)`,
          [books.system, kind, id, note, books.id(to), from.map(books.id)],
        ],
  undo: ({ of, part, note, id }) => [`select * from ledger.reverse_transfer($1, $2, $3, $4)`, [of, note ?? 'undone', id, text(part)]],
  undoJournal: ({ journal, note, id }) => [`select * from ledger.reverse_journal($1, $2, $3)`, [journal, note ?? 'undone', id]],
  hold: ({ amount, id, kind, note, ...request }, books) => [
    `select * from ledger.hold($1, $2, $3, $4, $5, p_id => $6, p_description => $7, p_debit_account_id => $8, p_credit_account_id => $9)`,
    [books.system, ...books.pair(request).slice(0, 2), text(amount), kind, id, note, ...books.pair(request).slice(2)],
  ],
  settle: ({ hold, part, id, last }) => [`select * from ledger.settle($1, $2, $3, $4)`, [hold, text(part), id, last]],
  release: ({ hold }) => [`select * from ledger.release($1)`, [hold]],
  // Its time comes: nobody waits for it here. The trigger that lets nobody change it steps aside for that moment.
  expire: ({ hold }) => [`do $$
    begin
      alter table ledger.holds disable trigger holds_fixed;
      update ledger.holds set expires_at = clock_timestamp() - interval '1 s' where id = '${hold}' and status = 'open';
      alter table ledger.holds enable always trigger holds_fixed;
    end $$`, []],
  tidy: () => [`select ledger.expire_holds(10000)`, []],
  limit: ({ account, overdraft, most }, books) => [`select * from ledger.set_limit($1, $2, $3)`, [books.id(account), text(overdraft), text(most)]],
  freeze: ({ account, on }, books) => [`select * from ledger.${on ? 'freeze' : 'unfreeze'}_account($1, 'test')`, [books.id(account)]],
  close: ({ account }, books) => [`select ledger.close_account($1)`, [books.id(account)]],
};

const STATE = `
  select (select json_agg(json_build_object('id', a.id::text, 'class', a.class, 'currency', a.currency,
                 'debits', (a.debits_posted + coalesce(s.debits, 0))::text, 'credits', (a.credits_posted + coalesce(s.credits, 0))::text,
                 'debitsPending', a.debits_pending::text, 'creditsPending', a.credits_pending::text,
                 'overdraft', a.max_overdraft::text, 'most', a.max_balance::text,
                 'frozen', a.frozen_at is not null, 'closed', a.closed_at is not null, 'stripes', coalesce(s.rows, '[]'),
                 'posted', b.posted::text, 'held', b.held::text, 'available', b.available::text) order by a.id)
            from ledger.accounts a
            join ledger.balances b on b.account_id = a.id
            left join lateral (
                  select sum(x.debits_posted) as debits, sum(x.credits_posted) as credits,
                         json_agg(json_build_array(x.debits_posted::text, x.credits_posted::text, x.overdraft_share::text, x.balance_share::text, x.frozen)
                                  order by x.stripe) as rows
                    from ledger.account_stripes x where x.account_id = a.id) s on true
           where a.id = any($1::bigint[])) as accounts,
         (select coalesce(json_agg(json_build_object('id', t.id, 'debit', t.debit_account_id::text, 'credit', t.credit_account_id::text,
                 'amount', t.amount::text, 'journal', t.journal_id, 'hold', t.hold_id, 'reverses', t.reverses_id,
                 'note', t.description, 'kind', t.kind_id) order by t.id), '[]')
            from ledger.transfers t where t.debit_account_id = any($1::bigint[])) as transfers,
         (select coalesce(json_agg(json_build_object('id', h.id, 'debit', h.debit_account_id::text, 'credit', h.credit_account_id::text,
                 'amount', h.amount::text, 'settled', h.settled_amount::text, 'status', h.status,
                 'due', coalesce(h.expires_at <= clock_timestamp(), false)) order by h.id), '[]')
            from ledger.holds h where h.debit_account_id = any($1::bigint[])) as holds,
         (select count(*) from ledger.journals j
           where j.id in (select t.journal_id from ledger.transfers t where t.debit_account_id = any($1::bigint[]))) as journals,
         (select count(*) from ledger.journal_keys k
           where k.system = (select a.system from ledger.accounts a where a.id = ($1::bigint[])[1])) as keys`;

/** What must hold of the tables, whatever the model says. */
export function assertInvariants({ accounts, transfers, holds }) {
  for (const currency of new Set(accounts.map((account) => account.currency))) {
    const own = accounts.filter((account) => account.currency === currency);
    assert.equal(sum(own, ({ debits }) => debits), sum(own, ({ credits }) => credits), `conservation of ${currency}`);
  }
  for (const account of accounts) assertAccount(account, transfers, holds);
  for (const hold of holds) {
    const settled = sum(transfers.filter((transfer) => transfer.hold === hold.id), ({ amount }) => amount);
    assert.equal(hold.settled, String(settled), `settled of hold ${hold.id}`);
    assert.ok(settled <= BigInt(hold.amount), `hold ${hold.id} is settled beyond its amount`);
  }
  for (const of of transfers) {
    const undone = sum(transfers.filter(({ reverses }) => reverses === of.id), ({ amount }) => amount);
    assert.ok(undone <= BigInt(of.amount), `transfer ${of.id} is undone beyond its amount`);
  }
}

function assertAccount(account, transfers, holds) {
  const of = (items, side) => items.filter((item) => item[side] === account.id);
  const left = (items) => String(sum(items, ({ amount, settled }) => BigInt(amount) - BigInt(settled)));
  const open = holds.filter(({ status }) => status === 'open');
  const live = open.filter(({ due }) => !due);
  const name = `account ${account.n}: `;
  for (const [counter, side] of [['debits', 'debit'], ['credits', 'credit']]) {
    assert.equal(account[counter], String(sum(of(transfers, side), ({ amount }) => amount)), `${name}${counter} posted`);
    assert.equal(account[`${counter}Pending`], left(of(open, side)), `${name}${counter} pending`);
    for (const part of [account[counter], account[`${counter}Pending`], ...account.stripes.flatMap((stripe) => stripe.slice(0, 2))]) {
      assert.ok(BigInt(part) >= 0n, `${name}a part of ${counter} below zero`);
    }
  }
  const debitNormal = DEBIT_NORMAL.includes(account.class);
  const net = debitNormal ? BigInt(account.debits) - BigInt(account.credits) : BigInt(account.credits) - BigInt(account.debits);
  const [held, expected] = (debitNormal ? ['credit', 'debit'] : ['debit', 'credit']).map((side) => BigInt(left(of(live, side))));
  assert.deepEqual([account.posted, account.held, account.available], [net, held, net - held].map(String), `${name}balance`);
  const [overdraft, most] = [account.overdraft, account.most].map((limit) => (limit === null ? null : BigInt(limit)));
  assert.ok(overdraft === null || net - held >= -overdraft, `${name}overdraft`);
  assert.ok(most === null || net + expected <= most, `${name}balance limit`);
  assertShares(account, { debitNormal, held, expected, overdraft, most });
}

/** No stripe is beyond its share, and all shares together are no more than the limits leave. */
function assertShares({ n, stripes, frozen }, { debitNormal, held, expected, overdraft, most }) {
  const shares = [0n, 0n];
  for (const [debits, credits, low, high, isFrozen] of stripes) {
    const net = (BigInt(debits) - BigInt(credits)) * (debitNormal ? 1n : -1n);
    assert.deepEqual([low !== null, high !== null, isFrozen], [overdraft !== null, most !== null, frozen], `account ${n}: what its stripes know`);
    assert.ok(low === null || net + BigInt(low) >= 0n, `account ${n}: a stripe below its share`);
    assert.ok(high === null || net <= BigInt(high), `account ${n}: a stripe above its share`);
    shares[0] += BigInt(low ?? 0);
    shares[1] += BigInt(high ?? 0);
  }
  if (stripes.length === 0) return;
  assert.ok(overdraft === null || shares[0] <= overdraft - held, `account ${n}: shares of the overdraft`);
  assert.ok(most === null || shares[1] <= most - expected, `account ${n}: shares of the balance`);
}
