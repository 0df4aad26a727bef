// Finds the examples in a Markdown file: fenced blocks that can be run, each with the output it promises.

const RUNNABLE = { sql: 'sql', sh: 'sh', bash: 'sh', js: 'js' };
const OUTPUT = ['text', 'json'];

/**
 * The fenced blocks of a text: language, other words of the info string, first line (from 1) and content.
 */
export function fences(markdown) {
  const found = [];
  let open = null;
  markdown.split('\n').forEach((line, index) => {
    if (open) {
      if (line.trim() === open.mark) {
        found.push({ ...open, content: open.lines.join('\n') });
        open = null;
      } else {
        open.lines.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line);
      }
      return;
    }
    const start = /^(\s*)(`{3,})\s*(\S*)\s*(.*)$/.exec(line);
    if (start) {
      const [, indent, mark, language, words] = start;
      open = { indent, mark, language, words: words.split(/\s+/).filter(Boolean), line: index + 1, lines: [] };
    }
  });
  if (open) throw new Error(`the block that starts at line ${open.line} does not end`);
  return found;
}

/**
 * The examples in order. `skip` means: not run; `needs`: only where that extension is. `error` is the SQLSTATE or exit status that the example ends with.
 * The text or json block that comes next is its output, unless it says `skip`.
 */
export function examples(markdown) {
  const found = [];
  let last = null;
  for (const fence of fences(markdown)) {
    const kind = RUNNABLE[fence.language];
    if (kind) {
      last = { kind, line: fence.line, content: fence.content, ...options(fence) };
      found.push(last);
      continue;
    }
    if (last && OUTPUT.includes(fence.language) && !fence.words.includes('skip')) {
      last.expected = { format: fence.language, text: fence.content, line: fence.line };
    }
    last = null;
  }
  return found;
}

function options({ words, line }) {
  const result = { skip: false, error: null, needs: null };
  for (const word of words) {
    const error = /^error=(\w+)$/.exec(word);
    const needs = /^needs=(\w+)$/.exec(word);
    if (word === 'skip') result.skip = true;
    else if (needs) result.needs = needs[1];
    else if (error) result.error = error[1];
    else throw new Error(`line ${line}: unknown word "${word}" (skip, error=CODE, needs=EXTENSION)`);
  }
  return result;
}
