/** A store in files on a disk that is memory, whose turns, slices and time are in the hand of the test. */
import assert from 'node:assert/strict';
import { FileStore } from '../../../src/jetstream/store/file-store.js';
import { GroupCommit } from '../../../src/jetstream/store/group-commit.js';
import { StoreMemory } from '../../../src/jetstream/store/message-block-cache.js';
import { HighwayHash } from '../../../src/runtime/highway-hash.js';
import { MemoryDisk } from '../../../src/runtime/memory-disk.js';
import { SimulatedClock } from '../../../src/sim/clock.js';

const MIB = 1024 * 1024;
/** Milliseconds after which a block that is mostly dead is written anew. */
export const DUE = 1100;
const hash = new HighwayHash();

export class StoreBench {
  readonly disk = new MemoryDisk();
  readonly clock = new SimulatedClock();
  readonly memory = new StoreMemory({ contentsLimit: 0 });
  steps: (() => boolean)[] = [];
  store: FileStore;
  readonly #compress: boolean;
  #turns: (() => void)[] = [];

  constructor(compress: boolean) {
    this.#compress = compress;
    this.disk.makeDirectory('/s');
    this.store = this.open();
  }

  open(): FileStore {
    this.steps = [];
    this.#turns = [];
    const { disk, clock } = this;
    const defer = (turn: () => void) => void this.#turns.push(turn);
    const commit = new GroupCommit(disk, { interval: 0, clock, defer });
    const slices = { add: (step: () => boolean) => void this.steps.push(step) };
    const place = { name: 'S', directory: '/s', blockSize: MIB, memory: this.memory };
    return new FileStore({ disk, clock, commit, hash, slices, compress: this.#compress, ...place });
  }

  turn(): Promise<void> {
    for (const turn of this.#turns.splice(0)) turn();
    return new Promise((resolve) => setImmediate(resolve));
  }

  /** A block has become what is to be written anew, and that has begun. */
  begin(): void {
    this.clock.advance(DUE);
    assert.equal(this.steps.length, 1, 'it has begun');
  }

  /** Whether there is more to do. */
  step(): boolean {
    const step = this.steps.shift();
    if (step !== undefined && !step()) this.steps.push(step);
    return this.steps.length > 0;
  }

  /** Does what has begun, and what comes of it; of that no more than its beginning where `all` is false. */
  async finish(all = true): Promise<void> {
    while (this.step());
    for (let i = 0; i < 5; i++) {
      await this.turn();
      this.clock.advance(DUE);
      while (all && this.step());
    }
  }

  get names(): string[] {
    return this.disk.list('/s/msgs').map(({ name }) => name);
  }
}
