// The month of treasury-month.mjs in a database: who and what must be there before its events come, and what is in the
// books after them, told in names that do not differ from month to month.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { FEE_CHANGES, PEOPLE, SELLERS, START, rulesOf } from './treasury-month.mjs';

const DAY = 86_400;

/** A uuid that follows from a text. */
function idOf(text) {
  const hex = createHash('sha256').update(text).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join('-');
}

const addVersion = `insert into treasury.split_rule_versions (id, rule_id, version, owner_id, currency, rules, is_default, valid_from)
  values (gen_random_uuid(), $1, $2, $3, $4, $5, $6, to_timestamp($7))`;

async function addRule(sql, { owner, currency, is_default: isDefault, versions }, people) {
  const now = versions.at(-1)[1];
  const person = people[owner] ?? null;
  const [{ id }] = await sql(
    `insert into treasury.split_rules (owner_id, name, rules, is_default, currency) values ($1, 'Rule', $2, $3, $4) returning id`,
    [person, JSON.stringify(now ?? []), isDefault, currency],
  );
  if (!now) await sql('delete from treasury.split_rules where id = $1', [id]);
  for (const [n, [at, rules]] of versions.entries()) {
    await sql(addVersion, [id, n + 1, person, currency, rules && JSON.stringify(rules), Boolean(rules) && isDefault, at]);
  }
  return id;
}

async function addPerson(sql, id, role) {
  await sql(
    `insert into identity.users (id, email, name, system, email_confirmed_at) values ($1, $2, 'Asha', 'treasury', now())
     on conflict do nothing`,
    [id, `${id}@example.test`],
  );
  await sql(`select backoffice.grant_role($1, 'treasury', $2)`, [id, role]);
}

/** pg_cron pays everybody every minute of some hours of the night, in the middle of a month that is delivered then. */
async function noPayday(sql) {
  await sql(`select ops.set_job('run_payouts', true, '0 0 29 2 *')`);
  const cron = await sql(`select from pg_extension where extname = 'pg_cron'`);
  if (cron.length > 0) await sql('select ops.schedule_jobs()');
}

/** The platform's own: its fee, which changed within the month, and its default for euros. Once for a database. */
export async function foundPlatform(sql) {
  await noPayday(sql);
  const platform = idOf('platform');
  await addPerson(sql, platform, 'platform');
  const [{ count }] = await sql('select count(*) from treasury.platform_fees where valid_from < to_timestamp($1)', [START]);
  if (count === '0') {
    const fees = [
      [START - 60 * DAY, 250, { USD: 30, GBP: 20 }],
      [FEE_CHANGES, 300, { USD: 25, JPY: 40 }],
    ];
    for (const [at, points, fixed] of fees) {
      await sql(
        `insert into treasury.platform_fees (id, basis_points, fixed, valid_from) values (gen_random_uuid(), $1, $2, to_timestamp($3))`,
        [points, JSON.stringify(fixed), at],
      );
    }
    const shares = [{ recipient_id: 'owner', percent: 95 }, { recipient_id: platform, percent: 5 }];
    await addRule(sql, { owner: null, currency: 'EUR', is_default: true, versions: [[START - 60 * DAY, shares]] }, {});
  }
}

/** The people of a month with their accounts at Stripe and their rules; `people` and `rules` are ids by name. */
export async function found(sql, prefix) {
  const people = Object.fromEntries(PEOPLE.map((name) => [name, idOf(`${prefix} ${name}`)]));
  for (const name of PEOPLE) {
    await addPerson(sql, people[name], SELLERS.includes(name) ? 'host' : name.startsWith('buyer') ? 'buyer' : 'artist');
  }
  for (const name of SELLERS) {
    await sql('select treasury.link_stripe_account($1, $2)', [people[name], `acct_${prefix}_${name}`]);
  }
  const rules = {};
  for (const [name, rule] of Object.entries(rulesOf(people))) rules[name] = await addRule(sql, rule, people);
  return { prefix, people, rules };
}

/** Balances of the accounts that all months share, to tell what one of them did. */
export async function sharedBalances(sql) {
  const rows = await sql(
    `select code, posted from ledger.balances where system = 'treasury'
        and (code not like 'earnings:%' or code like 'earnings:' || $1 || ':%')`,
    [idOf('platform')],
  );
  return new Map(rows.map(({ code, posted }) => [code, BigInt(posted)]));
}

/** What is told of each thing, with `p` for the month's prefix. */
const TABLES = {
  charges: `select stripe_charge_id as id, status, amount_cents, currency, owner_id, buyer_id, split_rule_id, split_version,
      refunded_cents, reported_refunded_cents, released_cents, disputed_cents, payment_intent_id, charged_at, captured_at,
      (select json_agg(json_build_array(s.party, s.user_id, s.amount_cents) order by s.position)
         from treasury.charge_shares s where s.charge_id = c.id) as shares
    from treasury.charges c where stripe_charge_id like $1`,
  refunds: `select stripe_refund_id as id, original_charge_id, status, amount_cents, currency, failure_reason, event_at
    from treasury.refunds where stripe_refund_id like $1`,
  disputes: `select stripe_dispute_id as id, charge_id, status, amount_cents, currency, reason, due_by, withdrawn_cents,
      fee_cents, event_at from treasury.disputes where stripe_dispute_id like $1`,
  transactions: `select id, type, source_id, amount_cents, fee_cents, currency, dispute_id is null as free
    from treasury.balance_transactions where id like $1`,
  // Whether it has an entry depends on the way: one that is first heard of when it is canceled takes nothing.
  payouts: `select stripe_payout_id as id, user_id, status, amount_cents, currency, method, stripe_account_id, failure_code, completed_at, event_at
    from treasury.payouts where stripe_payout_id like $1`,
  accounts: `select stripe_account_id as id, onboarding_status, charges_enabled, payouts_enabled, details_submitted,
      requirements, live, event_at from treasury.stripe_accounts where stripe_account_id like $1`,
};

/** The earnings of a month's people, by name and currency, and what it did to the platform's accounts. */
async function balances(sql, { people }, before) {
  const names = new Map(Object.entries(people).map(([name, id]) => [id, name]));
  const rows = await sql(
    `select split_part(code, ':', 2) as person, currency, posted from ledger.balances
      where system = 'treasury' and code like 'earnings:%' and split_part(code, ':', 2) = any ($1)`,
    [Object.values(people)],
  );
  const earned = rows.map(({ person, currency, posted }) => [`${names.get(person)}:${currency}`, posted]);
  const shared = await sharedBalances(sql);
  const moved = [...shared].map(([code, posted]) => [code, String(posted - (before.get(code) ?? 0n))]);
  // Whether an account was opened for nothing does not matter.
  return Object.fromEntries([...earned, ...moved].filter(([, posted]) => posted !== '0').toSorted());
}

/** All that a month left behind. `before` is what sharedBalances said before its first event. */
export async function stateOf(sql, world, before) {
  const { prefix, people, rules } = world;
  const names = new Map(Object.entries(people).map(([name, id]) => [id, name]));
  const ruleNames = new Map(Object.entries(rules).map(([name, id]) => [id, name]));
  // Ids differ from month to month, what they stand for does not.
  const told = (key, value) => {
    if (typeof value !== 'string') return value;
    if (key === 'split_rule_id') return ruleNames.get(value) ?? 'of the platform';
    return names.get(value) ?? value.replaceAll(`_${prefix}_`, '_p_');
  };
  const state = { balances: await balances(sql, world, before) };
  for (const [table, query] of Object.entries(TABLES)) {
    const rows = await sql(query, [`%\\_${prefix}\\_%`]);
    const plain = JSON.parse(JSON.stringify(rows), told);
    state[table] = Object.fromEntries(plain.map(({ id, ...row }) => [id, row]).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
  return state;
}

/** What a month's events came to: how many are in each state, and the errors of those that failed. */
export async function eventsOf(sql, prefix) {
  const rows = await sql(
    `select status, error_code, count(*)::int from ops.webhook_events where event_key like $1 group by 1, 2`,
    [`evt\\_${prefix}\\_%`],
  );
  return Object.fromEntries(rows.map(({ status, error_code: code, count }) => [code ? `${status} ${code}` : status, count]));
}

/** What failed is tried again, as the job retry_webhooks would, until all is processed; what there was at first. */
export async function settled(sql, prefix) {
  const first = await eventsOf(sql, prefix);
  let now = first;
  for (let tries = 0; tries < 5 && Object.keys(now).join() !== 'processed'; tries += 1) {
    await sql(`select ops.replay_webhooks('stripe', now() - interval '1 day')`);
    now = await eventsOf(sql, prefix);
  }
  assert.deepEqual(Object.keys(now), ['processed'], JSON.stringify(now));
  return first;
}

/** Fails with the first things that differ. */
export function assertSame(state, reference, what) {
  for (const table of Object.keys(reference)) {
    const ids = [...new Set([...Object.keys(reference[table]), ...Object.keys(state[table])])];
    const differ = ids.filter((id) => JSON.stringify(state[table][id]) !== JSON.stringify(reference[table][id]));
    const shown = differ.slice(0, 3).map((id) => [id, { is: state[table][id], inOrder: reference[table][id] }]);
    assert.equal(differ.length, 0, `${what}: ${differ.length} of ${ids.length} ${table} differ: ${JSON.stringify(shown)}`);
  }
}
