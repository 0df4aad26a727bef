// The story of bin/demo, chapter by chapter. It ends at the first thing that is not as it must be.

import { afterwards } from './afterwards.mjs';
import { books } from './books.mjs';
import { customers } from './customers.mjs';
import { promoters } from './promoters.mjs';
import { refusals } from './refusals.mjs';
import { sessions } from './sessions.mjs';
import { Unexpected } from './tell.mjs';
import { withdrawals } from './withdrawals.mjs';

const world = {};

try {
  for (const chapter of [promoters, customers, sessions, withdrawals, refusals, books, afterwards]) await chapter(world);
} catch (problem) {
  console.error(`\n  ✗ ${problem instanceof Unexpected ? problem.message : problem.stack}\n`);
  process.exitCode = 1;
}
