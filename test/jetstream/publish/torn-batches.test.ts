// Atomic batches and the end of a server: whenever it dies, all of a batch is there or nothing of it, and all where it was acknowledged.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { headerBlock } from '../../../src/jetstream/headers.js';
import type { DiskFile } from '../../../src/runtime/disk.js';
import { SeededRandom } from '../../../src/runtime/random.js';
import { DiskError, SimulatedDisk } from '../../../src/sim/disk.js';
import { Lab } from '../lab.js';

const SEEDS = Number(process.env.WEFT_SEEDS ?? 60);
const MESSAGES = 24;
/** Some batches take several blocks. */
const SIZE = 3000;

function batch(lab: Lab, id: string, acknowledged: () => void): void {
  const { client } = lab;
  client.subscribe(`acks.${id}`, ({ payload }) => {
    if (!payload.includes('"error"')) acknowledged();
  });
  for (let sequence = 1; sequence <= MESSAGES; sequence++) {
    const isLast = sequence === MESSAGES;
    const headers = {
      'Nats-Batch-Id': id,
      'Nats-Batch-Sequence': sequence,
      ...(isLast ? { 'Nats-Batch-Commit': 1 } : {}),
    };
    const block = Buffer.from(headerBlock(headers), 'latin1');
    client.publish('s.batch', `${id} ${'x'.repeat(SIZE)}`, isLast ? `acks.${id}` : '', block);
  }
}

/** Ends the process in the middle of a write: after so many bytes nothing reaches the disk any more. */
class Fuse {
  left = Number.POSITIVE_INFINITY;
  readonly #undo: () => void;

  constructor() {
    // Handles that are open already are of this kind, too.
    const some = new SimulatedDisk(new SeededRandom(1));
    const kind = Object.getPrototypeOf(some.open('/some', 'create')) as DiskFile;
    const { write, truncate } = kind;
    const fuse = this;
    kind.write = function (this: DiskFile, bytes, offset, length, position) {
      const part = Math.min(length, fuse.left);
      fuse.left -= part;
      if (part > 0) write.call(this, bytes, offset, part, position);
      if (part < length) throw new DiskError('EIO', this.path);
    };
    kind.truncate = function (this: DiskFile, size) {
      if (fuse.left <= 0) throw new DiskError('EIO', this.path);
      truncate.call(this, size);
    };
    this.#undo = () => Object.assign(kind, { write, truncate });
  }

  [Symbol.dispose](): void {
    this.#undo();
  }
}

for (const how of ['crash', 'cut'] as const) {
  for (const where of ['between two turns', 'in the middle of a write'] as const) {
    test(`${how} ${where}, by ${SEEDS} seeds`, async () => {
      using fuse = new Fuse();
      let [whole, none] = [0, 0];
      for (let seed = 1; seed <= SEEDS; seed++) {
        const lab = new Lab(seed);
        await lab.create({ name: 'S', subjects: ['s.>'], allow_atomic: true });
        await lab.publish('s.one', 'one');
        await lab.publish('s.two', 'two');
        let acknowledged = false;
        batch(lab, `b${seed}`, () => {
          acknowledged = true;
        });
        if (where !== 'between two turns') fuse.left = (seed * 7919) % (4 * MESSAGES * SIZE);
        for (let i = 0; i < (where === 'between two turns' ? seed % 7 : 4); i++) await turn();
        const wasAcknowledged: boolean = acknowledged;
        lab.die(how, () => {
          fuse.left = Number.POSITIVE_INFINITY;
        });
        const stored = lab.stored('S').slice(2);
        assert.ok(
          stored.length === MESSAGES || stored.length === 0,
          `seed ${seed}: ${stored.length} of ${MESSAGES} messages`,
        );
        if (wasAcknowledged) assert.equal(stored.length, MESSAGES, `seed ${seed}: it was acknowledged`);
        if (stored.length === 0) none++;
        else whole++;
        assert.equal(await lab.publish('s.after', 'after'), stored.length + 3);
        await lab.restart();
        assert.equal(lab.stored('S').length, stored.length + 3);
        await lab.close();
      }
      assert.ok(whole > 0 && none > 0, `${whole} whole, ${none} none`);
    });
  }
}

test('a batch that was acknowledged, and whose last message is damaged then, keeps the others', async () => {
  const lab = new Lab(1);
  await lab.create({ name: 'S', subjects: ['s.>'], allow_atomic: true });
  let acknowledged = false;
  batch(lab, 'b', () => {
    acknowledged = true;
  });
  for (let i = 0; i < 100 && !acknowledged; i++) await turn();
  assert.ok(acknowledged);
  const block = '/store/jetstream/$G/streams/S/msgs/1.blk';
  const { size } = lab.disk.status(block)!;
  lab.disk.flipBit(block, size - SIZE, 3);
  lab.die('crash');
  assert.equal(lab.stored('S').length, MESSAGES - 1);
  await lab.close();
});
