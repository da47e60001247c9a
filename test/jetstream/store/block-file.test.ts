/** Walking over damaged blocks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  compressBlock,
  decompressBlock,
  isCompressedBlock,
  lastRecordHash,
  openBlock,
  scanBlock,
} from '../../../src/jetstream/store/block-file.js';
import { recordSize } from '../../../src/jetstream/store/record.js';
import { CorruptError } from '../../../src/jetstream/store/store-error.js';
import { HighwayHash, hashKey } from '../../../src/runtime/highway-hash.js';
import { stampOf, writeMarker, writeMessage } from '../../support/records.js';

const hash = new HighwayHash();
const key = hashKey('S-1');

/** Writes messages with the given payloads and returns the block with where each record starts. */
function blockOf(payloads: (string | Buffer)[], firstSequence = 1): { bytes: Buffer; starts: number[] } {
  const bodies = payloads.map((payload) => Buffer.from(payload));
  const bytes = Buffer.alloc(bodies.reduce((sum, body) => sum + recordSize(3, 0, body.length), 0));
  const starts: number[] = [];
  let at = 0;
  bodies.forEach((body, i) => {
    starts.push(at);
    at = writeMessage(
      hash,
      key,
      bytes,
      at,
      firstSequence + i,
      stampOf(BigInt(1000 + i) + (5n << 32n)),
      'a.b',
      body,
      0,
      0,
      body.length,
    );
  });
  assert.equal(at, bytes.length);
  return { bytes, starts };
}

interface Seen {
  /** What is between the lengths and the hash. */
  bodies: string[];
  sequences: number[];
  relocated: number[];
  damaged: [damage: string, start: number, end: number, sequence: number][];
  end: number;
  tail: string | null;
}

function scan(bytes: Buffer): Seen {
  const seen: Seen = { bodies: [], sequences: [], relocated: [], damaged: [], end: 0, tail: null };
  const result = scanBlock(hash, key, bytes, 0, bytes.length, {
    record: (view, relocated) => {
      seen.sequences.push(view.sequence);
      seen.bodies.push(bytes.toString('latin1', view.subjectStart, view.payloadEnd));
      if (relocated) seen.relocated.push(view.sequence);
    },
    damaged: (...all) => void seen.damaged.push(all),
  });
  return { ...seen, ...result };
}

const ten = Array.from({ length: 10 }, (_, i) => `payload ${i + 1}`);
const oneToTen = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

test('a good block', () => {
  const { bytes } = blockOf(ten);
  const seen = scan(bytes);
  assert.deepEqual([seen.sequences, seen.relocated, seen.damaged], [oneToTen, [], []]);
  assert.deepEqual([seen.end, seen.tail], [bytes.length, null]);
  assert.deepEqual(
    seen.bodies,
    ten.map((payload) => `a.b${payload}`),
  );
  assert.deepEqual([scan(Buffer.alloc(0)).end, scan(Buffer.alloc(0)).tail], [0, null]);
});

test('what a crash leaves at the end', () => {
  const { bytes, starts } = blockOf(ten);
  for (let length = starts[9]! + 1; length < bytes.length; length++) {
    const seen = scan(bytes.subarray(0, length));
    assert.deepEqual([seen.sequences.at(-1), seen.end, seen.tail, seen.damaged], [9, starts[9], 'torn', []]);
  }
  const zeros = scan(Buffer.concat([bytes, Buffer.alloc(500)]));
  assert.deepEqual([zeros.sequences, zeros.end, zeros.tail], [oneToTen, bytes.length, 'zeros']);
});

test('a bad record is passed over', () => {
  const { bytes, starts } = blockOf(ten);
  bytes[starts[4]! + 30]! ^= 4;
  const seen = scan(bytes);
  assert.deepEqual(seen.sequences, [1, 2, 3, 4, 6, 7, 8, 9, 10]);
  assert.deepEqual(seen.damaged, [['hash', starts[4], starts[5], 5]]);
  assert.equal(seen.tail, null);
});

test('a bad length does not lose the record', () => {
  for (const length of [0, 29, 30, 36, 37, 41, 50, 500, 40_000_000, 0x8000_0025]) {
    for (const which of [0, 4, 9]) {
      const { bytes, starts } = blockOf(ten);
      if (bytes.readUInt32LE(starts[which]!) === length) continue;
      bytes.writeUInt32LE(length, starts[which]!);
      const seen = scan(bytes);
      assert.deepEqual(seen.sequences, oneToTen, `${length}`);
      assert.deepEqual(seen.relocated, [which + 1]);
      assert.deepEqual([seen.damaged, seen.tail], [[], null]);
    }
  }
});

test('a bad length and bad content lose one record', () => {
  for (const length of [0, 29, 36, 500, 40_000_000]) {
    const { bytes, starts } = blockOf(ten);
    bytes.writeUInt32LE(length, starts[4]!);
    bytes[starts[4]! + 28]! ^= 1;
    const seen = scan(bytes);
    assert.deepEqual(seen.sequences, [1, 2, 3, 4, 6, 7, 8, 9, 10], `${length}`);
    assert.deepEqual(
      seen.damaged.map(([, start, end]) => [start, end]),
      [[starts[4], starts[5]]],
    );
  }
});

test('a record in the payload of a bad one is not taken for a record', () => {
  for (const forged of [5, 6, 7, 1000]) {
    const inner = blockOf(['forged'], forged).bytes;
    const { bytes, starts } = blockOf([
      ...ten.slice(0, 4),
      Buffer.concat([Buffer.from('xx'), inner]),
      ...ten.slice(5),
    ]);
    bytes.writeUInt32LE(3, starts[4]!);
    assert.deepEqual(scan(bytes).sequences, oneToTen, `${forged}`);
    assert.ok(!scan(bytes).damaged.length);
    bytes[starts[4]! + 13]! ^= 1;
    assert.deepEqual(scan(bytes).sequences, [1, 2, 3, 4, 6, 7, 8, 9, 10], `${forged}`);
  }
});

test('tombstones and skips among the damage', () => {
  const { bytes, starts } = blockOf(ten);
  const markers = Buffer.alloc(90);
  writeMarker(hash, key, markers, 0, 'tombstone', 3, stampOf((1n << 32n) + 1n));
  writeMarker(hash, key, markers, 30, 'tombstone', 4, stampOf((1n << 32n) + 1n));
  writeMarker(hash, key, markers, 60, 'skip', 20, stampOf((1n << 32n) + 1n));
  const all = Buffer.concat([bytes, markers]);
  all[starts[9]! + 25]! ^= 1;
  all[bytes.length + 29]! ^= 1;
  const seen = scan(all);
  assert.deepEqual(seen.sequences, [1, 2, 3, 4, 5, 6, 7, 8, 9, 4, 20]);
  assert.deepEqual(
    seen.damaged.map(([damage, start, , sequence]) => [damage, start, sequence]),
    [
      ['hash', starts[9], 10],
      ['hash', bytes.length, -1],
    ],
  );
});

test('any damage: what is found is what was written, in order', () => {
  const payloads = fc.array(fc.string({ maxLength: 60 }), { minLength: 1, maxLength: 20 });
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 });
  fc.assert(
    fc.property(payloads, changes, fc.nat({ max: 100 }), (list, places, cut) => {
      const { bytes, starts } = blockOf(list);
      const ends = [...starts.slice(1), bytes.length];
      const touched = new Set<number>();
      for (const [at, value] of places) {
        const place = at % bytes.length;
        if (bytes[place] === value) continue;
        bytes[place] = value;
        touched.add(ends.findIndex((end) => place < end));
      }
      const length = bytes.length - Math.min(cut, bytes.length);
      const found = scan(bytes.subarray(0, length));
      assert.deepEqual(
        found.sequences,
        [...new Set(found.sequences)].sort((a, b) => a - b),
      );
      found.sequences.forEach((sequence, i) => {
        assert.equal(found.bodies[i], Buffer.from(`a.b${list[sequence - 1]}`).toString('latin1'));
      });
      // Where much is bad, some that is good may not be found; what one bad record takes with it is that record.
      if (touched.size > 1 || (touched.size === 1 && length < bytes.length)) return;
      list.forEach((_, i) => {
        const isWhole = ends[i]! <= length && !touched.has(i);
        if (isWhole) assert.ok(found.sequences.includes(i + 1), `${i + 1}`);
      });
    }),
    { numRuns: 400 },
  );
});

test('noise, and blocks that are all bad, take bounded time', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => void scan(Buffer.from(bytes))));
  const many = blockOf(Array.from({ length: 5000 }, (_, i) => `payload ${i}`));
  for (const start of many.starts) many.bytes[start + 26]! ^= 1;
  const before = process.cpuUsage();
  assert.deepEqual(scan(many.bytes).sequences, []);
  for (const start of many.starts) many.bytes[start] = 33;
  assert.deepEqual(scan(many.bytes).sequences, []);
  // A length that makes every byte look like a record's start.
  scan(Buffer.alloc(1_000_000, Buffer.from('00010000', 'hex')));
  const { user, system } = process.cpuUsage(before);
  assert.ok(user + system < 10_000_000, `${user + system}`);
});

test('compressed blocks, good and damaged', () => {
  const { bytes } = blockOf(Array.from({ length: 3000 }, (_, i) => `order ${i} of customer ${i % 10}`));
  const file = compressBlock(bytes);
  assert.ok(file.length < bytes.length / 2);
  assert.ok(isCompressedBlock(file) && !isCompressedBlock(bytes));
  assert.deepEqual(lastRecordHash(file), bytes.subarray(-8));
  assert.equal(lastRecordHash(Buffer.alloc(10)), null);
  const opened = openBlock(hash, key, file);
  assert.ok(opened.complete && opened.content.equals(bytes));
  for (const cut of [1, 9, 1000, file.length - 20]) {
    const { content, complete } = decompressBlock(file.subarray(0, file.length - cut));
    assert.equal(complete, false);
    assert.ok(bytes.subarray(0, content.length).equals(content));
  }
  assert.throws(
    () => decompressBlock(Buffer.from('cmp\x01\xff\xff\xff\xff\xff\x7f0123456789', 'latin1')),
    CorruptError,
  );
  assert.throws(() => decompressBlock(Buffer.from('cmp\x01\x030123456789', 'latin1')), CorruptError);
  fc.assert(
    fc.property(fc.nat(), fc.nat(255), (at, value) => {
      const changed = Buffer.from(file);
      changed[4 + (at % (file.length - 4))] = value;
      try {
        const { content } = decompressBlock(changed);
        // All but the last hash, which is not part of the compressed data, is checked.
        const checked = Math.max(Math.min(content.length, bytes.length) - 8, 0);
        assert.ok(content.subarray(0, checked).equals(bytes.subarray(0, checked)));
      } catch (error) {
        assert.ok(error instanceof CorruptError, String(error));
      }
    }),
  );
});

test('a plain block that looks like a compressed one', () => {
  const size = Buffer.from('cmp\x01', 'latin1').readUInt32LE();
  const payload = Buffer.alloc(size - recordSize(3, 0, 0));
  const { bytes } = blockOf([payload]);
  assert.ok(isCompressedBlock(bytes));
  const { content, complete } = openBlock(hash, key, bytes);
  assert.ok(complete && content === bytes);
});
