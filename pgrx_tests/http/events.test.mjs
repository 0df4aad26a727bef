// Events: whoever listens learns of every change once, by ids only, and not too often.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import pg from 'pg';
import { sql } from './support.mjs';
import { BANK, allocate, newAdmin, newPromoter, ok, quietCustomer, quietPromoter } from './network-support.mjs';

const { DATABASE_URL } = process.env;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const listener = new pg.Client({ connectionString: DATABASE_URL });
let heard = [];
listener.on('notification', ({ payload }) => heard.push({ at: Date.now(), payload, ...JSON.parse(payload) }));

/** Waits until `found(heard)` is truthy, and returns it. */
async function until(found, ms = 3000) {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(20)) {
    const result = found();
    if (result) return result;
  }
  assert.fail(`heard only ${JSON.stringify(heard.map(({ payload }) => payload))}`);
}

const of = (table, user, event) =>
  heard.filter((one) => one.table === table && one.user_id === user && (!event || one.event === event));

const worker = async () =>
  (await sql(`select pid, xact_start, backend_xmin from pg_stat_activity where backend_type = 'backoffice events'`))[0];

let admin;
/** Every INSERT heard in the whole file, for none may come twice. */
const inserts = [];

before(async () => {
  await listener.connect();
  await listener.query('listen backoffice');
  admin = await newAdmin();
  // The process may have looked for the database before it was there; it tries every other second.
  const probe = await quietPromoter(admin);
  for (let tries = 0; tries < 60 && of('pin_transactions', probe.id, 'INSERT').length === 0; tries += 1) {
    await allocate(admin, probe.id, 1);
    await sleep(300);
  }
});
beforeEach(() => (heard = []));
afterEach(() => inserts.push(...heard.filter(({ event }) => event === 'INSERT').map(({ payload }) => payload)));
after(() => listener.end());

describe('the three subscriptions', () => {
  test('a new customer is a PIN transaction and a commission for each recipient, by ids only', async () => {
    const asha = await newPromoter(admin);
    const bela = await newPromoter(asha);
    heard = [];
    await quietCustomer(admin, bela.id);
    const [commission] = await until(() => of('affiliate_commissions', asha.id).length && of('affiliate_commissions', asha.id));
    await until(() => of('affiliate_commissions', bela.id).length === 1);
    // One gave the PIN, the other took it.
    await until(() => of('pin_transactions', bela.id).length === 2);
    for (const one of heard) {
      const { system, table, event, id, user_id } = JSON.parse(one.payload);
      assert.deepEqual(JSON.parse(one.payload), { system, table, event, id, user_id });
      assert.ok(['pin_transactions', 'affiliate_commissions'].includes(table), one.payload);
      assert.deepEqual([system, event], ['network', 'INSERT']);
      assert.match(id, table === 'pin_transactions' ? /^[0-9a-f-]{36}$/ : /^\d+$/);
    }
    // What the row says is for those whom Row Level Security shows it.
    const read = (who) => ok(who.from('affiliate_commissions').select('amount').eq('id', commission.id));
    assert.deepEqual(await read(asha), [{ amount: 100 }]);
    assert.deepEqual(await read(bela), []);
  });

  test('a withdrawal is told when it changes, not when it is made', async () => {
    const asha = await newPromoter(admin);
    await quietCustomer(admin, asha.id);
    const { id } = await ok(asha.rpc('create_withdrawal_request', { p_promoter_id: asha.id, p_amount: 200, p_bank_details: BANK }));
    await sleep(400);
    assert.deepEqual(of('withdrawal_requests', asha.id), []);
    for (const [times, p_status] of [[1, 'approved'], [2, 'processed']]) {
      await ok(admin.rpc('process_withdrawal_request', { p_request_id: id, p_admin_id: admin.id, p_status }));
      await until(() => of('withdrawal_requests', asha.id).length === times);
    }
    assert.deepEqual(of('withdrawal_requests', asha.id).map((one) => [one.event, one.id]), [['UPDATE', id], ['UPDATE', id]]);
  });

  test('a new alert is told too, as nobody\'s own', async () => {
    await sql(`update ops.outbox set status = 'dead', given_up_at = now() where id = (
      select id from ops.outbox where status = 'pending' limit 1)`);
    await sql(`update ops.alerts set resolved_at = now(), resolution = 'x' where kind = 'outbox_dead' and resolved_at is null`);
    await sql(`update ops.outbox set given_up_at = clock_timestamp() + interval '1 second' where status = 'dead'`);
    await sql('select ops.run_checks()');
    const { event, user_id } = await until(() => heard.find((one) => one.system === 'ops' && one.table === 'alerts'));
    assert.deepEqual([event, user_id], ['INSERT', null]);
  });
});

describe('not too often', () => {
  test('a burst of fifty is at most ten a second, and the last one says that there was more', async () => {
    const asha = await quietPromoter(admin);
    const bela = await quietPromoter(admin);
    await Promise.all(Array.from({ length: 50 }, () => sql('select network.admin_allocate_pins($1, 1)', [asha.id])));
    await allocate(admin, bela.id, 1);
    // Somebody else's burst holds nobody up.
    await until(() => of('pin_transactions', bela.id, 'INSERT').length === 1, 800);
    await until(() => of('pin_transactions', asha.id, 'more').length === 1);
    await sleep(1500);
    const mine = of('pin_transactions', asha.id);
    assert.equal(mine.length, 11);
    assert.deepEqual([mine.at(-1).event, mine.at(-1).id], ['more', null]);
    for (let i = 0; i + 10 < mine.length; i += 1) assert.ok(mine[i + 10].at - mine[i].at >= 1000, `event ${i + 10}`);
    // Afterwards each is told again.
    await allocate(admin, asha.id, 1);
    await until(() => of('pin_transactions', asha.id, 'INSERT').length === 11);
  });
});

describe('each once, and none lost', () => {
  test('what a slow transaction wrote is told when it commits, savepoints included', async () => {
    const [asha, bela, carl] = [await quietPromoter(admin), await quietPromoter(admin), await quietPromoter(admin)];
    const slow = new pg.Client({ connectionString: DATABASE_URL });
    await slow.connect();
    try {
      await slow.query('begin');
      await slow.query('select network.admin_allocate_pins($1, 1)', [asha.id]);
      await slow.query('savepoint one');
      await slow.query('select network.admin_allocate_pins($1, 1)', [bela.id]);
      await slow.query('release one');
      await slow.query('savepoint two');
      await slow.query('select network.admin_allocate_pins($1, 1)', [carl.id]);
      await slow.query('rollback to two');
      // Longer than the slack of the looks, with looks that find something.
      for (let i = 0; i < 7; i += 1) {
        await quietCustomer(admin, (await quietPromoter(admin)).id);
        await sleep(1000);
      }
      assert.deepEqual([...of('pin_transactions', asha.id), ...of('pin_transactions', bela.id)], []);
      await slow.query('commit');
    } finally {
      await slow.end();
    }
    await until(() => of('pin_transactions', asha.id).length === 1 && of('pin_transactions', bela.id).length === 1);
    await sleep(500);
    assert.deepEqual(of('pin_transactions', carl.id), []);
    assert.equal(of('pin_transactions', asha.id).length + of('pin_transactions', bela.id).length, 2);
  });

  test('a transaction that began long before it wrote is told too', async () => {
    const asha = await newPromoter(admin);
    await quietCustomer(admin, asha.id);
    const { id } = await ok(asha.rpc('create_withdrawal_request', { p_promoter_id: asha.id, p_amount: 100, p_bank_details: BANK }));
    const slow = new pg.Client({ connectionString: DATABASE_URL });
    await slow.connect();
    try {
      await slow.query('begin');
      await slow.query('select 1');
      for (let i = 0; i < 7; i += 1) {
        await allocate(admin, asha.id, 1);
        await sleep(1000);
      }
      // Its now() is seven seconds ago, and so is the row's updated_at.
      await slow.query(`select network.process_withdrawal_request($1, null, 'rejected')`, [id]);
      await slow.query('commit');
    } finally {
      await slow.end();
    }
    await until(() => of('withdrawal_requests', asha.id).length === 1);
  });

  test('many writers at once: everybody hears of their own', async () => {
    const people = await Promise.all(Array.from({ length: 12 }, () => quietPromoter(admin)));
    await Promise.all(people.map(({ id }) => allocate(admin, id, 1)));
    await until(() => people.every(({ id }) => of('pin_transactions', id).length === 1));
  });

  test('nothing was told twice', () => {
    assert.ok(inserts.length > 20);
    assert.equal(new Set(inserts).size, inserts.length);
  });
});

describe('the process', () => {
  test('it keeps no transaction open', async () => {
    for (let i = 0; i < 10; i += 1) {
      const { xact_start } = await worker();
      assert.ok(!xact_start || Date.now() - xact_start < 1000);
      await sleep(50);
    }
  });

  test('when it was away, it says that there may be more, and goes on', async () => {
    const { pid } = await worker();
    await sql('select pg_terminate_backend($1)', [pid]);
    await until(() => heard.some((one) => one.event === 'more' && one.user_id === null && one.table === 'withdrawal_requests'), 15000);
    assert.notEqual((await worker()).pid, pid);
    const asha = await quietPromoter(admin);
    await allocate(admin, asha.id, 1);
    await until(() => of('pin_transactions', asha.id, 'INSERT').length === 1);
  });
});

test('the publication has ids only, and enabling it again changes nothing', async () => {
  const tables = `select schemaname || '.' || tablename as name, attnames::text[] as columns
    from pg_publication_tables where pubname = 'supabase_realtime' order by 1`;
  const wanted = [
    { name: 'network.affiliate_commissions', columns: ['id', 'recipient_id'] },
    { name: 'network.pin_transactions', columns: ['id', 'user_id'] },
    { name: 'network.withdrawal_requests', columns: ['id', 'promoter_id'] },
    { name: 'treasury.charges', columns: ['id', 'owner_id'] },
    { name: 'treasury.disputes', columns: ['id'] },
    { name: 'treasury.payouts', columns: ['id', 'user_id'] },
    { name: 'treasury.refunds', columns: ['id'] },
  ];
  assert.deepEqual(await sql(tables), wanted);
  await sql('select ops.enable_realtime()');
  assert.deepEqual(await sql(tables), wanted);
});
