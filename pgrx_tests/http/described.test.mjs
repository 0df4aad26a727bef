// What the API's description says of a function is what its documentation in the source says: what it does, its
// arguments with their units and values, what it returns, for whom it is, and its errors. The first sentence stands by
// itself, as the summary.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const files = (folder, ending) =>
  readdirSync(join(root, folder), { recursive: true })
    .filter((name) => name.endsWith(ending))
    .map((name) => readFileSync(join(root, folder, name), 'utf8'));
const words = (text) => text.replaceAll('`', '').split(/\s+/).filter(Boolean).join(' ');

/** Lines of documentation, other attributes, and pg_extern with its arguments. */
const FUNCTION = /((?:^[ \t]*\/\/\/.*\n)+)(?:^[ \t]*(?:\/\/(?!\/).*|#\[(?!pg_extern).*|)\n)*^[ \t]*#\[pg_extern\(((?:[^()]|\([^()]*\))*)\)\]/gm;
const COMMENT = /comment on function (\w+\.\w+)\([^;']*?\) is\s+'((?:[^']|'')*)';/g;

const documented = new Map(
  files('src', '.rs').flatMap((source) =>
    [...source.matchAll(FUNCTION)].flatMap(([, lines, attribute]) => {
      const [, schema] = /schema = "(\w+)"/.exec(attribute) ?? [];
      const [, name] = /name = "(\w+)"/.exec(attribute) ?? [];
      return schema && name ? [[`${schema}.${name}`, lines.replaceAll(/^[ \t]*\/\/\/ ?/gm, '')]] : [];
    }),
  ),
);
const commented = files('sql', '.sql').flatMap((source) =>
  [...source.matchAll(COMMENT)].map(([, name, text]) => [name, text.replaceAll("''", "'")]),
);

test('a comment is what the source says', () => {
  const both = commented.filter(([name]) => documented.has(name));
  assert.ok(both.length >= 180, `only ${both.length} functions were found`);
  for (const [name, text] of both) assert.equal(words(text), words(documented.get(name)), name);
});

test('its first line is a sentence, and the next one empty', () => {
  for (const [name, text] of commented.filter(([one]) => documented.has(one))) {
    const [first, second = ''] = text.split('\n');
    assert.match(first, /[.)]$/, name);
    assert.equal(second, '', name);
  }
});

test('a comment of the treasury names the errors, but where rows are only filtered', () => {
  const silent = commented.filter(([name, text]) => name.startsWith('treasury.') && !name.startsWith('treasury.read_') && !/\b(?:22004|22023|42501|PT4\d\d)\b/.test(text));
  assert.deepEqual(silent.map(([name]) => name), []);
});
