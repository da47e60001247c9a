import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  eraseRecord,
  isIntact,
  type RecordKind,
  RecordView,
  readRecord,
  readVerifiedRecord,
  recordSize,
} from '../../../src/jetstream/store/record.js';
import { HighwayHash, hashKey } from '../../../src/runtime/highway-hash.js';
import { stampOf, writeMarker, writeMessage } from '../../support/records.js';

const hash = new HighwayHash();
const key = hashKey('A-1');

interface Message {
  sequence: number;
  time: bigint;
  subject: string;
  headers: Uint8Array;
  payload: Uint8Array;
}

function write(message: Message, to: Uint8Array, at: number): number {
  const body = Buffer.concat([Buffer.from('??'), message.headers, message.payload]);
  return writeMessage(
    hash,
    key,
    to,
    at,
    message.sequence,
    stampOf(message.time),
    message.subject,
    body,
    2,
    message.headers.length,
    message.payload.length,
  );
}

function read(bytes: Buffer, view: RecordView): Message & { kind: RecordKind } {
  return {
    kind: view.kind,
    sequence: view.sequence,
    time: view.time,
    subject: bytes.toString('latin1', view.subjectStart, view.subjectEnd),
    headers: Uint8Array.from(bytes.subarray(view.headersStart, view.headersEnd)),
    payload: Uint8Array.from(bytes.subarray(view.payloadStart, view.payloadEnd)),
  };
}

const message = fc.record({
  sequence: fc.maxSafeNat(),
  time: fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
  subject: fc.uint8Array({ maxLength: 300 }).map((bytes) =>
    Buffer.from(bytes)
      .toString('latin1')
      .replace(/[ \t\r\n]/g, '_'),
  ),
  headers: fc.uint8Array({ maxLength: 100 }),
  payload: fc.uint8Array({ maxLength: 300 }),
});

test('a record of the official server, written and read', () => {
  const expected = '270000000100000000000000e5a68c47c080ea180300612e6268656c6c6f309e8a1fbafec934d2';
  const time = 0x18ea80c0478ca6e5n;
  const to = Buffer.alloc(60);
  const payload = Buffer.from('hello0');
  const end = write({ sequence: 1, time, subject: 'a.b', headers: new Uint8Array(), payload }, to, 5);
  assert.equal(to.toString('hex', 5, end), expected);
  const view = new RecordView();
  assert.equal(readVerifiedRecord(hash, key, to, 5, end, view), null);
  assert.equal(view.stamp.milliseconds, Number(time) / 1e6);
  assert.deepEqual([view.kind, view.sequence, view.time, view.size], ['message', 1, time, 39]);
});

test('what is written is read', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 8 }), (messages) => {
      const to = Buffer.alloc(10_000);
      let end = 3;
      for (const each of messages) {
        const before = end;
        end = write(each, to, end);
        assert.equal(end - before, recordSize(each.subject.length, each.headers.length, each.payload.length));
      }
      const view = new RecordView();
      let at = 3;
      for (const each of messages) {
        assert.equal(readVerifiedRecord(hash, key, to, at, end, view), null);
        assert.deepEqual(read(to, view), { kind: 'message', ...each });
        at = view.end;
      }
      assert.equal(at, end);
    }),
  );
});

test('skips, tombstones and erased records', () => {
  const to = Buffer.alloc(400);
  const view = new RecordView();
  for (const kind of ['skip', 'tombstone'] as const) {
    const end = writeMarker(hash, key, to, 9, kind, 2 ** 40 + 3, stampOf((6n << 32n) + 5n));
    assert.equal(end, 39);
    assert.equal(readVerifiedRecord(hash, key, to, 9, end, view), null);
    assert.deepEqual([view.kind, view.sequence, view.time], [kind, 2 ** 40 + 3, (6n << 32n) + 5n]);
  }
  const headers = Buffer.from('NATS/1.0\r\nA: b\r\n\r\n');
  const end = write({ sequence: 77, time: 1n, subject: 's', headers, payload: Buffer.alloc(90, 'p') }, to, 0);
  readRecord(to, 0, end, view);
  eraseRecord(hash, key, to, view, Buffer.alloc(200, '!'), stampOf(9n));
  assert.equal(readVerifiedRecord(hash, key, to, 0, end, view), null);
  assert.deepEqual([view.kind, view.sequence, view.time, view.end], ['erased', 77, 9n, end]);
  assert.ok(!to.includes('p'));
});

test('no flipped bit behind the lengths goes unseen, and none is taken for something else', () => {
  fc.assert(
    fc.property(message, fc.nat(), (each, flip) => {
      const to = Buffer.alloc(1000);
      const end = write(each, to, 0);
      const bit = flip % (end * 8);
      to[bit >> 3]! ^= 1 << (bit & 7);
      const view = new RecordView();
      const damage = readVerifiedRecord(hash, key, to, 0, end, view);
      if (damage === null) {
        // The lengths are not part of the hash: the border between two fields may move, no byte may change.
        assert.ok((bit >> 3 >= 20 && bit >> 3 < 22) || bit >> 3 < 4 || each.headers.length > 0);
      } else {
        assert.ok(['torn', 'zeros', 'length', 'hash'].includes(damage), damage);
      }
    }),
  );
});

test('a subject that goes on into the payload is seen by its blank', () => {
  const to = Buffer.alloc(100);
  const payload = Buffer.from('a b');
  const end = write({ sequence: 1, time: 1n, subject: 'abc', headers: new Uint8Array(), payload }, to, 0);
  const view = new RecordView();
  to[20] = 5;
  assert.equal(readVerifiedRecord(hash, key, to, 0, end, view), 'hash');
  to[20] = 3;
  assert.equal(readVerifiedRecord(hash, key, to, 0, end, view), null);
});

test('kinds of damage', () => {
  const to = Buffer.alloc(100);
  const view = new RecordView();
  const payload = Buffer.from('payload');
  const end = write({ sequence: 1, time: 1n, subject: 'abc', headers: new Uint8Array(), payload }, to, 0);
  const damaged = (change: (bytes: Buffer) => void, until = end) => {
    const copy = Buffer.from(to);
    change(copy);
    return readVerifiedRecord(hash, key, copy, 0, until, view);
  };
  assert.equal(
    damaged(() => {}),
    null,
  );
  assert.equal(
    damaged(() => {}, end - 1),
    'torn',
  );
  assert.equal(
    damaged(() => {}, 3),
    'torn',
  );
  assert.equal(
    damaged((bytes) => bytes.fill(0)),
    'zeros',
  );
  assert.equal(
    damaged((bytes) => bytes.writeUInt32LE(29, 0)),
    'length',
  );
  assert.equal(
    damaged((bytes) => bytes.writeUInt32LE(40_000_000, 0)),
    'length',
  );
  assert.equal(
    damaged((bytes) => bytes.writeUInt32LE(end + 1, 0)),
    'torn',
  );
  assert.equal(
    damaged((bytes) => bytes.writeUInt16LE(900, 20)),
    'length',
  );
  assert.equal(
    damaged((bytes) => bytes.writeUInt8(1, 30)),
    'hash',
  );
  assert.equal(view.end, end);
  const large = Buffer.from(to);
  large.writeUInt32LE(0x0020_0000, 8);
  assert.equal(readRecord(large, 0, end, view), 'sequence');
  assert.ok(!isIntact(hash, key, large, view));
  assert.throws(() => writeMarker(hash, key, to, 0, 'skip', 2 ** 53, stampOf(0n)), RangeError);
});

test('noise is read without an exception', () => {
  const view = new RecordView();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 210 }), (bytes, at) => {
      const damage = readVerifiedRecord(hash, key, bytes, Math.min(at, bytes.length), bytes.length, view);
      assert.notEqual(damage, null);
    }),
  );
});
