// Reports through the gateway: the documents' paths, downloads byte for byte, and many clients at once.

import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { ANON_KEY, API_URL, DATABASE_URL, SERVICE_KEY, request, sql } from './support.mjs';
import { charge as paid, code, expectNothingBroken, listen, newPerson, tell, unique } from './treasury-support.mjs';

expectNothingBroken();

/** A charge of a seller, all of it theirs. */
async function charge(seller, { cents = 11900, currency = 'EUR', buyer = null, at = '2026-02-01T12:00:00Z' } = {}) {
  const id = randomUUID();
  await sql(
    `insert into treasury.charges (id, stripe_charge_id, status, amount_cents, currency, owner_id, buyer_id, charged_at)
     values ($1, $2, 'captured', $3, $4, $5, $6, $7)`, [id, `ch_${id}`, cents, currency, seller.id, buyer?.id ?? null, at]);
  await sql(`insert into treasury.charge_shares values ($1, 0, 'platform', null, 0), ($1, 1, 'recipient', $2, $3)`, [id, seller.id, cents]);
  return id;
}

const profile = (name, country, vat_id = null) => ({ name, address: '1 Lane', country, vat_id });

const setProfile = async (who, ...parts) => {
  const { error } = await who.supabase.rpc('set_tax_profile', { p_user_id: who.id, p_profile: profile(...parts) });
  assert.equal(error, null, error?.message);
};

/** Whether the job makes reports, too. */
async function schedule(enabled) {
  await sql(`select ops.set_job('generate_reports', $1)`, [enabled]);
  await sql('select ops.schedule_jobs()').catch((error) => assert.equal(error.code, '55000'));
}
after(() => schedule(true));

let seller, buyer, stranger, admin;
before(async () => {
  await schedule(false);
  seller = await newPerson('host');
  buyer = await newPerson('buyer');
  stranger = await newPerson('artist');
  admin = await newPerson('admin');
  await setProfile(seller, 'Müller & Söhne', 'DE', 'DE123456789');
  await setProfile(buyer, '=cmd|x', 'FR', 'FR12345678901');
});

const get = (path, who, more = {}) => request(path, { token: who?.token, ...more });
const generate = (query, who, more) => get(`/api/reports/generate?${new URLSearchParams(query)}`, who, more);

const run = async () => {
  const { data, error } = await admin.supabase.rpc('run_reports');
  assert.equal(error, null, error?.message);
  return data[0];
};

/** The bytes and headers of a download. */
async function download(path, who, method = 'GET') {
  const headers = { apikey: ANON_KEY, authorization: `Bearer ${who.token}` };
  const response = await fetch(`${API_URL}${path}`, { method, headers });
  return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) };
}

for (const slash of ['', '/']) {
  test(`from the request to the file, ${slash ? 'with' : 'without'} a slash at the end`, async () => {
    const own = await newPerson('artist');
    await charge(own, { cents: 2500, currency: 'USD', at: '2025-07-01T12:00:00Z' });
    const asked = await get(`/api/reports/generate${slash}?type=1099&format=json&year=2025`, own);
    assert.deepEqual([asked.status, asked.body.status], [200, 'queued'], JSON.stringify(asked.body));
    assert.deepEqual(Object.keys(asked.body).slice(0, 6), ['id', 'user_id', 'type', 'format', 'location', 'generated_at']);
    assert.equal(asked.body.location, `/api/reports/download/${asked.body.id}`);
    assert.deepEqual(code(await get(asked.body.location + slash, own)), [409, 'PT409']);
    await run();
    const { status, headers, bytes } = await download(asked.body.location + slash, own);
    assert.equal(status, 200);
    const form = JSON.parse(bytes.toString());
    assert.deepEqual([form.gross_cents, form.months[6], form.transactions, form.required], [2500, 2500, 1, false]);
    const digest = createHash('sha256').update(bytes);
    const [row] = await sql('select checksum, size from treasury.reports where id = $1', [asked.body.id]);
    const hex = digest.copy().digest('hex');
    assert.deepEqual([row.checksum, Number(row.size)], [hex, bytes.length]);
    assert.match(headers.get('content-type'), /^application\/json/);
    assert.equal(headers.get('content-disposition'), `attachment; filename="1099-${asked.body.id}.json"`);
    assert.equal(headers.get('etag'), `"${hex}"`);
    assert.equal(headers.get('repr-digest'), `sha-256=:${digest.digest('base64')}:`);
    assert.match(headers.get('access-control-expose-headers'), /Content-Disposition/);
    const head = await download(asked.body.location + slash, own, 'HEAD');
    assert.deepEqual([head.status, head.bytes.length, head.headers.get('etag')], [200, 0, `"${hex}"`]);
    // Asked for again nothing has changed.
    assert.equal((await generate({ type: '1099', format: 'json', year: 2025 }, own)).body.id, asked.body.id);
  });
}

test('a file comes to its person and admins; to others there is none', async () => {
  const { body } = await generate({ type: '1099', year: 2024 }, seller);
  await run();
  for (const who of [seller, admin, { token: SERVICE_KEY }]) assert.equal((await get(body.location, who)).status, 200);
  assert.deepEqual(code(await get(body.location, stranger)), [404, 'PT404']);
  assert.deepEqual(code(await get('/api/reports/download/999999999', stranger)), [404, 'PT404']);
  assert.equal((await get(body.location)).status, 401);
  assert.equal((await download(body.location, stranger, 'HEAD')).status, 404);
  assert.deepEqual((await stranger.supabase.from('reports').select()).data, []);
  assert.equal((await stranger.supabase.from('report_files').select()).error.code, '42501');
  assert.equal((await admin.supabase.from('report_files').select()).error.code, '42501');
});

test('what a query does not have, and HEAD starts nothing', async () => {
  const count = async () => (await sql('select count(*)::int as count from treasury.reports'))[0].count;
  const earlier = await count();
  for (const query of [
    {}, { type: 'w2', year: 2025 }, { type: '1099' }, { type: '1099', year: '20x5' }, { type: '1099', year: 1999 },
    { type: '1099', year: 2025, format: 'pdf' }, { type: '1099', year: 2025, userId: 'x' }, { type: '1099', year: '"}' },
    { type: '1099","p_user_id":"', year: 2025 }, { type: '1099', year: 2025, currency: 'usd' },
    { type: 'ledger_export' }, { type: 'ledger_export', from: '2026-01-01' }, { type: 'ledger_export', from: '2026-02-01', to: '2026-01-01' },
    { type: 'vat_invoice', chargeId: 'ch_1', year: 2026 }, { type: 'ledger_export', year: 2026, everybody: 'maybe' },
    { type: '1099', year: 'x'.repeat(70) },
  ]) {
    const { status, body } = await generate(query, seller);
    assert.equal(status, 400, `${JSON.stringify(query)}: ${JSON.stringify(body)}`);
  }
  // As it is, without encoding.
  const raw = await fetch(`${API_URL}/api/reports/generate?type=1099","p_user_id":"${admin.id}&year=2025`,
    { headers: { apikey: ANON_KEY, authorization: `Bearer ${seller.token}` } });
  assert.equal(raw.status, 400);
  assert.deepEqual(code(await generate({ type: '1099', year: 2025, userId: stranger.id }, seller)), [403, '42501']);
  assert.deepEqual(code(await generate({ type: 'ledger_export', year: 2025, everybody: true }, seller)), [403, '42501']);
  assert.deepEqual(code(await generate({ type: 'vat_invoice', chargeId: 'ch_none' }, seller)), [404, 'PT404']);
  assert.equal((await get('/api/reports/generate?type=1099&year=2025')).status, 401);
  assert.equal((await generate({ type: '1099', year: 2025 }, seller, { method: 'HEAD' })).status, 404);
  for (const [method, path] of [['PUT', 'generate'], ['POST', 'download/1'], ['DELETE', 'download/1'], ['GET', 'download/x'], ['GET', '']]) {
    assert.equal((await request(`/api/reports/${path}`, { method, token: seller.token, body: method === 'GET' ? undefined : {} })).status, 404);
  }
  assert.equal(await count(), earlier);
});

test('POST without a type is told that it is missing', async () => {
  for (const body of [{}, { p_type: null }]) {
    const asked = await request('/api/reports/generate', { method: 'POST', token: seller.token, body });
    assert.deepEqual([...code(asked), asked.body.message], [400, '22004', 'p_type: a value is required']);
  }
});

test('POST asks as the function does; an admin asks for others, and for everybody', async () => {
  const body = { p_type: 'ledger_export', p_format: 'csv', p_params: { from: '2026-01-01', to: '2026-02-01' } };
  const asked = await request('/api/reports/generate', { method: 'POST', token: seller.token, body });
  assert.deepEqual([asked.status, asked.body.user_id, asked.body.parameters], [200, seller.id, { from: '2026-01-01', to: '2026-02-01' }]);
  const other = await generate({ type: 'ledger_export', from: '2026-01-01', to: '2026-02-01', userId: seller.id }, admin);
  assert.deepEqual([other.status, other.body.user_id, other.body.requested_by], [200, seller.id, admin.id]);
  const all = await generate({ type: 'ledger_export', year: 2026, everybody: true }, admin);
  assert.deepEqual([all.status, all.body.user_id, all.body.parameters.everybody], [200, null, true]);
  await run();
  assert.equal((await get(all.body.location, admin)).status, 200);
  assert.equal((await get(all.body.location, seller)).status, 404);
});

test('what Stripe tells is in the form, the export and the invoice', async () => {
  await listen();
  const own = await newPerson('host');
  await setProfile(own, 'Seller', 'AT', 'ATU12345678');
  const [ticket, year] = [paid(12000, { owner_id: own.id }), new Date().getUTCFullYear()];
  assert.equal(await tell('charge.succeeded', ticket), 'processed');
  const refund = { id: unique('re'), object: 'refund', charge: ticket.id, amount: 3000, currency: 'usd', status: 'succeeded', metadata: {} };
  assert.equal(await tell('refund.created', refund), 'processed');
  assert.equal(await tell('charge.refunded', { ...ticket, amount_refunded: 3000 }), 'processed');
  const ask = async (query) => (await generate({ format: 'json', ...query }, own)).body.location;
  const places = [await ask({ type: '1099', year }), await ask({ type: 'ledger_export', year }), await ask({ type: 'vat_invoice', chargeId: ticket.id })];
  await run();
  const [form, entries, invoice] = (await Promise.all(places.map((place) => get(place, own)))).map(({ body }) => body);
  assert.deepEqual([form.gross_cents, form.returned_cents, form.net_cents], [12000, 3000, 9000]);
  const [{ opening_cents: opening, closing_cents: closing, entries: rows }] = entries.accounts;
  assert.deepEqual([opening, closing], [0, 9000]);
  assert.deepEqual(rows.map(({ type, amount_cents: cents, event_source: source }) => [type, cents, source]),
    [['credit', 12000, 'split'], ['debit', 3000, 'refund']]);
  assert.equal(rows[0].reference_id, ticket.id);
  assert.deepEqual(invoice.documents.map(({ kind, gross_cents: gross, tax_cents: tax }) => [kind, gross, tax]),
    [['invoice', 12000, 2000], ['credit_note', -3000, -500]]);
});

test('the buyer gets the invoice, in UTF-8 and without formulas', async () => {
  const id = await charge(seller, { buyer });
  const { status, body } = await generate({ type: 'vat_invoice', chargeId: `ch_${id}` }, buyer);
  assert.deepEqual([status, body.user_id], [200, buyer.id]);
  await run();
  const { headers, bytes } = await download(body.location, buyer);
  assert.equal(headers.get('content-type'), 'text/csv; charset=utf-8');
  const text = bytes.toString('utf8');
  assert.match(text, /,Müller & Söhne,/);
  assert.match(text, /,'=cmd\|x,/);
  assert.match(text, /,reverse_charge,/);
  assert.deepEqual(code(await get(body.location, seller)), [404, 'PT404']);
  assert.deepEqual(code(await generate({ type: 'vat_invoice', chargeId: id }, stranger)), [404, 'PT404']);
});

test('many clients at once issue invoices: each charge gets one, and numbers have no gaps', async () => {
  const sellers = [await newPerson('host'), await newPerson('artist')];
  for (const one of sellers) await setProfile(one, 'Seller', 'AT', 'ATU12345678');
  const jobs = [];
  for (const one of sellers) {
    for (let n = 0; n < 20; n += 1) {
      const p_charge_id = await charge(one, { cents: 100 + n });
      const bad = await charge(one, { cents: 0 });
      jobs.push(...[p_charge_id, p_charge_id, bad].map((id) => () => one.supabase.rpc('issue_invoice', { p_charge_id: id })));
    }
  }
  const answers = await Promise.all(jobs.sort(() => Math.random() - 0.5).map((job) => job()));
  const statuses = answers.map(({ status }) => status);
  assert.deepEqual([...new Set(statuses)].sort(), [200, 409]);
  assert.equal(statuses.filter((status) => status === 200).length, 80);
  for (const { id } of sellers) {
    const numbers = await sql('select number from treasury.invoices where seller_id = $1 order by number', [id]);
    assert.deepEqual(numbers.map(({ number }) => number), Array.from({ length: 20 }, (_, n) => n + 1));
    // Days and numbers run together.
    const [{ count }] = await sql(
      `select count(*)::int from treasury.invoices a join treasury.invoices b using (seller_id, series)
        where seller_id = $1 and a.number < b.number and a.issued_at > b.issued_at`, [id]);
    assert.equal(count, 0);
  }
});

test('many clients at once credit a refund once', async () => {
  const id = await charge(seller);
  const issue = () => seller.supabase.rpc('issue_invoice', { p_charge_id: id });
  await issue();
  await sql('update treasury.charges set refunded_cents = 5000 where id = $1', [id]);
  await Promise.all(Array.from({ length: 24 }, issue));
  const notes = await sql(`select kind, gross_cents::int as gross from treasury.invoices where charge_id = $1 order by kind`, [id]);
  assert.deepEqual(notes, [{ kind: 'credit_note', gross: -5000 }, { kind: 'invoice', gross: 11900 }]);
});

test('many clients at once ask for the same and make what waits: one report, made once', async () => {
  const own = await newPerson('host');
  const asked = await Promise.all(Array.from({ length: 24 }, () => generate({ type: 'ledger_export', year: 2025 }, own)));
  assert.deepEqual([...new Set(asked.map(({ status }) => status))], [200]);
  assert.equal(new Set(asked.map(({ body }) => body.id)).size, 1);
  const [{ body }] = asked;
  await Promise.all([2021, 2022, 2023, 2024].map((year) => generate({ type: 'ledger_export', year }, own)));
  const runs = await Promise.all(Array.from({ length: 8 }, run));
  assert.equal(runs.reduce((sum, { done }) => sum + done, 0), 5);
  const rows = await sql('select attempts, status from treasury.reports where user_id = $1', [own.id]);
  assert.deepEqual(rows, Array(5).fill({ attempts: 1, status: 'done' }));
  assert.equal((await get(body.location, own)).status, 200);
});

test('what fails for a moment is tried again, but not for ever', async () => {
  const own = await newPerson('host');
  await setProfile(own, 'Seller', 'AT', 'ATU12345678');
  const id = await charge(own);
  const { body } = await generate({ type: 'vat_invoice', chargeId: id }, own);
  const [holder, runner] = [new pg.Client(DATABASE_URL), new pg.Client(DATABASE_URL)];
  await Promise.all([holder.connect(), runner.connect()]);
  try {
    await holder.query('begin');
    await holder.query('select from treasury.tax_profiles where user_id = $1 for update', [own.id]);
    await runner.query(`set lock_timeout = '50ms'`);
    const outcomes = [];
    for (let n = 0; n < 6; n += 1) {
      const { rows: [{ done, failed, postponed }] } = await runner.query('select * from treasury.run_reports()');
      outcomes.push([done, failed, postponed].join(' '));
    }
    assert.deepEqual(outcomes, ['0 0 1', '0 0 1', '0 0 1', '0 0 1', '0 1 0', '0 0 0']);
    const [row] = await sql('select status, error_code from treasury.reports where id = $1', [body.id]);
    assert.deepEqual(row, { status: 'failed', error_code: '55P03' });
    await holder.query('rollback');
    // Nothing of the attempts is left: the number is the first.
    const again = await generate({ type: 'vat_invoice', chargeId: id }, own);
    assert.notEqual(again.body.id, body.id);
    await run();
    const [{ numbers }] = await sql('select array_agg(number) as numbers from treasury.invoices where seller_id = $1', [own.id]);
    assert.deepEqual(numbers, [1]);
  } finally {
    await Promise.all([holder.end(), runner.end()]);
  }
});

test('nobody empties the invoices', async () => {
  await assert.rejects(sql('truncate treasury.invoices cascade'), { code: '42501' });
});
