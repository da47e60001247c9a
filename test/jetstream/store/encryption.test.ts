import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  BlockCipher,
  type CipherName,
  createKeyFile,
  FileSealer,
  keyEncryptionKey,
  openKeyFile,
} from '../../../src/jetstream/store/encryption.js';
import { hchacha20 } from '../../../src/jetstream/store/hchacha.js';
import { CorruptError } from '../../../src/jetstream/store/store-error.js';
import { unpack } from '../../support/store-directory.js';
import { primitives } from '../../support/vectors.js';

const ciphers: CipherName[] = ['chacha', 'aes'];
const seed = Buffer.alloc(32, 7);

function nonceOf(cipher: CipherName): Buffer {
  return Buffer.from(Array.from({ length: cipher === 'aes' ? 16 : 24 }, (_, i) => 255 - i));
}

test('HChaCha20, the example of its draft', () => {
  const key = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
  const nonce = Buffer.from('000000090000004a0000000031415927', 'hex');
  assert.equal(
    hchacha20(key, nonce).toString('hex'),
    '82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc',
  );
});

test('the key files of the official server, opened and written', () => {
  const keys = primitives().encryption_keys_of_enc_vectors;
  assert.ok(keys.length >= 8);
  for (const key of keys) {
    const { cipher, context } = key;
    const kek = keyEncryptionKey(key.master_key, key.account, context);
    assert.equal(kek.toString('hex'), key.kek_hex, context);
    const file = Buffer.from(key.key_file_hex, 'hex');
    const opened = openKeyFile(cipher, kek, file);
    assert.equal(Buffer.from(opened.seed).toString('hex'), key.seed_hex, context);
    assert.equal(Buffer.from(opened.nonce).toString('hex'), key.nonce_hex, context);
    // The same randomness gives the same file.
    const chance = [opened.seed, opened.nonce];
    const made = createKeyFile(cipher, kek, () => chance.shift()!);
    assert.equal(made.file.toString('hex'), key.key_file_hex, context);
    if (key.block_keystream_first_48_hex !== undefined) {
      const zeros = Buffer.alloc(48);
      new BlockCipher(opened).apply(zeros, 0, 48, 0);
      assert.equal(zeros.toString('hex'), key.block_keystream_first_48_hex, context);
    }
  }
});

test('a sealed file of the official server, opened and written', () => {
  for (const cipher of ciphers) {
    const files = unpack(`enc-${cipher}-clean.tar.gz`);
    const path = 'jetstream/$G/streams/ENC/';
    const kek = keyEncryptionKey('vector-test-key-0123456789', '$G', 'ENC');
    const key = openKeyFile(cipher, kek, files.get(`${path}meta.key`)!).seed;
    const meta = files.get(`${path}meta.inf`)!;
    const content = new FileSealer(cipher, key).open(meta);
    assert.equal(JSON.parse(content.toString()).name, 'ENC');
    const nonce = meta.subarray(0, cipher === 'aes' ? 16 : 24);
    assert.deepEqual(new FileSealer(cipher, key, () => nonce).seal(content), meta);
  }
});

test('what is sealed is opened, and nothing else is', () => {
  for (const cipher of ciphers) {
    const sealer = new FileSealer(cipher, seed);
    const other = new FileSealer(cipher === 'aes' ? 'chacha' : 'aes', seed);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(), (content, at) => {
        const sealed = sealer.seal(content);
        assert.deepEqual([...sealer.open(sealed)], [...content]);
        assert.notDeepEqual(sealer.seal(content), sealed);
        assert.throws(() => other.open(sealed), CorruptError);
        assert.throws(() => sealer.open(sealed.subarray(1)), CorruptError);
        sealed[at % sealed.length]! ^= 1;
        assert.throws(() => sealer.open(sealed), /^CorruptError: cipher: message authentication failed$/);
      }),
      { numRuns: 50 },
    );
    assert.throws(() => sealer.open(Buffer.alloc(10)), CorruptError);
    assert.throws(() => openKeyFile(cipher, seed, Buffer.alloc(63)), /encryption bad key size/);
    // Sealed properly, but no seed.
    assert.throws(() => openKeyFile(cipher, seed, sealer.seal(Buffer.alloc(33))), /encryption bad key size/);
  }
});

test('the keystream of a block is the same wherever one starts', () => {
  for (const cipher of ciphers) {
    const key = { cipher, seed, nonce: nonceOf(cipher) };
    const whole = Buffer.alloc(5000);
    new BlockCipher(key).apply(whole, 0, whole.length, 0);
    const running = new BlockCipher(key);
    const range = fc.tuple(fc.nat({ max: 5000 }), fc.nat({ max: 5000 }));
    fc.assert(
      fc.property(fc.array(range, { maxLength: 5 }), (ranges) => {
        for (const [a, b] of ranges) {
          const start = Math.min(a, b);
          const end = Math.max(a, b);
          const bytes = Buffer.alloc(end - start + 4);
          running.apply(bytes, 2, bytes.length - 2, start);
          assert.ok(bytes.subarray(2, -2).equals(whole.subarray(start, end)));
          assert.equal(bytes.readUInt16LE(0) + bytes.readUInt16LE(bytes.length - 2), 0);
        }
      }),
    );
    // The counter of the nonce with all bits set carries over.
    const offset = 16 * 256 * 256 + 5;
    const far = new BlockCipher({ ...key, nonce: Buffer.alloc(cipher === 'aes' ? 16 : 24, 255) });
    const straight = Buffer.alloc(offset + 100);
    far.apply(straight, 0, straight.length, 0);
    const jumped = Buffer.alloc(100);
    far.apply(jumped, 0, 100, offset);
    assert.ok(jumped.equals(straight.subarray(offset)));
  }
});
