/** The files beside the blocks: what is written is read, and no bytes give anything but the declared error. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteReader, ByteWriter } from '../../../src/jetstream/store/binary.js';
import {
  type ConsumerFileState,
  decodeConsumerState,
  emptyConsumerState,
  encodeConsumerState,
} from '../../../src/jetstream/store/consumer-state-file.js';
import { FILE_SUM_SIZE, hasSum } from '../../../src/jetstream/store/file-sum.js';
import { blockIndex, isPathName } from '../../../src/jetstream/store/layout.js';
import { decodeMeta, encodeMeta, metaSum } from '../../../src/jetstream/store/meta-file.js';
import { SequenceSet } from '../../../src/jetstream/store/sequence-set.js';
import { CorruptError } from '../../../src/jetstream/store/store-error.js';
import {
  blockMessages,
  decodeIndexBody,
  encodeIndexBody,
  openIndex,
  type StreamIndex,
  sealIndex,
} from '../../../src/jetstream/store/stream-index.js';
import {
  decodeExpiries,
  decodeSchedules,
  decodeSources,
  encodeExpiries,
  encodeSchedules,
  encodeSources,
} from '../../../src/jetstream/store/timer-files.js';
import { HighwayHash, hashKey } from '../../../src/runtime/highway-hash.js';
import { primitives } from '../../support/vectors.js';

const hash = new HighwayHash();
const sequence = fc.oneof(fc.nat({ max: 10_000 }), fc.maxSafeNat());
const nanos = fc.bigInt({ min: -(1n << 62n), max: (1n << 62n) - 1n });
/** Objects as literals make them. */
const record = <T>(shape: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record<T>(shape, { noNullPrototype: true });
const latin1 = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const sequences = fc.uniqueArray(fc.nat({ max: 20_000 }), { maxLength: 100 });

function encodeSet(set: SequenceSet): Buffer {
  const to = new ByteWriter(1);
  set.encode(to);
  return Buffer.from(to.written);
}

/** Runs `decode` on noise and on changed bytes, and requires that nothing but the declared error is thrown. */
function mistreat(decode: (bytes: Buffer) => unknown, samples: Buffer[]): void {
  const attempt = (bytes: Buffer) => {
    try {
      decode(bytes);
    } catch (error) {
      assert.ok(error instanceof CorruptError, String(error));
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => attempt(Buffer.from(bytes))));
  for (const sample of samples) {
    for (let length = 0; length < Math.min(sample.length, 600); length++) attempt(sample.subarray(0, length));
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(changes, (list) => {
        const changed = Buffer.from(sample);
        for (const [at, value] of list) changed[at % changed.length] = value;
        attempt(changed);
      }),
      { numRuns: 300 },
    );
  }
}

test('integers', () => {
  const signed = fc.oneof(
    nanos,
    fc.bigInt({ min: -300n, max: 300n }),
    fc.constantFrom(-(1n << 63n), (1n << 63n) - 1n),
  );
  fc.assert(
    fc.property(sequence, signed, latin1, (value, time, text) => {
      const to = new ByteWriter(1);
      to.varint(value);
      to.signedVarint64(time);
      to.u64(value);
      to.latin1(text);
      const from = new ByteReader(to.written);
      assert.equal(from.varint(), value);
      assert.equal(from.signedVarint64(), time);
      assert.equal(from.u64(), value);
      assert.equal(from.latin1(text.length), text);
      assert.equal(from.left, 0);
    }),
  );
  const read = (hex: string) => new ByteReader(Buffer.from(hex, 'hex'));
  assert.equal(read('ac02').varint(), 300);
  assert.equal(read('d804').signedVarint64(), 300n);
  assert.equal(read('d704').signedVarint(), -300);
  assert.throws(() => read('ffffffffffffffff7f').varint(), CorruptError);
  assert.throws(() => read('ffffffffffffffffffff01').varint(), CorruptError);
  assert.throws(() => read('80').varint(), CorruptError);
  assert.throws(() => read('0000000000002000').u64(), CorruptError);
});

test('the sequence sets of the reference', () => {
  for (const { encoded_hex, inserted_in_order } of primitives().sequence_sets) {
    const bytes = Buffer.from(encoded_hex, 'hex');
    const set = SequenceSet.decode(new ByteReader(bytes));
    assert.deepEqual([...set], inserted_in_order);
    const again = encodeSet(SequenceSet.of(inserted_in_order));
    assert.equal(again.length, bytes.length);
    if (inserted_in_order.length < 4) assert.deepEqual(again, bytes);
  }
});

test('a sequence set is a set', () => {
  fc.assert(
    fc.property(
      sequences,
      sequences,
      fc.nat({ max: 20_000 }),
      fc.nat({ max: 20_000 }),
      (added, taken, a, b) => {
        const model = new Set<number>();
        const set = new SequenceSet();
        for (const each of added) assert.equal(set.add(each), model.size < model.add(each).size);
        for (const each of taken) assert.equal(set.delete(each), model.delete(each));
        const rising = [...model].sort((x, y) => x - y);
        assert.deepEqual([...set], rising);
        assert.equal(set.size, model.size);
        const inRange = rising.filter((each) => each >= Math.min(a, b) && each <= Math.max(a, b));
        assert.equal(set.countBetween(Math.min(a, b), Math.max(a, b)), inRange.length);
        for (const each of [...added, ...taken]) assert.equal(set.has(each), model.has(each));
        assert.deepEqual([...SequenceSet.decode(new ByteReader(encodeSet(set)))], rising);
      },
    ),
  );
});

/** What the official server makes of a set: it puts nodes into a tree in the order of the file, without balancing it. */
function treeHeights(bytes: Buffer): { balanced: boolean; heightsRight: boolean } {
  interface Node {
    base: number;
    height: number;
    left: Node | null;
    right: Node | null;
  }
  let root: Node | null = null;
  const insert = (node: Node | null, added: Node): Node => {
    if (node === null) return added;
    if (added.base < node.base) node.left = insert(node.left, added);
    else node.right = insert(node.right, added);
    return node;
  };
  for (let at = 10; at < bytes.length; at += 266) {
    const base = Number(bytes.readBigUInt64LE(at));
    root = insert(root, { base, height: bytes.readUInt16LE(at + 264), left: null, right: null });
  }
  const result = { balanced: true, heightsRight: true };
  const check = (node: Node | null): number => {
    if (node === null) return 0;
    const left = check(node.left);
    const right = check(node.right);
    if (Math.abs(left - right) > 1) result.balanced = false;
    if (node.height !== Math.max(left, right) + 1) result.heightsRight = false;
    return Math.max(left, right) + 1;
  };
  check(root);
  return result;
}

test('the tree of a sequence set is balanced, and its heights are right', () => {
  for (let nodes = 0; nodes <= 40; nodes++) {
    const set = SequenceSet.of(Array.from({ length: nodes }, (_, i) => i * 2048 + 5));
    assert.deepEqual(treeHeights(encodeSet(set)), { balanced: true, heightsRight: true }, `${nodes}`);
  }
});

test('sequence sets of version 1', () => {
  const bytes = Buffer.alloc(10 + 8 + 64 * 8 + 2);
  bytes.writeUInt8(22, 0);
  bytes.writeUInt8(1, 1);
  bytes.writeUInt32LE(1, 2);
  bytes.writeUInt32LE(3, 6);
  bytes.writeBigUInt64LE(4096n, 10);
  bytes.writeBigUInt64LE(0x8000000000000001n, 18);
  bytes.writeBigUInt64LE(2n, 18 + 63 * 8);
  assert.deepEqual([...SequenceSet.decode(new ByteReader(bytes))], [4096, 4159, 4096 + 63 * 64 + 1]);
});

const block = record({
  index: fc.nat({ max: 0xffff_ffff }),
  bytes: sequence,
  firstSequence: fc.nat({ max: 1_000_000 }),
  firstTime: nanos,
  lastSequence: fc.nat({ max: 1_000_000 }),
  lastTime: nanos,
  deleted: fc.option(sequences.filter((list) => list.length > 0).map(SequenceSet.of)),
  ttls: fc.nat(),
  schedules: fc.nat(),
});

const index: fc.Arbitrary<StreamIndex> = record({
  messages: sequence,
  bytes: sequence,
  firstSequence: sequence,
  firstTime: nanos,
  lastSequence: sequence,
  lastTime: nanos,
  subjects: fc.array(
    record({
      subject: latin1.filter((text) => text !== ''),
      messages: fc.nat(),
      firstBlock: fc.nat(),
      lastBlock: fc.nat(),
    }),
    { maxLength: 10 },
  ),
  blocks: fc.array(block, { maxLength: 5 }),
  lastBlock: fc.nat({ max: 0xffff_ffff }),
  lastHash: fc.uint8Array({ minLength: 8, maxLength: 8 }),
});

const plain = (each: StreamIndex) => ({
  ...each,
  lastHash: [...each.lastHash],
  blocks: each.blocks.map((one) => ({ ...one, deleted: [...(one.deleted ?? [])] })),
});

test('an index that is written is read', () => {
  const key = hashKey('S');
  fc.assert(
    fc.property(index, (each) => {
      const file = sealIndex(hash, key, encodeIndexBody(each));
      if (file.length < 32) return;
      assert.deepEqual(plain(decodeIndexBody(openIndex(hash, key, file))), plain(each));
      file[file.length >> 1]! ^= 1;
      assert.throws(() => openIndex(hash, key, file), /checksum did not match/);
    }),
  );
  assert.throws(
    () => openIndex(hash, key, Buffer.alloc(20)),
    /^CorruptError: Stream state too short \(20 bytes\)$/,
  );
});

test('the example of an index, and older versions of it', () => {
  const hex =
    '0b0403a10101ca9be5f888b0c0ea3103a6f88bf988b0c0ea31 01 03612e62 030101 01 01 a101 01 00 03 dcdc26 000000 01 450388acf670d6f8';
  const body = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const read = decodeIndexBody(body);
  assert.deepEqual(read.subjects, [{ subject: 'a.b', messages: 3, firstBlock: 1, lastBlock: 1 }]);
  assert.equal(read.blocks.length, 1);
  const file = Buffer.concat([body, Buffer.from('5b8c9749425fc0d2', 'hex')]);
  assert.deepEqual(openIndex(hash, hashKey('A'), file), body);
  assert.equal(blockMessages(read.blocks[0]!), 3);
  assert.equal(read.blocks[0]!.lastTime, read.lastTime);
  // The counts that came with versions 2 and 3 are the last bytes of the block.
  const counts = body.indexOf(Buffer.from('000000014503', 'hex')) + 1;
  for (const [version, missing] of [
    [3, 0],
    [2, 1],
    [1, 2],
  ] as const) {
    const old = Buffer.concat([body.subarray(0, counts), body.subarray(counts + missing)]);
    old[1] = version;
    assert.deepEqual(plain(decodeIndexBody(old)), plain(read), `version ${version}`);
  }
  // Before version 4 a subject with one message had one block only.
  const single = Buffer.from(hex.replaceAll(' ', '').replace('612e6203010101', '612e62010101'), 'hex');
  single[1] = 3;
  assert.deepEqual(decodeIndexBody(single).subjects, [
    { subject: 'a.b', messages: 1, firstBlock: 1, lastBlock: 1 },
  ]);
  for (const version of [0, 5]) {
    body[1] = version;
    assert.throws(() => decodeIndexBody(body), /^CorruptError: Stream state magic and version mismatch$/);
  }
});

const consumerState: fc.Arbitrary<ConsumerFileState> = record({
  ackFloor: record({ consumer: fc.nat(), stream: fc.nat() }),
  delivered: record({ consumer: fc.nat(), stream: fc.nat() }),
  pending: fc.array(fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: -1e6, max: 2e9 })), { maxLength: 10 }),
  redelivered: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 1e9 })), { maxLength: 10 }),
}).map(({ ackFloor, delivered, pending, redelivered }) => ({
  ackFloor,
  delivered,
  pending: new Map(
    pending.map(([stream, consumer, seconds]) => [
      ackFloor.stream + stream + 1,
      { sequence: ackFloor.consumer + consumer, deliveredAt: seconds * 1000 },
    ]),
  ),
  redelivered: new Map(redelivered.map(([stream, times]) => [ackFloor.stream + stream + 1, times])),
}));

test('a consumer state that is written is read', () => {
  fc.assert(
    fc.property(consumerState, fc.nat(), (state, now) => {
      assert.deepEqual(decodeConsumerState(encodeConsumerState(state, now * 1000)), state);
    }),
  );
  assert.deepEqual(decodeConsumerState(Buffer.alloc(0)), emptyConsumerState());
  assert.throws(() => decodeConsumerState(Buffer.from('1603000000000000', 'hex')), CorruptError);
  // A sequence with bit 63.
  assert.throws(
    () => decodeConsumerState(Buffer.from('160200808080808080808080010000', 'hex')),
    CorruptError,
  );
});

/** Whatever single bit flips, whatever is cut off, is seen; and the same file without its sum, as the official server writes it, is read. */
function checkSum<T>(file: Buffer, decode: (bytes: Uint8Array) => T): void {
  assert.ok(hasSum(file));
  for (let bit = 0; bit < file.length * 8; bit++) {
    const flipped = Buffer.from(file);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => decode(flipped), CorruptError, `bit ${bit}`);
  }
  const official = file.subarray(0, -FILE_SUM_SIZE);
  assert.ok(!hasSum(official));
  assert.deepEqual(decode(official), decode(file));
  for (let end = 1; end < file.length; end++) {
    if (end !== official.length) assert.throws(() => decode(file.subarray(0, end)), CorruptError, `${end}`);
  }
}

const ascii = fc.string({ unit: 'grapheme-ascii' });

test('no flipped bit and no lost end goes unseen', () => {
  const run = { numRuns: 20 };
  fc.assert(
    fc.property(consumerState, fc.nat(), (state, now) =>
      checkSum(encodeConsumerState(state, now * 1000), decodeConsumerState),
    ),
    run,
  );
  const expiries = fc.array(record({ expires: nanos, sequence }));
  const schedules = fc.array(record({ subject: latin1, fires: nanos, sequence }));
  const sources = fc.array(record({ name: latin1, sequence, identity: ascii }));
  fc.assert(
    fc.property(fc.nat(), expiries, schedules, sources, (stamp, a, b, c) => {
      checkSum(encodeExpiries({ stamp, entries: a }), decodeExpiries);
      checkSum(encodeSchedules({ stamp, entries: b }), decodeSchedules);
      checkSum(encodeSources({ stamp, entries: c }), decodeSources);
    }),
    run,
  );
});

test('a consumer state of version 1', () => {
  // Ack floor 5/10, next delivered 3/4 further on; 11 delivered at second 1000 + 2, 12 redelivered 3 times.
  const bytes = Buffer.from('1601050a0304' + '01' + 'd00f' + '0104' + '01' + '0203', 'hex');
  assert.deepEqual(decodeConsumerState(bytes), {
    ackFloor: { consumer: 5, stream: 10 },
    delivered: { consumer: 7, stream: 13 },
    pending: new Map([[11, { sequence: 0, deliveredAt: 1_002_000 }]]),
    redelivered: new Map([[12, 3]]),
  });
});

test('expiries, schedules and sources that are written are read', () => {
  const expiries = fc.array(record({ expires: nanos, sequence }));
  const schedules = fc.array(record({ subject: latin1, fires: nanos, sequence }));
  const sources = fc.array(record({ name: latin1, sequence, identity: latin1 }));
  fc.assert(
    fc.property(sequence, expiries, schedules, sources, (stamp, a, b, c) => {
      assert.deepEqual(decodeExpiries(encodeExpiries({ stamp, entries: a })), { stamp, entries: a });
      assert.deepEqual(decodeSchedules(encodeSchedules({ stamp, entries: b })), { stamp, entries: b });
      assert.deepEqual(decodeSources(encodeSources({ stamp, entries: c })), { stamp, entries: c });
    }),
  );
});

test('noise and changed files give the declared error', () => {
  const [oneIndex] = fc.sample(
    index.filter(({ blocks }) => blocks.some(({ deleted }) => deleted !== null)),
    {
      numRuns: 1,
      seed: 7,
    },
  );
  const [oneState] = fc.sample(consumerState, { numRuns: 1, seed: 7 });
  const entries = Array.from({ length: 9 }, (_, i) => i);
  mistreat(decodeIndexBody, [Buffer.from(encodeIndexBody(oneIndex!))]);
  mistreat(
    (bytes) => SequenceSet.decode(new ByteReader(bytes)),
    [encodeSet(SequenceSet.of([1, 5000, 9000]))],
  );
  mistreat(decodeConsumerState, [Buffer.from(encodeConsumerState(oneState!, 5000))]);
  mistreat(decodeExpiries, [
    encodeExpiries({ stamp: 9, entries: entries.map((i) => ({ expires: BigInt(i) << 40n, sequence: i })) }),
  ]);
  mistreat(decodeSchedules, [
    encodeSchedules({ stamp: 9, entries: entries.map((i) => ({ subject: 'a.b', fires: 5n, sequence: i })) }),
  ]);
  mistreat(decodeSources, [
    encodeSources({ stamp: 9, entries: entries.map((i) => ({ name: 'S > >', sequence: i, identity: '' })) }),
  ]);
  mistreat(decodeMeta, [encodeMeta('2026-01-01T00:00:00Z', { name: 'S' })]);
});

test('meta files', () => {
  const file = encodeMeta('2026-01-01T00:00:00Z', { name: 'S', subjects: ['a'] });
  assert.equal(file.toString(), '{"Created":"2026-01-01T00:00:00Z","name":"S","subjects":["a"]}');
  assert.deepEqual(decodeMeta(file), { Created: '2026-01-01T00:00:00Z', name: 'S', subjects: ['a'] });
  assert.match(metaSum(hash, 'S', file), /^[0-9a-f]{16}$/);
  assert.notEqual(metaSum(hash, 'S', file), metaSum(hash, 'T', file));
});

test('names', () => {
  assert.deepEqual(
    ['1.blk', '01.blk', '4294967295.blk', '4294967296.blk', '1.blk.tmp', '.blk', '-1.blk'].map((name) =>
      blockIndex(name),
    ),
    [1, -1, 4294967295, -1, -1, -1, -1],
  );
  assert.equal(blockIndex('7.key', '.key'), 7);
  for (const name of ['a', '$G', 'Team_B.x', '..a']) assert.ok(isPathName(name), name);
  for (const name of ['', '.', '..', 'a/b', 'a\\b', 'a\0']) assert.ok(!isPathName(name), name);
});
