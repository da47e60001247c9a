/** Reads what bounds an account, and where traces of its messages go. */
import { hasWildcard, isValidPattern } from '../subjects/subject.js';
import { goQuote, goType, goValue } from './go-format.js';
import { findKey, keyName } from './keys.js';
import { type AccountLimits, type AccountOptions, noAccountLimits } from './options.js';
import { asInteger, type Problems, Rejected } from './problems.js';
import { toBytes } from './runes.js';
import { parsePercent } from './scalars.js';
import type { ConfigValue } from './syntax.js';

const limitFields = {
  max_connections: 'maxConnections',
  max_subscriptions: 'maxSubscriptions',
  max_payload: 'maxPayload',
  max_leafnodes: 'maxLeafnodes',
} as const;

/** Numbers of 32 bits; larger ones wrap around, as officially. */
export function readLimits(value: ConfigValue, problems: Problems): AccountLimits {
  if (!(value.value instanceof Map)) {
    throw new Rejected(value, `Expected account limits to be a map/struct, got ${goValue(value.value)}`);
  }
  const limits = { ...noAccountLimits };
  for (const [key, item] of value.value) {
    const spec = findKey('accounts.<name>.limits', key);
    if (spec !== undefined) {
      limits[limitFields[keyName(spec) as keyof typeof limitFields]] = int32(item);
    } else if (!item.used) {
      problems.error(item, `Unknown field ${goQuote(key)} parsing account limits`);
    }
  }
  return limits;
}

function int32(value: ConfigValue): number {
  asInteger(value);
  return Number(BigInt.asIntN(32, value.value as bigint));
}

/** A subject, or a map of subject and sampling. `name` is the key as it was written. */
export function readTrace(value: ConfigValue, name: string, problems: Problems): AccountOptions['trace'] {
  const { value: written } = value;
  if (typeof written === 'string') return { destination: readDestination(value, name), sampling: 100 };
  if (!(written instanceof Map)) {
    throw new Rejected(
      value,
      `Expected account message trace ${goQuote(name)} to be a string or a map/struct, got ${goType(written)}`,
    );
  }
  let destination: string | undefined;
  let sampling: number | undefined;
  for (const [key, item] of written) {
    const spec = findKey('accounts.<name>.msg_trace', key);
    if (spec === undefined) {
      if (item.used) continue;
      const map = `account message trace map/struct ${goQuote(name)}`;
      throw new Rejected(item, `Unknown field ${goQuote(key)} parsing ${map}`);
    }
    if (keyName(spec) === 'dest') destination = readDestination(item, key);
    else sampling = readSampling(item, key);
  }
  if (destination !== undefined) return { destination, sampling: sampling ?? 100 };
  if (sampling !== undefined) {
    problems.remark(value, 'Trace destination sampling ignored since no destination was set');
  }
  return undefined;
}

function readDestination(value: ConfigValue, name: string): string {
  const { value: subject } = value;
  if (typeof subject !== 'string') {
    throw new Rejected(value, `Field ${goQuote(name)} should be a string, got ${goType(subject)}`);
  }
  if (!isValidPattern(subject) || hasWildcard(subject)) {
    throw new Rejected(value, `Trace destination ${goQuote(subject)} is not valid`);
  }
  return toBytes(subject);
}

function readSampling(value: ConfigValue, name: string): number {
  const { value: written } = value;
  if (typeof written !== 'bigint' && typeof written !== 'string') {
    throw new Rejected(
      value,
      `Trace destination sampling field ${goQuote(name)} should be an integer or a percentage, got ${goType(written)}`,
    );
  }
  const sampling = typeof written === 'string' ? parsePercent(written) : Number(written);
  if (typeof sampling === 'string') {
    throw new Rejected(value, `Invalid trace destination sampling value ${goQuote(String(written))}`);
  }
  if (sampling <= 0 || sampling > 100) {
    // Spelt so in the official text, too.
    throw new Rejected(
      value,
      `Ttrace destination sampling value ${sampling} is invalid, needs to be [1..100]`,
    );
  }
  return sampling;
}
