/** Tells a public nkey from other texts: enough for checking a configuration; signatures are the security room's. */
import { type NkeyRole, ROLE_PREFIX, withoutChecksum } from '../protocol/nkey-text.js';

/** True for the public key of one of these roles. */
export function isPublicNkey(text: string, ...roles: NkeyRole[]): boolean {
  const body = withoutChecksum(text);
  return body !== null && roles.some((role) => ROLE_PREFIX[role] === (body[0]! & 0xf8));
}

/** True for a public key of whatever role. */
export function isAnyPublicNkey(text: string): boolean {
  return text.length === 56 && isPublicNkey(text, ...(Object.keys(ROLE_PREFIX) as NkeyRole[]));
}
