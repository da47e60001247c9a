import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc32c } from '../../src/runtime/crc32c.js';
import {
  compressSnappy,
  compressStream,
  decodeBlock,
  decompressStream,
  S2BlockEncoder,
  S2Error,
  S2Reader,
  S2Writer,
} from '../../src/runtime/s2.js';
import { maxEncodedLength } from '../../src/runtime/s2-block.js';
import { primitives } from '../support/vectors.js';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const LIMIT = 16 * 1024 * 1024;

function encodeBlock(content: Uint8Array, encoder = new S2BlockEncoder()): Buffer {
  const out = Buffer.alloc(maxEncodedLength(content.length) + 3);
  return out.subarray(3, encoder.encode(content, 0, content.length, out, 3));
}

/** Content of many kinds: noise, runs, words, pieces that come again from near and far. */
const content = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.tuple(fc.nat(255), fc.nat(700)).map(([byte, length]) => new Uint8Array(length).fill(byte)),
      fc
        .tuple(fc.constantFrom('{"order":', 'customer', ' 12345', 'alpha beta gamma '), fc.nat(40))
        .map(([word, times]) => Buffer.from(word.repeat(times))),
      fc.integer({ min: 0, max: 200 }).map((seed) => {
        let x = seed + 1;
        return Uint8Array.from(
          { length: seed * 400 },
          () => (x = (Math.imul(x, 1103515245) + 12345) >>> 0) >>> 24,
        );
      }),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.concat(parts));

/** Runs `decode` and requires that it throws nothing but the declared error. */
function declared(decode: () => void): void {
  try {
    decode();
  } catch (error) {
    assert.ok(error instanceof S2Error, String(error));
  }
}

test('checksums', () => {
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(Buffer.from('56789'), 0, 5, crc32c(Buffer.from('1234'))), 0xe3069283);
  assert.equal(crc32c(Buffer.from('xx123456789x'), 2, 11), 0xe3069283);
});

test('the blocks of the reference', () => {
  const blocks = primitives().s2_blocks;
  assert.ok(blocks.length >= 60);
  for (const { name, block_hex, decoded_len, decoded_sha256 } of blocks) {
    const decoded = decodeBlock(Buffer.from(block_hex, 'hex'));
    assert.equal(decoded.length, decoded_len, name);
    assert.equal(sha256(decoded), decoded_sha256, name);
    const again = encodeBlock(decoded);
    assert.deepEqual(decodeBlock(again), decoded, name);
    if (name.endsWith('-fast')) {
      assert.ok(again.length <= (block_hex.length / 2) * 1.05 + 4, `${name}: ${again.length}`);
    }
  }
});

test('the streams of the reference, whole and byte by byte', () => {
  const streams = primitives().s2_streams;
  assert.ok(streams.length >= 8);
  for (const { name, stream_hex, decoded_len, decoded_sha256 } of streams) {
    const stream = Buffer.from(stream_hex, 'hex');
    const decoded = decompressStream(stream, decoded_len);
    assert.equal(decoded.length, decoded_len, name);
    assert.equal(sha256(decoded), decoded_sha256, name);
    const reader = new S2Reader();
    const pieces = [...stream].flatMap((byte) => [...reader.push(Uint8Array.of(byte))]);
    reader.end();
    assert.equal(sha256(Buffer.concat(pieces)), decoded_sha256, name);
    assert.deepEqual(decompressStream(compressStream(decoded), decoded_len), decoded);
    if (decoded_len > 0) assert.throws(() => decompressStream(stream, decoded_len - 1), S2Error);
  }
});

test('blocks: encode and decode are inverse, within the promised length', () => {
  const encoder = new S2BlockEncoder();
  fc.assert(
    fc.property(content, (bytes) => {
      const block = encodeBlock(bytes, encoder);
      assert.ok(block.length <= maxEncodedLength(bytes.length));
      assert.ok(decodeBlock(block).equals(bytes));
    }),
    { numRuns: 300 },
  );
});

test('far offsets and long repeats', () => {
  let x = 1;
  const noise = Buffer.from(
    Uint8Array.from({ length: 300_000 }, () => (x = (Math.imul(x, 1664525) + 1013904223) >>> 0) >>> 24),
  );
  const bytes = Buffer.concat([noise, noise.subarray(5000, 200_000), Buffer.alloc(2_000_000, 'ab'), noise]);
  const block = encodeBlock(bytes);
  assert.ok(decodeBlock(block).equals(bytes));
  assert.ok(block.length < 500_000, String(block.length));
});

test('streams: what comes in any pieces comes out', () => {
  fc.assert(
    fc.property(
      content,
      fc.integer({ min: 1, max: 5000 }),
      fc.integer({ min: 1, max: 4000 }),
      (bytes, size, cut) => {
        const writer = new S2Writer(size);
        const out: Buffer[] = [];
        for (let at = 0; at < bytes.length; at += cut) out.push(...writer.push(bytes.subarray(at, at + cut)));
        out.push(...writer.end());
        const stream = Buffer.concat(out);
        const reader = new S2Reader(bytes.length);
        const back: Buffer[] = [];
        for (let at = 0; at < stream.length; at += cut)
          back.push(...reader.push(stream.subarray(at, at + cut)));
        reader.end();
        assert.ok(Buffer.concat(back).equals(bytes));
      },
    ),
    { numRuns: 60 },
  );
});

test('a stream that ends early, and one with a byte changed', () => {
  const bytes = Buffer.from('the quick brown fox '.repeat(50));
  const stream = compressStream(bytes);
  for (let length = 1; length < stream.length; length++) {
    if (length !== 10)
      assert.throws(() => decompressStream(stream.subarray(0, length), LIMIT), S2Error, `${length}`);
  }
  for (let i = 0; i < stream.length; i++) {
    const changed = Buffer.from(stream);
    changed[i]! ^= 1 << (i % 8);
    // A chunk may turn into one that is skipped; no wrong content comes out.
    declared(() => assert.ok([0, bytes.length].includes(decompressStream(changed, LIMIT).length)));
  }
});

test('noise and changed input give the declared error, and never more than the limit', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      declared(() => decodeBlock(bytes, LIMIT));
      declared(() => decompressStream(bytes, LIMIT));
      declared(() =>
        decompressStream(
          Buffer.concat([Buffer.from('ff060000', 'hex'), Buffer.from('S2sTwO'), bytes]),
          LIMIT,
        ),
      );
    }),
  );
  fc.assert(
    fc.property(
      content,
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      (bytes, changes) => {
        const block = Buffer.from(encodeBlock(bytes));
        for (const [at, value] of changes) block[at % block.length] = value;
        declared(() => decodeBlock(block, LIMIT));
      },
    ),
    { numRuns: 200 },
  );
  assert.throws(() => decodeBlock(Buffer.from('ffffffff0f00', 'hex')), S2Error);
});

/** Reads Snappy's framing as its description has it, which knows no repeats and no blocks above 64 KiB. */
function decodeSnappy(stream: Buffer): Buffer {
  assert.equal(stream.subarray(0, 10).toString('latin1'), '\xff\x06\x00\x00sNaPpY');
  const parts: Buffer[] = [];
  for (let at = 10; at < stream.length; ) {
    const length = stream.readUIntLE(at + 1, 3);
    const body = stream.subarray(at + 8, at + 4 + length);
    const plain = stream[at] === 1 ? body : decodeSnappyBlock(body);
    assert.ok(plain.length <= 65_536);
    const crc = crc32c(plain);
    assert.equal(stream.readUInt32LE(at + 4), (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
    parts.push(plain);
    at += 4 + length;
  }
  return Buffer.concat(parts);
}

function decodeSnappyBlock(block: Buffer): Buffer {
  let at = 0;
  let size = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = block[at++]!;
    size |= (byte & 127) << shift;
    if (byte < 128) break;
  }
  const out: number[] = [];
  while (at < block.length) {
    const tag = block[at++]!;
    if ((tag & 3) === 0) {
      const n = tag >> 2;
      const extra = Math.max(n - 59, 0);
      const length = 1 + (extra === 0 ? n : block.readUIntLE(at, extra));
      at += extra;
      out.push(...block.subarray(at, at + length));
      at += length;
      continue;
    }
    assert.equal(tag & 3, 2, 'copies have two bytes of offset');
    const offset = block.readUInt16LE(at);
    at += 2;
    assert.ok(offset > 0 && offset <= out.length);
    for (let i = 0; i <= tag >> 2; i++) out.push(out[out.length - offset]!);
  }
  assert.equal(out.length, size);
  return Buffer.from(out);
}

test('a stream for readers of Snappy', () => {
  fc.assert(
    fc.property(content, (bytes) => {
      if (bytes.length === 0) return;
      const stream = compressSnappy(bytes);
      assert.ok(decodeSnappy(stream).equals(bytes));
      assert.ok(decompressStream(stream, LIMIT).equals(bytes));
    }),
  );
});
