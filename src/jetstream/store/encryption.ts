/**
 * Encryption of a store. The configured key, the account and a context (which stream, consumer or block) give a key encryption key; that
 * opens a key file, `meta.key` or `N.key`, with a random seed; the seed is the key of the files beside it.
 *
 * - Meta, index and consumer state files are a fresh nonce and the sealed content, so they are authenticated.
 * - Blocks are XORed with a keystream by the seed and the nonce of their key file, at the position of the file's offset. A rewritten
 *   block uses the same keystream again. That is the official format; record hashes, not the cipher, detect changes.
 *
 * `chacha` is XChaCha20 (with Poly1305), `aes` is AES-256 as GCM with a nonce of 16 bytes, and as CTR for blocks.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { hchacha20 } from './hchacha.js';
import { CorruptError } from './store-error.js';

export type CipherName = 'chacha' | 'aes';

/** Random bytes; replaced where a run must be repeatable. */
export type RandomBytes = (size: number) => Uint8Array;

const SEED_SIZE = 32;
const TAG_SIZE = 16;
const NONCE_SIZE: Readonly<Record<CipherName, number>> = { chacha: 24, aes: 16 };
/** Below this no key file can be right, whatever the cipher. */
const MIN_KEY_FILE = 64;
const CHACHA_BLOCK = 64;
const AES_BLOCK = 16;

export function streamContext(stream: string): string {
  return stream;
}

export function consumerContext(stream: string, consumer: string): string {
  return `${stream}.${consumer}`;
}

export function blockContext(stream: string, block: number): string {
  return `${stream}:${block}`;
}

/**
 * The key that a key file is sealed with.
 *
 * @param key     the configured one; a text stands for its bytes as UTF-8
 * @param account its name; for raft groups that of the group
 */
export function keyEncryptionKey(key: string | Uint8Array, account: string, context: string): Buffer {
  return createHmac('sha256', key).update(account, 'utf8').update(context, 'utf8').digest();
}

/** Seals and opens files under one key. */
export class FileSealer {
  readonly #cipher: CipherName;
  readonly #key: Uint8Array;
  readonly #random: RandomBytes;

  /** @param key 32 bytes */
  constructor(cipher: CipherName, key: Uint8Array, random: RandomBytes = randomBytes) {
    this.#cipher = cipher;
    this.#key = key;
    this.#random = random;
  }

  /** A fresh nonce with the sealed content behind it. */
  seal(content: Uint8Array): Buffer {
    const nonce = this.#random(NONCE_SIZE[this.#cipher]);
    const [algorithm, key, iv] = this.#parameters(nonce);
    const cipher = createCipheriv(algorithm as 'aes-256-gcm', key, iv, { authTagLength: TAG_SIZE });
    const sealed = [nonce, cipher.update(content), cipher.final(), cipher.getAuthTag()];
    return Buffer.concat(sealed);
  }

  /** @throws {CorruptError} too short, changed, or sealed under another key or cipher */
  open(file: Uint8Array): Buffer {
    const nonceSize = NONCE_SIZE[this.#cipher];
    const end = file.length - TAG_SIZE;
    if (end < nonceSize) throw new CorruptError('cipher: message authentication failed');
    const [algorithm, key, iv] = this.#parameters(file.subarray(0, nonceSize));
    const options = { authTagLength: TAG_SIZE };
    const decipher = createDecipheriv(algorithm as 'aes-256-gcm', key, iv, options);
    decipher.setAuthTag(file.subarray(end));
    const content = decipher.update(file.subarray(nonceSize, end));
    try {
      return Buffer.concat([content, decipher.final()]);
    } catch {
      throw new CorruptError('cipher: message authentication failed');
    }
  }

  #parameters(nonce: Uint8Array): [algorithm: string, key: Uint8Array, iv: Uint8Array] {
    if (this.#cipher === 'aes') return ['aes-256-gcm', this.#key, nonce];
    const iv = Buffer.concat([Buffer.alloc(4), nonce.subarray(16)]);
    return ['chacha20-poly1305', hchacha20(this.#key, nonce), iv];
  }
}

export interface KeyFile {
  cipher: CipherName;
  /** 32 bytes: the key of the files that this one is for. */
  seed: Uint8Array;
  /** For the keystream of a block. */
  nonce: Uint8Array;
}

/** A new key and the file with it. */
export function createKeyFile(
  cipher: CipherName,
  kek: Uint8Array,
  random: RandomBytes = randomBytes,
): KeyFile & { file: Buffer } {
  const seed = random(SEED_SIZE);
  const file = new FileSealer(cipher, kek, random).seal(seed);
  return { cipher, seed, nonce: Buffer.from(file.subarray(0, NONCE_SIZE[cipher])), file };
}

/** @throws {CorruptError} it was not made with this cipher and key */
export function openKeyFile(cipher: CipherName, kek: Uint8Array, file: Uint8Array): KeyFile {
  if (file.length < MIN_KEY_FILE) throw new CorruptError('encryption bad key size');
  const seed = new FileSealer(cipher, kek).open(file);
  if (seed.length !== SEED_SIZE) throw new CorruptError('encryption bad key size');
  return { cipher, seed, nonce: Buffer.from(file.subarray(0, NONCE_SIZE[cipher])) };
}

/** The keystream of a block. Encrypting and decrypting are the same. */
export class BlockCipher {
  readonly #cipher: CipherName;
  readonly #key: Uint8Array;
  readonly #nonce: Uint8Array;
  /** The one in use and where in the file it is, so that appending goes on with it. */
  #stream: { update(data: Uint8Array): Buffer } | null = null;
  #position = -1;

  constructor({ cipher, seed, nonce }: KeyFile) {
    this.#cipher = cipher;
    this.#key = cipher === 'aes' ? seed : hchacha20(seed, nonce);
    this.#nonce = cipher === 'aes' ? nonce : nonce.subarray(16, 24);
  }

  /** Changes `bytes` from start to end, which lie at `offset` of the file (of its content, for compressed ones). */
  apply(bytes: Uint8Array, start: number, end: number, offset: number): void {
    if (start === end) return;
    if (this.#position !== offset) this.#seek(offset);
    bytes.set(this.#stream!.update(bytes.subarray(start, end)), start);
    this.#position = offset + (end - start);
  }

  #seek(offset: number): void {
    const size = this.#cipher === 'aes' ? AES_BLOCK : CHACHA_BLOCK;
    const block = Math.floor(offset / size);
    this.#stream =
      this.#cipher === 'aes'
        ? createCipheriv('aes-256-ctr', this.#key, addToCounter(this.#nonce, block))
        : createCipheriv('chacha20', this.#key, chachaIv(this.#nonce, block));
    this.#stream.update(Buffer.alloc(offset % size));
  }
}

/** The counter, 4 zero bytes, 8 bytes of the nonce. */
function chachaIv(nonce: Uint8Array, block: number): Buffer {
  const iv = Buffer.alloc(16);
  iv.writeUInt32LE(block, 0);
  iv.set(nonce, 8);
  return iv;
}

/** The nonce is where the counter starts, a big endian number of 128 bits. */
function addToCounter(nonce: Uint8Array, blocks: number): Buffer {
  const counter = Buffer.from(nonce);
  let carry = blocks;
  for (let i = counter.length - 1; i >= 0 && carry > 0; i--) {
    const sum = counter[i]! + (carry % 256);
    counter[i] = sum;
    carry = Math.floor(carry / 256) + (sum >> 8);
  }
  return counter;
}
