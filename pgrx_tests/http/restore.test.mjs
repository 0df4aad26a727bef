// A dump gives back every row, and no business runs again on the way in.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { sql } from './support.mjs';

const { DATABASE_URL } = process.env;
const name = `restored_${randomUUID().slice(0, 8)}`;
const restored = DATABASE_URL.replace(/\/[^/]+$/, `/${name}`);

function run(program, args, input) {
  const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: 'utf8', maxBuffer: 2 ** 30 });
  assert.equal(status, 0, `${program}: ${stderr}`);
  return stdout;
}

const psql = (statement) => run('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', restored, '-c', statement]).trim();

// pg_cron can be in one database of a server only, and its schedule is not what a dump is for. Newer versions of
// pg_dump guard their output with a word that is random.
const dump = (database) => run('pg_dump', ['-e', 'backoffice', '-d', database]).replace(/^\\(un)?restrict .*$/gm, '');

/** Lines that one text has more often than the other, the first ten of them. */
function differences(one, other) {
  const counts = new Map();
  for (const line of one.split('\n')) counts.set(line, (counts.get(line) ?? 0) + 1);
  for (const line of other.split('\n')) counts.set(line, (counts.get(line) ?? 0) - 1);
  return [...counts].filter(([, count]) => count !== 0).map(([line, count]) => `${count > 0 ? '-' : '+'} ${line}`).slice(0, 10);
}

before(async () => {
  const word = randomUUID();
  await sql(`select backoffice.bootstrap_admin('restore-${word}@example.test', 'a quiet river at dawn')`);
  const [{ id }] = await sql(`select id from network.create_unified_promoter('Restored', 'promoter-${word}@example.test')`);
  await sql(`select network.admin_allocate_pins('${id}', 2)`);
  await sql(`select network.create_customer_with_commission('${id}', '{"name": "C", "email": "customer-${word}@example.test"}')`);
  await sql(`select network.create_withdrawal_request('${id}', 100,
    '{"account_holder_name": "R", "account_number": "123456789012", "ifsc_code": "HDFC0001234"}')`);
  await sql(`create database ${name}`);
});

after(() => sql(`drop database if exists ${name} with (force)`));

test('a dump of a restored dump is the same dump', () => {
  const first = dump(DATABASE_URL);
  run('psql', ['-Xq', '-v', 'ON_ERROR_STOP=1', '-d', restored], first);
  const second = dump(restored);
  // Megabytes of text are no message: the lines that only one of the two has are.
  assert.deepEqual(differences(first, second), []);
  assert.ok(Number(psql('select count(*) from network.affiliate_commissions')) >= 4);
  assert.equal(psql('select count(*) from network.check()'), '0');
  assert.equal(psql('select count(*) from ledger.check()'), '0');
});
