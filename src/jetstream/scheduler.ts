/** Publishes what is due of a stream's schedules: one timer for the next one, whatever their number. */

import type { Timer } from '../runtime/clock.js';
import { ApiError } from './errors.js';
import { headerText, headerValue, withHeader, withoutHeader, withoutHeaders } from './headers.js';
import { nextSchedule } from './schedule.js';
import type { StoredMessage } from './store/message-store.js';
import type { Stream } from './stream.js';

/** Milliseconds: however many are due, publishers get their turns between them. */
const LEAST_PAUSE = 250;
/** The clock is looked at at least this often, since timers cannot wait for longer than 24 days. Milliseconds. */
const LONGEST_WAIT = 3_600_000;

interface Due {
  subject: string;
  sequence: number;
  at: bigint;
}

export class Scheduler {
  readonly #stream: Stream;
  #timer: Timer | null = null;
  /** When the timer fires, milliseconds. */
  #armedFor = Number.POSITIVE_INFINITY;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  /** A message with a schedule was stored, which is due at a time in nanoseconds. */
  add(subject: string, sequence: number, at: bigint): void {
    this.#stream.store.schedules.set(subject, sequence, at);
    this.arm();
  }

  arm(): void {
    const { store, account, config } = this.#stream;
    const { next } = store.schedules;
    if (next === null || !config.allow_msg_schedules) return;
    const { clock } = account.jetstream.broker;
    const now = clock.now();
    const at = Math.min(Math.max(Number(next / 1_000_000n) + 1, now + LEAST_PAUSE), now + LONGEST_WAIT);
    if (this.#timer !== null && this.#armedFor <= at) return;
    this.#timer?.cancel();
    this.#armedFor = at;
    this.#timer = clock.after(at - now, () => {
      this.#timer = null;
      this.#armedFor = Number.POSITIVE_INFINITY;
      this.#run();
      this.arm();
    });
  }

  #run(): void {
    if (this.#stream.closed) return;
    const { store, account } = this.#stream;
    for (const due of store.schedules.due(account.jetstream.nanoseconds())) {
      // What cannot be published is no schedule any more; one that is refused is tried again with the next turn.
      try {
        if (!this.#fire(due)) store.schedules.remove(due.subject);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        account.jetstream.log.warn(
          `Stream '${account.name} > ${this.#stream.name}' could not store a scheduled message: ${error.message}`,
        );
      }
    }
  }

  /** False for what turns out to be no schedule. Throws `ApiError` when what it makes cannot be stored. */
  #fire({ subject, sequence, at }: Due): boolean {
    const { store, account, publishing } = this.#stream;
    const message = store.load(sequence);
    if (message === null) return false;
    const header = headerText(message.header);
    const next = nextSchedule(header, at, account.jetstream.nanoseconds());
    const target = headerValue(header, 'Nats-Schedule-Target') ?? '';
    if (next === null || typeof next === 'string' || target === '') return false;
    const content = this.#content(header) ?? message;
    const block = makeHeader(headerText(content.header), header, subject, next.repeats ? next.text : 'purge');
    publishing.storeOwn(target, block, Buffer.from(content.payload));
    if (next.repeats) store.schedules.set(subject, sequence, next.at);
    return true;
  }

  /** The newest message of another subject, where that is what is to be published. */
  #content(header: string): StoredMessage | null {
    const source = headerValue(header, 'Nats-Schedule-Source') ?? '';
    return source === '' ? null : this.#stream.store.loadLast(source);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}

/** The headers of the message that a schedule makes: those of its content, without what was meant for the schedule itself. */
function makeHeader(content: string, schedule: string, subject: string, next: string): string {
  let block = withoutHeaders(withoutHeaders(content, 'Nats-Schedule'), 'Nats-Expected-');
  for (const name of ['Nats-Msg-Id', 'Nats-TTL', 'Nats-Rollup']) block = withoutHeader(block, name);
  block = withHeader(block, 'Nats-Scheduler', subject);
  block = withHeader(block, 'Nats-Schedule-Next', next);
  const ttl = headerValue(schedule, 'Nats-Schedule-TTL') ?? '';
  if (ttl !== '') block = withHeader(block, 'Nats-TTL', ttl);
  const rollup = headerValue(schedule, 'Nats-Schedule-Rollup') ?? '';
  return rollup === '' ? block : withHeader(block, 'Nats-Rollup', rollup);
}
