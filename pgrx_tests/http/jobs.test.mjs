// Jobs: run by pg_cron for real, by two sessions at once, and through the API.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { client, request, rolledBack, SERVICE_KEY, sql, uniqueEmail } from './support.mjs';

const { DATABASE_URL } = process.env;
const rpc = (name, body, token, key) => request(`/ops/rest/v1/rpc/${name}`, { method: 'POST', body, token, key });
const asService = (name, body) => rpc(name, body, SERVICE_KEY, SERVICE_KEY);

/** What schedule_jobs did, by job. */
const actions = async (query) =>
  Object.fromEntries((await query('select job, action from ops.schedule_jobs()')).map(({ job, action }) => [job, action]));

const entry = async (query, job) =>
  (await query(`select jobid, schedule, username, active from cron.job where jobname = 'backoffice: ' || $1`, [job]))[0];

// Debian has pg_cron for its own PostgreSQL; one from elsewhere may come without it.
const cron = (await sql(`select from pg_extension where extname = 'pg_cron'`)).length > 0;
const scheduled = { skip: cron ? false : 'this PostgreSQL has no pg_cron' };

// The first run by pg_cron comes within a minute: the other tests go on meanwhile.
before(async () => {
  if (!cron) return;
  await sql(`select ops.set_job('purge_challenges', true, '* * * * *')`);
  await sql(`select ops.schedule_jobs()`);
});
after(async () => {
  if (!cron) return;
  await sql(`select ops.set_job('purge_challenges')`);
  await sql(`select ops.schedule_jobs()`);
});

test('a new database has all its jobs scheduled, and calling it again changes nothing', scheduled, async () => {
  const done = await actions(sql);
  assert.ok(Object.keys(done).length >= 11 && 'schedule_jobs' in done);
  assert.deepEqual(new Set(Object.values(done)), new Set(['kept']));
  const [{ count }] = await sql(`select count(*) from ops.job_status() where not scheduled or next_run_at is null`);
  assert.equal(count, '0');
});

test('pg_cron follows what an admin chose', scheduled, () => rolledBack(async (query) => {
  const before = await entry(query, 'purge_outbox');
  await query(`select ops.set_job('purge_outbox', true, '1 2 * * 3')`);
  await query(`select ops.set_job('purge_sessions', false)`);
  const done = await actions(query);
  assert.deepEqual([done.purge_outbox, done.purge_sessions, done.purge_job_runs], ['changed', 'removed', 'kept']);
  const after = await entry(query, 'purge_outbox');
  assert.deepEqual([after.jobid, after.schedule], [before.jobid, '1 2 * * 3']);
  assert.equal(await entry(query, 'purge_sessions'), undefined);
  const [status] = await query(`select enabled, scheduled, next_run_at from ops.job_status() where name = 'purge_sessions'`);
  assert.deepEqual(status, { enabled: false, scheduled: false, next_run_at: null });
  await query(`select ops.set_job('purge_sessions')`);
  assert.equal((await actions(query)).purge_sessions, 'added');
}));

test('what is no job any more goes, and what is not ours stays', scheduled, () => rolledBack(async (query) => {
  await query(`select cron.schedule_in_database('backoffice: gone', '0 0 1 1 *', $$select ops.run_job('gone')$$,
    current_database(), 'backoffice_jobs')`);
  await query(`select cron.schedule('somebody else''s', '0 0 1 1 *', 'select 1')`);
  await query(`select cron.schedule('backoffice: by hand', '0 0 1 1 *', 'vacuum')`);
  assert.equal((await actions(query)).gone, 'removed');
  const foreign = `select count(*) from cron.job where jobname in ('somebody else''s', 'backoffice: by hand')`;
  assert.equal((await query(foreign))[0].count, '2');
  const [{ removed }] = await query('select ops.unschedule_jobs() as removed');
  assert.ok(Number(removed) >= 11);
  assert.equal((await query(foreign))[0].count, '2');
  assert.equal((await query(`select count(*) from cron.job where command like 'select ops.%'`))[0].count, '0');
  assert.equal((await query('select count(*) from ops.job_status() where scheduled'))[0].count, '0');
}));

test('the health tells when pg_cron runs none of the jobs', scheduled, () => rolledBack(async (query) => {
  const reasons = async () => (await query(`select ops.health()->>'reasons' as reasons`))[0].reasons;
  assert.doesNotMatch(await reasons(), /pg_cron/);
  await query('select ops.unschedule_jobs()');
  assert.match(await reasons(), /pg_cron runs none of the jobs/);
  await query('select ops.schedule_jobs()');
  assert.doesNotMatch(await reasons(), /pg_cron/);
}));

test('a job is due from when pg_cron got it, with the schedule that it has', scheduled, () => rolledBack(async (query) => {
  const since = async () =>
    (await query(`select since = now() as now, schedule from ops.job_schedules where job = 'purge_outbox'`))[0];
  await query(`update ops.job_schedules set since = now() - interval '1 day'`);
  await query('select ops.schedule_jobs()');
  assert.equal((await since()).now, false);
  await query(`select ops.set_job('purge_outbox', true, '1 2 * * 3')`);
  await query('select ops.schedule_jobs()');
  assert.deepEqual(await since(), { now: true, schedule: '1 2 * * 3' });
}));

test('what is stopped in pg_cron stays stopped and does not count as scheduled', scheduled, () => rolledBack(async (query) => {
  const { jobid } = await entry(query, 'purge_outbox');
  await query('select cron.alter_job($1, active => false)', [jobid]);
  assert.equal((await actions(query)).purge_outbox, 'kept');
  assert.equal((await entry(query, 'purge_outbox')).active, false);
  await query(`select ops.set_job('purge_outbox', true, '1 2 * * 3')`);
  assert.equal((await actions(query)).purge_outbox, 'changed');
  const { schedule, active } = await entry(query, 'purge_outbox');
  assert.deepEqual([schedule, active], ['1 2 * * 3', false]);
  const [status] = await query(`select scheduled from ops.job_status() where name = 'purge_outbox'`);
  assert.equal(status.scheduled, false);
}));

const runners = async (query) =>
  (await query(`select distinct username from cron.job where command like 'select ops.%' order by 1`)).map(({ username }) => username);

test('jobs run as a role that is no superuser, whoever calls', scheduled, () => rolledBack(async (query) => {
  assert.deepEqual(await runners(query), ['backoffice_jobs']);
  assert.equal((await actions(query)).purge_outbox, 'kept', 'the superuser leaves it to that role');
  await query('set local role backoffice_jobs');
  assert.equal((await actions(query)).purge_outbox, 'kept', 'as pg_cron does it every five minutes');
  await query(`select ops.set_job('purge_outbox', true, '1 2 * * 3')`);
  assert.equal((await actions(query)).purge_outbox, 'changed');
  assert.deepEqual(await runners(query), ['backoffice_jobs']);
}));

test('another role takes over all of it', scheduled, () => rolledBack(async (query) => {
  const role = `operator_${randomUUID().slice(0, 8)}`;
  await query(`create role ${role} login in role backoffice_owner`);
  const [{ action }] = await query(`select action from ops.schedule_jobs($1) where job = 'purge_outbox'`, [role]);
  assert.equal(action, 'added');
  assert.deepEqual(await runners(query), [role]);
  // A role that is gone cannot run them.
  await query(`drop role ${role}`);
  assert.equal((await actions(query)).purge_outbox, 'added');
  assert.deepEqual(await runners(query), ['postgres']);
}));

test('only a superuser has jobs run as another, and only as one who may', scheduled, async () => {
  const refused = (role, call, code) => rolledBack(async (query) => {
    await query(`set local role ${role}`);
    await assert.rejects(query(call), { code });
  });
  await refused('postgres', `select ops.schedule_jobs('authenticator')`, '22023');
  await refused('postgres', `select ops.schedule_jobs('backoffice_owner')`, '22023');
  await refused('postgres', `select ops.schedule_jobs('nobody at all')`, '22023');
  await refused('backoffice_jobs', `select ops.schedule_jobs('postgres')`, '42501');
});

test('a job that is running is skipped elsewhere', async () => {
  const other = new pg.Client({ connectionString: DATABASE_URL });
  await other.connect();
  try {
    await other.query('begin');
    await other.query(`select ops.run_job('purge_outbox')`);
    const { status, body } = await asService('run_job', { p_name: 'purge_outbox' });
    assert.deepEqual([status, body.status, body.result, body.error], [200, 'skipped', null, null]);
    const running = await sql(`select running, last_status from ops.job_status() where name = 'purge_outbox'`);
    assert.equal(running[0].running, true);
    assert.notEqual(running[0].last_status, 'skipped');
    // Another job is not held up.
    assert.equal((await asService('run_job', { p_name: 'purge_job_runs' })).body.status, 'succeeded');
    await other.query('commit');
  } finally {
    await other.end();
  }
  assert.equal((await asService('run_job', { p_name: 'purge_outbox' })).body.status, 'succeeded');
});

test('many calls at once never run a job twice at the same time', async () => {
  await sql(`insert into backoffice.idempotency_keys (actor, key, function, fingerprint, created_at)
    select 'jobs test', n::text, 'f', '', now() - interval '400 days' from generate_series(1, 20000) n`);
  const [{ now }] = await sql('select clock_timestamp() as now');
  const answers = await Promise.all(Array.from({ length: 12 }, () => asService('run_job', { p_name: 'purge_idempotency_keys' })));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  const count = (status) => answers.filter(({ body }) => body.status === status).length;
  assert.equal(count('succeeded') + count('skipped'), 12);
  assert.ok(count('succeeded') >= 1 && count('skipped') >= 1);
  const deleted = answers.reduce((sum, { body }) => sum + (body.result?.deleted ?? 0), 0);
  assert.equal(deleted, 20000);
  const overlapping = await sql(`select count(*) from ops.job_runs a join ops.job_runs b
      on a.job = b.job and a.id < b.id and (a.started_at, a.finished_at) overlaps (b.started_at, b.finished_at)
     where a.job = 'purge_idempotency_keys' and a.status = 'succeeded' and b.status = 'succeeded' and a.started_at > $1`, [now]);
  assert.equal(overlapping[0].count, '0');
});

test('an admin of ops runs and schedules jobs through the API, nobody else', async () => {
  const email = uniqueEmail('ops');
  const admin = client('ops');
  const password = 'a quiet river at dawn';
  const [{ id }] = await sql(`select backoffice.bootstrap_admin('${email}', '${password}') as id`);
  const { data, error } = await admin.auth.signInWithPassword({ email, password });
  assert.equal(error, null);
  const run = await admin.rpc('run_job', { p_name: 'purge_throttle' });
  assert.deepEqual([run.error, run.data.status, run.data.actor_id], [null, 'succeeded', id]);
  const chosen = await admin.rpc('set_job', { p_name: 'purge_throttle', p_schedule: '32 * * * *' });
  assert.deepEqual([chosen.error, chosen.data.updated_by], [null, id]);
  const runs = await admin.from('job_runs').select('status, duration').eq('id', run.data.id).single();
  assert.equal(runs.data.status, 'succeeded');
  const token = data.session.access_token;
  assert.equal((await rpc('run_job', { p_name: 'no_such_job' }, token)).status, 404);
  assert.equal((await rpc('set_job', { p_name: 'purge_outbox', p_schedule: 'daily' }, token)).status, 400);
  assert.equal((await rpc('run_job', {}, token)).status, 404, 'no function without p_name');
  assert.equal((await rpc('schedule_jobs', {}, token)).status, 403);
  assert.equal((await rpc('run_job', { p_name: 'purge_throttle' })).status, 401);
  await sql(`select backoffice.revoke_role('${id}', '*', 'admin')`);
  for (const name of ['run_job', 'set_job']) {
    assert.equal((await rpc(name, { p_name: 'purge_throttle' }, token)).status, 403, name);
  }
  assert.equal((await rpc('job_status', {}, token)).status, 403);
});

test('pg_cron runs a job at its minute', scheduled, async () => {
  let runs = [];
  for (let tries = 0; tries < 80 && runs.length === 0; tries += 1) {
    runs = await sql(`select * from ops.job_runs where job = 'purge_challenges' and actor_role = 'database'`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  assert.ok(runs.length > 0, 'no run within 80 seconds');
  assert.deepEqual([runs[0].status, runs[0].system], ['succeeded', 'identity']);
  const [{ count }] = await sql(`select count(*) from cron.job_run_details
    where command = $$select ops.run_job('purge_challenges')$$ and status = 'succeeded'`);
  assert.ok(Number(count) > 0);
});
