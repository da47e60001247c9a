import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { HighwayHash, hashKey, keyOf } from '../../src/runtime/highway-hash.js';
import { portableHighwayHash } from '../../src/runtime/highway-hash-portable.js';
import { primitives } from '../support/vectors.js';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const rising = (length: number) => Uint8Array.from({ length }, (_, i) => i);

function hashed(hash: HighwayHash, key: Uint8Array, bytes: Uint8Array): string {
  const out = Buffer.alloc(10);
  hash.hash(keyOf(key), bytes, 0, bytes.length, out, 1);
  assert.equal(out[0], 0);
  assert.equal(out[9], 0);
  return out.toString('hex', 1, 9);
}

function portable(key: Uint8Array, bytes: Uint8Array): string {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(portableHighwayHash(key, bytes));
  return out.toString('hex');
}

test('the hashes of the reference, in both forms', () => {
  const { key_hex, cases } = primitives().highwayhash64;
  const key = Buffer.from(key_hex, 'hex');
  const hash = new HighwayHash();
  const slow = new HighwayHash(true);
  assert.ok(cases.length > 50);
  for (const { len, hash_hex } of cases) {
    assert.equal(hashed(hash, key, rising(len)), hash_hex, `${len} bytes`);
    assert.equal(hashed(slow, key, rising(len)), hash_hex, `${len} bytes`);
    assert.equal(portable(key, rising(len)), hash_hex, `${len} bytes`);
  }
});

test('keys are made of names', () => {
  const hash = new HighwayHash();
  const hello = Buffer.from('hello');
  for (const { name, key_hex, hash_of_hello_hex } of primitives().named_keys) {
    assert.deepEqual(hashKey(name), keyOf(Buffer.from(key_hex, 'hex')));
    const out = Buffer.alloc(8);
    hash.hash(hashKey(name), hello, 0, 5, out, 0);
    assert.equal(out.toString('hex'), hash_of_hello_hex);
    assert.ok(hash.matches(hashKey(name), hello, 0, 5, out, 0));
    out[7]! ^= 1;
    assert.ok(!hash.matches(hashKey(name), hello, 0, 5, out, 0));
  }
});

test('WebAssembly and the plain form agree', () => {
  const hash = new HighwayHash();
  const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const lengths = fc.nat({ max: 200 });
  fc.assert(
    fc.property(key, lengths, lengths, lengths, fc.nat({ max: 40 }), (keyBytes, a, b, c, offset) => {
      const bytes = Buffer.alloc(offset + a + 3 + b + 5 + c + 8);
      for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 131 + a * 7 + b) & 255;
      const [a1, b1, c1] = [offset + a, offset + a + 3 + b, offset + a + 3 + b + 5 + c];
      const whole = Buffer.concat([
        bytes.subarray(offset, a1),
        bytes.subarray(a1 + 3, b1),
        bytes.subarray(b1 + 5, c1),
      ]);
      const expected = portable(keyBytes, whole);
      assert.equal(hashed(hash, keyBytes, whole), expected);
      const k = keyOf(keyBytes);
      hash.seal(k, bytes, offset, a1, a1 + 3, b1, b1 + 5, c1, c1);
      assert.equal(bytes.toString('hex', c1, c1 + 8), expected);
      assert.ok(hash.isSealed(k, bytes, offset, a1, a1 + 3, b1, b1 + 5, c1, c1));
      if (c > 0) {
        bytes[b1 + 5]! ^= 64;
        assert.ok(!hash.isSealed(k, bytes, offset, a1, a1 + 3, b1, b1 + 5, c1, c1));
      }
    }),
    { numRuns: 150 },
  );
});

test('long input, in one piece and in three', () => {
  const hash = new HighwayHash();
  const key = rising(32);
  for (const length of [65535, 65536, 65537, 131072, 200_001]) {
    const bytes = Buffer.alloc(length + 8, 'some text that repeats ');
    const expected = portable(key, bytes.subarray(0, length));
    assert.equal(hashed(hash, key, bytes.subarray(0, length)), expected);
    for (const middle of [16, 17, 30_000, 65_535]) {
      hash.seal(keyOf(key), bytes, 0, 16, 16, middle, middle, length, length);
      assert.equal(bytes.toString('hex', length, length + 8), expected);
    }
  }
});

test('the module is what the script makes', async () => {
  const script = pathToFileURL(join(root, 'scripts', 'highway-kernel.mjs')).href;
  const { highwayKernelSource } = (await import(script)) as { highwayKernelSource(): string };
  assert.equal(readFileSync(join(root, 'src/runtime/highway-kernel.ts'), 'utf8'), highwayKernelSource());
});
