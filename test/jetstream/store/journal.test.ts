/** The journal's entries as bytes, and what a start makes of a journal. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Journal } from '../../../src/jetstream/store/journal.js';
import {
  EntryBuilder,
  type Operation,
  readEntries,
  SECTOR,
} from '../../../src/jetstream/store/journal-entry.js';
import {
  HEADERS,
  JOURNAL_FILE,
  readHeader,
  writeHeaders,
} from '../../../src/jetstream/store/journal-file.js';
import { recoverJournal } from '../../../src/jetstream/store/journal-recovery.js';
import { HighwayHash, hashKey } from '../../../src/runtime/highway-hash.js';
import { type Log, silentLog } from '../../../src/runtime/log.js';
import { SeededRandom } from '../../../src/runtime/random.js';
import { SimulatedClock } from '../../../src/sim/clock.js';
import { SimulatedDisk } from '../../../src/sim/disk.js';

const hash = new HighwayHash();
const key = hashKey('a key');
const AREA = 32 * 1024;

function builder(): EntryBuilder {
  const entry = new EntryBuilder(hash, '/s');
  entry.key = key;
  return entry;
}

const operations = fc.array(
  fc.record({
    kind: fc.constantFrom(...(['write', 'replace', 'forget', 'forget-below', 'directory'] as const)),
    path: fc.stringMatching(/^[a-zà-ü0-9._/-]{1,60}$/u),
    position: fc.nat({ max: 2 ** 47 }),
    bytes: fc.uint8Array({ maxLength: 3000 }),
  }),
  { maxLength: 6 },
);

type Operations = typeof operations extends fc.Arbitrary<infer T> ? T : never;

function put(entry: EntryBuilder, list: Operations): void {
  entry.clear();
  for (const { kind, path, position, bytes } of list) {
    const full = `/s/${path}`;
    if (kind === 'write') entry.write(full, bytes, 0, bytes.length, position, false);
    else if (kind === 'replace') entry.replace(full, bytes);
    else if (kind === 'directory') entry.directory(full);
    else entry.forget(full, kind === 'forget-below');
  }
}

/** What comes back: positions of writes only, bytes of writes and files only. */
function shown(list: readonly Operation[]) {
  return list.map(({ kind, path, position, bytes }) => {
    const data = kind === 'write' || kind === 'replace';
    return { kind, path, position: kind === 'write' ? position : 0, bytes: data ? [...bytes] : [] };
  });
}

test('entries come back as they were written, up to where they end', () => {
  fc.assert(
    fc.property(fc.array(operations, { maxLength: 5 }), fc.nat(), (lists, cut) => {
      const entry = builder();
      const pieces = lists.map((list, i) => {
        put(entry, list);
        assert.equal(entry.size % SECTOR, 0);
        return Buffer.from(entry.seal(i + 7, i));
      });
      const area = Buffer.concat([...pieces, Buffer.alloc(2 * SECTOR)]);
      const end = cut % (area.length + 1);
      const whole = readEntries(hash, key, area);
      assert.deepEqual(
        whole.map(({ number, settled, operations: list }) => ({ number, settled, list: shown(list) })),
        lists.map((list, i) => ({ number: i + 7, settled: i, list: shown(list) })),
      );
      let at = 0;
      const before = pieces.filter((piece) => (at += piece.length) <= end);
      const left = readEntries(hash, key, area.subarray(0, end));
      // One more may be whole but for the zeros behind it.
      assert.ok(left.length === before.length || left.length === before.length + 1);
    }),
    { numRuns: 100 },
  );
});

test('bytes that were changed are no entry, and what follows is found', () => {
  fc.assert(
    fc.property(operations, fc.nat(), fc.integer({ min: 1, max: 255 }), (list, at, flip) => {
      const entry = builder();
      const pieces = [1, 2, 3].map((number) => {
        put(entry, list);
        return Buffer.from(entry.seal(number, 0));
      });
      const used = 28 + list.reduce((sum, each) => sum + 13 + Buffer.byteLength(each.path), 0);
      const middle = pieces[1]!;
      middle[at % Math.min(used, middle.length)]! ^= flip;
      const numbers = readEntries(hash, key, Buffer.concat(pieces)).map(({ number }) => number);
      assert.deepEqual(numbers, [1, 3]);
    }),
    { numRuns: 200 },
  );
});

test('any bytes will do, and none are believed that were made with another key', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3 * SECTOR }), (bytes) => {
      assert.deepEqual(readEntries(hash, key, Buffer.from(bytes)), []);
      assert.equal(readHeader(hash, Buffer.from(bytes)), null);
    }),
  );
  const forged = builder();
  forged.key = hashKey('another');
  forged.replace('/s/../../etc/passwd', Buffer.from('x'));
  const bytes = Buffer.from(forged.seal(1, 0));
  const carrier = builder();
  // At the start of a sector, inside a message.
  carrier.write('/s/a', Buffer.concat([Buffer.alloc(SECTOR), bytes]), 0, SECTOR + bytes.length, 0, true);
  const area = Buffer.from(carrier.seal(2, 0));
  assert.equal(readEntries(hash, key, area).length, 1);
  area[8]! ^= 1;
  assert.deepEqual(readEntries(hash, key, area), []);
});

test('one of the two headers is enough', () => {
  const { bytes, header } = writeHeaders(hash, 'boot 3');
  assert.deepEqual(readHeader(hash, bytes), header);
  bytes[20]! ^= 1;
  assert.deepEqual(readHeader(hash, bytes), header);
  bytes[SECTOR + 20]! ^= 1;
  assert.equal(readHeader(hash, bytes), null);
});

/** A journal on a disk, with commits that end at once. */
class Desk {
  readonly disk = new SimulatedDisk(new SeededRandom(5), false);
  readonly clock = new SimulatedClock();
  readonly lines: string[] = [];
  readonly log: Log = {
    ...silentLog,
    notice: (text) => void this.lines.push(text),
    warn: (text) => void this.lines.push(text),
    error: (text) => void this.lines.push(text),
  };
  journal: Journal;

  constructor() {
    this.disk.makeDirectory('/s/d/msgs');
    this.disk.losesDirectories = true;
    this.journal = this.make();
  }

  make(): Journal {
    const { disk, clock, log } = this;
    const defer = (callback: () => void) => callback();
    const journal = new Journal({ disk, clock, hash, log, directory: '/s', areaSize: AREA, defer });
    journal.make();
    this.settle();
    assert.ok(journal.ready);
    return journal;
  }

  settle(): void {
    for (let i = 0; i < 4; i++) this.disk.settle();
  }

  /** Writes to a file as a commit does. */
  write(path: string, text: string, position = 0): void {
    this.commit(path, text, position, false);
  }

  /** `refused`: the commit fails for another reason, when the entry is durable. */
  commit(path: string, text: string, position: number, refused: boolean): void {
    const file = this.disk.open(path, 'create');
    file.write(Buffer.from(text), 0, text.length, position);
    this.#commit(refused, (entry) => entry.write(path, Buffer.from(text), 0, text.length, position, true));
  }

  replace(path: string, text: string): void {
    this.disk.writeFile(path, Buffer.from(text));
    this.#commit(false, (entry) => entry.replace(path, Buffer.from(text)));
  }

  makeDirectory(path: string): void {
    this.disk.makeDirectory(path);
    this.#commit(false, (entry) => entry.directory(path));
  }

  #commit(refused: boolean, say: (entry: EntryBuilder) => void): void {
    this.journal.prepare();
    this.journal.entry.clear();
    say(this.journal.entry);
    let over = false;
    this.journal.commit(true, (error) => {
      assert.equal(error, null);
      over = true;
    });
    this.settle();
    assert.ok(over);
    this.journal.ended(refused ? 'nothing' : 'kept');
  }

  /** What a start finds in a file; null when there is none. */
  recovered(path: string): string | null {
    recoverJournal(this.disk, hash, '/s', this.log);
    assert.equal(this.disk.status(`/s/${JOURNAL_FILE}`), undefined, 'the journal goes');
    return this.disk.status(path) === undefined ? null : this.disk.readFile(path).toString();
  }
}

/** The device has nothing of a file but its name, or not even that. */
function lose(desk: Desk, path: string): void {
  desk.disk.powerCut();
  desk.disk.remove(path);
}

test('after a power cut what was committed is there again', () => {
  const desk = new Desk();
  desk.write('/s/d/a', 'hello ');
  desk.write('/s/d/a', 'world', 6);
  lose(desk, '/s/d/a');
  assert.equal(desk.recovered('/s/d/a'), 'hello world');
  assert.match(desk.lines.join(), /Done again after the power went: 2 changes in 1 files/);
});

test('after the end of a process nothing is done again, only synced', () => {
  const desk = new Desk();
  desk.write('/s/d/a', 'old');
  desk.disk.crash();
  desk.disk.writeFile('/s/d/a', Buffer.from('from another server'));
  assert.equal(desk.recovered('/s/d/a'), 'from another server');
  desk.disk.powerCut();
  assert.equal(desk.disk.readFile('/s/d/a').toString(), 'from another server');
});

test('what was forgotten does not come back, what came after it does', () => {
  const desk = new Desk();
  desk.write('/s/d/a', 'old');
  desk.write('/s/d/msgs/1.blk', 'old');
  desk.journal.forget('/s/d/a', false);
  desk.journal.forget('/s/d/msgs', true);
  desk.disk.remove('/s/d/a');
  desk.write('/s/d/msgs/1.blk', 'new');
  lose(desk, '/s/d/msgs/1.blk');
  desk.disk.remove('/s/d/a');
  assert.equal(desk.recovered('/s/d/a'), null);
  assert.equal(desk.disk.readFile('/s/d/msgs/1.blk').toString(), 'new');
});

test('a directory that was made is there again, with what is in it', () => {
  const desk = new Desk();
  desk.makeDirectory('/s/d/new');
  desk.replace('/s/d/new/a', 'text');
  desk.disk.powerCut();
  assert.equal(desk.disk.status('/s/d/new'), undefined);
  assert.equal(desk.recovered('/s/d/new/a'), 'text');
  desk.disk.powerCut();
  assert.equal(desk.disk.readFile('/s/d/new/a').toString(), 'text');
});

test('a directory that was forgotten is not made again', () => {
  const desk = new Desk();
  desk.makeDirectory('/s/d/new');
  desk.replace('/s/d/new/a', 'text');
  desk.journal.forget('/s/d/new', true);
  desk.disk.removeTree('/s/d/new');
  desk.disk.syncDirectoryNow('/s/d');
  desk.disk.powerCut();
  assert.equal(desk.recovered('/s/d/new/a'), null);
  assert.equal(desk.disk.status('/s/d/new'), undefined);
});

test('a file that is forgotten stays, as does the new directory it is in', () => {
  const desk = new Desk();
  desk.makeDirectory('/s/d/new');
  desk.write('/s/d/new/a', 'text');
  desk.journal.forget('/s/d/new/a', false);
  desk.disk.powerCut();
  assert.equal(desk.disk.readFile('/s/d/new/a').toString(), 'text');
});

test('what is forgotten is on the device before', () => {
  const desk = new Desk();
  desk.write('/s/d/a', 'text');
  desk.journal.forget('/s/d/a', false);
  desk.disk.powerCut();
  assert.equal(desk.disk.readFile('/s/d/a').toString(), 'text');
});

test('messages with an index were stopped by somebody: the journal does not count for them', () => {
  const desk = new Desk();
  desk.write('/s/d/msgs/1.blk', 'ours');
  desk.disk.powerCut();
  desk.disk.writeFile('/s/d/msgs/1.blk', Buffer.from('theirs'));
  desk.disk.writeFile('/s/d/msgs/index.db', Buffer.from('theirs'));
  assert.equal(desk.recovered('/s/d/msgs/1.blk'), 'theirs');
  assert.match(desk.lines.join(), /was changed by another server/);
});

test('areas are used in turn, and files are synced on their own in time', () => {
  const desk = new Desk();
  const text = 'x'.repeat(3000);
  for (let i = 0; i < 100; i++) {
    desk.write('/s/d/a', text, i * text.length);
    desk.write(`/s/d/${i}`, `${i}`);
  }
  desk.clock.advance(5000);
  desk.settle();
  desk.disk.powerCut();
  assert.equal(desk.disk.readFile('/s/d/a').toString(), text.repeat(100), 'without the journal');
  assert.equal(desk.recovered('/s/d/99'), '99');
  assert.equal(desk.disk.status(`/s/${JOURNAL_FILE}`), undefined);
});

test('a sync that failed may have written the entry: it never counts', () => {
  const desk = new Desk();
  desk.write('/s/d/a', 'good');
  desk.disk.failSyncs = true;
  desk.journal.entry.clear();
  desk.journal.entry.write('/s/d/a', Buffer.from('bad!'), 0, 4, 0, false);
  let failure: Error | null = null;
  desk.journal.commit(true, (error) => (failure = error));
  desk.settle();
  assert.match(String(failure), /EIO/);
  desk.journal.ended('nothing');
  assert.throws(() => desk.journal.prepare(), /EIO/);
  desk.disk.failSyncs = false;
  desk.write('/s/d/b', 'next');
  lose(desk, '/s/d/b');
  assert.equal(desk.recovered('/s/d/a'), 'good');
  assert.equal(desk.disk.readFile('/s/d/b').toString(), 'next');
});

/** As Linux does it: what a failed sync should have written is on no device, whatever the next one says. */
function forgetful(): Desk {
  const desk = new Desk();
  desk.disk.dropsUnsynced = true;
  return desk;
}

function failing(desk: Desk, step: () => void): void {
  desk.disk.failSyncs = true;
  step();
  desk.disk.failSyncs = false;
}

/** Everything is settled, and what says so is durable: from here on the journal does not count for it. */
function settled(desk: Desk): void {
  desk.clock.advance(1100);
  desk.settle();
  desk.write('/s/d/other', 'other');
  desk.clock.advance(1100);
  desk.settle();
  desk.write('/s/d/other', 'another');
}

test('what a failed sync has dropped is written again before it counts as settled', () => {
  const desk = forgetful();
  desk.write('/s/d/a', 'hello ');
  desk.replace('/s/d/b', 'old');
  desk.replace('/s/d/b', 'new');
  desk.write('/s/d/a', 'world', 6);
  failing(desk, () => {
    desk.clock.advance(1100);
    desk.settle();
  });
  assert.match(desk.lines.join(), /Files of the store cannot be synced: EIO/);
  settled(desk);
  desk.disk.powerCut();
  recoverJournal(desk.disk, hash, '/s', desk.log);
  assert.equal(desk.disk.readFile('/s/d/a').toString(), 'hello world');
  assert.equal(desk.disk.readFile('/s/d/b').toString(), 'new');
});

test('the same where somebody else has synced the file, and while the journal syncs it', () => {
  for (const meanwhile of [false, true]) {
    const desk = forgetful();
    desk.write('/s/d/a', 'hello');
    if (meanwhile) desk.clock.advance(1100);
    failing(desk, () => {
      assert.throws(() => desk.disk.open('/s/d/a', 'write').syncNow(), /EIO/);
    });
    desk.journal.doubt();
    settled(desk);
    desk.disk.powerCut();
    assert.equal(desk.recovered('/s/d/a'), 'hello', String(meanwhile));
  }
});

test('what was forgotten, or refused, is not written again', () => {
  const desk = forgetful();
  desk.write('/s/d/a', 'old old');
  desk.write('/s/d/b', 'old');
  desk.journal.forget('/s/d/a', false);
  desk.disk.writeFile('/s/d/a', Buffer.from('cut'));
  desk.commit('/s/d/b', 'refused', 3, true);
  desk.disk.open('/s/d/b', 'write').truncate(3);
  failing(desk, () => assert.throws(() => desk.journal.forget('/s/d/b', false), /EIO/));
  desk.journal.forget('/s/d/b', false);
  assert.equal(desk.disk.readFile('/s/d/a').toString(), 'cut');
  assert.equal(desk.disk.readFile('/s/d/b').toString(), 'old');
  desk.disk.powerCut();
  assert.equal(desk.recovered('/s/d/b'), 'old');
});

test('a stop, or a start, whose syncs fail leaves the next start something to sync', () => {
  for (const end of ['stop', 'kill', 'cut'] as const) {
    const desk = forgetful();
    desk.write('/s/d/a', 'hello');
    failing(desk, () => {
      if (end === 'stop') desk.journal.close((error) => assert.match(String(error), /EIO/));
      else if (end === 'kill') desk.disk.crash();
      else desk.disk.powerCut();
      if (end !== 'stop') assert.throws(() => recoverJournal(desk.disk, hash, '/s', desk.log), /EIO/);
    });
    desk.disk.crash();
    assert.equal(desk.recovered('/s/d/a'), 'hello', end);
    desk.disk.powerCut();
    assert.equal(desk.disk.readFile('/s/d/a').toString(), 'hello', end);
  }
});

test('a damaged header is kept aside and told', () => {
  const desk = new Desk();
  desk.write('/s/d/a', 'text');
  desk.disk.crash();
  for (const at of [0, SECTOR]) desk.disk.flipBit(`/s/${JOURNAL_FILE}`, at, 3);
  assert.equal(desk.recovered('/s/d/a'), 'text');
  assert.match(desk.lines.join(), /journal is damaged/);
});

test('a stop leaves no journal', () => {
  const desk = new Desk();
  desk.write('/s/d/a', 'text');
  let ended: Error | null | undefined;
  desk.journal.close((error) => (ended = error));
  assert.equal(ended, null);
  assert.equal(desk.disk.status(`/s/${JOURNAL_FILE}`), undefined);
  desk.disk.powerCut();
  assert.equal(desk.disk.readFile('/s/d/a').toString(), 'text');
  assert.equal(HEADERS, 2 * SECTOR);
});
