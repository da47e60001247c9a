import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Arena, CHUNK_SIZE, type Chunk } from '../../src/runtime/arena.js';

const takeMany = (arena: Arena, count: number) => Array.from({ length: count }, () => arena.take());
const place = (chunk: Chunk) => `${chunk.slab === null ? 'arena' : 'slab'} ${chunk.start}`;

describe('chunks', () => {
  test('are different ones, also beyond those of the arena', () => {
    const arena = new Arena({ chunks: 3, slabChunks: 4 });
    const chunks = takeMany(arena, 3 + 2 * 4 + 1);
    assert.equal(arena.slabs, 3);
    assert.equal(arena.chunksInUse, 12);
    for (const [i, chunk] of chunks.entries()) {
      assert.equal(chunk.end - chunk.start, CHUNK_SIZE);
      chunk.memory.bytes.fill(i + 1, chunk.start, chunk.end);
    }
    for (const [i, chunk] of chunks.entries()) {
      assert.ok(chunk.memory.bytes.subarray(chunk.start, chunk.end).every((byte) => byte === i + 1));
    }
    assert.equal(chunks.filter((chunk) => place(chunk).startsWith('arena')).length, 3);
  });

  test('a slab is released when it is not used any more, but one is kept', () => {
    const arena = new Arena({ chunks: 1, slabChunks: 4 });
    const [first, ...rest] = takeMany(arena, 1 + 3 * 4);
    assert.equal(arena.slabs, 3);
    const blocks = new Set(rest.map((chunk) => chunk.memory.bytes.buffer));
    // The first chunk of each slab stays in use: nothing can be released.
    const kept = rest.filter((_, i) => i % 4 === 0);
    for (const chunk of rest) if (!kept.includes(chunk)) arena.give(chunk);
    assert.equal(arena.slabs, 3);
    for (const chunk of kept) arena.give(chunk);
    assert.equal(arena.slabs, 1);
    assert.deepEqual([...blocks].map((block) => block.byteLength).sort(), [0, 0, 4 * CHUNK_SIZE]);
    arena.give(first!);
    assert.equal(arena.chunksInUse, 0);
    // Those that are there come first again.
    takeMany(arena, 5);
    assert.equal(arena.slabs, 1);
  });

  test('is larger than what the system hands out again, which it would have to clear', () => {
    assert.ok(new Arena().memory.bytes.length > 32 * 1024 * 1024);
  });

  test('the system has the memory back, without garbage collection', {
    skip: process.platform !== 'linux',
  }, async () => {
    const resident = () =>
      Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'latin1'))![1]) / 1024;
    const arena = new Arena();
    // The second time tells whether `malloc` has changed its mind about blocks of this size.
    for (let round = 0; round < 2; round++) {
      const before = resident();
      const chunks = takeMany(arena, 4000);
      for (const chunk of chunks) chunk.memory.bytes.fill(1, chunk.start, chunk.end);
      assert.ok(resident() - before > 200, `${before} MiB before, ${resident()} MiB in use`);
      for (const chunk of chunks) arena.give(chunk);
      for (let waits = 0; waits < 100 && resident() - before > 60; waits++) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      const after = resident();
      // The arena's own chunks and the slab that is kept stay.
      assert.ok(after - before < 60, `${before} MiB before, ${after} MiB after`);
    }
  });
});
