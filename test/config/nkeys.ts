/** Makes public nkeys that are well-formed, from nothing but a number. */
import { encodeNkey } from '../support/nkeys.js';

export function publicNkey(kind: 'user' | 'account' | 'operator' | 'server' | 'curve', fill = 1): string {
  const prefix = { user: 20, account: 0, operator: 14, server: 13, curve: 23 }[kind] << 3;
  return encodeNkey(prefix, Buffer.alloc(32, fill));
}
