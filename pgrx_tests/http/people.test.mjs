// A person has their data and an admin erases it, through the gateway.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { client, request, sql, uniqueEmail, uniquePhone } from './support.mjs';
import { PASSWORD, expectConsistent, newAdmin, newCustomer, newPromoter, ok, refused, signIn } from './network-support.mjs';

let admin, ops;
before(async () => {
  admin = await newAdmin();
  ops = as(admin);
});

/** A client of the schema ops with somebody's token. */
function as(who) {
  const supabase = client('ops');
  return {
    rpc: (name, args) => supabase.rpc(name, args).setHeader('authorization', `Bearer ${who.token}`),
  };
}

const own = (who) => request('/network/auth/v1/user/export', { token: who.token });
const erase = (id, reason = 'asked by letter') => ops.rpc('erase_person', { p_person_id: id, p_reason: reason });

/** The columns of any table of ours in which one of the texts is. */
async function found(...texts) {
  const places = [];
  const tables = await sql(`select c.oid::regclass::text as name from pg_class c
    join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e' where c.relkind = 'r'`);
  for (const { name } of tables) {
    const rows = await sql(
      `select distinct v.key from ${name} t, jsonb_each_text(to_jsonb(t)) v, unnest($1::text[]) w
        where position(lower(w) in lower(v.value)) > 0`,
      [texts],
    );
    places.push(...rows.map(({ key }) => `${name}.${key}`));
  }
  return places;
}

describe('export', () => {
  test('of one’s own data, as one document', async () => {
    const promoter = await newPromoter(admin, { p_name: 'Mira Export' });
    const { status, body } = await own(promoter);
    assert.equal(status, 200);
    assert.deepEqual([body.format, body.person_id], [1, promoter.id]);
    const [user] = body.tables['identity.users'];
    assert.deepEqual([user.name, user.email, user.password_hash], ['Mira Export', promoter.profile.email, 'present']);
    assert.equal(body.tables['network.profiles'][0].address, 'Pune');
    assert.equal(body.tables['identity.sessions'].length, 1);
    assert.ok(body.tables['ops.audit_logs'].some((row) => row.action === 'sign_in'));
    assert.ok(body.tables['ops.audit_logs'].some((row) => row.table_name === 'network.profiles'));
  });

  test('needs a token, and by others an admin', async () => {
    const promoter = await newPromoter(admin);
    const customer = await newCustomer(admin, promoter.id);
    assert.equal((await request('/network/auth/v1/user/export')).status, 401);
    await refused(as(promoter).rpc('export_person', { p_person_id: customer.id }), 403, '42501');
    await refused(client('ops').rpc('export_person', { p_person_id: customer.id }), 401, '42501');
    const document = await ok(ops.rpc('export_person', { p_person_id: customer.id }));
    assert.equal(document.tables['identity.users'][0].email, customer.profile.email);
    await refused(ops.rpc('export_person', { p_person_id: crypto.randomUUID() }), 404, 'PT404');
    await refused(ops.rpc('export_person', { p_person_id: null }), 400, '22004');
    await refused(ops.rpc('export_person', { p_person_id: 'x' }), 400, '22P02');
  });

  test('a promoter’s has nothing of their customers but ids', async () => {
    const promoter = await newPromoter(admin);
    const customer = await newCustomer(admin, promoter.id);
    const text = JSON.stringify((await own(promoter)).body);
    assert.ok(text.includes(customer.id));
    for (const theirs of [customer.profile.email, 'Ravi']) assert.ok(!text.includes(theirs), theirs);
  });
});

describe('erasure', () => {
  test('by an admin: afterwards nothing finds the person, and the token is worth nothing', async () => {
    const traces = { p_name: 'Nadja Unverkennbar', p_email: uniqueEmail('nadja'), p_phone: uniquePhone(), p_address: '7 Lapis Row' };
    const promoter = await newPromoter(admin, traces);
    await ok(promoter.supabase.auth.updateUser({ data: { nickname: 'Nadja Unverkennbar' } }));
    assert.ok((await found(traces.p_email)).includes('ops.audit_logs.new_values'));
    const tombstone = await ok(erase(promoter.id));
    assert.deepEqual([tombstone.already_erased, tombstone.erased_by], [false, admin.id]);
    assert.deepEqual(await found(...Object.values(traces)), []);
    await refused(promoter.rpc('get_pin_balance', { p_user_id: promoter.id }), 401, 'PT401');
    for (const login of [traces.p_email, traces.p_phone, promoter.profile.promoter_id]) {
      await refused(client('network').auth.signInWithPassword({ email: login, password: PASSWORD }), 400, 'invalid_credentials');
    }
    await expectConsistent();
    assert.equal((await ok(erase(promoter.id))).already_erased, true);
  });

  test('is refused to strangers, to oneself and to those below an admin of everything', async () => {
    const promoter = await newPromoter(admin);
    const customer = await newCustomer(admin, promoter.id);
    for (const who of [promoter, customer]) {
      for (const id of [promoter.id, customer.id]) {
        await refused(as(who).rpc('erase_person', { p_person_id: id, p_reason: 'x' }), 403, '42501');
      }
    }
    await refused(client('ops').rpc('erase_person', { p_person_id: promoter.id, p_reason: 'x' }), 401, '42501');
    await refused(erase(admin.id), 409, 'PT409');
    await refused(erase(promoter.id, null), 400, '22004');
    await refused(erase(promoter.id, promoter.profile.email), 400, '22023', 'p_reason');
    assert.equal((await signIn(promoter.profile.email)).id, promoter.id);
  });

  test('waits for the money', async () => {
    const promoter = await newPromoter(admin);
    await newCustomer(admin, promoter.id);
    const { data, error } = await erase(promoter.id);
    assert.deepEqual([data, error.code], [null, 'PT409']);
    assert.match(error.hint, /Pay it out/);
  });

  test('twice at the same time happens once', async () => {
    const promoter = await newPromoter(admin);
    const answers = await Promise.all([1, 2, 3, 4].map(() => ok(erase(promoter.id))));
    assert.deepEqual(answers.map((answer) => answer.already_erased).sort(), [false, true, true, true]);
    const [{ count }] = await sql(`select count(*) from ops.audit_logs where action = 'erase_person' and record_id = $1`, [promoter.id]);
    assert.equal(count, '1');
  });
});
