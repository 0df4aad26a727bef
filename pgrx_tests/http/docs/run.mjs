// Runs the examples of Markdown files, in their order, against the servers that the environment names:
//   node run.mjs README.md docs/ledger.md
// ```sql, ```sh (or bash) and ```js blocks are run; the ```text or ```json block that follows one is its output, in
// which `…` stands for what differs each time. `skip` after the language: not run; `error=42501`: must end with this
// SQLSTATE (sql) or exit status (sh, js); `needs=pg_cron`: run only where the database has this extension.

import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { difference } from './compare.mjs';
import { examples } from './blocks.mjs';
import { Sessions } from './sessions.mjs';
import { sql } from '../support.mjs';

/** What is wrong with an example's result, or null. */
function complaint(example, result) {
  const success = example.kind === 'sql' ? '00000' : '0';
  const wanted = example.error ?? success;
  if (result.status !== wanted) {
    return `ended with ${result.status} instead of ${wanted}\n${result.output}${result.errors}`.trim();
  }
  const unlike = example.expected && difference(example.expected, result.output);
  return unlike ? `printed something else than line ${example.expected.line} and following say (- said, + printed):\n${unlike}` : null;
}

async function runFile(path) {
  const name = relative(process.cwd(), path);
  const sessions = new Sessions();
  const counts = { passed: 0, failed: 0, skipped: 0, compared: 0 };
  for (const example of examples(readFileSync(path, 'utf8'))) {
    const place = `${name}:${example.line} (${example.kind})`;
    if (example.skip || (example.needs && !extensions.has(example.needs))) {
      console.log(`  skipped  ${place}`);
      counts.skipped += 1;
      continue;
    }
    // It would lead the examples to the database of whoever runs the tests.
    const problem = example.content.includes('.local/env')
      ? 'sources .local/env: mark it skip, the variables are there'
      : complaint(example, await sessions.run(example));
    if (problem) {
      console.log(`  FAILED   ${place}: ${problem.replace(/\n/g, '\n           ')}`);
      counts.failed += 1;
    } else {
      console.log(`  passed   ${place}`);
      counts.passed += 1;
      counts.compared += example.expected ? 1 : 0;
    }
  }
  sessions.close();
  console.log(
    `${name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped, ` +
      `${counts.compared} outputs compared`,
  );
  return counts.failed;
}

const extensions = new Set((await sql('select extname from pg_extension')).map(({ extname }) => extname));
let failed = 0;
for (const path of process.argv.slice(2)) failed += await runFile(path);
process.exitCode = failed === 0 ? 0 : 1;
