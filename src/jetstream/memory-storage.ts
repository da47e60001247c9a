/** Streams in memory: they are gone with the server. */

import type { Clock } from '../runtime/clock.js';
import type { ConsumerConfig } from './consumer-config.js';
import type { Slices } from './slices.js';
import type {
  ConsumerStorage,
  StagedStream,
  StoredConsumer,
  StoredStream,
  StreamStorage,
} from './storage.js';
import { type ConsumerPosition, MemoryConsumerStore } from './store/consumer-store.js';
import { MemoryStore } from './store/memory-store.js';
import type { StoreMemory } from './store/message-block-cache.js';
import type { MessageStore } from './store/message-store.js';
import type { SourceEntry, Stamped } from './store/timer-files.js';
import type { StreamConfig } from './stream-config.js';

/** A consumer whose position is not kept. */
export class MemoryConsumerStorage implements ConsumerStorage {
  readonly inMemory = true;
  readonly lastSave = { failure: null };
  readonly #position: ConsumerPosition | null;

  /** Begins at `position`, if it is given. */
  constructor(position: ConsumerPosition | null = null) {
    this.#position = position;
  }

  open(): MemoryConsumerStore {
    const position = this.#position;
    return position === null ? new MemoryConsumerStore() : new PlacedConsumerStore(position);
  }

  save(): void {
    // Its configuration is where it is used.
  }

  destroy(): void {
    // There is nothing to remove.
  }
}

class PlacedConsumerStore extends MemoryConsumerStore {
  readonly #position: ConsumerPosition;

  constructor(position: ConsumerPosition) {
    super();
    this.#position = position;
  }

  override load(): ConsumerPosition {
    return this.#position;
  }
}

interface MemoryStorageParts {
  clock: Clock;
  memory: StoreMemory;
  slices?: Slices;
}

export class MemoryStreamStorage implements StreamStorage {
  readonly store: MemoryStore;
  readonly lastSave = { failure: null };
  readonly unopened: ReadonlySet<string> = new Set();
  /** How far its sources were copied when it was restored; otherwise its messages tell that. */
  sources: Stamped<SourceEntry> | null = null;
  readonly #consumers: StoredConsumer[];

  /** `consumers` are those of a backup. */
  constructor(parts: MemoryStorageParts, config: StreamConfig, consumers: StoredConsumer[] = []) {
    const { clock, memory, slices } = parts;
    this.store = new MemoryStore(clock, memory, Math.max(1, config.first_seq), slices);
    this.#consumers = consumers;
  }

  save(): void {
    // As above.
  }

  loadSources(): Stamped<SourceEntry> | null {
    return this.sources;
  }

  saveSources(): void {
    // Positions go with the messages.
  }

  consumer(): ConsumerStorage {
    return new MemoryConsumerStorage();
  }

  storedConsumers(): StoredConsumer[] {
    return this.#consumers.splice(0);
  }

  consumerFailed(): void {
    // What is not stored does not fail.
  }

  retire(): void {
    // Nothing of it is found again.
  }

  destroy(): void {
    this.store.destroy();
  }

  stop(done: (error: Error | null) => void): void {
    this.store.stop(done);
  }
}

/** A stream in memory is out of sight until somebody is given it. */
export class MemoryStage implements StagedStream {
  readonly store: MessageStore;
  readonly #consumers: StoredConsumer[] = [];
  readonly #storage: MemoryStreamStorage;
  readonly #config: StreamConfig;
  readonly #created: string;

  constructor(parts: MemoryStorageParts, config: StreamConfig, created: string) {
    this.#config = config;
    this.#created = created;
    this.#storage = new MemoryStreamStorage(parts, config, this.#consumers);
    this.store = this.#storage.store;
  }

  addConsumer(name: string, config: ConsumerConfig, created: string, position: ConsumerPosition): void {
    this.#consumers.push({ name, config, created, storage: new MemoryConsumerStorage(position) });
  }

  addMemoryConsumer(name: string, config: ConsumerConfig, created: string, position: ConsumerPosition): void {
    this.addConsumer(name, config, created, position);
  }

  saveSources(content: Stamped<SourceEntry>): void {
    this.#storage.sources = content;
  }

  complete(done: (error: Error | null) => void): void {
    done(null);
  }

  place(): StoredStream {
    return { config: this.#config, created: this.#created, storage: this.#storage };
  }

  discard(): void {
    this.#storage.destroy();
  }
}
