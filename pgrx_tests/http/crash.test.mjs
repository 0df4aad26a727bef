// The server is killed under load, as by a power cut, several times: what was answered with success is there, what was
// refused is not, the books agree, and PostgREST finds the server again by itself.

import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { NO_LIMITS, ownServers } from './own-servers.mjs';

const servers = ownServers('crash', NO_LIMITS);
const { API_URL, DATABASE_URL, SERVICE_KEY, uniqueEmail } = await import('./support.mjs');
const { default: pg } = await import('pg');
after(() => servers.stop());

const ROUNDS = 3;
const CLIENTS = 8;
const PASSWORD = 'a quiet river at dawn';

/** A connection of its own each time: those from before a crash are dead. */
async function sql(text, params = []) {
  const client = new pg.Client({ connectionString: DATABASE_URL });
  await client.connect();
  try {
    return (await client.query(text, params)).rows;
  } finally {
    await client.end();
  }
}

/**
 * The status of a request, or null where nobody knows what became of it: no answer came, a 5xx did, or the 400 without
 * a code with which PostgREST 12 says that it lost the server while it waited.
 */
async function post(path, body, { token = SERVICE_KEY, headers = {} } = {}) {
  try {
    const response = await fetch(`${API_URL}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(20_000),
    });
    const answer = await response.json();
    const known = response.status < 500 && !(response.status === 400 && answer.code === '');
    return { status: known ? response.status : null, body: answer };
  } catch {
    return { status: null };
  }
}

let promoters, taken;
const acknowledged = [];
before(async () => {
  await sql('select backoffice.bootstrap_admin($1, $2)', ['admin@example.test', PASSWORD]);
  await sql(`select backoffice.set_setting('identity', 'invites_per_minute', '100000'), backoffice.set_setting('identity', 'invites_per_day', '1000000')`);
  promoters = [];
  for (let i = 0; i < 3; i += 1) {
    const email = uniqueEmail('promoter');
    const [{ id }] = await sql('select id from network.create_unified_promoter($1, $2, $3, null, null, $4)', [
      'Asha', email, PASSWORD, promoters.at(-1)?.id ?? null,
    ]);
    await sql(`select network.admin_allocate_pins($1, 1000000), network.update_promoter_wallet($1, 1000000, 'credit')`, [id]);
    const { body } = await post('/network/auth/v1/token?grant_type=password', { email, password: PASSWORD });
    promoters.push({ id, token: body.access_token });
  }
  taken = uniqueEmail('taken');
  await sql('select network.create_customer_with_commission($1, $2)', [promoters[0].id, { name: 'Ravi', email: taken }]);
  await sql(`select ledger.open_account('crash', 'bank', 'INR', 'asset'),
                    ledger.open_account('crash', 'till', 'INR', 'asset', p_max_overdraft => 0)`);
});

/** The kinds of writes. Each has an id that the client chose, so that it can be looked for and sent again. */
const WRITES = [
  {
    weight: 5,
    make: (id) => {
      const { id: p_promoter_id, token } = promoters[randomInt(promoters.length)];
      return ['/network/rest/v1/rpc/create_customer_with_commission', { p_promoter_id, p_customer_data: { id, name: 'Ravi', email: uniqueEmail() } }, { token }];
    },
    find: 'select id from network.customers',
  },
  {
    weight: 1, // refused: the address is somebody's
    make: (id) => ['/network/rest/v1/rpc/create_customer_with_commission', { p_promoter_id: promoters[0].id, p_customer_data: { id, name: 'Ravi', email: taken } }, { token: promoters[0].token }],
    find: 'select id from network.customers',
  },
  {
    weight: 5,
    make: (p_id) => ['/ledger/rest/v1/rpc/transfer', { p_system: 'crash', p_debit: 'till', p_credit: 'bank', p_amount: 1 + randomInt(9), p_id }],
    find: 'select id from ledger.transfers',
  },
  {
    weight: 1, // refused: the till never has so much
    make: (p_id) => ['/ledger/rest/v1/rpc/transfer', { p_system: 'crash', p_debit: 'bank', p_credit: 'till', p_amount: 1_000_000_000, p_id }],
    find: 'select id from ledger.transfers',
  },
  {
    weight: 3,
    make: (key) => {
      const { id: p_promoter_id, token } = promoters[randomInt(promoters.length)];
      const p_bank_details = { account_holder_name: 'Asha', account_number: '123456789012', ifsc_code: 'HDFC0001234' };
      return ['/network/rest/v1/rpc/create_withdrawal_request', { p_promoter_id, p_amount: 100, p_bank_details }, { token, headers: { 'idempotency-key': key } }];
    },
    find: 'select key::uuid as id from backoffice.idempotency_keys',
  },
];
const DRAWN = WRITES.flatMap((write) => Array(write.weight).fill(write));

/** Clients that write until told to stop; each write with what became of it. */
function load() {
  const done = [];
  let running = true;
  const client = async () => {
    while (running) {
      const write = DRAWN[randomInt(DRAWN.length)];
      const id = randomUUID();
      const request = write.make(id);
      const { status, body } = await post(...request);
      done.push({ write, id, request, status, body });
      if (status === null) await pause(20);
    }
  };
  const clients = Promise.all(Array.from({ length: CLIENTS }, client));
  return {
    done,
    stop: async () => {
      running = false;
      await clients;
    },
  };
}

const postgrest = () => readFileSync(`${servers.folder}/run/postgrest.pid`, 'utf8');

/** Which of these ids exist. */
async function existing(find, ids) {
  return new Set((await sql(`select id from (${find}) x where id = any ($1::uuid[])`, [ids])).map(({ id }) => id));
}

async function assertConsistent() {
  assert.deepEqual(await sql('select * from network.check()'), []);
  assert.deepEqual(await sql('select * from ledger.check()'), []);
}

/** What became of each write must be what its client was told. */
async function assertAsTold(done) {
  const answered = { success: 0, refused: 0, unknown: 0 };
  for (const write of WRITES) {
    const own = done.filter((one) => one.write === write);
    const there = await existing(write.find, own.map(({ id }) => id));
    for (const { id, status, request, body } of own) {
      const kind = status === null ? 'unknown' : status < 300 ? 'success' : 'refused';
      answered[kind] += 1;
      if (kind === 'success') assert.ok(there.has(id), `acknowledged and lost: ${JSON.stringify(request)}`);
      if (kind === 'refused') {
        assert.equal(status, 409, JSON.stringify([request, body]));
        assert.ok(!there.has(id), `refused and there: ${JSON.stringify(request)}`);
      }
    }
  }
  return answered;
}

for (let round = 1; round <= ROUNDS; round += 1) {
  test(`killed under load, ${round} of ${ROUNDS}`, { timeout: 60_000 }, async (t) => {
    const api = postgrest();
    const { done, stop } = load();
    try {
      await pause(500 + randomInt(2000));
      servers.kill();
      await pause(randomInt(300));
    } finally {
      await stop();
    }

    servers.start();
    assert.equal(postgrest(), api, 'PostgREST was not restarted');
    let status;
    for (let tries = 0; tries < 300 && status !== 200; tries += 1) {
      status = (await post('/network/rest/v1/rpc/get_pin_balance', { p_user_id: promoters[0].id })).status;
      if (status !== 200) await pause(50);
    }
    assert.equal(status, 200, 'PostgREST finds the server again');

    const told = await assertAsTold(done);
    assert.ok(told.success > 0 && told.unknown > 0, JSON.stringify(told));
    await assertConsistent();

    // Whoever got no answer asks again under the same id: it is done once, whether or not it was done before.
    const unknown = done.filter((one) => one.status === null);
    for (const one of unknown) one.status = (await post(...one.request)).status;
    const now = await assertAsTold(done);
    assert.equal(now.unknown, 0);
    await assertConsistent();
    t.diagnostic(`${told.success} acknowledged, ${told.refused} refused, ${told.unknown} without an answer`);
    acknowledged.push(...done.filter((one) => one.status !== null && one.status < 300));
  });
}

test('in the end there is exactly what was acknowledged', async () => {
  const times = (index) => acknowledged.filter((one) => one.write === WRITES[index]).length;
  const [counts] = await sql(`
    select (select count(*)::int from network.customers) as customers,
           (select count(*)::int from network.withdrawal_requests) as withdrawals,
           (select count(*)::int from ledger.transfers t join ledger.accounts a on a.id = t.debit_account_id where a.code = 'till') as transfers,
           (select sum(pins)::int from network.profiles) as pins,
           (select posted::int from ledger.balances where system = 'crash' and code = 'till') as till`);
  const till = acknowledged.filter((one) => one.write === WRITES[2]).reduce((sum, one) => sum + one.request[1].p_amount, 0);
  assert.deepEqual(counts, {
    customers: 1 + times(0),
    withdrawals: times(4),
    transfers: times(2),
    pins: 3_000_000 - 1 - times(0),
    till,
  });
});
