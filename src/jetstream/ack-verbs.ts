/** What a client says about a message that was delivered to it: the body of a message to the ack subject, and that subject. */
import { parseGoDuration } from '../config/go-format.js';

export type AckVerb =
  | { verb: 'ack' }
  /** `delay` in milliseconds; undefined for at once. `bad` is a delay that could not be read. */
  | { verb: 'nak'; delay?: number; bad?: string }
  | { verb: 'progress' }
  /** The rest is a pull request. */
  | { verb: 'next'; request: Buffer }
  | { verb: 'term'; reason: string };

const ACKS = new Set(['', '+ACK', '+OK']);

/** Null for a body that means nothing. */
export function readAck(body: Buffer): AckVerb | null {
  // Nearly all of them.
  if (body.length === 0) return { verb: 'ack' };
  const text = body.toString('utf8');
  if (ACKS.has(text)) return { verb: 'ack' };
  if (text === '+WPI') return { verb: 'progress' };
  if (text.startsWith('-NAK')) return readNak(text.slice(4).trim());
  if (text.startsWith('+NXT')) return { verb: 'next', request: body.subarray(4) };
  if (text.startsWith('+TERM')) return { verb: 'term', reason: text.slice(5).trim() };
  return null;
}

function readNak(argument: string): AckVerb {
  if (argument === '') return { verb: 'nak' };
  try {
    if (!argument.startsWith('{')) return { verb: 'nak', delay: parseGoDuration(argument) };
    const { delay } = JSON.parse(argument) as { delay?: unknown };
    if (delay === undefined || Number.isInteger(delay))
      return { verb: 'nak', delay: ((delay ?? 0) as number) / 1e6 };
  } catch {
    // Told below.
  }
  return { verb: 'nak', bad: argument };
}
