// The runner of the documentation's examples: what it runs, what it compares, and that it notices mistakes.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { examples } from './docs/blocks.mjs';
import { difference } from './docs/compare.mjs';
import { Sessions } from './docs/sessions.mjs';
import './support.mjs';

const block = (info, content) => `\`\`\`${info}\n${content}\n\`\`\`\n`;
const text = (expected, actual) => difference({ format: 'text', text: expected }, actual);

describe('blocks', () => {
  test('runnable ones in order, each with its output', () => {
    const found = examples(
      `# title\n${block('sql', 'select 1;')}prose\n${block('text', '1')}${block('toml', 'a = 1')}` +
        `${block('bash skip', 'rm x')}${block('js error=1', 'throw 1')}`,
    );
    assert.deepEqual(
      found.map(({ kind, line, skip, error, expected }) => [kind, line, skip, error, expected?.text]),
      [
        ['sql', 2, false, null, '1'],
        ['sh', 12, true, null, undefined],
        ['js', 15, false, '1', undefined],
      ],
    );
  });

  test('an output belongs to the block right before it, unless it says skip', () => {
    assert.equal(examples(block('sql', 'a') + block('toml', 'b') + block('text', 'c'))[0].expected, undefined);
    assert.equal(examples(block('sql', 'a') + block('text skip', 'c'))[0].expected, undefined);
  });

  test('an example that needs an extension says which', () => {
    assert.equal(examples(block('sql needs=pg_cron', 'a'))[0].needs, 'pg_cron');
    assert.equal(examples(block('sql', 'a'))[0].needs, null);
  });

  test('a misspelt word or an open block is an error', () => {
    assert.throws(() => examples(block('sql skp', 'a')));
    assert.throws(() => examples('```sql\nselect 1;\n'));
  });
});

describe('comparison', () => {
  test('white space and the width of tables do not count', () => {
    assert.equal(text(' a  | b\n---+---\n 1 | 2\n', 'a | b \n------+----\n1    | 2\n\n'), null);
  });

  test('an ellipsis stands for a part of a line or for whole lines', () => {
    assert.equal(text('id …, name x', 'id 4711, name x'), null);
    assert.equal(text('first\n…\nlast', 'first\n2\n3\nlast'), null);
    assert.equal(text('first\n…\nlast', 'first\nlast'), null);
    assert.notEqual(text('id …', 'id\n4711'), null);
  });

  test('other values, missing lines and additional lines do', () => {
    assert.notEqual(text('1', '2'), null);
    assert.notEqual(text('1\n2', '1'), null);
    assert.notEqual(text('1', '1\n2'), null);
    assert.notEqual(text('a.c', 'abc'), null);
  });

  test('json is compared without white space', () => {
    const expected = { format: 'json', text: '{"a": 1,\n "id": "…"}' };
    assert.equal(difference(expected, '{"a":1,"id":"x"}\n'), null);
    assert.notEqual(difference(expected, '{"a":2,"id":"x"}\n'), null);
  });
});

describe('sessions', () => {
  let sessions;
  before(() => (sessions = new Sessions()));
  after(() => sessions.close());
  const run = (kind, content, error = null) => sessions.run({ kind, content, error });

  test('psql keeps its variables and reports SQLSTATEs', async () => {
    assert.equal((await run('sql', 'select 40 + 2 as answer \\gset')).status, '00000');
    assert.match((await run('sql', 'select :answer;')).output, /42/);
    assert.equal((await run('sql', 'select 1/0;', '22012')).status, '22012');
    assert.equal((await run('sql', 'select 1;', '22012')).status, '00000');
  });

  test('the shell keeps its variables and exports them to modules', async () => {
    assert.equal((await run('sh', 'export ANSWER=42')).status, '0');
    assert.equal((await run('sh', 'echo "$ANSWER"; cat')).output.trim(), '42');
    assert.equal((await run('js', 'console.log(process.env.ANSWER)')).output.trim(), '42');
    assert.equal((await run('sh', '(exit 3)', '3')).status, '3');
  });

  test('a module can import supabase-js, and its exit status counts', async () => {
    const result = await run('js', "import { createClient } from '@supabase/supabase-js'; process.exitCode = createClient ? 4 : 5;");
    assert.equal(result.status, '4');
  });

  test('an error nobody announced ends the session', async () => {
    const own = new Sessions();
    assert.notEqual((await own.run({ kind: 'sql', content: 'select 1/0; select 2;', error: null })).status, '00000');
    assert.notEqual((await own.run({ kind: 'sh', content: 'false; true', error: null })).status, '0');
    assert.equal((await own.run({ kind: 'sh', content: 'true', error: null })).status, 'ended');
    own.close();
  });
});
