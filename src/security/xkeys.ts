/**
 * Messages that only the owner of a curve key can read: `xkv1`, 24 random bytes, and the box of NaCl (X25519, XSalsa20, Poly1305) under
 * the keys of sender and receiver, as the official nkeys libraries make it.
 *
 * Node has X25519 but not XSalsa20, which comes from `@noble/ciphers`. Import this file when it is needed, not before.
 */
import { randomBytes } from 'node:crypto';
import { hsalsa, xsalsa20poly1305 } from '@noble/ciphers/salsa';
import { decodePublicKey } from './nkeys.js';

const VERSION = Buffer.from('xkv1');
const NONCE_LENGTH = 24;
const HEAD_LENGTH = VERSION.length + NONCE_LENGTH;
/** "expand 32-byte k", as the words that Salsa20 takes. */
const SIGMA = littleEndianWords(Buffer.from('expand 32-byte k'));

/** The private half of a curve key. */
export interface CurveKey {
  /** X25519 with the 32 bytes of another public key. Throws for points of low order. */
  sharedSecret(publicKey: Uint8Array): Uint8Array;
}

/** Encrypts for the public curve key `recipient`. Throws when that is none. */
export function seal(key: CurveKey, message: Uint8Array, recipient: string): Buffer {
  const boxKey = boxKeyWith(key, recipient, 'nkeys: not a valid recipient public curve key');
  const nonce = randomBytes(NONCE_LENGTH);
  return Buffer.concat([VERSION, nonce, xsalsa20poly1305(boxKey, nonce).encrypt(message)]);
}

/** Decrypts what the owner of the public curve key `sender` has encrypted. Throws with the official texts. */
export function open(key: CurveKey, message: Uint8Array, sender: string): Buffer {
  if (message.length <= HEAD_LENGTH) throw new Error('nkeys: encrypted input is not valid');
  if (!VERSION.equals(message.subarray(0, VERSION.length))) {
    throw new Error('nkeys: encrypted input wrong version');
  }
  const boxKey = boxKeyWith(key, sender, 'nkeys: not a valid sender public curve key');
  const nonce = message.subarray(VERSION.length, HEAD_LENGTH);
  try {
    return Buffer.from(xsalsa20poly1305(boxKey, nonce).decrypt(message.subarray(HEAD_LENGTH)));
  } catch {
    throw new Error('nkeys: could not decrypt input');
  }
}

/** The key of NaCl's boxes: the shared secret through HSalsa20. */
function boxKeyWith(key: CurveKey, other: string, problem: string): Uint8Array {
  const decoded = decodePublicKey(other);
  if (decoded?.role !== 'curve') throw new Error(problem);
  let secret: Uint8Array;
  try {
    secret = key.sharedSecret(decoded.raw);
  } catch {
    throw new Error(problem);
  }
  const words = new Uint32Array(8);
  hsalsa(SIGMA, littleEndianWords(secret), new Uint32Array(4), words);
  const bytes = Buffer.alloc(32);
  for (const [index, word] of words.entries()) bytes.writeUInt32LE(word, index * 4);
  return bytes;
}

function littleEndianWords(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Uint32Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(index * 4, true));
}
