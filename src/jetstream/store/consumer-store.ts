/**
 * Where a consumer keeps how far it is: `o.dat` in its directory, replaced as a whole, or nothing for consumers in memory.
 *
 * Two kinds of changes: most are written a little later, many together (a crash costs redeliveries); those that were
 * confirmed to a client are written with the next group commit.
 */

/** A delivered message that waits for its ack. */
export interface PendingAck {
  consumerSequence: number;
  /** When it was delivered last, milliseconds since 1970; kept in whole seconds on disk. */
  time: number;
}

/** Sequences as in ConsumerInfo. */
export interface ConsumerPosition {
  deliveredConsumer: number;
  deliveredStream: number;
  floorConsumer: number;
  floorStream: number;
  /** By stream sequence. */
  pending: Map<number, PendingAck>;
  /** Deliveries minus one, by stream sequence. */
  redelivered: Map<number, number>;
}

export interface ConsumerStoreListener {
  /** All changes up to `position` survive a power cut. */
  durable(position: number): void;
  /** The disk refused; the changes are kept and tried again with the next one. */
  failed(error: Error): void;
}

export interface ConsumerStore {
  readonly position: number;
  readonly durablePosition: number;
  listener: ConsumerStoreListener | null;
  /** What was stored; null for a new consumer. Throws `StoreError` for a file that makes no sense, which is left there. */
  load(): ConsumerPosition | null;
  /**
   * The position has changed; it is read from the source when it is written. `confirm`: with the next group commit,
   * otherwise within `LAZY_WRITE` milliseconds. Returns what `durablePosition` has to reach.
   */
  changed(confirm: boolean): number;
  /** Writes what is left and syncs it. */
  stop(done: (error: Error | null) => void): void;
  /** Removes the file. */
  destroy(): void;
}

/** At most this long a change that nobody waits for stays in memory, as officially. Milliseconds. */
export const LAZY_WRITE = 100;

/** Asked for the current position when it is written. */
export type PositionSource = () => ConsumerPosition;

/** A consumer in memory: nothing to write, nothing to wait for. */
export class MemoryConsumerStore implements ConsumerStore {
  position = 0;
  durablePosition = 0;
  listener: ConsumerStoreListener | null = null;

  load(): ConsumerPosition | null {
    return null;
  }

  changed(): number {
    return (this.durablePosition = ++this.position);
  }

  stop(done: (error: Error | null) => void): void {
    done(null);
  }

  destroy(): void {}
}
