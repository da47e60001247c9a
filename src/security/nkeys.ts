/**
 * Nkeys: Ed25519 and X25519 keys written as base32 text that says what they are for.
 *
 * `nkey-text.ts` of the protocol has the form of the text. A seed has two prefix bytes: `S` and, shifted by three bits, the
 * role of its key.
 */
import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from 'node:crypto';
import { type NkeyRole, ROLE_PREFIX, withChecksum, withoutChecksum } from '../protocol/nkey-text.js';

export interface DecodedNkey {
  role: NkeyRole;
  /** The 32 bytes of the public key, or of the seed. */
  raw: Buffer;
}

const SEED_PREFIX = 18 << 3;
const KEY_LENGTH = 32;

function roleOfPrefix(prefix: number): NkeyRole | null {
  for (const role of Object.keys(ROLE_PREFIX) as NkeyRole[]) if (ROLE_PREFIX[role] === prefix) return role;
  return null;
}

function assertKeyLength(raw: Uint8Array): void {
  if (raw.length !== KEY_LENGTH) throw new Error('nkeys: invalid key');
}

/** The text of a public key of 32 bytes. */
export function encodePublicKey(role: NkeyRole, raw: Uint8Array): string {
  assertKeyLength(raw);
  return withChecksum([ROLE_PREFIX[role]], raw);
}

/** The public key behind a text, or null when the text is not one. */
export function decodePublicKey(text: string): DecodedNkey | null {
  const body = withoutChecksum(text);
  if (body === null || body.length !== 1 + KEY_LENGTH) return null;
  const role = roleOfPrefix(body[0]!);
  return role === null ? null : { role, raw: body.subarray(1) };
}

/** The text of a seed of 32 bytes (`SU...`, `SN...`). */
export function encodeSeed(role: NkeyRole, seed: Uint8Array): string {
  assertKeyLength(seed);
  const prefix = ROLE_PREFIX[role];
  return withChecksum([SEED_PREFIX | (prefix >> 5), (prefix & 31) << 3], seed);
}

/** The seed behind a text, or null when the text is not one. */
export function decodeSeed(text: string): DecodedNkey | null {
  const body = withoutChecksum(text);
  if (body === null || body.length !== 2 + KEY_LENGTH || (body[0]! & 0xf8) !== SEED_PREFIX) return null;
  const role = roleOfPrefix(((body[0]! & 7) << 5) | (body[1]! >> 3));
  return role === null ? null : { role, raw: body.subarray(2) };
}

/** A public key that verifies signatures. Hold on to it: making the key object costs more than a verification. */
export class NkeyVerifier {
  readonly publicKey: string;
  readonly #key: KeyObject;

  private constructor(publicKey: string, key: KeyObject) {
    this.publicKey = publicKey;
    this.#key = key;
  }

  /** Null when the text is not a public signing key. */
  static from(publicKey: string): NkeyVerifier | null {
    const decoded = decodePublicKey(publicKey);
    if (decoded === null || decoded.role === 'curve') return null;
    const x = decoded.raw.toString('base64url');
    return new NkeyVerifier(
      publicKey,
      createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }),
    );
  }

  verify(message: Uint8Array, signature: Uint8Array): boolean {
    return signature.length === 64 && verify(null, message, this.#key, signature);
  }
}

function rawPublicKey(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: 'jwk' }).x!, 'base64url');
}

/** A key pair: signs (Ed25519 roles), knows its seed and its public text. */
export class NkeyPair {
  readonly role: NkeyRole;
  readonly publicKey: string;
  readonly #private: KeyObject;

  private constructor(role: NkeyRole, privateKey: KeyObject, publicKey: KeyObject) {
    this.role = role;
    this.#private = privateKey;
    this.publicKey = encodePublicKey(role, rawPublicKey(publicKey));
  }

  /** A new random pair: X25519 for the role `curve`, Ed25519 for all others. */
  static generate(role: NkeyRole): NkeyPair {
    const pair = role === 'curve' ? generateKeyPairSync('x25519') : generateKeyPairSync('ed25519');
    return new NkeyPair(role, pair.privateKey, pair.publicKey);
  }

  /** Throws `nkeys: invalid seed` when the text is not a seed. */
  static fromSeed(text: string): NkeyPair {
    const decoded = decodeSeed(text);
    if (decoded === null) throw new Error('nkeys: invalid seed');
    // RFC 8410: a PKCS #8 key of either curve is a fixed head before the 32 bytes; the heads differ in the last OID byte.
    const oid = decoded.role === 'curve' ? 0x6e : 0x70;
    const head = Buffer.from([48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, oid, 4, 34, 4, 32]);
    const key = createPrivateKey({
      key: Buffer.concat([head, decoded.raw]),
      format: 'der',
      type: 'pkcs8',
    });
    return new NkeyPair(decoded.role, key, createPublicKey(key));
  }

  get seed(): string {
    return encodeSeed(this.role, Buffer.from(this.#private.export({ format: 'jwk' }).d!, 'base64url'));
  }

  /** The 64 byte Ed25519 signature. Throws for a curve key, which cannot sign. */
  sign(message: Uint8Array): Buffer {
    if (this.role === 'curve') throw new Error('nkeys: curve key is not valid for sign/verify');
    return sign(null, message, this.#private);
  }

  /** X25519 with the 32 bytes of another public key. Throws for points of low order, and for keys that sign. */
  sharedSecret(publicKey: Uint8Array): Buffer {
    if (this.role !== 'curve') throw new Error('nkeys: only curve key can seal/open');
    const x = Buffer.from(publicKey).toString('base64url');
    const other = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' });
    return diffieHellman({ privateKey: this.#private, publicKey: other });
  }
}

/** Who a server is: the key in `server_id`, and the curve key to which secrets for it are sealed. */
export interface ServerIdentity {
  /** `N...`, 56 characters. */
  readonly id: string;
  /** `X...`, 56 characters. */
  readonly xkey: string;
  /** Ed25519 signature with the key of `id`. */
  sign(message: Uint8Array): Buffer;
  /** X25519 of the key of `xkey` with the 32 bytes of another public key. */
  sharedSecret(publicKey: Uint8Array): Buffer;
}

export function createServerIdentity(): ServerIdentity {
  const server = NkeyPair.generate('server');
  const curve = NkeyPair.generate('curve');
  return {
    id: server.publicKey,
    xkey: curve.publicKey,
    sign: (message) => server.sign(message),
    sharedSecret: (publicKey) => curve.sharedSecret(publicKey),
  };
}

/** The challenge in INFO: 15 characters, base64url of 11 random bytes. */
export function createNonce(random: (size: number) => Uint8Array = randomBytes): string {
  return Buffer.from(random(11)).toString('base64url');
}

/**
 * A signature as CONNECT carries it: base64url without padding, or, where `standardToo`, standard base64 as older
 * clients send it. Null when it is neither.
 */
export function decodeSignature(text: string, standardToo: boolean): Buffer | null {
  if (/^[A-Za-z0-9_-]*$/.test(text) && text.length % 4 !== 1) return Buffer.from(text, 'base64url');
  const standard = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
  if (standardToo && standard.test(text)) return Buffer.from(text, 'base64');
  return null;
}
