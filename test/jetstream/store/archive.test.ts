/** Backups: both formats, the official server's and mistreated ones. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type ArchiveEntry,
  ArchiveReader,
  archiveEnd,
  archiveEntry,
  archiveStart,
  isArchive,
} from '../../../src/jetstream/store/archive.js';
import { CorruptError } from '../../../src/jetstream/store/store-error.js';
import { TarReader } from '../../../src/jetstream/store/tar.js';
import { compressStream, decompressStream, S2Reader } from '../../../src/runtime/s2.js';
import { contentOf, type Files, StoreReader, unpack } from '../../support/store-directory.js';
import { readVector } from '../../support/vectors.js';

const LIMIT = 64 * 1024 * 1024;

interface BackupVector {
  archive: string;
  archive_entries: {
    name: string;
    timestamp?: number;
    sequence?: number;
    header_size?: number;
    payload_size?: number;
    size?: number;
    json?: unknown;
  }[];
  accounts: Record<
    string,
    {
      streams: {
        name: string;
        info: { config: Record<string, unknown>; state: { messages: number; bytes: number } };
      }[];
    }
  >;
}

const newBackups = ['consumers', 'deleted-tail', 'first-seq-empty', 'multiblock', 'no-consumers', 'purged'];
const oldBackups = ['compressed', 'consumers', 'deleted-tail', 'plain'];

function encode(entries: ArchiveEntry[]): Buffer {
  return Buffer.concat([archiveStart(), ...entries.map(archiveEntry), archiveEnd()]);
}

function decode(archive: Uint8Array, cut = archive.length): ArchiveEntry[] {
  const reader = new ArchiveReader(100_000);
  const entries: ArchiveEntry[] = [];
  for (let at = 0; at < archive.length; at += Math.max(cut, 1)) {
    entries.push(...reader.push(archive.subarray(at, at + Math.max(cut, 1))));
  }
  reader.end();
  return entries;
}

const plain = (entry: ArchiveEntry) => ({
  ...entry,
  headers: [...entry.headers],
  payload: [...entry.payload],
});

const entry: fc.Arbitrary<ArchiveEntry> = fc.record(
  {
    name: fc
      .uint8Array({ minLength: 1, maxLength: 200 })
      .map((bytes) => Buffer.from(bytes).toString('latin1')),
    time: fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
    sequence: fc.maxSafeNat(),
    headers: fc.uint8Array({ maxLength: 50 }),
    payload: fc.uint8Array({ maxLength: 300 }),
  },
  { noNullPrototype: true },
);

test('the archives of the official server, read and written', () => {
  for (const name of newBackups) {
    const vector = readVector<BackupVector>(`backup-v2-${name}.json`);
    const file = unpack(vector.archive).get('stream.arc.s2')!;
    const archive = decompressStream(file, LIMIT);
    assert.ok(isArchive(archive), name);
    const reader = new ArchiveReader();
    const entries = [...new S2Reader().push(file)].flatMap((content) => [...reader.push(content)]);
    reader.end();
    // The sentinel is listed, but no entry here.
    const expected = vector.archive_entries.filter((each) => each.name !== '');
    assert.equal(entries.length, expected.length, name);
    entries.forEach((each, i) => {
      const { name: itsName, sequence, header_size, payload_size, json } = expected[i]!;
      assert.equal(each.name, itsName);
      assert.equal(each.sequence, sequence);
      assert.equal(each.headers.length, header_size);
      assert.equal(each.payload.length, payload_size);
      if (json !== undefined) assert.deepEqual(JSON.parse(Buffer.from(each.payload).toString()), json);
    });
    assert.ok(encode(entries).equals(archive), name);
    const { state } = Object.values(vector.accounts)[0]!.streams[0]!.info;
    assert.equal(entries.filter(({ sequence }) => sequence > 0).length, state.messages, name);
  }
});

function readTar(tar: Uint8Array, cut = tar.length): Files {
  const reader = new TarReader(1 << 20);
  const files = new Map<string, Buffer>();
  for (let at = 0; at < tar.length; at += cut) {
    for (const { name, content } of reader.push(tar.subarray(at, at + cut))) files.set(name, content);
  }
  reader.end();
  return files;
}

test('the tars of older servers', () => {
  for (const name of oldBackups) {
    const vector = readVector<BackupVector>(`backup-v1-${name}.json`);
    const file = unpack(vector.archive).get('stream.tar.s2')!;
    const tar = decompressStream(file, LIMIT);
    assert.ok(!isArchive(tar));
    for (const cut of [tar.length, 1000, 511]) {
      const files = readTar(tar, cut);
      assert.deepEqual(
        [...files.keys()],
        vector.archive_entries.map((each) => each.name),
        name,
      );
      for (const each of vector.archive_entries)
        assert.equal(files.get(each.name)!.length, each.size, each.name);
    }
    const { info, name: stream } = Object.values(vector.accounts)[0]!.streams[0]!;
    const reader = new StoreReader(readTar(tar)).stream('', '$G', stream);
    assert.ok(reader.sumMatches, name);
    const content = contentOf(reader.blocks, info.config);
    assert.equal(content.messages.length, info.state.messages, name);
    assert.equal(content.bytes, info.state.bytes, name);
  }
});

test('an archive that is written is read, in any pieces', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 8 }), fc.integer({ min: 1, max: 400 }), (entries, cut) => {
      const back = decode(encode(entries), cut);
      assert.deepEqual(back.map(plain), entries.map(plain));
    }),
  );
});

test('an archive that is cut short is not complete', () => {
  const whole = encode(fc.sample(entry, { numRuns: 3, seed: 1 }));
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => decode(whole.subarray(0, length)), /^CorruptError: EOF$/, `${length}`);
  }
  assert.equal(decode(Buffer.concat([whole, Buffer.from('more')])).length, 3);
});

test('nothing but the declared error comes of noise, and no memory is taken for what is only announced', () => {
  const attempt = (read: () => unknown) => {
    try {
      read();
    } catch (error) {
      assert.ok(error instanceof CorruptError, String(error));
    }
  };
  const noise = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(noise, fc.integer({ min: 1, max: 300 }), (bytes, cut) => {
      attempt(() => decode(bytes, cut));
      attempt(() => decode(Buffer.concat([archiveStart(), bytes]), cut));
      attempt(() => readTar(bytes));
    }),
  );
  const tar = decompressStream(unpack('backup-v1-plain.tar.gz').get('stream.tar.s2')!, LIMIT);
  const archive = encode(fc.sample(entry, { numRuns: 3, seed: 2 }));
  fc.assert(
    fc.property(fc.nat(), fc.nat(255), (at, value) => {
      for (const [whole, read] of [
        [tar, readTar],
        [archive, decode],
      ] as const) {
        const changed = Buffer.from(whole);
        changed[at % changed.length] = value;
        attempt(() => read(changed));
      }
    }),
    { numRuns: 500 },
  );
  const large = { name: 'a', time: 1n, sequence: 1, headers: new Uint8Array(0) };
  const announced = archiveEntry({ ...large, payload: new Uint8Array(100_001) }).subarray(0, 20);
  assert.throws(() => decode(Buffer.concat([archiveStart(), announced])), /entry of 100001 bytes/);
  assert.throws(() => decode(Buffer.from('NATSARC2')), /invalid archive stream/);
});

/** A tar with one entry. */
function tarOf(name: string, type: string, content = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('        ', 148);
  header.write(type, 156);
  header.write('ustar\u000000', 257);
  const sum = header.reduce((all, byte) => all + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

test('a tar may hold plain files within, and nothing else', () => {
  const end = Buffer.alloc(1024);
  const read = (...parts: Buffer[]) => [...readTar(Buffer.concat([...parts, end]))];
  assert.deepEqual(read(tarOf('msgs/1.blk', '0', Buffer.from('x'))), [['msgs/1.blk', Buffer.from('x')]]);
  assert.deepEqual(read(tarOf('msgs/', '5')), []);
  for (const name of ['/etc/passwd', '../meta.inf', 'msgs/../../x', 'a//b', './x', 'a\\b']) {
    assert.throws(() => read(tarOf(name, '0')), /^CorruptError: unexpected content/, name);
  }
  for (const type of ['1', '2', '3', '4', '6', '7']) {
    assert.throws(() => read(tarOf('meta.inf', type)), /unexpected content/, type);
  }
  const long = `${'d'.repeat(120)}/meta.inf`;
  const line = (key: string, value: string) => {
    const rest = ` ${key}=${value}\n`;
    return `${rest.length + 3}${rest}`;
  };
  assert.deepEqual(
    read(tarOf('PaxHeaders/x', 'x', Buffer.from(line('path', long))), tarOf('short', '0', Buffer.from('y'))),
    [[long, Buffer.from('y')]],
  );
  assert.throws(
    () => read(tarOf('p', 'x', Buffer.from(line('path', `../${long}`))), tarOf('short', '0')),
    /unexpected content/,
  );
  assert.throws(() => read(tarOf('p', 'x', Buffer.from('999 path=x\n')), tarOf('short', '0')), CorruptError);
  assert.throws(() => readTar(tarOf('a', '0', Buffer.from('x')).subarray(0, 700)), /unexpected EOF/);
});

test('a backup through S2 comes back', () => {
  const entries = fc.sample(entry, { numRuns: 50, seed: 3 });
  const archive = decompressStream(compressStream(encode(entries)), LIMIT);
  assert.deepEqual(decode(archive).map(plain), entries.map(plain));
});
