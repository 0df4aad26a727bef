// How the demo speaks: a line for each step, with what was expected and what came; tables for amounts.

import { inspect, isDeepStrictEqual } from 'node:util';

// Whoever reads the story may leave before its end.
process.stdout.on('error', () => process.exit(1));

const colours = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code) => (text) => (colours ? `\x1b[${code}m${text}\x1b[0m` : text);
const bold = paint(1);
const dim = paint(2);
const green = paint(32);

/** Something was not as it must be: the demo ends here. */
export class Unexpected extends Error {}

export function chapter(title) {
  console.log(`\n${bold(title)}`);
}

/** One step that happened as it must. */
function done(sentence, result) {
  const gap = sentence.length + result.length > 108 ? '\n      ' : ' '.repeat(Math.max(1, 64 - sentence.length));
  console.log(`  ${green('✓')} ${sentence}${gap}${dim(result)}`);
}

/** A value as the story shows it: lists and objects without their punctuation. */
function plain(value) {
  if (Array.isArray(value)) return value.length === 0 ? 'nothing' : value.map(plain).join(', ');
  if (value === null || typeof value !== 'object') return String(value);
  return Object.entries(value)
    .map(([key, one]) => `${key} ${plain(one)}`)
    .join(', ');
}

/** Compares a value with the one that it must be, and says so. */
export function expect(sentence, expected, came) {
  if (!isDeepStrictEqual(expected, came)) {
    throw new Unexpected(`${sentence}\n    expected ${inspect(expected)}\n    got      ${inspect(came)}`);
  }
  done(sentence, `expected and got ${plain(came)}`);
}

/** The data of an answer of supabase-js, which must not be an error. */
export function answer(sentence, { data, error, status }) {
  if (error) throw new Unexpected(`${sentence}\n    expected an answer\n    got      ${describe({ error, status })}`);
  return data;
}

/** A call that must be refused with this HTTP status. */
export function refused(sentence, status, response) {
  const came = response.error ? (response.error.status ?? response.status) : undefined;
  if (came !== status) {
    const got = response.error ? describe(response) : `an answer: ${inspect(response.data)}`;
    throw new Unexpected(`${sentence}\n    expected ${status}\n    got      ${got}`);
  }
  done(sentence, `expected ${status}, got ${describe(response)}`);
}

function describe({ error, status }) {
  const detail = error.details ? ` (${error.details})` : '';
  return `${error.status ?? status} ${error.code ?? ''} “${error.message}”${detail}`.replace(/ +/g, ' ');
}

/** Rupees as people read them. */
export const rupees = (amount) =>
  Number(amount).toLocaleString('en-IN', { style: 'currency', currency: 'INR', minimumFractionDigits: 2 });

/** Paise as people read them. */
export const paise = (amount) => rupees(Number(amount) / 100);

/** Cents as people read them. */
export const dollars = (cents) => (Number(cents) / 100).toLocaleString('en-US', { style: 'currency', currency: 'USD' });

/** Rows under headings; what starts with a digit, a sign, ₹ or $ is set to the right. */
export function table(title, headings, rows) {
  const text = rows.map((row) => row.map((value) => (value === null || value === undefined ? '' : String(value))));
  const widths = headings.map((heading, i) => Math.max(heading.length, ...text.map((row) => row[i].length)));
  const numeric = headings.map((_, i) => text.every((row) => /^(-?[₹$\d].*)?$/.test(row[i])));
  const pad = (value, i) => (numeric[i] ? value.padStart(widths[i]) : value.padEnd(widths[i]));
  const line = (row) => `    ${row.map(pad).join('  ').trimEnd()}`;
  console.log(`\n    ${bold(title)}\n${dim(line(headings))}\n${dim(`    ${widths.map((w) => '─'.repeat(w)).join('  ')}`)}`);
  for (const row of text) console.log(line(row));
  console.log();
}
