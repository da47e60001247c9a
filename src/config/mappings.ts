/**
 * Reads subject mappings: of an account, and of the global one at the top level. What a mapping may look like is in
 * `mappingProblem`, for mappings that come from elsewhere, too.
 */
import { isValidPattern } from '../subjects/subject.js';
import { validateDestination } from '../subjects/transform.js';
import { destinationErrors, TransformError } from '../subjects/transform-function.js';
import { goQuote, goValue } from './go-format.js';
import { findKey, keyName } from './keys.js';
import type { MappingDestination, MappingOptions } from './options.js';
import { asMap, asString, type Problems, Rejected } from './problems.js';
import type { Reading } from './reading.js';
import { toBytes } from './runes.js';
import { parsePercent } from './scalars.js';
import type { ConfigValue } from './syntax.js';

const globalAccount = '$G';

/** The mappings at the top level are those of the global account. */
export function readGlobalMappings(value: ConfigValue, { options, problems }: Reading): void {
  let account = options.accounts.find(({ name }) => name === globalAccount);
  if (account === undefined) {
    account = { name: globalAccount };
    options.accounts.push(account);
  }
  account.mappings = [...(account.mappings ?? []), ...readMappings(value, problems)];
}

/** A map from subjects to destinations. */
export function readMappings(value: ConfigValue, problems: Problems): MappingOptions[] {
  const mappings: MappingOptions[] = [];
  for (const [subject, item] of asMap(value)) {
    if (!isValidPattern(subject)) {
      problems.error(value, `Subject ${goQuote(subject)} is not a valid subject`);
      continue;
    }
    const destinations = readDestinations(item, problems);
    if (destinations === undefined) continue;
    const problem = mappingProblem(toBytes(subject), destinations);
    if (problem === null) {
      mappings.push({ subject: toBytes(subject), destinations });
    } else {
      const to = typeof item.value === 'string' ? ` to ${goQuote(item.value)}` : '';
      problems.error(item, `Error adding mapping for ${goQuote(subject)}${to} : ${problem}`);
    }
  }
  return mappings;
}

/** A subject, a destination, or a list of destinations. */
function readDestinations(item: ConfigValue, problems: Problems): MappingDestination[] | undefined {
  if (typeof item.value === 'string') return [{ subject: toBytes(item.value), weight: 100 }];
  if (Array.isArray(item.value)) {
    return item.value
      .map((each) => problems.guard(() => readDestination(each)))
      .filter((each) => each !== undefined);
  }
  const only = problems.guard(() => readDestination(item));
  return only === undefined ? undefined : [only];
}

/** What has the wrong type is reported at the place of the destination, as officially. */
function readDestination(value: ConfigValue): MappingDestination {
  if (!(value.value instanceof Map)) {
    throw new Rejected(value, 'Expected an entry for the mapping destination');
  }
  let subject = '';
  let weight: number | undefined;
  let cluster = '';
  for (const [key, item] of value.value) {
    const spec = findKey('mappings.<subject>', key);
    if (spec === undefined) throw new Rejected(item, `Unknown field ${goQuote(key)} for mapping destination`);
    switch (keyName(spec)) {
      case 'destination':
        subject = asString({ ...value, value: item.value });
        break;
      case 'weight':
        weight = readWeight(item);
        break;
      case 'cluster':
        cluster = asString({ ...value, value: item.value });
    }
  }
  if (weight === undefined) {
    throw new Rejected(value, `Missing weight for mapping destination ${goQuote(subject)}`);
  }
  return { subject: toBytes(subject), weight, ...(cluster === '' ? {} : { cluster }) };
}

/** A number, or a text with or without `%`. */
function readWeight(item: ConfigValue): number {
  const { value } = item;
  if (typeof value !== 'string' && typeof value !== 'bigint') {
    // Ends in a line break in the official text, too.
    throw new Rejected(item, `Unknown entry type for weight of ${goValue(value)}\n`);
  }
  const weight = typeof value === 'bigint' ? Number(value) : parsePercent(value);
  if (typeof weight === 'number' && weight >= 0 && weight <= 100) return weight;
  const shown = typeof weight === 'number' ? BigInt(weight) : goQuote(String(value).replace(/%$/, ''));
  throw new Rejected(item, `Invalid weight ${shown} for mapping destination`);
}

/** What is wrong with a mapping, in the official words, or null. Its source is a valid subject; both are latin1 text. */
export function mappingProblem(source: string, destinations: readonly MappingDestination[]): string | null {
  const seen = new Set<string>();
  const totals = new Map<string, number>();
  for (const { subject, weight, cluster = '' } of destinations) {
    // The official server takes it and breaks at the first message.
    if (subject === '') return destinationErrors.subject;
    if (seen.has(subject)) return `duplicate entry for ${goQuote(subject)}`;
    seen.add(subject);
    if (weight > 100) return 'individual weights need to be <= 100';
    const total = (totals.get(cluster) ?? 0) + weight;
    if (total > 100) return 'total weight needs to be <= 100';
    totals.set(cluster, total);
    try {
      validateDestination(source, subject);
    } catch (error) {
      if (error instanceof TransformError) return error.message;
      throw error;
    }
  }
  return null;
}
