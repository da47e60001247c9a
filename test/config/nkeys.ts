/** Makes public nkeys that are well-formed, from nothing but a number. */
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

export function publicNkey(kind: 'user' | 'account' | 'operator' | 'server' | 'curve', fill = 1): string {
  const prefix = { user: 20, account: 0, operator: 14, server: 13, curve: 23 }[kind] << 3;
  const body = Uint8Array.from([prefix, ...new Uint8Array(32).fill(fill)]);
  let crc = 0;
  for (const byte of body) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++)
      crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  const bits = [...body, crc & 0xff, crc >> 8].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return bits.replace(/.{5}/g, (five) => alphabet[Number.parseInt(five, 2)]!);
}
