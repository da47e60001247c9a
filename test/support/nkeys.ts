// User nkeys made from fixed seeds, for tests that sign nonces. The encoding is the one of the nkeys libraries: a prefix
// byte, the 32 bytes of the ed25519 public key and a CRC-16, in base32 without padding. It is written again here, so that the
// server is not checked with its own code.
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const USER_PREFIX = 20 << 3;
/** What PKCS #8 puts in front of the 32 bytes of an ed25519 seed. */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');

export class UserKey {
  readonly #key: KeyObject;
  /** `U...`, 56 characters. */
  readonly publicKey: string;

  /** The key of a seed of 32 bytes, all equal to `fill`; with another prefix, one of another role. */
  constructor(fill: number, prefix = USER_PREFIX) {
    const seed = Buffer.alloc(32, fill);
    this.#key = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: 'der', type: 'pkcs8' });
    const spki = createPublicKey(this.#key).export({ format: 'der', type: 'spki' });
    this.publicKey = encodeNkey(prefix, spki.subarray(-32));
  }

  sign(text: string): Buffer {
    return sign(null, Buffer.from(text), this.#key);
  }
}

/** Whether the owner of a public key, whatever its role, has signed. */
export function isSignedBy(publicKey: string, message: Buffer, signature: Buffer): boolean {
  const x = fromBase32(publicKey).subarray(1, 33).toString('base64url');
  return verify(
    null,
    message,
    createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }),
    signature,
  );
}

function fromBase32(text: string): Buffer {
  const bits = [...text].map((char) => ALPHABET.indexOf(char).toString(2).padStart(5, '0')).join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
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
