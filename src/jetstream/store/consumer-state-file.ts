/**
 * `o.dat`: how far a consumer is. Sequences of pending messages are written as distances from the ack floor, delivery times as
 * seconds before the time of writing; what is below a second is lost.
 *
 *     22 | version 2 | ack floor (consumer, stream) | delivered (consumer, stream)
 *     pending: count [time of writing, then stream sequence, consumer sequence, age] | redelivered: count [stream sequence, times]
 *
 * Messages that were delivered as often as they may be are known as redelivered also below the ack floor: the distance is negative
 * then, in 64 bits without a sign.
 *
 * Version 1, which is only read, had no consumer sequences of pending messages, and other bases.
 *
 * Then comes a sum that official servers do not look at, see `file-sum.ts`.
 */
import { ByteReader, ByteWriter } from './binary.js';
import { endWithSum, expectEnd, withoutSum } from './file-sum.js';
import { CorruptError } from './store-error.js';

const MAGIC = 22;
const VERSION = 2;
const SECOND = 1000;
/** What a pending message takes at least. */
const MIN_PENDING = 2;

export interface SequencePair {
  consumer: number;
  stream: number;
}

export interface PendingState {
  /** The consumer sequence of its last delivery; 0 where a file of version 1 did not tell. */
  sequence: number;
  /** Milliseconds since 1970, whole seconds after reading. */
  deliveredAt: number;
}

export interface ConsumerFileState {
  delivered: SequencePair;
  ackFloor: SequencePair;
  /** By stream sequence. */
  pending: Map<number, PendingState>;
  /** Deliveries beyond the first one, by stream sequence. */
  redelivered: Map<number, number>;
}

export function emptyConsumerState(): ConsumerFileState {
  return {
    delivered: { consumer: 0, stream: 0 },
    ackFloor: { consumer: 0, stream: 0 },
    pending: new Map(),
    redelivered: new Map(),
  };
}

/**
 * @param now milliseconds since 1970
 * @throws {RangeError} a pending message is below the ack floor
 */
export function encodeConsumerState(state: ConsumerFileState, now: number): Buffer {
  const { ackFloor, delivered, pending, redelivered } = state;
  const to = new ByteWriter(64 + pending.size * 12 + redelivered.size * 8);
  to.byte(MAGIC);
  to.byte(VERSION);
  to.varint(ackFloor.consumer);
  to.varint(ackFloor.stream);
  to.varint(delivered.consumer);
  to.varint(delivered.stream);
  to.varint(pending.size);
  if (pending.size > 0) {
    const base = Math.round(now / SECOND);
    to.signedVarint(base);
    for (const [sequence, { sequence: consumerSequence, deliveredAt }] of pending) {
      to.varint(sequence - ackFloor.stream);
      // A message that was delivered again is acknowledged by its last delivery, behind those of others that came after it.
      to.wrappedVarint(consumerSequence - ackFloor.consumer);
      to.signedVarint(base - Math.trunc(deliveredAt / SECOND));
    }
  }
  to.varint(redelivered.size);
  for (const [sequence, times] of redelivered) {
    to.wrappedVarint(sequence - ackFloor.stream);
    to.varint(times);
  }
  return endWithSum(to);
}

/**
 * An empty file is a consumer that has done nothing.
 *
 * @throws {CorruptError}
 */
export function decodeConsumerState(bytes: Uint8Array): ConsumerFileState {
  const state = emptyConsumerState();
  if (bytes.length === 0) return state;
  const from = new ByteReader(withoutSum(bytes));
  const magic = from.byte();
  const version = from.byte();
  if (magic !== MAGIC || (version !== 1 && version !== VERSION)) throw new CorruptError('corrupt state file');
  const { ackFloor, delivered } = state;
  ackFloor.consumer = from.varint();
  ackFloor.stream = from.varint();
  delivered.consumer = from.varint();
  delivered.stream = from.varint();
  if (version === 1) {
    // It has the distance to what is delivered next.
    delivered.consumer += Math.max(ackFloor.consumer - 1, 0);
    delivered.stream += Math.max(ackFloor.stream - 1, 0);
  }
  readPending(from, version, state);
  const count = from.count(2);
  for (let i = 0; i < count; i++) {
    const sequence = sum(from.wrappedVarint(), ackFloor.stream);
    const times = from.varint();
    if (sequence > 0 && times > 0) state.redelivered.set(sequence, times);
  }
  expectEnd(from);
  return state;
}

function readPending(from: ByteReader, version: number, { ackFloor, pending }: ConsumerFileState): void {
  const count = from.count(MIN_PENDING);
  if (count === 0) return;
  const base = from.signedVarint();
  for (let i = 0; i < count; i++) {
    const streamSequence = sum(from.varint(), ackFloor.stream);
    if (streamSequence === 0) throw new CorruptError('corrupt state file');
    const sequence = version === 1 ? 0 : sum(from.wrappedVarint(), ackFloor.consumer);
    const age = from.signedVarint();
    const seconds = version === 1 ? base + age : base - age;
    pending.set(streamSequence, { sequence, deliveredAt: seconds * SECOND });
  }
}

function sum(a: number, b: number): number {
  if (a + b > Number.MAX_SAFE_INTEGER || a + b < 0) throw new CorruptError('corrupt state file');
  return a + b;
}
