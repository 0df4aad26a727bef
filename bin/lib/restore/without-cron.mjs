// Reads a dump (plain SQL) from standard input, and writes it without what belongs to pg_cron: its schedule can be in
// one database of a server only and names roles of the dumped server, and no job may run in the middle of a restore.

import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

// A character for each byte: the text may be in any encoding.
const lines = createInterface({ input: process.stdin.setEncoding('latin1'), crlfDelay: Infinity });

/** Whether an item of the dump is pg_cron's, by the comment that pg_dump writes above each. */
const isCron = (name, schema) => schema === 'cron' || ['pg_cron', 'EXTENSION pg_cron', 'SCHEMA cron'].includes(name);

async function* kept() {
  let [copying, skipping] = [false, false];
  let text = '';
  for await (const line of lines) {
    if (copying) {
      copying = line !== '\\.';
    } else {
      const item = /^-- (?:Data for )?Name: (.*); Type: .*; Schema: (.*); Owner: ?/.exec(line);
      if (item) skipping = isCron(item[1], item[2]);
      if (line === '-- PostgreSQL database dump complete') skipping = false;
      copying = /^COPY \S+ \(.*\) FROM stdin;$/.test(line);
    }
    if (skipping) continue;
    text += `${line}\n`;
    if (text.length > 65536) {
      yield Buffer.from(text, 'latin1');
      text = '';
    }
  }
  yield Buffer.from(text, 'latin1');
}

await pipeline(Readable.from(kept()), process.stdout);
