/**
 * Lame duck mode: the server stops accepting, asks its clients to go elsewhere, gives them time to, and then ends the
 * connections one by one, so that they do not all reconnect at the same moment (client protocol, section 12).
 */
import type { Broker } from './broker/broker.js';
import type { Timer } from './runtime/clock.js';

/** What lame duck mode does with a server. */
export interface LameDuckTarget {
  readonly broker: Broker;
  readonly listening: boolean;
  stopListening(): void;
  shutdown(): Promise<void>;
}

/** The longest pause between two connections. */
const MAX_PAUSE = 1000;
/** Takes the place of a time that is not positive. */
const SHORTEST_DURATION = 1000;

export class LameDuck {
  readonly #target: LameDuckTarget;
  #timer: Timer | null = null;
  #wake: (() => void) | null = null;
  #cancelled = false;

  constructor(target: LameDuckTarget) {
    this.#target = target;
  }

  /** Resolves when the server has shut down; at once when there is nothing to do, or when `cancel` was called. */
  async run(): Promise<void> {
    const { broker } = this.#target;
    if (broker.lameDuck || !this.#target.listening) return;
    broker.log.notice('Entering lame duck mode, stop accepting new clients');
    broker.lameDuck = true;
    this.#target.stopListening();
    const connections = [...broker.connections.values()];
    if (connections.length > 0) {
      this.#shuffle(connections);
      this.#tellClients();
      await this.#pause(broker.options.lameDuckGracePeriod);
      if (this.#cancelled) return;
      broker.log.notice('Closing existing clients');
      await this.#closeOneByOne(connections);
    }
    if (!this.#cancelled) await this.#target.shutdown();
  }

  /** Ends the waiting: the server shuts down by other means. */
  cancel(): void {
    this.#cancelled = true;
    this.#timer?.cancel();
    this.#wake?.();
  }

  #tellClients(): void {
    const { broker } = this.#target;
    // Nobody is to come back here.
    broker.connectUrls = [];
    for (const connection of broker.connections.values()) connection.sendInfo({ ldm: true });
  }

  async #closeOneByOne(connections: Iterable<{ close(reason: 'Server Shutdown'): void }>): Promise<void> {
    const all = [...connections];
    const { options, random } = this.#target.broker;
    const left = options.lameDuckDuration - options.lameDuckGracePeriod;
    const interval = Math.min((left > 0 ? left : SHORTEST_DURATION) / all.length, MAX_PAUSE);
    for (const [index, connection] of all.entries()) {
      connection.close('Server Shutdown');
      if (index === all.length - 1) return;
      const part = Math.max(random.next() / 0x1_0000_0000, 0.5);
      await this.#pause(interval * part);
      if (this.#cancelled) return;
    }
  }

  #pause(duration: number): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#timer = this.#target.broker.clock.after(duration, resolve);
    });
  }

  #shuffle(list: unknown[]): void {
    const { random } = this.#target.broker;
    for (let i = list.length - 1; i > 0; i--) {
      const j = random.next() % (i + 1);
      [list[i], list[j]] = [list[j], list[i]];
    }
  }
}
