// Compares what an example printed with what the documentation says it prints.

const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Lines without the white space and rules that depend on the width of values. */
export function normalise(text) {
  return text
    .split('\n')
    .map((line) => line.trim().replace(/\s+/g, ' '))
    .map((line) => (/^[-+|\s]{2,}$/.test(line) ? line.replace(/-+/g, '-').replace(/ /g, '') : line))
    .filter((line) => line !== '');
}

/** `…` in a line stands for anything in that line; a line of its own for any number of lines. */
function pattern(lines) {
  const parts = lines.map((line) => (line === '…' ? '(?:.*\n)*?' : `${line.split('…').map(escape).join('.*')}\n`));
  return new RegExp(`^${parts.join('')}$`);
}

/** Null if the output is as promised, else the difference as text. */
export function difference(expected, actual) {
  const squeeze = expected.format === 'json' ? (text) => [text.replace(/\s+/g, '')] : normalise;
  const want = squeeze(expected.text);
  const have = squeeze(actual);
  if (pattern(want).test(have.map((line) => `${line}\n`).join(''))) return null;
  if (expected.format === 'json') return [`- ${expected.text.trim()}`, `+ ${actual.trim()}`].join('\n');
  return sideBySide(want, have);
}

function sideBySide(want, have) {
  const lines = [];
  for (let i = 0; i < Math.max(want.length, have.length); i += 1) {
    const same = want[i] !== undefined && have[i] !== undefined && pattern([want[i]]).test(`${have[i]}\n`);
    if (same) {
      lines.push(`  ${have[i]}`);
    } else {
      if (want[i] !== undefined) lines.push(`- ${want[i]}`);
      if (have[i] !== undefined) lines.push(`+ ${have[i]}`);
    }
  }
  return lines.join('\n');
}
