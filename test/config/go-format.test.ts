/** Values as Go prints and reads them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  DurationError,
  goDuration,
  goFloat,
  goMap,
  goQuote,
  parseGoDuration,
} from '../../src/config/go-format.js';
import { isAnyPublicNkey, isPublicNkey } from '../../src/config/nkey.js';
import { publicNkey } from './nkeys.js';

test('durations', () => {
  const cases: [string, number, string][] = [
    ['2m', 120_000, '2m0s'],
    ['1h', 3_600_000, '1h0m0s'],
    ['1.5s', 1500, '1.5s'],
    ['250ms', 250, '250ms'],
    ['1500us', 1.5, '1.5ms'],
    ['10ns', 0.00001, '10ns'],
    ['1µs', 0.001, '1µs'],
    ['-1m30.25s', -90_250, '-1m30.25s'],
    ['0', 0, '0s'],
    ['.5s', 500, '500ms'],
  ];
  for (const [text, milliseconds, shown] of cases) {
    assert.equal(parseGoDuration(text), milliseconds);
    assert.equal(goDuration(milliseconds), shown);
  }
  for (const text of ['', '-', 'x', '1', '1 s', '1y', 's', '.', '99999999999h', '1.s.']) {
    assert.throws(() => parseGoDuration(text), DurationError, text);
  }
});

test('durations are read as they are printed', () => {
  fc.assert(
    fc.property(fc.integer({ min: -(10 ** 12), max: 10 ** 12 }), (ms) => {
      assert.equal(parseGoDuration(goDuration(ms)), ms);
    }),
  );
});

test('quotes, floats and maps', () => {
  assert.equal(goQuote('a"b\\\n\x01\x7fé\u00a0\u2028🙂'), '"a\\"b\\\\\\n\\x01\\x7fé\\u00a0\\u2028🙂"');
  assert.deepEqual([1.5, 2, 1e21, 0.00001, -0].map(goFloat), ['1.5', '2', '1e+21', '1e-05', '-0']);
  assert.equal(goMap({ b: true, a: 'x' }), 'map[a:x b:true]');
});

test('public nkeys', () => {
  const user = publicNkey('user', 7);
  assert.ok(user.startsWith('U') && user.length === 56);
  assert.ok(isPublicNkey(user, 'user'));
  assert.ok(!isPublicNkey(user, 'account'));
  assert.ok(isAnyPublicNkey(publicNkey('curve')));
  assert.ok(isPublicNkey('UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4', 'user'));
  for (const wrong of [
    '',
    'U',
    `${user}A`,
    user.toLowerCase(),
    `${user.slice(0, -1)}A`.replace(/AA$/, 'AB'),
    'x',
  ]) {
    assert.ok(!isPublicNkey(wrong, 'user'), wrong);
  }
});
