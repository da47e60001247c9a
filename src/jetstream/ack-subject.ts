/** The subject on which a delivered message is acknowledged: written as bytes for each delivery, and read from them. */
import type { Scratch } from '../broker/stored-frame.js';
import { fromUtf8, writeDigits, writeNumber, writeText } from '../protocol/bytes.js';
import { COPY_SLACK, Memory } from '../runtime/arena.js';
import { Stamp } from '../runtime/stamp.js';

export const ACK_PREFIX = '$JS.ACK.';
const DOT = 46;
const FRACTION_DIGITS = 9;
/** Five numbers of at most 20 digits, with dots. */
const NUMBERS = 5 * 21;
const SECOND = 1_000_000_000n;
const SECOND_NUMBER = 1e9;
/** What has no more digits is exact. */
const EXACT_DIGITS = 15;
/** The largest number of a sequence, as near as a number gets. Officially what is no number counts as -1, without its sign. */
const LARGEST = 2 ** 64;

/** What an ack subject says of the delivery. A client may have written any number of 64 bits, see `sequenceText`. */
export interface AckSubject {
  deliveries: number;
  sequence: number;
  consumerSequence: number;
}

/**
 * Writes `$JS.ACK.<scope><stream>.<consumer>.<deliveries>.<sequence>.<consumer sequence>.<time>.<pending>`. The scope is empty, or
 * `<domain>.<hash of the account>.`
 */
export class AckSubjectWriter implements Scratch {
  readonly memory: Memory;
  length = 0;
  readonly #prefixLength: number;
  /** The second of the last message, and how it is written: most come in the same one as the one before. */
  readonly #second = new Stamp();
  #secondText = '';

  /** `scope` is latin1, names are UTF-8 text. */
  constructor(scope: string, stream: string, consumer: string) {
    const prefix = `${ACK_PREFIX}${scope}${fromUtf8(stream)}.${fromUtf8(consumer)}.`;
    this.memory = new Memory(prefix.length + NUMBERS + COPY_SLACK);
    this.#prefixLength = writeText(prefix, this.memory.bytes, 0);
  }

  /** The bytes are good until the next call. */
  write(deliveries: number, sequence: number, consumerSequence: number, time: Stamp, pending: number): this {
    const { bytes } = this.memory;
    let at = writeNumber(deliveries, bytes, this.#prefixLength);
    bytes[at++] = DOT;
    at = writeNumber(sequence, bytes, at);
    bytes[at++] = DOT;
    at = writeNumber(consumerSequence, bytes, at);
    bytes[at++] = DOT;
    at = this.#writeTime(time, at);
    bytes[at++] = DOT;
    this.length = writeNumber(pending, bytes, at);
    return this;
  }

  #writeTime(time: Stamp, at: number): number {
    let rest = time.since(this.#second);
    if (this.#secondText === '' || !(rest >= 0 && rest < SECOND_NUMBER)) {
      const { nanoseconds } = time;
      this.#second.nanoseconds = nanoseconds - (nanoseconds % SECOND);
      this.#secondText = String(nanoseconds / SECOND);
      rest = time.since(this.#second);
    }
    const { bytes } = this.memory;
    if (this.#secondText === '0') return writeNumber(rest, bytes, at);
    const start = writeText(this.#secondText, bytes, at);
    writeDigits(rest, FRACTION_DIGITS, bytes, start);
    return start + FRACTION_DIGITS;
  }
}

/**
 * Reads such a subject, or the longer form with domain and account in front of the stream. Null for anything else.
 */
export function readAckSubject(subject: string): AckSubject | null {
  const tokens = subject.split('.');
  const at = tokens.length === 9 ? 4 : tokens.length >= 11 ? 6 : 0;
  if (at === 0) return null;
  const [deliveries, sequence, consumerSequence] = [at, at + 1, at + 2].map((i) => wholeNumber(tokens[i]!));
  return { deliveries: deliveries!, sequence: sequence!, consumerSequence: consumerSequence! };
}

function wholeNumber(token: string): number {
  if (!/^[0-9]+$/.test(token)) return LARGEST;
  return token.length <= EXACT_DIGITS ? Number(token) : Number(BigInt.asUintN(64, BigInt(token)));
}

/** Such a number as it is shown. */
export const sequenceText = (sequence: number): string =>
  sequence === LARGEST ? '18446744073709551615' : String(sequence);
