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
const D = 0x44;
/** Of the T and the D in `Nats-Trace-Dest`. */
const TRACE_AT = 5;
const DEST_AT = 11;

/** Whether a line of the header begins as one that asks for a trace. On the hot path of messages with headers. */
export function mayAskForTrace({ memory, payloadStart, headerSize }: PublishOperation): boolean {
  const { bytes } = memory;
  const end = payloadStart + headerSize;
  for (let at = payloadStart + HEADER_LINE.length; at < end; at++) {
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
