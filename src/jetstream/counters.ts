/**
 * Counters: a subject whose newest message holds a sum. What a client sends is the increment; what is stored is the new sum, with what
 * each origin has contributed where a stream adds up those of others. Pure functions of the last message and the new one.
 */
import { map, omitEmpty, quoteJson, readOneJson, struct, text } from '../protocol/json-type.js';
import { ApiError } from './errors.js';
import { headerValue, withHeaderInPlace } from './headers.js';

const counterValue = struct('CounterValue', { val: omitEmpty(text) });
const counterSources = map(map(text));

/** Sums by stream and subject. */
export type CounterSources = Record<string, Record<string, string> | undefined>;

export interface CounterState {
  total: bigint;
  sources: CounterSources | null;
}

/** A counter at the newest message of its subject; 0 without one. Throws `ApiError` 10172 when that is no counter. */
export function readCounter(message: { header: string; payload: Uint8Array } | null): CounterState {
  if (message === null) return { total: 0n, sources: null };
  try {
    const { val } = readOneJson(counterValue, message.payload);
    const kept = headerValue(message.header, 'Nats-Counter-Sources') ?? '';
    const sources = kept === '' ? null : (readOneJson(counterSources, Buffer.from(kept, 'latin1')) ?? null);
    return { total: wholeNumber(val), sources };
  } catch {
    throw new ApiError('messageCounterBroken');
  }
}

/** 0 for what is no number, as officially. */
function wholeNumber(value: string): bigint {
  return /^[+-]?[0-9]+$/.test(value) ? BigInt(value.replace('+', '')) : 0n;
}

/** What is stored for a message with an increment, and the counter afterwards. */
export interface CounterStep {
  state: CounterState;
  header: string;
  payload: Buffer;
}

/**
 * Adds to a counter. A message from another stream has that one's sum: what it adds is the difference to the sum that was known of
 * it before. Throws `ApiError`.
 */
export function addToCounter(
  { total, sources }: CounterState,
  increment: bigint,
  subject: string,
  header: string,
  payload: Uint8Array,
): CounterStep {
  const origin = headerValue(header, 'Nats-Stream-Source') ?? '';
  let added = increment;
  let block = header;
  let contributions = sources;
  if (origin !== '') {
    const sum = readCounter({ header: '', payload }).total;
    const [stream = '', , , , originSubject = subject] = origin.split(' ');
    const known = contributions?.[stream];
    added = sum - wholeNumber(known?.[originSubject] ?? '');
    contributions = { ...contributions, [stream]: { ...known, [originSubject]: String(sum) } };
    block = withHeaderInPlace(block, 'Nats-Incr', String(added));
  }
  const state = { total: total + added, sources: contributions };
  if (contributions !== null && Object.keys(contributions).length > 0)
    block = withHeaderInPlace(
      block,
      'Nats-Counter-Sources',
      counterSources.write(contributions as Record<string, Record<string, string>>),
    );
  return { state, header: block, payload: Buffer.from(`{"val":${quoteJson(String(state.total))}}`) };
}
