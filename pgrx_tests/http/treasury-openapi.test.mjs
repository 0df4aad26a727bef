// What PostgREST tells of the treasury's API: whoever reads it finds a sentence on everything.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { SERVICE_KEY, request } from './support.mjs';

let description;
before(async () => {
  const { status, body } = await request('/treasury/rest/v1/', { token: SERVICE_KEY });
  assert.equal(status, 200);
  description = body;
});

describe('the description of the API', () => {
  test('has all tables, views and functions with a sentence on each', () => {
    const paths = Object.entries(description.paths).filter(([path]) => path !== '/');
    assert.ok(paths.length > 20, `${paths.length}`);
    for (const [path, methods] of paths) {
      for (const [method, { summary }] of Object.entries(methods)) assert.ok(summary, `${method} ${path}`);
    }
  });

  test('has a sentence on every column', () => {
    for (const [table, { description: sentence, properties }] of Object.entries(description.definitions)) {
      assert.ok(sentence, table);
      for (const [column, { description: said }] of Object.entries(properties)) {
        // A note on keys is PostgREST's own.
        assert.ok(said?.replace(/Note:\s.*/s, '').trim(), `${table}.${column}`);
      }
    }
  });

  test('is of this system, at its own address', async () => {
    assert.match(description.info.title, /^Treasury/);
    assert.ok(description.info.description);
    for (const system of ['treasury', 'network', 'ledger', 'ops']) {
      const { body } = await request(`/${system}/rest/v1/`, { token: SERVICE_KEY });
      assert.equal(body.basePath, `/${system}/rest/v1`);
    }
  });

  test('says what the arguments of a function are called and which it needs', () => {
    const { parameters } = description.paths['/rpc/decide_refund'].post;
    const { schema } = parameters.find((one) => one.name === 'args');
    assert.deepEqual(Object.keys(schema.properties).toSorted(), ['p_approve', 'p_note', 'p_refund_id']);
    assert.deepEqual(schema.required.toSorted(), ['p_approve', 'p_refund_id']);
  });
});
