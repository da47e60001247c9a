/** The header `Nats-TTL`: how long a message lives, in whole seconds or as a Go duration, or `never`. */
import { parseGoDuration } from '../config/go-format.js';

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
