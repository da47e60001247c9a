// The disk in memory does what the machine's disk does: both get the same steps, and answer alike.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Disk, NodeDisk } from '../../src/runtime/disk.js';
import { MemoryDisk } from '../../src/runtime/memory-disk.js';

type Step = (disk: Disk, root: string) => unknown;

// Files and directories have names of their own: what systems say where one stands in the place of the other differs.
const folder = fc
  .array(fc.constantFrom('a', 'b'), { maxLength: 2 })
  .map((names) => ['r', ...names].join('/'));
const path = fc.tuple(folder, fc.constantFrom('f', 'g')).map((names) => names.join('/'));
const bytes = fc.uint8Array({ maxLength: 20 });

const step: fc.Arbitrary<Step> = fc.oneof(
  folder.map(
    (at): Step =>
      (disk, root) =>
        disk.makeDirectory(`${root}/${at}`),
  ),
  fc.tuple(path, bytes).map(
    ([at, content]): Step =>
      (disk, root) =>
        disk.writeFile(`${root}/${at}`, content),
  ),
  path.map(
    (at): Step =>
      (disk, root) =>
        disk.readFile(`${root}/${at}`),
  ),
  fc.oneof(folder, path).map(
    (at): Step =>
      (disk, root) =>
        disk.removeTree(`${root}/${at}`),
  ),
  folder.map(
    (at): Step =>
      (disk, root) =>
        disk.list(`${root}/${at}`),
  ),
  folder.map(
    (at): Step =>
      (disk, root) =>
        disk.syncDirectoryNow(`${root}/${at}`),
  ),
  path.map(
    (at): Step =>
      (disk, root) => {
        const found = disk.status(`${root}/${at}`);
        return found && [found.directory, found.directory ? 0 : found.size];
      },
  ),
  fc.tuple(path, bytes, fc.nat(60), fc.nat(60), fc.constantFrom('read', 'write', 'create')).map(
    ([at, content, position, size, mode]): Step =>
      (disk, root) => {
        const file = disk.open(`${root}/${at}`, mode as 'write');
        try {
          if (mode === 'read') return [file.size(), file.read(Buffer.alloc(99), 0, 99, position % 9)];
          file.write(content, 0, content.length, position);
          if (size % 3 === 0) file.truncate(size);
          file.syncNow();
          const all = Buffer.alloc(99);
          return [file.size(), file.read(all, 0, 99, 0), all.toString('hex')];
        } finally {
          file.close();
        }
      },
  ),
);

/** Which error, for those that the store tells apart; other systems say others for the rest. */
function outcome(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'ENOENT' : 'error';
  }
}

test('the same steps, the same answers', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const directory = mkdtempSync(join(tmpdir(), 'weft-disk-'));
      try {
        const machine = new NodeDisk();
        const memory = new MemoryDisk();
        memory.makeDirectory('/in/memory');
        for (const each of steps)
          assert.deepEqual(
            outcome(() => each(memory, '/in/memory')),
            outcome(() => each(machine, directory)),
          );
      } finally {
        rmSync(directory, { recursive: true });
      }
    }),
    { numRuns: 200 },
  );
});

test('renaming moves all that is below, and replaces files and empty directories', () => {
  const disk = new MemoryDisk();
  disk.makeDirectory('/x/y');
  disk.writeFile('/x/y/f', Buffer.from('1'));
  disk.makeDirectory('/empty');
  const open = disk.open('/x/y/f', 'write');
  assert.equal(disk.readFile('/x/y/f').toString(), '1');
  disk.rename('/x', '/empty');
  assert.equal(disk.status('/x/y/f'), undefined);
  assert.throws(() => disk.open('/x/y/g', 'create'), { code: 'ENOENT' });
  open.write(Buffer.from('23'), 0, 2, 0);
  assert.equal(disk.readFile('/empty/y/f').toString(), '23');
  disk.writeFile('/other', Buffer.from('4'));
  disk.rename('/other', '/empty/y/f');
  assert.equal(disk.readFile('/empty/y/f').toString(), '4');
  assert.equal(open.size(), 2);
  disk.makeDirectory('/z');
  assert.throws(() => disk.rename('/z', '/empty'), { code: 'ENOTEMPTY' });
  disk.remove('/nothing');
  assert.throws(() => disk.remove('/z'), { code: 'EISDIR' });
  disk.removeTree('/empty');
  assert.deepEqual(disk.list('/'), [{ name: 'z', directory: true }]);
});

test('syncs end later', async () => {
  const disk = new MemoryDisk();
  disk.writeFile('/f', Buffer.from('1'));
  const ended: string[] = [];
  disk.open('/f', 'write').sync((error) => ended.push(`file ${error}`));
  disk.syncDirectory('/', (error) => ended.push(`directory ${error}`));
  assert.deepEqual(ended, []);
  await Promise.resolve();
  assert.deepEqual(ended, ['file null', 'directory null']);
});
