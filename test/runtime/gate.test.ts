// Operations that may be under way at a time, and the syncs of a real disk that have to keep to that.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { NodeDisk } from '../../src/runtime/disk.js';
import { Gate } from '../../src/runtime/gate.js';

test('so many operations at a time, the others in their order, also behind one that fails', () => {
  const gate = new Gate(2);
  const begun: number[] = [];
  const ended: string[] = [];
  const overs: ((error: Error | null) => void)[] = [];
  for (let i = 0; i < 6; i++)
    gate.pass(
      (over) => {
        begun.push(i);
        overs.push(over);
      },
      (error) => ended.push(`${i}${error?.message ?? ''}`),
    );
  assert.deepEqual(begun, [0, 1]);
  overs[1]!(new Error(' failed'));
  assert.deepEqual([begun, ended], [[0, 1, 2], ['1 failed']]);
  overs[0]!(null);
  for (let i = 2; i < 6; i++) overs[i]!(null);
  assert.deepEqual(begun, [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(ended, ['1 failed', '0', '2', '3', '4', '5']);
});

test('every sync of a disk ends, however few may be under way, also of files that are closed by then', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-disk-'));
  try {
    const disk = new NodeDisk(2);
    const syncs: Promise<Error | null>[] = [];
    for (let i = 0; i < 20; i++) {
      const file = disk.open(join(folder, `${i % 7}`), 'create');
      file.write(Buffer.from('x'), 0, 1, i);
      syncs.push(new Promise((resolve) => file.sync(resolve)));
      file.close();
      // By its name, as the handle may be gone.
      if (i % 3 === 0) syncs.push(new Promise((resolve) => file.sync(resolve)));
      syncs.push(new Promise((resolve) => disk.syncDirectory(folder, resolve)));
    }
    assert.deepEqual(new Set(await Promise.all(syncs)), new Set([null]));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
