/** Reads `proxies`: the keys of the proxies that may vouch for clients. */
import { goQuote, goType } from './go-format.js';
import { keyName } from './keys.js';
import { isAnyPublicNkey } from './nkey.js';
import { asString, type Problems, Rejected } from './problems.js';
import type { Reading } from './reading.js';
import type { ConfigValue } from './syntax.js';

export function readProxies(value: ConfigValue, { options, problems }: Reading): void {
  if (!(value.value instanceof Map)) {
    throw new Rejected(value, `expected proxies to be a map/struct, got ${goType(value.value)}`);
  }
  for (const [name, item] of value.value) {
    if (problems.known('proxies', name, item) === undefined) continue;
    options.trustedProxies = problems.guard(() => readTrusted(item, problems)) ?? [];
  }
}

function readTrusted(value: ConfigValue, problems: Problems): string[] {
  if (!Array.isArray(value.value)) {
    const got = goType(value.value);
    throw new Rejected(value, `expected proxies' trusted field to be an array, got ${got}`);
  }
  const keys: string[] = [];
  for (const entry of value.value) {
    if (!(entry.value instanceof Map)) {
      const got = goType(entry.value);
      problems.error(entry, `expected proxies' trusted entry to be a map/struct, got ${got}`);
      continue;
    }
    let key = '';
    for (const [name, item] of entry.value) {
      const spec = problems.known('proxies.trusted[]', name, item);
      if (spec === undefined || keyName(spec) !== 'key') continue;
      key = asString(item);
      if (!isAnyPublicNkey(key)) problems.error(item, `invalid proxy key ${goQuote(key)}`);
    }
    keys.push(key);
  }
  return keys;
}
