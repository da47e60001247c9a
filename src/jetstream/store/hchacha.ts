/** HChaCha20, which makes XChaCha20's key of the first 16 bytes of its nonce; OpenSSL has the rest, but not this. */

const CONSTANTS = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574];
const ROUNDS = 20;
/** The columns, then the diagonals. */
const QUARTERS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;

/** A key of 32 bytes from one of 32 bytes and 16 bytes of a nonce. */
export function hchacha20(key: Uint8Array, nonce: Uint8Array): Buffer {
  const words = new Uint32Array(16);
  const keyView = new DataView(key.buffer, key.byteOffset, 32);
  const nonceView = new DataView(nonce.buffer, nonce.byteOffset, 16);
  words.set(CONSTANTS);
  for (let i = 0; i < 8; i++) words[4 + i] = keyView.getUint32(i * 4, true);
  for (let i = 0; i < 4; i++) words[12 + i] = nonceView.getUint32(i * 4, true);
  for (let round = 0; round < ROUNDS; round += 2) {
    for (const [a, b, c, d] of QUARTERS) quarterRound(words, a, b, c, d);
  }
  const result = Buffer.alloc(32);
  [0, 1, 2, 3, 12, 13, 14, 15].forEach((word, i) => {
    result.writeUInt32LE(words[word]!, i * 4);
  });
  return result;
}

function quarterRound(words: Uint32Array, a: number, b: number, c: number, d: number): void {
  words[a]! += words[b]!;
  words[d] = rotate(words[d]! ^ words[a]!, 16);
  words[c]! += words[d]!;
  words[b] = rotate(words[b]! ^ words[c]!, 12);
  words[a]! += words[b]!;
  words[d] = rotate(words[d]! ^ words[a]!, 8);
  words[c]! += words[d]!;
  words[b] = rotate(words[b]! ^ words[c]!, 7);
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}
