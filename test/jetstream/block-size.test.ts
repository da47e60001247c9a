// The official choice of block sizes (`autoTuneFileStorageBlockSize`, `dynBlkSize`).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blockSizeFor } from '../../src/jetstream/block-size.js';
import { streamConfig } from '../../src/jetstream/stream-config.js';

const MIB = 1024 * 1024;

test('blocks are as large as officially', () => {
  const of = (config: object, encrypted = false, maxPayload = 0) =>
    blockSizeFor({ ...streamConfig.zero(), ...config }, encrypted, maxPayload);
  assert.equal(of({}), 8 * MIB);
  assert.equal(of({ retention: 'interest' }), 4 * MIB);
  assert.equal(of({}, true), 2 * MIB);
  assert.equal(of({ max_msgs_per_subject: 5 }, true), 4 * MIB);
  // A quarter and one byte, rounded up to hundreds: the largest that still gets the smallest blocks is 127,996.
  assert.equal(of({ max_bytes: 127_996 }), 32_000);
  assert.equal(of({ max_bytes: 128_000 }), 4 * MIB);
  assert.equal(of({ max_bytes: 33_554_000 }), 4 * MIB);
  assert.equal(of({ max_bytes: 34_000_000 }), 8 * MIB);
  // 34 bytes beside a literal subject of 2 and a message of 64 are 100.
  assert.equal(of({ max_msgs: 1279, max_msg_size: 64, subjects: ['ab'] }), 32_000);
  assert.equal(of({ max_msgs: 1280, max_msg_size: 64, subjects: ['ab'] }), 4 * MIB);
  // Wildcards count as 256.
  assert.equal(of({ max_msgs: 361, max_msg_size: 64, subjects: ['a.>'] }), 32_000);
  assert.equal(of({ max_msgs: 362, max_msg_size: 64, subjects: ['a.>'] }), 4 * MIB);
  assert.equal(of({ max_msgs: 4, subjects: ['a'] }, false, 1000), 32_000);
  assert.equal(of({ max_msgs: 4, subjects: ['a'] }), 4 * MIB);
});
