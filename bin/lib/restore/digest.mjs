// Reads a dump (plain SQL) from standard input, and writes a line for each thing in it that must be the same after a
// restore: tables with their number of rows and a hash of the rows, whatever their order, and sequences with their state.

import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';

// A character for each byte: the text may be in any encoding.
const lines = createInterface({ input: process.stdin.setEncoding('latin1'), crlfDelay: Infinity });

const MODULUS = 1n << 256n;
const tables = new Map();
const others = new Set();
let table = null;

for await (const line of lines) {
  if (table) {
    if (line === '\\.') {
      table = null;
      continue;
    }
    const hash = createHash('sha256').update(line, 'latin1').digest('hex');
    table.rows += 1;
    // A sum, unlike an exclusive or, also tells a row that is there twice.
    table.sum = (table.sum + BigInt(`0x${hash}`)) % MODULUS;
    continue;
  }
  const copy = /^COPY (\S+ \(.*\)) FROM stdin;$/.exec(line);
  if (copy) {
    table = tables.get(copy[1]) ?? { rows: 0, sum: 0n };
    tables.set(copy[1], table);
    continue;
  }
  const sequence = /^SELECT pg_catalog\.setval\('(.*)', (\d+), (true|false)\);$/.exec(line);
  if (sequence) others.add(`sequence\t${sequence[1]}\t${sequence[2]} ${sequence[3]}`);
  const extension = /^CREATE EXTENSION (?:IF NOT EXISTS )?"?(\w+)"?/.exec(line);
  if (extension) others.add(`extension\t${extension[1]}`);
  if (/^INSERT INTO /.test(line)) others.add('inserts');
}

for (const [name, { rows, sum }] of tables) others.add(`table\t${name}\t${rows}\t${sum.toString(16).padStart(64, '0')}`);
process.stdout.write([...others].sort().map((line) => `${line}\n`).join(''));
