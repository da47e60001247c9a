/**
 * Pinned clients: all messages of a consumer go to the one client that has the pin, until it does not ask for messages for a while
 * or the pin is taken away.
 */
import type { Timer } from '../runtime/clock.js';
import { advise, domainOf } from './advisories.js';
import type { Consumer } from './consumer.js';
import type { PullRequest } from './pull-requests.js';

const NANOSECONDS = 1e6;

export class PriorityPin {
  readonly #consumer: Consumer;
  readonly #onRelease: () => void;
  /** The id that the client has to show; '' while nobody has it. */
  current = '';
  /** RFC 3339; '' while nobody has it. */
  since = '';
  #timer: Timer | null = null;

  constructor(consumer: Consumer, onRelease: () => void) {
    this.#consumer = consumer;
    this.#onRelease = onRelease;
  }

  get #group(): string {
    return this.#consumer.config.priority_groups?.[0] ?? '';
  }

  /** Gives the pin to whoever made the request; only those of the group get one. */
  assign({ priority }: PullRequest): void {
    if (priority === null || priority.group === '') return;
    this.current = this.#consumer.account.jetstream.nuid.next();
    this.since = this.#consumer.account.jetstream.now();
    priority.id = this.current;
    this.keep();
    const { current } = this;
    this.#advise('PINNED', 'consumer_group_pinned', ['pinned_id', JSON.stringify(current)]);
  }

  /** The client is there. */
  keep(): void {
    this.#timer?.cancel();
    this.#timer = this.#consumer.clock.after(this.#consumer.config.priority_timeout / NANOSECONDS, () => {
      this.#timer = null;
      this.unpin('timeout');
    });
  }

  /** Takes the pin away and tells of it. */
  unpin(reason: 'admin' | 'timeout'): void {
    // As officially, an operator is told so in any case.
    if (this.current === '' && reason === 'timeout') return;
    this.release();
    this.#advise('UNPINNED', 'consumer_group_unpinned', ['reason', JSON.stringify(reason)]);
    this.#onRelease();
  }

  /** Nobody has it any more. */
  release(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.current = '';
    this.since = '';
  }

  close(): void {
    this.release();
  }

  #advise(event: 'PINNED' | 'UNPINNED', type: string, last: readonly [string, string]): void {
    const { account, stream, name, topic } = this.#consumer;
    advise(account, `CONSUMER.${event}.${topic}`, type, () => [
      ['account', JSON.stringify(account.name)],
      ['stream', JSON.stringify(stream.name)],
      ['consumer', JSON.stringify(name)],
      ['domain', domainOf(account.jetstream)],
      ['group', JSON.stringify(this.#group)],
      last,
    ]);
  }
}
