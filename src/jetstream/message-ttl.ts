/** The header `Nats-TTL`: how long a message lives, in whole seconds or as a Go duration, or `never`. And what stands for a subject
 * whose last message expired. */
import { goDuration, parseGoDuration } from '../config/go-format.js';
import { headerBlock, headerValue } from './headers.js';

/** Seconds; -1 for ever; null for what is no TTL. `0` is a duration for Go, and too short. */
export function parseTtl(text: string): number | null {
  if (text.toLowerCase() === 'never') return -1;
  if (/^[0-9]+$/.test(text) && text !== '0') return Number(text) > MAX_SECONDS ? null : Number(text);
  try {
    const milliseconds = parseGoDuration(text);
    return milliseconds < 1000 ? null : Math.floor(milliseconds / 1000);
  } catch {
    return null;
  }
}

/** Beyond it nanoseconds do not fit into 64 bits. */
const MAX_SECONDS = 9_223_372_036;

/** Whether a message says itself that its subject is gone: one of the server's markers, or the purge of a key. */
export function isDeleteMarker(header: string): boolean {
  return (
    (headerValue(header, 'Nats-Marker-Reason') ?? '') !== '' ||
    headerValue(header, 'KV-Operation') === 'PURGE'
  );
}

/** The header block of the message that takes the place of an expired one. `ttl` in nanoseconds, of which whole seconds count. */
export function markerHeader(ttl: number): string {
  return headerBlock({
    'Nats-Marker-Reason': 'MaxAge',
    'Nats-TTL': goDuration(Math.floor(ttl / 1e9) * 1000),
    'Nats-Rollup': 'sub',
  });
}
