/** Streams in memory: they are gone with the server. */
import type { Clock } from '../runtime/clock.js';
import type { ConsumerStorage, Storage, StoredStream, StreamStorage } from './storage.js';
import { MemoryConsumerStore } from './store/consumer-store.js';
import type { GroupCommit } from './store/group-commit.js';
import { MemoryStore } from './store/memory-store.js';
import type { StoreMemory } from './store/message-block-cache.js';
import type { StreamConfig } from './stream-config.js';

/** A consumer whose position is not kept. */
export class MemoryConsumerStorage implements ConsumerStorage {
  open(): MemoryConsumerStore {
    return new MemoryConsumerStore();
  }

  save(): void {
    // Its configuration is where it is used.
  }

  destroy(): void {
    // There is nothing to remove.
  }
}

export class MemoryStreamStorage implements StreamStorage {
  readonly store: MemoryStore;

  constructor(clock: Clock, memory: StoreMemory, config: StreamConfig) {
    this.store = new MemoryStore(clock, memory, Math.max(1, config.first_seq));
  }

  save(): void {
    // As above.
  }

  loadSources(): null {
    return null;
  }

  saveSources(): void {
    // Positions go with the messages.
  }

  consumer(): ConsumerStorage {
    return new MemoryConsumerStorage();
  }

  storedConsumers(): [] {
    return [];
  }

  destroy(): void {
    this.store.destroy();
  }

  stop(done: (error: Error | null) => void): void {
    this.store.stop(done);
  }
}

/** For servers that keep nothing: all streams are in memory, whatever they ask for. */
export class MemoryStorage implements Storage {
  readonly commit: GroupCommit;
  readonly #clock: Clock;
  readonly #memory: StoreMemory;

  constructor(clock: Clock, memory: StoreMemory, commit: GroupCommit) {
    this.#clock = clock;
    this.#memory = memory;
    this.commit = commit;
  }

  create(_account: string, config: StreamConfig): StreamStorage {
    return new MemoryStreamStorage(this.#clock, this.#memory, config);
  }

  recover(): StoredStream[] {
    return [];
  }

  accounts(): string[] {
    return [];
  }
}
