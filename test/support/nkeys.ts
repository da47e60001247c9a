// User nkeys made from fixed seeds, for tests that sign nonces. The encoding is the one of the nkeys libraries: a prefix
// byte, the 32 bytes of the ed25519 public key and a CRC-16, in base32 without padding. It is written again here, so that the
// server is not checked with its own code.
import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const USER_PREFIX = 20 << 3;
/** What PKCS #8 puts in front of the 32 bytes of an ed25519 seed. */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');

export class UserKey {
  readonly #key: KeyObject;
  /** `U...`, 56 characters. */
  readonly publicKey: string;

  /** The key of a seed of 32 bytes, all equal to `fill`. */
  constructor(fill: number) {
    const seed = Buffer.alloc(32, fill);
    this.#key = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: 'der', type: 'pkcs8' });
    const spki = createPublicKey(this.#key).export({ format: 'der', type: 'spki' });
    this.publicKey = encodeNkey(USER_PREFIX, spki.subarray(-32));
  }

  sign(text: string): Buffer {
    return sign(null, Buffer.from(text), this.#key);
  }
}

/** The text of a public key. */
export function encodeNkey(prefix: number, key: Buffer): string {
  return withSum(Buffer.concat([Buffer.from([prefix]), key]));
}

/** The text of a seed; `prefix` is that of the public key. */
export function encodeSeed(prefix: number, seed: Buffer): string {
  const head = Buffer.from([(18 << 3) | (prefix >> 5), (prefix & 31) << 3]);
  return withSum(Buffer.concat([head, seed]));
}

function withSum(body: Buffer): string {
  const sum = Buffer.alloc(2);
  sum.writeUInt16LE(crc16(body));
  return base32(Buffer.concat([body, sum]));
}

function crc16(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++)
      crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc;
}

function base32(bytes: Buffer): string {
  let text = '';
  let value = 0;
  let bits = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(value >>> bits) & 31];
    }
    value &= (1 << bits) - 1;
  }
  return bits > 0 ? text + ALPHABET[(value << (5 - bits)) & 31] : text;
}
