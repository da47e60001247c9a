/**
 * Tells a public nkey from other texts: base32 of a prefix byte, the key, and a CRC-16. Enough for checking a
 * configuration; signatures are the security room's.
 */

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

const prefixes = {
  operator: 14 << 3,
  server: 13 << 3,
  cluster: 2 << 3,
  account: 0,
  user: 20 << 3,
  curve: 23 << 3,
} as const;

export type NkeyKind = keyof typeof prefixes;

/** True for the public key of one of these kinds. */
export function isPublicNkey(text: string, ...kinds: NkeyKind[]): boolean {
  const bytes = decodeBase32(text);
  if (bytes === undefined || bytes.length < 4) return false;
  const body = bytes.subarray(0, -2);
  const sum = bytes[bytes.length - 2]! | (bytes[bytes.length - 1]! << 8);
  if (crc16(body) !== sum) return false;
  return kinds.some((kind) => prefixes[kind] === (body[0]! & 0xf8));
}

/** True for a public key of whatever kind. */
export function isAnyPublicNkey(text: string): boolean {
  return text.length === 56 && isPublicNkey(text, ...(Object.keys(prefixes) as NkeyKind[]));
}

function decodeBase32(text: string): Uint8Array | undefined {
  // No number of whole bytes makes so many digits.
  if ([1, 3, 6].includes(text.length % 8)) return undefined;
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const char of text) {
    const digit = alphabet.indexOf(char);
    if (digit < 0) return undefined;
    held = ((held << 5) | digit) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((held >> bits) & 0xff);
    }
  }
  return Uint8Array.from(bytes);
}

/** CRC-16/XMODEM. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    crc &= 0xffff;
  }
  return crc;
}
