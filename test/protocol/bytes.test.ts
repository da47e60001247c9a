import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  copyBytes,
  fromUtf8,
  hashText,
  parseSize,
  readText,
  toUtf8,
  writeText,
} from '../../src/protocol/bytes.js';
import { quote } from '../../src/protocol/errors.js';
import { Memory } from '../../src/runtime/arena.js';

describe('bytes', () => {
  test('copyBytes copies what set copies, and at most three bytes more', () => {
    const sizes = fc.record({
      length: fc.oneof(fc.nat({ max: 40 }), fc.integer({ min: 310, max: 330 }), fc.nat({ max: 3000 })),
      start: fc.nat({ max: 9 }),
      target: fc.nat({ max: 9 }),
      behind: fc.nat({ max: 5 }),
      same: fc.boolean(),
      seed: fc.nat({ max: 255 }),
    });
    fc.assert(
      fc.property(sizes, ({ length, start, target, behind, same, seed }) => {
        const half = start + length + behind + 16;
        const from = new Memory(same ? 2 * half + target + length + 8 : start + length + behind);
        from.bytes.forEach((_, i) => {
          from.bytes[i] = (i * 7 + seed) & 255;
        });
        const to = same ? from : new Memory(target + length + 8);
        const at = same ? half + target : target;
        const expected = Uint8Array.from(to.bytes);
        expected.set(from.bytes.slice(start, start + length), at);
        copyBytes(from, start, length, to, at);
        const differing = [...to.bytes.keys()].filter((i) => to.bytes[i] !== expected[i]);
        assert.ok(differing.every((i) => i >= at + length && i < at + length + 3));
      }),
    );
  });

  test('text and bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (data) => {
        const text = Buffer.from(data).toString('latin1');
        const target = new Uint8Array(data.length + 2);
        assert.equal(writeText(text, target, 1), data.length + 1);
        assert.deepEqual(target.subarray(1, data.length + 1), data);
        assert.equal(readText(target, 1, data.length + 1), text);
        let hash = 0;
        for (const byte of data) hash = (Math.imul(hash, 31) + byte) | 0;
        assert.equal(hashText(text), hash);
      }),
    );
  });

  test('UTF-8 within latin1 and back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => assert.equal(toUtf8(fromUtf8(text)), text)),
    );
    assert.equal(fromUtf8('é'), '\xc3\xa9');
  });

  test('sizes have one to nine digits', () => {
    for (const [text, size] of [
      ['0', 0],
      ['007', 7],
      ['999999999', 999_999_999],
    ] as const)
      assert.equal(parseSize(text), size);
    for (const text of ['', '1000000000', '-1', '+1', '1.0', ' 1', '1x', '٣'])
      assert.equal(parseSize(text), -1, text);
  });
});

describe('quote as Go has it with %q', () => {
  // Outputs of fmt.Sprintf("%q", ...) for these bytes.
  const cases: [string, string][] = [
    ['', '""'],
    ['foo.bar', '"foo.bar"'],
    ['a"b\\c', '"a\\"b\\\\c"'],
    ['\x00\x01\x1f\x7f', '"\\x00\\x01\\x1f\\x7f"'],
    ['\x07\b\f\n\r\t\v', '"\\a\\b\\f\\n\\r\\t\\v"'],
    ['\xff\xfe', '"\\xff\\xfe"'],
    ['\xc3\xa9', '"é"'],
    ['\xc3', '"\\xc3"'],
    ['\xe2\x82', '"\\xe2\\x82"'],
    ['\xe2\x82\xac', '"€"'],
    ['\xf0\x9f\x98\x80', '"😀"'],
    ['\xef\xbf\xbd', '"\ufffd"'],
    ['\xc2\xa0', '"\\u00a0"'],
    ['\xe2\x80\x8b', '"\\u200b"'],
    ['\xe2\x80\xa8', '"\\u2028"'],
    ['\xf3\xa0\x80\x81', '"\\U000e0001"'],
    ['\xed\xa0\x80', '"\\xed\\xa0\\x80"'],
    ['\xc0\x80', '"\\xc0\\x80"'],
    ['\xef\xbb\xbf', '"\\ufeff"'],
    ["it's", '"it\'s"'],
  ];
  for (const [bytes, expected] of cases) {
    test(expected, () => assert.equal(toUtf8(quote(bytes)), expected));
  }
});
