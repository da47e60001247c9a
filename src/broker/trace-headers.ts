/**
 * Headers by which a message asks to be traced: `Nats-Trace-Dest`, or a `traceparent` of W3C's trace context with its flag for
 * sampling set.
 */
import type { PublishOperation } from '../protocol/client-parser.js';

export const TRACE_DESTINATION = 'Nats-Trace-Dest';
/** Stands in the place of a destination, and is none: nobody is to trace the message. */
export const TRACE_DISABLED = 'trace disabled';

const HEADER_LINE = 'NATS/1.0\r\n';
const LF = 10;
const SMALL = 32;
const N = 0x4e;
const T = 0x74;
const R = 0x72;
const A = 0x61;
const C = 0x63;
const E = 0x65;
const D = 0x44;
/** Of the T and the D in `Nats-Trace-Dest`. */
const TRACE_AT = 5;
const DEST_AT = 11;
/** A bit for each letter of "race", by the last five bits of its code. */
const RACE = (1 << (R & 31)) | (1 << (A & 31)) | (1 << (C & 31)) | (1 << (E & 31));
/** Where the last letter of the first "race" stands at the earliest. */
const FIRST_E = HEADER_LINE.length + 4;

/**
 * Whether a line of the header begins as one that asks for a trace. On the hot path of messages with headers: both names have "race"
 * in them, so that one of its letters stands at every fourth byte there, and the others need no look.
 */
export function mayAskForTrace({ memory, payloadStart, headerSize }: PublishOperation): boolean {
  const { bytes } = memory;
  const end = payloadStart + headerSize;
  for (let at = payloadStart + FIRST_E; at < end; at += 4) {
    // Shifts take the last five bits.
    if (((RACE >>> bytes[at]!) & 1) === 1 && isInRace(bytes, at)) return namesTrace(bytes, payloadStart, end);
  }
  return false;
}

/** Whether the byte and one beside it may belong to "race". */
function isInRace(bytes: Uint8Array, at: number): boolean {
  const next = bytes[at + 1]! | SMALL;
  switch (bytes[at]! | SMALL) {
    case R:
      return next === A;
    case A:
      return next === C;
    case C:
      return next === E;
    case E:
      return (bytes[at - 1]! | SMALL) === C;
    default:
      return false;
  }
}

function namesTrace(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start + HEADER_LINE.length; at < end; at++) {
    const first = bytes[at]!;
    if (first === N) {
      if ((bytes[at + TRACE_AT]! | SMALL) === T && bytes[at + DEST_AT] === D) return true;
    } else if ((first | SMALL) === T && (bytes[at + 1]! | SMALL) === R) {
      return true;
    }
    while (at < end && bytes[at] !== LF) at++;
  }
  return false;
}

/** What the headers of a message ask for; null when it is not to be traced. */
export interface TraceRequest {
  /** All headers with their values, names as they were written; latin1 text. */
  headers: Map<string, string[]>;
  /** It is the `traceparent` that asks: the account says where traces go. */
  external: boolean;
}

/** Reads a header block, latin1 text. */
export function readTraceRequest(block: string): TraceRequest | null {
  if (!block.startsWith(HEADER_LINE)) return null;
  const headers = new Map<string, string[]>();
  let sampled = false;
  for (let at = HEADER_LINE.length; at < block.length; ) {
    const colon = block.indexOf(':', at);
    if (colon < 0) break;
    const name = block.slice(at, colon);
    const valueAt = /[^ \t]|$/.exec(block.slice(colon + 1))!.index + colon + 1;
    const lineEnd = block.indexOf('\r\n', valueAt);
    if (lineEnd < 0) break;
    at = lineEnd + 2;
    const value = block.slice(valueAt, lineEnd).replace(/[ \t]+$/, '');
    if (name === '' || value === '') continue;
    if (name === TRACE_DESTINATION && value === TRACE_DISABLED && !headers.has(name)) return null;
    if (name.toLowerCase() === 'traceparent' && isSampled(value)) sampled = true;
    const values = headers.get(name);
    if (values === undefined) headers.set(name, [value]);
    else values.push(value);
  }
  const named = headers.has(TRACE_DESTINATION);
  return named || sampled ? { headers, external: !named } : null;
}

/** `version-traceid-parentid-flags`; the flags are read as a signed number of 8 bits, as officially. */
function isSampled(value: string): boolean {
  const parts = value.split('-');
  return parts.length === 4 && /^(\+|[0-7])[13579bdf]$/i.test(parts[3]!);
}
