import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
const psql = (...a) => execFileSync('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', process.env.DATABASE_URL, ...a], { encoding: 'utf8' });
test('x', () => {
  psql('-f', '/work/wt/payouts/bench/payouts.sql');
  for (let i = 0; i < 1; i++) {
    const t = performance.now();
    const out = psql('-c', 'select accounts, payouts, reviews, totals, skipped, finished_at is not null from treasury.run_payouts()');
    console.log('RUN', (performance.now() - t) / 1000, out);
    console.log(psql('-c', 'select count(*) from treasury.stripe_requests'), psql('-c', 'select count(*) from ledger.check()'));
  }
});
