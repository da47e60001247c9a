// A directory is removed a piece in each step, whatever others do with it meanwhile.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TreeRemoval } from '../../../src/jetstream/store/tree-removal.js';
import type { Clock } from '../../../src/runtime/clock.js';
import { MemoryDisk } from '../../../src/runtime/memory-disk.js';

/** Each look at it takes a millisecond. */
function slowClock(): Clock {
  let time = 0;
  return { now: () => time, monotonic: () => time++, after: () => ({ cancel() {} }) };
}

function tree(): MemoryDisk {
  const disk = new MemoryDisk();
  for (let i = 0; i < 20; i++) {
    disk.makeDirectory(`/gone/folder ${i}/inner`);
    disk.writeFile(`/gone/folder ${i}/inner/file`, Buffer.from('x'));
    disk.writeFile(`/gone/file ${i}`, Buffer.from('x'));
  }
  disk.makeDirectory('/stays');
  return disk;
}

const never = (error: Error) => assert.fail(error.message);

test('nothing is left, nothing else goes, and it takes many steps', () => {
  const disk = tree();
  const removal = new TreeRemoval(disk, slowClock(), '/gone', never);
  let steps = 1;
  while (!removal.step()) steps++;
  assert.ok(steps >= 10, `${steps} steps`);
  assert.deepEqual(
    disk.list('/').map(({ name }) => name),
    ['stays'],
  );
});

test('what others remove, or put there, in between is no reason to stop', () => {
  for (let at = 0; at < 12; at++) {
    const disk = tree();
    const removal = new TreeRemoval(disk, slowClock(), '/gone', never);
    for (let i = 0; i < at; i++) removal.step();
    disk.removeTree('/gone');
    disk.makeDirectory('/gone/again');
    disk.writeFile('/gone/again/file', Buffer.from('y'));
    while (!removal.step());
    assert.equal(disk.status('/gone'), undefined, `after ${at} steps`);
  }
});

test('what cannot be removed is told once', () => {
  const disk = tree();
  const refused = new Error('EIO');
  disk.remove = () => {
    throw refused;
  };
  const errors: Error[] = [];
  const removal = new TreeRemoval(disk, slowClock(), '/gone', (error) => errors.push(error));
  while (!removal.step());
  assert.deepEqual(errors, [refused]);
  assert.ok(disk.status('/gone/folder 3') !== undefined);
});
