// The stories of bin/demo, chapter by chapter: main.mjs [network|treasury]. One ends at the first thing that is not as it
// must be.

import { afterwards } from './afterwards.mjs';
import { books } from './books.mjs';
import { customers } from './customers.mjs';
import { promoters } from './promoters.mjs';
import { refusals } from './refusals.mjs';
import { sessions } from './sessions.mjs';
import { Unexpected } from './tell.mjs';
import { disputed } from './treasury/disputed.mjs';
import { paidOut } from './treasury/paid-out.mjs';
import { people } from './treasury/people.mjs';
import { refunded } from './treasury/refunded.mjs';
import { sold } from './treasury/sold.mjs';
import { statements } from './treasury/statements.mjs';
import { withdrawals } from './withdrawals.mjs';

const STORIES = {
  network: [promoters, customers, sessions, withdrawals, refusals, books, afterwards],
  treasury: [people, sold, refunded, disputed, paidOut, statements],
};
const world = {};

try {
  for (const chapter of STORIES[process.argv[2] ?? 'network']) await chapter(world);
} catch (problem) {
  console.error(`\n  ✗ ${problem instanceof Unexpected ? problem.message : problem.stack}\n`);
  process.exitCode = 1;
}
