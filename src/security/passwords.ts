/**
 * Comparing what a client sent with what the configuration holds: plain text in constant time, bcrypt in a worker thread.
 */
import { timingSafeEqual } from 'node:crypto';

/** Checks bcrypt hashes without blocking the caller's event loop. */
export interface BcryptComparer {
  /** False also for a hash that is malformed. */
  compare(password: string, hash: string): Promise<boolean>;
}

/** Whether a configured password or token is a bcrypt hash; the rule of the official server. */
export function isBcrypt(stored: string): boolean {
  return /^\$2[abxy]\$\d{2}\$/.test(stored);
}

/** Constant time for equal lengths; the length itself is not kept secret. */
export function equalSecrets(stored: string, given: string): boolean {
  const a = Buffer.from(stored, 'utf8');
  const b = Buffer.from(given, 'utf8');
  return a.length === b.length && timingSafeEqual(a, b);
}

/** A boolean at once for a plain password, a promise for a bcrypt hash. */
export function compareSecret(
  stored: string,
  given: string,
  bcrypt: BcryptComparer,
): boolean | Promise<boolean> {
  return isBcrypt(stored) ? bcrypt.compare(given, stored) : equalSecrets(stored, given);
}
