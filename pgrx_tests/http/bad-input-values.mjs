// Values that no function, table or endpoint may stumble over, as they are written in a request.

import { randomUUID } from 'node:crypto';

const deep = (open, close, inside, depth) => open.repeat(depth) + inside + close.repeat(depth);

/** JSON as text, because many of these are nothing that JSON.stringify would write. */
export const JSON_VALUES = {
  null: 'null',
  true: 'true',
  zero: '0',
  minusOne: '-1',
  fraction: '0.1',
  largest64Bits: '9223372036854775807',
  twoTo63: '9223372036854775808',
  minusTwoTo63: '-9223372036854775808',
  belowMinusTwoTo63: '-9223372036854775809',
  twoTo31: '2147483648',
  hugeNumber: '1e308',
  hugerNumber: '1e400',
  hugestNumber: '1e131073',
  tinyNumber: '1e-400',
  manyDigits: '9'.repeat(40_000),
  manyDecimals: `0.${'3'.repeat(20_000)}`,
  nan: '"NaN"',
  infinity: '"Infinity"',
  minusInfinity: '"-Infinity"',
  infiniteTime: '"infinity"',
  farTime: '"294276-12-31T23:59:59Z"',
  fartherTime: '"999999999-01-01"',
  earlyTime: '"4713-01-01 BC"',
  emptyText: '""',
  spaces: '"   "',
  letter: '"x"',
  quote: `"'; drop table network.profiles; --"`,
  percent: '"%s%n%1$s%"',
  nul: '"\\u0000"',
  nulInside: '"a\\u0000b"',
  highSurrogate: '"\\ud83d"',
  lowSurrogate: '"\\udc00x"',
  noncharacter: '"\\uffff"',
  rightToLeft: '"\\u202eabc"',
  manyAccents: `"a${'\\u0301'.repeat(3000)}"`,
  longText: `"${'x'.repeat(10_000)}"`,
  wildcard: `"${'%'.repeat(500)}"`,
  regularExpression: '"((a+)+)+$"',
  list: '[]',
  listOfNull: '[null]',
  nested: '[[[]]]',
  object: '{}',
  nulKey: '{"\\u0000": 1}',
  surrogateKey: '{"\\ud83d": 1}',
  nulValue: '{"name": "\\u0000", "email": "\\u0000"}',
  surrogateValue: '{"name": "\\ud83d", "account_number": "\\ud83d"}',
  wrongTypes: '{"name": {}, "email": [], "amount": {}, "metadata": "x", "account_number": 1, "id": 7, "status": 1, "phone": {}}',
  hugeInside: '{"amount": 1e400, "name": 1e400, "metadata": {"x": 1e400}}',
  sameKeyTwice: '{"name": "a", "name": null, "email": "b", "email": 1}',
  unknownKeys: '{"constructor": 1, "__proto__": {"x": 1}, "role": "admin", "": 2}',
  legs: '[{"debit": "a", "credit": "b", "amount": 1e400}, {"debit": "a"}, 7, null, "x"]',
  deepList: deep('[', ']', '', 900),
  deepObject: deep('{"a":', '}', '1', 900),
  deeperList: deep('[', ']', '', 20_000),
  randomId: `"${randomUUID()}"`,
  zeroId: '"00000000-0000-0000-0000-000000000000"',
  halfId: '"00000000-0000"',
  emptyArrayLiteral: '"{}"',
  arrayLiteral: '"{NULL,x}"',
  rowLiteral: '"(,,,,)"',
};

/** One that is sent only once for each function. */
export const MEGABYTE = `"${'x'.repeat(1_000_000)}"`;

const bytes = (...values) => new Uint8Array(values);

/** Bodies that are no object of arguments. */
export const BODIES = {
  nothing: '',
  space: ' ',
  null: 'null',
  number: '1',
  text: '"x"',
  nan: 'NaN',
  infinity: 'Infinity',
  undefined: 'undefined',
  half: '{"p_id": ',
  twice: '{}{}',
  list: '[]',
  listOfObjects: '[{}, {}]',
  listOfNumbers: '[1]',
  nulByte: bytes(0),
  nulByteInText: bytes(123, 34, 0, 34, 58, 49, 125),
  notUtf8: bytes(255, 254, 0),
  notUtf8InText: bytes(123, 34, 112, 34, 58, 34, 255, 34, 125),
  overlong: bytes(34, 0xc0, 0x80, 34),
  surrogateBytes: bytes(34, 0xed, 0xa0, 0x80, 34),
  byteOrderMark: bytes(0xef, 0xbb, 0xbf, 123, 125),
  deep: deep('[', ']', '', 100_000),
  long: `{"x": "${'x'.repeat(1_000_000)}"}`,
};

/** What may stand behind ?name=, already encoded. */
export const FILTERS = [
  '', 'x', 'eq', 'eq.', 'eq.x', 'eq.1e400', 'eq.9223372036854775808', 'eq.%00', 'eq.a%00b', 'eq.%25', 'eq.NaN', 'eq.null',
  'is.null', 'is.x', 'in.', 'in.(', 'in.()', 'in.(x', 'in.("', 'in.(1,,2)', 'not.eq.x', 'not.', 'nope.1', 'eq.(x)', 'gt.%7B%7D',
  'like.*', 'like.%5C', 'ilike.%25%5C', 'match.(((', 'match.(a%2B)%2B%24', 'imatch.%5B', 'cs.x', 'cs.%7B', 'cs.%5B', 'cd.%7Bx',
  'ov.%7B', 'ov.(', 'sl.x', 'fts.x', 'fts(.x', 'fts(nope).x', 'plfts(english).%27', 'wfts.%22', 'eq(any).%7B', 'eq(any).%7Bx%7D',
  'eq(all).%7B%7D', 'eq(some).x', '%F0%9F%98%80', 'eq.%ED%A0%80', `eq.${'x'.repeat(5000)}`, 'eq.%E2%80%AE', 'is.unknown', 'isdistinct.x',
];

/** Whole query strings. */
export const QUERIES = [
  'select=', 'select=*,*', 'select=nope', 'select=*,nope(*)', 'select=nope(', 'select=id::nope', 'select=id::int', 'select=id::text[]',
  'select=id->x', 'select=id->>-1', 'select=id->%27', 'select=count()', 'select=id.sum()', 'select=id.nope()', 'select=a:b:c:d',
  'select=%22', 'select=%00', 'select=!inner', 'select=...x(*)', `select=${'('.repeat(300)}`, `select=${'id,'.repeat(1000)}id`,
  'order=nope', 'order=id.up', 'order=id.desc.nope', 'order=', 'order=id->x', 'order=%00', 'limit=-1', 'limit=x', 'limit=0',
  'limit=99999999999999999999', 'limit=9223372036854775807&offset=1', 'limit=1e3', 'offset=-1', 'offset=99999999999999999999', 'offset=x', 'offset=9223372036854775807',
  'and=(', 'and=()', 'and=(id.eq.1', 'or=(x)', 'or=(id.eq.1,or(', `or=${'(or'.repeat(200)}`, 'not.and=(id.is.null)', 'columns=nope', 'columns=', 'on_conflict=nope',
  '=', '&', '&&=&', '%3D', 'a=b=c', '%00=1', 'id=eq.1&id=eq.2&id=eq.x', '%22=eq.1', `${'x'.repeat(5000)}=eq.1`, '(=1', '..=1', '->x=eq.1', 'and.=x',
  '%ff', 'x=%ff', 'x=%c0%80', '%zz', 'x=%', 'x=%u0041', 'select=%e2%28%a1',
];

/** Headers that PostgREST or the gateway read. */
export const HEADERS = [
  { accept: 'nope' }, { accept: 'application/vnd.pgrst.object+json' }, { accept: 'application/vnd.pgrst.plan+json; for="x"; options=nope' },
  { accept: 'text/csv' }, { accept: 'application/octet-stream' }, { accept: 'application/geo+json' }, { accept: 'text/xml' },
  { accept: 'application/openapi+json' }, { accept: ', ;=' }, { range: '0-' }, { range: '5-1' }, { range: '-1' }, { range: 'x' },
  { range: '99999999999999999999-' }, { range: '0-99999999999999999999', 'range-unit': 'items' }, { prefer: 'count=exact' }, { prefer: 'count=nope' },
  { prefer: 'params=single-object' }, { prefer: 'params=multiple-objects' }, { prefer: 'tx=rollback' }, { prefer: 'handling=strict, nope=1' },
  { prefer: 'return=nope, resolution=merge-duplicates, missing=default' }, { prefer: 'timezone=Nope/Nowhere' }, { prefer: 'max-affected=-1, handling=strict' },
  { 'accept-profile': 'identity' }, { 'content-profile': 'backoffice' }, { 'content-type': 'nope' }, { 'content-type': 'text/csv' },
  { 'content-type': 'application/x-www-form-urlencoded' }, { 'content-type': 'application/octet-stream' }, { 'content-type': 'text/plain' },
  { 'content-type': 'application/json; charset=utf-16' }, { 'idempotency-key': '' }, { 'idempotency-key': 'x'.repeat(5000) },
  { 'idempotency-key': 'ä' }, { 'user-agent': 'ÿ' }, { prefer: 'ä' }, { 'x-request-id': '"' }, { 'x-real-ip': '999.1.1.1' }, { 'x-forwarded-for': 'x' }, { 'x-http-method-override': 'DELETE' },
  { cookie: 'x'.repeat(3000) }, { 'user-agent': "'\\" }, { 'x-client-info': 'x'.repeat(3000) }, { authorization: 'Bearer x' }, { authorization: 'Bearer a.b.c' },
  { authorization: 'Basic eDp5' }, { authorization: 'Bearer ' }, { authorization: '' }, { 'if-none-match': '"x"' }, { 'content-encoding': 'gzip' },
];
