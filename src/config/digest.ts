/**
 * The digest of a configuration, as `-t` and the monitoring show it: SHA-256 of the values as Go's JSON encoder writes
 * them, keys sorted, with a newline at the end.
 */
import { createHash } from 'node:crypto';
import { escapeForGo } from '../protocol/json.js';
import { type ConfigMap, type ConfigValue, ZuluTime } from './syntax.js';

/** Texts are put together up to about this many characters before they are hashed. */
const pieceLength = 65_536;

/** `sha256:` and 64 hexadecimal digits. */
export function configDigest(values: ConfigMap): string {
  const hash = createHash('sha256');
  let piece = '';
  encode(values, (text) => {
    piece += text;
    if (piece.length < pieceLength) return;
    hash.update(piece, 'utf8');
    piece = '';
  });
  return `sha256:${hash.update(`${piece}\n`, 'utf8').digest('hex')}`;
}

function encode(value: ConfigValue['value'], write: (text: string) => void): void {
  if (typeof value === 'string') write(encodeString(value));
  else if (typeof value === 'number') write(Object.is(value, -0) ? '-0' : String(value));
  else if (value instanceof ZuluTime) write(`"${value.text}"`);
  else if (Array.isArray(value)) {
    let before = '[';
    for (const item of value) {
      write(before);
      encode(item.value, write);
      before = ',';
    }
    write(before === '[' ? '[]' : ']');
  } else if (value instanceof Map) {
    let before = '{';
    for (const key of sortedKeys(value)) {
      write(`${before}${encodeString(key)}:`);
      encode(value.get(key)!.value, write);
      before = ',';
    }
    write(before === '{' ? '{}' : '}');
  } else write(String(value));
}

/** Go orders strings by their bytes, JavaScript by halves of code points: the same up to the surrogates. */
function sortedKeys(map: ConfigMap): string[] {
  const keys = [...map.keys()];
  return keys.some((key) => /[\ud800-\uffff]/.test(key)) ? keys.sort(byBytes) : keys.sort();
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));
}

function encodeString(text: string): string {
  // Nearly all of them: nothing to escape.
  if (/^[ !#-%'-;=?-[\]-~]*$/.test(text)) return `"${text}"`;
  // Half a surrogate pair becomes U+FFFD on the way through the bytes.
  return escapeForGo(JSON.stringify(Buffer.from(text, 'utf8').toString('utf8')));
}
