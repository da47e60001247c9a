/** Splits `host:port` as Go's `net` package does, with its error texts. */
import { goQuote } from './go-format.js';

/** The message is Go's. */
export class AddressError extends Error {
  override readonly name = 'AddressError';
}

/** `host:port`, where the host may be empty, or in brackets if it has colons. Throws `AddressError`. */
export function splitHostPort(text: string): { host: string; port: string } {
  const fail = (why: string) => new AddressError(`address ${text}: ${why}`);
  const last = text.lastIndexOf(':');
  if (last < 0) throw fail('missing port in address');
  if (text.startsWith('[')) {
    const end = text.indexOf(']');
    if (end < 0) throw fail("missing ']' in address");
    if (end + 1 === text.length) throw fail('missing port in address');
    if (end + 1 !== last) {
      throw fail(text[end + 1] === ':' ? 'too many colons in address' : 'missing port in address');
    }
    const host = text.slice(1, end);
    if (host.includes('[') || text.indexOf('[', end) >= 0) throw fail("unexpected '[' in address");
    if (text.indexOf(']', end + 1) >= 0) throw fail("unexpected ']' in address");
    return { host, port: text.slice(last + 1) };
  }
  const host = text.slice(0, last);
  if (host.includes(':')) throw fail('too many colons in address');
  if (text.includes('[')) throw fail("unexpected '[' in address");
  if (text.includes(']')) throw fail("unexpected ']' in address");
  return { host, port: text.slice(last + 1) };
}

/**
 * An address to advertise: the port may be missing, 0 or -1, and is the default port then. Throws `AddressError`.
 */
export function parseHostPort(text: string, defaultPort: number): { host: string; port: number } {
  let parts: { host: string; port: string };
  try {
    parts = splitHostPort(text);
  } catch (error) {
    if (!(error instanceof AddressError) || !error.message.includes('missing port')) throw error;
    parts = splitHostPort(`${text}:${defaultPort}`);
  }
  const port = parsePort(parts.port.trim());
  return { host: parts.host.trim(), port: port === 0 || port === -1 ? defaultPort : port };
}

/** A decimal number of 64 bits. Throws `AddressError`. */
export function parsePort(text: string): number {
  const fail = (why: string) => new AddressError(`strconv.Atoi: parsing ${goQuote(text)}: ${why}`);
  if (!/^[-+]?[0-9]+$/.test(text)) throw fail('invalid syntax');
  const value = BigInt(text.replace('+', ''));
  if (BigInt.asIntN(64, value) !== value) throw fail('value out of range');
  return Number(value);
}

/** Why an address cannot be advertised, or nothing. */
export function wrongHostPort(text: string): string | undefined {
  try {
    parseHostPort(text, 0);
    return undefined;
  } catch (error) {
    if (error instanceof AddressError) return error.message;
    throw error;
  }
}
