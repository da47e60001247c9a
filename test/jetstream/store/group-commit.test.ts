/** When a cycle of the group commit begins, and what it costs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type CommitCycle,
  type CommitMember,
  GroupCommit,
} from '../../../src/jetstream/store/group-commit.js';
import { HighwayHash } from '../../../src/runtime/highway-hash.js';
import { silentLog } from '../../../src/runtime/log.js';
import { SeededRandom } from '../../../src/runtime/random.js';
import { SimulatedClock } from '../../../src/sim/clock.js';
import { SimulatedDisk } from '../../../src/sim/disk.js';

/** Time passes a bit whenever somebody asks for it. */
class RunningClock extends SimulatedClock {
  time = 0;

  override monotonic(): number {
    return (this.time += 0.01);
  }
}

/** Each sync takes 0.3 milliseconds. */
class TakingDisk extends SimulatedDisk {
  readonly clock = new RunningClock();

  override syncNow(path: string, end: (failed: boolean) => void): void {
    this.clock.time += 0.3;
    super.syncNow(path, end);
  }

  override settle(): void {
    this.clock.time += 0.3;
    super.settle();
  }
}

class Line implements CommitMember {
  readonly path: string;
  readonly told: number[] = [];
  readonly failures: string[] = [];
  #size = 0;

  constructor(path: string) {
    this.path = path;
  }

  flush(cycle: CommitCycle): number {
    cycle.write(cycle.open(this.path), Buffer.from('x'), 0, 1, this.#size++);
    return this.#size;
  }

  durable(flushed: unknown): void {
    this.told.push(flushed as number);
  }

  failed(error: Error): void {
    this.failures.push(error.message);
  }
}

class Bench {
  readonly disk = new TakingDisk(new SeededRandom(1), false);
  readonly commit: GroupCommit;
  readonly errors: string[] = [];
  #turns: (() => void)[] = [];

  constructor(interval = 0) {
    this.disk.makeDirectory('/s');
    this.commit = new GroupCommit(this.disk, {
      interval,
      clock: this.disk.clock,
      defer: (turn) => void this.#turns.push(turn),
      journal: {
        hash: new HighwayHash(),
        directory: '/s',
        areaSize: 64 * 1024,
        after: 0,
        log: { ...silentLog, error: (text) => void this.errors.push(text) },
      },
    });
  }

  turn(): void {
    for (const turn of this.#turns.splice(0)) turn();
  }

  rest(): void {
    for (let i = 0; i < 60; i++) {
      this.turn();
      this.disk.settle();
    }
  }
}

test('one sync for all files, once the journal is there', () => {
  const bench = new Bench();
  const lines = Array.from({ length: 20 }, (_, i) => new Line(`/s/${i}`));
  for (let round = 0; round < 3; round++) {
    for (const line of lines) bench.commit.dirty(line);
    bench.rest();
  }
  const { syncs } = bench.disk;
  for (const line of lines) bench.commit.dirty(line);
  bench.rest();
  assert.equal(bench.disk.syncs, syncs + 1);
  for (const line of lines) assert.deepEqual(line.told, [1, 2, 3, 4]);
});

test('who was answered is likely to come again, and is waited for', () => {
  const bench = new Bench();
  const [a, b] = [new Line('/s/a'), new Line('/s/b')];
  const publish = (line: Line) => {
    bench.commit.awaited();
    bench.commit.dirty(line);
  };
  const both = (between: () => void) => {
    publish(a);
    between();
    publish(b);
    bench.rest();
  };
  for (let i = 0; i < 3; i++) both(() => {});
  const { cycles } = bench.commit.figures;
  both(() => bench.turn());
  assert.equal(bench.commit.figures.cycles, cycles + 1);
  // One that does not come holds nobody up for long.
  publish(a);
  bench.rest();
  assert.equal(a.told.at(-1), 5);
  assert.equal(bench.commit.figures.cycles, cycles + 2);
});

test('of many changes that are likely to come half are synced while the others are read', () => {
  for (const window of [100, 256, 2000]) {
    const bench = new Bench();
    const line = new Line('/s/a');
    const publish = () => {
      bench.commit.between();
      bench.commit.awaited();
      bench.commit.dirty(line);
    };
    /** Cycles that begin before the turn ends. */
    const begun = (count: number) => {
      const { cycles } = bench.commit.figures;
      for (let i = 0; i < count; i++) publish();
      return bench.commit.figures.cycles - cycles;
    };
    publish();
    bench.rest();
    // Nobody knows yet that they come together.
    assert.equal(begun(window), 0);
    bench.rest();
    assert.equal(begun(window / 2), 0);
    assert.equal(begun(window / 2), window === 256 ? 1 : 0, `${window}`);
    bench.rest();
    assert.deepEqual(
      line.told,
      Array.from(line.told, (_, i) => i + 1),
    );
    assert.deepEqual(line.failures, []);
  }
});

test('who came while a cycle was under way is told after those who were in it', () => {
  const bench = new Bench();
  const order: string[] = [];
  const line = (name: string) => {
    const member = new Line(`/s/${name}`);
    member.durable = (flushed) => void order.push(`${name}${flushed}`);
    return member;
  };
  const [a, b] = [line('a'), line('b')];
  for (let i = 0; i < 200; i++) {
    bench.commit.dirty(a);
    if (i % 2 === 0) bench.turn();
    bench.commit.dirty(b);
    if (i % 3 === 0) bench.disk.settle();
    bench.turn();
  }
  bench.rest();
  for (const name of ['a', 'b']) {
    const numbers = order.filter((each) => each.startsWith(name)).map((each) => Number(each.slice(1)));
    assert.deepEqual(
      numbers,
      [...numbers].sort((x, y) => x - y),
    );
    assert.ok(numbers.length > 50);
  }
});

test('what a member wrote before it failed is in no entry', () => {
  const bench = new Bench();
  const good = new Line('/s/good');
  const bad = new Line('/s/bad');
  bench.commit.dirty(good);
  bench.rest();
  bad.flush = (cycle) => {
    cycle.write(cycle.open('/s/bad'), Buffer.from('half'), 0, 4, 0);
    cycle.replace('/s/bad.inf', Buffer.from('half'));
    throw new Error('no more');
  };
  bench.commit.dirty(bad);
  bench.commit.dirty(good);
  bench.rest();
  assert.deepEqual(bad.failures, ['no more']);
  assert.deepEqual(good.told, [1, 2]);
  assert.equal(bench.disk.status('/s/bad.inf'), undefined);
  bench.disk.powerCut();
  new GroupCommit(bench.disk, {
    interval: 0,
    clock: new RunningClock(),
    journal: { hash: new HighwayHash(), directory: '/s', log: silentLog },
  });
  assert.equal(bench.disk.readFile('/s/good').toString(), 'xx');
  assert.equal(bench.disk.status('/s/bad.inf'), undefined);
});

for (const rounds of [0, 3]) {
  test(`what a cycle under way replaces is there when it is forgotten: ${rounds === 0 ? 'files' : 'journal'}`, () => {
    const bench = new Bench();
    const { disk, commit } = bench;
    disk.makeDirectory('/s/d');
    const line = new Line('/s/x');
    for (let i = 0; i < rounds; i++) {
      commit.dirty(line);
      bench.rest();
    }
    const file = new Line('/s/d/a.inf');
    let text = '';
    file.flush = (cycle) => {
      cycle.replace(file.path, Buffer.from(text));
      return 1;
    };
    text = 'old';
    commit.dirty(file);
    bench.rest();
    text = 'new';
    commit.dirty(file);
    // Beside it a file is synced on its own, so it is not over at once.
    line.flush = (cycle) => {
      cycle.write(cycle.open('/s/x'), Buffer.alloc(0), 0, 0, 0);
      return 1;
    };
    commit.dirty(line);
    bench.turn();
    commit.forgetDirectory('/s/d');
    // Its directory goes, and comes back with the power.
    disk.rename('/s/d', '/s/e');
    bench.rest();
    assert.equal(disk.readFile('/s/e/a.inf').toString(), 'new');
    assert.deepEqual(file.told.length + file.failures.length, 2);
    disk.powerCut();
    const there = disk.status('/s/d') === undefined ? '/s/e/a.inf' : '/s/d/a.inf';
    assert.equal(disk.readFile(there).toString(), 'new');
  });
}

test('with an interval a stop syncs what was replaced, too', () => {
  const bench = new Bench(60_000);
  const line = new Line('/s/a');
  line.flush = (cycle) => {
    cycle.replace('/s/a.inf', Buffer.from('whole'));
    return 1;
  };
  bench.commit.dirty(line);
  bench.rest();
  let ended: Error | null | undefined;
  bench.commit.stop((error) => (ended = error));
  bench.rest();
  assert.equal(ended, null);
  for (let i = 0; i < 5; i++) bench.disk.powerCut();
  assert.equal(bench.disk.readFile('/s/a.inf').toString(), 'whole');
});

test('with an interval a sync that failed is tried again when its time has come, and logged once', () => {
  const bench = new Bench(1000);
  const { disk, commit, errors } = bench;
  disk.makeDirectory('/s/d');
  const interval = () => {
    disk.clock.advance(1001);
    bench.rest();
  };
  commit.dirty(new Line('/s/d/a'));
  bench.rest();
  disk.failSyncs = true;
  for (let i = 0; i < 3; i++) interval();
  assert.equal(errors.length, 1);
  assert.match(errors[0]!, /^Files of the store cannot be synced, it is tried again: EIO/);
  assert.equal(commit.figures.failures, 3);
  disk.failSyncs = false;
  interval();
  const { syncs } = disk;
  for (let i = 0; i < 3; i++) interval();
  assert.equal(disk.syncs, syncs, 'nothing is left to do');
  for (let i = 0; i < 5; i++) disk.powerCut();
  assert.equal(disk.readFile('/s/d/a').toString(), 'x');
});

test('with an interval the next failure is logged again', () => {
  const bench = new Bench(1000);
  const { disk, commit, errors } = bench;
  const line = new Line('/s/a');
  for (const fails of [true, false, true, false]) {
    disk.failSyncs = fails;
    commit.dirty(line);
    bench.rest();
    disk.clock.advance(1001);
    bench.rest();
  }
  assert.equal(errors.length, 2);
  commit.stop((error) => assert.equal(error, null));
  bench.rest();
  assert.equal(disk.clock.pending, 0);
});
