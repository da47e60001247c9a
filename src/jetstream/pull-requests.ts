/**
 * Pull requests that wait for messages: what each still wants, in which order they are served, and what they are told when they end
 * without. The consumer says what there is to deliver.
 */
import type { Route } from '../broker/route.js';
import { goDuration } from '../config/go-format.js';
import { bool, duration, int, int64, omitEmpty, readJson, struct, text } from '../protocol/json-type.js';
import type { ConsumerConfig } from './consumer-config.js';
import { statusBlock } from './headers.js';

const NANOSECONDS = 1e6;

const pullRequest = struct('JSApiConsumerGetNextRequest', {
  expires: omitEmpty(duration),
  batch: omitEmpty(int),
  max_bytes: omitEmpty(int),
  no_wait: omitEmpty(bool),
  idle_heartbeat: omitEmpty(duration),
  group: omitEmpty(text),
  min_pending: omitEmpty(int64),
  min_ack_pending: omitEmpty(int64),
  id: omitEmpty(text),
  priority: omitEmpty(int),
});

/** Which messages a request of a priority group wants. */
export interface Priority {
  group: string;
  minPending: number;
  minAckPending: number;
  /** The pin that the client believes to have. */
  id: string;
  /** 0 is served first. */
  priority: number;
}

export class PullRequest {
  readonly reply: string;
  /** Messages it still wants. */
  batch: number;
  /** Bytes it still takes; 0 for any number. */
  bytes: number;
  readonly limited: boolean;
  readonly noWait: boolean;
  /** Milliseconds since 1970; 0 never. */
  readonly expires: number;
  /** Milliseconds; 0 for none. */
  readonly heartbeat: number;
  nextHeartbeat: number;
  readonly priority: Priority | null;
  delivered = 0;
  /** The way to the client; the queue's neighbours. */
  readonly route: Route;
  previous: PullRequest | null = null;
  next: PullRequest | null = null;
  queued = false;

  constructor(reply: string, wanted: Wanted, now: number, route: Route) {
    this.reply = reply;
    this.route = route;
    this.batch = wanted.batch;
    this.bytes = wanted.maxBytes;
    this.limited = wanted.maxBytes > 0;
    this.noWait = wanted.noWait;
    this.expires = wanted.expires === 0 ? 0 : now + wanted.expires;
    this.heartbeat = wanted.heartbeat;
    this.nextHeartbeat = wanted.heartbeat === 0 ? 0 : now + wanted.heartbeat;
    this.priority = wanted.priority;
  }
}

/** A request as it was written. Times are milliseconds. */
export interface Wanted {
  batch: number;
  maxBytes: number;
  noWait: boolean;
  expires: number;
  heartbeat: number;
  priority: Priority | null;
}

/** A status that ends a request, or refuses it. */
export class PullStatus extends Error {
  readonly code: number;

  constructor(code: number, description: string) {
    super(description);
    this.code = code;
  }

  get block(): string {
    return statusBlock(this.code, this.message);
  }
}

const one: Wanted = { batch: 1, maxBytes: 0, noWait: false, expires: 0, heartbeat: 0, priority: null };

/** Reads a body: nothing, a number, or JSON. Throws `PullStatus` 400. */
export function readPullRequest(body: Buffer): Wanted {
  const trimmed = body.toString('utf8').trim();
  if (!trimmed.startsWith('{'))
    return /^[+-]?[0-9]{1,15}$/.test(trimmed) ? { ...one, batch: Number(trimmed) } : one;
  const read = readFast(trimmed) ?? readCarefully(Buffer.from(trimmed));
  if (read.idle_heartbeat > 0 && read.idle_heartbeat * 2 > read.expires)
    throw new PullStatus(400, 'Bad Request - heartbeat value too large');
  return {
    batch: read.batch,
    maxBytes: read.max_bytes,
    noWait: read.no_wait,
    expires: read.expires / NANOSECONDS,
    heartbeat: read.idle_heartbeat / NANOSECONDS,
    priority: {
      group: read.group,
      minPending: read.min_pending,
      minAckPending: read.min_ack_pending,
      id: read.id,
      priority: read.priority,
    },
  };
}

type Read = ReturnType<typeof pullRequest.zero>;
const zero = pullRequest.zero();

/** What clients send, without the pains that a wrong request needs; null when it is not that. */
function readFast(json: string): Read | null {
  try {
    const value = JSON.parse(json) as Record<string, unknown>;
    for (const name of Object.keys(value)) {
      const wanted = (zero as Record<string, unknown>)[name];
      if (
        typeof wanted !== typeof value[name] ||
        (typeof wanted === 'number' && !Number.isInteger(value[name]))
      )
        return null;
    }
    return { ...zero, ...value } as Read;
  } catch {
    return null;
  }
}

function readCarefully(json: Buffer): Read {
  try {
    const rest = behindValue(json);
    if (rest !== '') throw new Error(`invalid character '${rest[0]}' after top-level value`);
    return readJson(pullRequest, json, false);
  } catch (error) {
    const text =
      (error as Error).message === 'unexpected EOF'
        ? 'unexpected end of JSON input'
        : (error as Error).message;
    throw new PullStatus(400, `Bad Request - ${text}`);
  }
}

/** What stands behind the object that the text begins with; '' for none, or when that is not finished. */
function behindValue(json: Buffer): string {
  const text = json.toString('utf8');
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (quoted) {
      if (char === '\\') at++;
      else if (char === '"') quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === '{' || char === '[') depth++;
    else if ((char === '}' || char === ']') && --depth === 0) return text.slice(at + 1).trim();
  }
  return '';
}

/** Whether a consumer takes such requests. Throws `PullStatus`. */
export function checkPullRequest(wanted: Wanted, config: ConsumerConfig, pin: string): void {
  const {
    max_batch: maxBatch,
    max_expires: maxExpires,
    max_bytes: maxBytes,
    priority_policy: policy,
  } = config;
  if (maxBatch > 0 && wanted.batch > maxBatch)
    throw new PullStatus(409, `Exceeded MaxRequestBatch of ${maxBatch}`);
  if (maxExpires > 0 && wanted.expires * NANOSECONDS > maxExpires)
    throw new PullStatus(409, `Exceeded MaxRequestExpires of ${goDuration(maxExpires / NANOSECONDS)}`);
  if (maxBytes > 0 && wanted.maxBytes > maxBytes)
    throw new PullStatus(409, `Exceeded MaxRequestMaxBytes of ${maxBytes}`);
  const { priority } = wanted;
  if (priority === null) return;
  const bad = (what: string) => new PullStatus(400, `Bad Request - ${what}`);
  if ((priority.minPending !== 0 || priority.minAckPending !== 0) && policy !== 'overflow')
    throw bad('Not a Overflow Priority consumer');
  if (priority.id !== '' && policy !== 'pinned_client') throw bad('Not a Pinned Client Priority consumer');
  if (priority.priority < 0 || priority.priority > 9) throw bad('Priority must be between 0 and 9');
  if (policy === 'none') return;
  if (priority.group === '') throw bad('Priority Group missing');
  if (!config.priority_groups?.includes(priority.group)) throw bad('Invalid Priority Group');
  if (pin !== '' && priority.id !== '' && priority.id !== pin)
    throw new PullStatus(423, 'Nats-Pin-Id mismatch');
}

/** Those without a priority come behind all that have one. */
function priorityOf({ priority }: PullRequest): number {
  return priority === null ? Number.MAX_SAFE_INTEGER : priority.priority;
}

/** The requests of one consumer, in the order they are served: a list in which each place is taken and left at once. */
export class PullQueue {
  #first: PullRequest | null = null;
  #last: PullRequest | null = null;
  maxWaiting: number;
  size = 0;
  /** Those that do not wait for messages. */
  hasty = 0;

  constructor(maxWaiting: number) {
    this.maxWaiting = maxWaiting;
  }

  get isFull(): boolean {
    return this.size >= this.maxWaiting;
  }

  get first(): PullRequest | null {
    return this.#first;
  }

  /** `prioritized` puts it behind those of the same priority, else it goes to the end. */
  add(request: PullRequest, prioritized: boolean): void {
    let before = this.#last;
    if (prioritized) {
      const own = priorityOf(request);
      while (before !== null && priorityOf(before) > own) before = before.previous;
    }
    const after = before === null ? this.#first : before.next;
    request.previous = before;
    request.next = after;
    if (before === null) this.#first = request;
    else before.next = request;
    if (after === null) this.#last = request;
    else after.previous = request;
    request.queued = true;
    this.size++;
    if (request.noWait) this.hasty++;
  }

  remove(request: PullRequest): void {
    if (!request.queued) return;
    const { previous, next } = request;
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    request.previous = null;
    request.next = null;
    request.queued = false;
    this.size--;
    if (request.noWait) this.hasty--;
  }

  /** It was served, or passed over: others come first, with `prioritized` only those of the same priority. */
  requeue(request: PullRequest, prioritized: boolean): void {
    if (this.#last === request && !prioritized) return;
    this.remove(request);
    this.add(request, prioritized);
  }

  /** All of them, in order; the one at hand may be removed. */
  *[Symbol.iterator](): IterableIterator<PullRequest> {
    for (let request = this.#first; request !== null; ) {
      const { next } = request;
      yield request;
      request = next;
    }
  }

  clear(): PullRequest[] {
    const all = [...this];
    for (const request of all) this.remove(request);
    return all;
  }
}

/** Headers that tell how much of a request is left. */
export function leftOf({ batch, bytes }: PullRequest): Record<string, number> {
  return { 'Nats-Pending-Messages': batch, 'Nats-Pending-Bytes': bytes };
}
