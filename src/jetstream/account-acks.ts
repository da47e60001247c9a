/**
 * Acks and answers to flow control of one account, on their way to the consumer that they are for. Each comes on a subject of its own,
 * so consumers do not subscribe: there is one subscription for all, and a route past it for acks that need nothing but to be counted.
 */
import { createHash } from 'node:crypto';
import type { AckRoute } from '../broker/broker-account.js';
import type { InternalClient, InternalMessage } from '../broker/internal-client.js';
import { fromUtf8, isSame, readText } from '../protocol/bytes.js';
import type { Consumer } from './consumer.js';

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const DOT = 46;
const PREFIX_LENGTH = '$JS.ACK.'.length;
/** `$JS.ACK.<stream>.<consumer>` and five numbers. */
const TOKENS = 9;
/** The same with domain and account; more may follow. */
const LONG_TOKENS = 11;
const FLOW_TOKENS = 5;
const LONG_FLOW_TOKENS = 7;
const LONGEST_NUMBER = 15;

export class AccountAcks implements AckRoute {
  /** In front of the stream in the subjects that are sent, see `AckSubjectWriter`. Both forms are understood. */
  readonly scope: string;
  readonly #client: InternalClient;
  readonly #domain: string;
  readonly #hash: string;
  /** In front of the stream in the long form. */
  readonly #longScope: Uint8Array;
  /** By `<stream>.<consumer>`, latin1. */
  readonly #consumers = new Map<string, Consumer>();
  /** The one that was asked for last, and its key as bytes: acks come in rows. */
  #last: Consumer | null = null;
  #lastKey: Uint8Array = new Uint8Array(0);
  /** Where the tokens of a subject end. */
  readonly #ends = new Int32Array(LONG_TOKENS - 2);

  /** `long` as the feature flag `js_ack_fc_v2` asks for it. */
  constructor(client: InternalClient, account: string, { domain, long }: { domain: string; long: boolean }) {
    this.#client = client;
    this.#domain = domain === '' ? '_' : fromUtf8(domain);
    this.#hash = accountHash(account);
    const scope = `${this.#domain}.${this.#hash}.`;
    this.scope = long ? scope : '';
    this.#longScope = Buffer.from(scope, 'latin1');
  }

  open(): void {
    this.#client.subscribe('$JS.ACK.>', (message) => this.#ack(message));
    this.#client.subscribe('$JS.FC.>', (message) => this.#flowControl(message));
    this.#client.account.ackRoute = this;
  }

  close(): void {
    this.#client.account.ackRoute = null;
  }

  add(consumer: Consumer): void {
    this.#consumers.set(keyOf(consumer), consumer);
  }

  remove(consumer: Consumer): void {
    const key = keyOf(consumer);
    if (this.#consumers.get(key) === consumer) this.#consumers.delete(key);
    if (this.#last === consumer) this.#last = null;
  }

  // --- Any message --------------------------------------------------------------------------------------------------

  /** False when nobody knows of the delivery: there is no responder. */
  #ack(message: InternalMessage): boolean {
    const tokens = message.subject.split('.');
    const consumer = this.#find(tokens, tokens.length === TOKENS, tokens.length >= LONG_TOKENS);
    if (consumer === undefined || !consumer.takesAcks) return false;
    consumer.receiveAck(message);
    return true;
  }

  #flowControl(message: InternalMessage): boolean {
    const tokens = message.subject.split('.');
    const consumer = this.#find(tokens, tokens.length === FLOW_TOKENS, tokens.length === LONG_FLOW_TOKENS);
    if (consumer === undefined || consumer.push === null || !consumer.config.flow_control) return false;
    consumer.push.receiveFlowControl(message);
    return true;
  }

  #find(tokens: readonly string[], short: boolean, long: boolean): Consumer | undefined {
    if (short) return this.#consumers.get(`${tokens[2]}.${tokens[3]}`);
    if (!long || tokens[2] !== this.#domain || tokens[3] !== this.#hash) return undefined;
    return this.#consumers.get(`${tokens[4]}.${tokens[5]}`);
  }

  // --- Bytes --------------------------------------------------------------------------------------------------------

  receive(bytes: Uint8Array, start: number, end: number, payloadStart: number, payloadEnd: number): boolean {
    const ends = this.#ends;
    let count = 0;
    for (let i = start + PREFIX_LENGTH; i < end; i++) {
      if (bytes[i] !== DOT) continue;
      if (count === LONG_TOKENS - 3) return false;
      ends[count++] = i;
    }
    let from = start + PREFIX_LENGTH;
    let at = 1;
    if (count === LONG_TOKENS - 3) {
      if (!isSame(this.#longScope, bytes, from, ends[1]! + 1)) return false;
      from = ends[1]! + 1;
      at = 3;
    } else if (count !== TOKENS - 3) return false;
    const consumer = this.#consumerAt(bytes, from, ends[at]!);
    if (consumer === null || !consumer.takesAcks) return false;
    const deliveries = readNumber(bytes, ends[at]! + 1, ends[at + 1]!);
    const sequence = readNumber(bytes, ends[at + 1]! + 1, ends[at + 2]!);
    const consumerSequence = readNumber(bytes, ends[at + 2]! + 1, ends[at + 3]!);
    if (deliveries < 0 || sequence <= 0 || consumerSequence < 0) return false;
    if (isPlainAck(bytes, payloadStart, payloadEnd)) {
      consumer.acknowledged(sequence, consumerSequence, deliveries);
      return true;
    }
    const payload = Buffer.from(bytes.subarray(payloadStart, payloadEnd));
    consumer.receiveAck({
      subject: readText(bytes, start, end),
      reply: '',
      header: null,
      payload,
      from: null,
      trace: null,
    });
    return true;
  }

  #consumerAt(bytes: Uint8Array, start: number, end: number): Consumer | null {
    const known = this.#lastKey;
    if (this.#last !== null && known.length === end - start) {
      let i = known.length - 1;
      while (i >= 0 && known[i] === bytes[start + i]) i--;
      if (i < 0) return this.#last;
    }
    const consumer = this.#consumers.get(readText(bytes, start, end));
    if (consumer === undefined) return null;
    this.#last = consumer;
    this.#lastKey = bytes.slice(start, end);
    return consumer;
  }
}

function keyOf(consumer: Consumer): string {
  return `${fromUtf8(consumer.stream.name)}.${fromUtf8(consumer.name)}`;
}

/** How subjects name an account, as officially. */
export function accountHash(account: string): string {
  const sum = createHash('sha256').update(account).digest();
  return Array.from(sum.subarray(0, 8), (byte) => DIGITS[byte % DIGITS.length]).join('');
}

/** -1 for what is no number, or a large one. */
function readNumber(bytes: Uint8Array, start: number, end: number): number {
  if (end <= start || end - start > LONGEST_NUMBER) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = bytes[i]! - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

const PLUS_ACK = Buffer.from('+ACK');
const PLUS_OK = Buffer.from('+OK');

function isPlainAck(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end) return true;
  const word = end - start === PLUS_ACK.length ? PLUS_ACK : PLUS_OK;
  if (end - start !== word.length) return false;
  for (let i = 0; i < word.length; i++) if (bytes[start + i] !== word[i]) return false;
  return true;
}
