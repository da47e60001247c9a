/**
 * The digest of a configuration, as `-t` and the monitoring show it: SHA-256 of the values as Go's JSON encoder writes
 * them, keys sorted, with a newline at the end.
 */
import { createHash } from 'node:crypto';
import { escapeForGo } from '../protocol/json.js';
import { type ConfigMap, type ConfigValue, ZuluTime } from './syntax.js';

/** `sha256:` and 64 hexadecimal digits. */
export function configDigest(values: ConfigMap): string {
  return `sha256:${createHash('sha256')
    .update(`${encode(values)}\n`, 'utf8')
    .digest('hex')}`;
}

function encode(value: ConfigValue['value']): string {
  if (typeof value === 'string') return encodeString(value);
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (value instanceof ZuluTime) return `"${value.text}"`;
  if (Array.isArray(value)) return `[${value.map((item) => encode(item.value)).join(',')}]`;
  if (value instanceof Map) {
    const keys = [...value.keys()].sort(byBytes);
    return `{${keys.map((key) => `${encodeString(key)}:${encode(value.get(key)!.value)}`).join(',')}}`;
  }
  return String(value);
}

/** Go orders strings by their bytes. */
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));
}

function encodeString(text: string): string {
  // Half a surrogate pair becomes U+FFFD on the way through the bytes.
  return escapeForGo(JSON.stringify(Buffer.from(text, 'utf8').toString('utf8')));
}
