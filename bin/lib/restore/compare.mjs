// Compares two digests: compare.mjs DUMP RESTORED. Says what differs; the exit status is 1 if something does.

import { readFileSync } from 'node:fs';

function read(path) {
  const things = new Map();
  for (const line of readFileSync(path, 'latin1').split('\n').filter(Boolean)) {
    const [kind, name, ...state] = line.split('\t');
    things.set(`${kind} ${name}`, state);
  }
  return things;
}

const [dump, restored] = process.argv.slice(2).map(read);
const differences = [];
const counts = { table: 0, sequence: 0, rows: 0 };

for (const name of new Set([...dump.keys(), ...restored.keys()])) {
  const [before, after] = [dump.get(name), restored.get(name)];
  const [kind] = name.split(' ', 1);
  if (kind in counts) counts[kind] += 1;
  if (kind === 'table') counts.rows += Number(before?.[0] ?? 0);
  const short = name.replace(/ \(.*/, '');
  if (!before) differences.push(`${short}: not in the dump (its columns may differ)`);
  else if (!after) differences.push(`${short}: only in the dump (its columns may differ)`);
  else if (kind === 'sequence' && before[0] !== after[0]) differences.push(`${short}: ${before[0]} in the dump, ${after[0]} restored`);
  else if (kind === 'table' && before[0] !== after[0]) differences.push(`${short}: ${before[0]} rows in the dump, ${after[0]} restored`);
  else if (before.join() !== after.join()) differences.push(`${short}: rows differ`);
}

for (const difference of differences) console.error(`Differs: ${difference}`);
if (differences.length === 0) {
  console.error(`As in the dump: ${counts.table} tables with ${counts.rows} rows, ${counts.sequence} sequences.`);
}
process.exitCode = differences.length === 0 ? 0 : 1;
