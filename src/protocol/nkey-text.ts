/**
 * The text of an nkey: base32 (RFC 4648, no padding) of `prefix byte | 32 bytes | CRC-16/XMODEM little endian`. The five
 * high bits of the prefix are the first letter.
 */

/** What a key stands for; the letters are the first of the encoded text. */
export type NkeyRole = 'account' | 'cluster' | 'server' | 'operator' | 'user' | 'curve';

export const ROLE_PREFIX: Readonly<Record<NkeyRole, number>> = {
  account: 0 << 3,
  cluster: 2 << 3,
  server: 13 << 3,
  operator: 14 << 3,
  user: 20 << 3,
  curve: 23 << 3,
};

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** CRC-16/XMODEM: polynomial 0x1021, start 0, no reflection. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++)
      crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc;
}

/** Base32 without padding. */
export function encodeBase32(bytes: Uint8Array): string {
  let text = '';
  let pending = 0;
  let bits = 0;
  for (const byte of bytes) {
    pending = ((pending << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(pending >> bits) & 31];
    }
  }
  if (bits > 0) text += ALPHABET[(pending << (5 - bits)) & 31];
  return text;
}

/** The inverse of `encodeBase32`; null for any other character or a length that no bytes encode to. */
export function decodeBase32(text: string): Buffer | null {
  const remainder = text.length % 8;
  if (remainder === 1 || remainder === 3 || remainder === 6) return null;
  const bytes = Buffer.alloc(Math.floor((text.length * 5) / 8));
  let pending = 0;
  let bits = 0;
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const value = ALPHABET.indexOf(text[i]!);
    if (value < 0) return null;
    pending = ((pending << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[length++] = (pending >> bits) & 0xff;
    }
  }
  return bytes;
}

/** The text of prefix bytes and a key or seed. */
export function withChecksum(prefix: readonly number[], raw: Uint8Array): string {
  const end = prefix.length + raw.length;
  const bytes = new Uint8Array(end + 2);
  bytes.set(prefix);
  bytes.set(raw, prefix.length);
  const checksum = crc16(bytes.subarray(0, end));
  bytes[end] = checksum & 0xff;
  bytes[end + 1] = checksum >> 8;
  return encodeBase32(bytes);
}

/** Prefix bytes and key behind a text; null when it is no base32 or the checksum is wrong. */
export function withoutChecksum(text: string): Buffer | null {
  const bytes = decodeBase32(text);
  if (bytes === null || bytes.length < 4) return null;
  const body = bytes.subarray(0, bytes.length - 2);
  return crc16(body) === bytes.readUInt16LE(body.length) ? body : null;
}
