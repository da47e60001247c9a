/**
 * Types of JSON values, as data: one description of a structure reads it as the official server's decoder does (names in any
 * case, absent fields are zero, the same error texts) and writes it as its encoder does (order of fields, `omitempty`, escapes).
 */
import { escapeForGo } from './json.js';
import { type JsonNode, JsonNumber, JsonObject, parseJsonValue, parseJsonValues } from './json-text.js';

/** Where a value stands, for error texts. */
interface Place {
  /** The innermost structure. */
  struct: string;
  /** Names from the outermost structure down. */
  path: string;
}

/** What a decoding has found so far. A value of the wrong type does not end it, the first one is reported at the end. */
class Findings {
  first: Error | null = null;
  readonly strict: boolean;

  constructor(strict: boolean) {
    this.strict = strict;
  }

  add(text: string): void {
    this.first ??= new Error(text);
  }

  wrongType(what: string, place: Place | null, goName: string): void {
    const where =
      place === null
        ? 'Go value'
        : place.path === ''
          ? 'Go value'
          : `Go struct field ${place.struct}.${place.path}`;
    this.add(`json: cannot unmarshal ${what} into ${where} of type ${goName}`);
  }
}

export interface JsonType<V> {
  /** As error texts call it. */
  readonly goName: string;
  zero(): V;
  /** The value of a node; `known` is what was there before. May throw where Go's own decoders of a type do. */
  read(node: JsonNode, known: V, place: Place, findings: Findings): V;
  /** JSON text. */
  write(value: V): string;
  /** Whether `omitempty` leaves it out. */
  isEmpty(value: V): boolean;
}

export type ValueOf<T> = T extends JsonType<infer V> ? V : never;

function kindOf(node: JsonNode): string {
  if (typeof node === 'string') return 'string';
  if (typeof node === 'boolean') return 'bool';
  if (node instanceof JsonNumber) return 'number';
  return Array.isArray(node) ? 'array' : 'object';
}

function scalar<V extends string | boolean>(
  goName: string,
  zero: V,
  kind: 'string' | 'boolean',
): JsonType<V> {
  return {
    goName,
    zero: () => zero,
    read(node, known, place, findings) {
      if (node === null) return known;
      if (typeof node === kind) return node as V;
      findings.wrongType(kindOf(node), place, this.goName);
      return known;
    },
    write: (value) => (typeof value === 'string' ? quoteJson(value) : String(value)),
    isEmpty: (value) => value === zero,
  };
}

/** JSON text of a string; half a surrogate pair becomes U+FFFD as in Go. */
export function quoteJson(text: string): string {
  const whole = /[\ud800-\udfff]/.test(text) ? Buffer.from(text, 'utf8').toString('utf8') : text;
  return escapeForGo(JSON.stringify(whole));
}

export const text = scalar<string>('string', '', 'string');
export const bool = scalar<boolean>('bool', false, 'boolean');

/**
 * Whole numbers. They are JavaScript numbers: beyond 2^53 the last digits may be lost, except at the very end of the
 * range, which people write for "no limit".
 */
function integer(goName: string, min: bigint, max: bigint): JsonType<number> {
  const least = Number(min);
  const most = Number(max);
  return {
    goName,
    zero: () => 0,
    read(node, known, place, findings) {
      if (node === null) return known;
      if (!(node instanceof JsonNumber)) {
        findings.wrongType(kindOf(node), place, this.goName);
        return known;
      }
      // Unsigned numbers have no sign, not even before a 0.
      if ((min < 0n ? /^-?[0-9]+$/ : /^[0-9]+$/).test(node.text) && node.text.length <= 20) {
        const value = BigInt(node.text);
        if (value >= min && value <= max) return Number(value);
      }
      findings.wrongType(`number ${node.text}`, place, this.goName);
      return known;
    },
    write: (value) => (value >= most ? String(max) : value <= least ? String(min) : wholeText(value)),
    isEmpty: (value) => value === 0,
  };
}

function wholeText(value: number): string {
  return Number.isSafeInteger(value) ? String(value) : BigInt(Math.round(value)).toString();
}

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
export const int = integer('int', INT64_MIN, INT64_MAX);
export const int32 = integer('int32', -(2n ** 31n), 2n ** 31n - 1n);
export const int64 = integer('int64', INT64_MIN, INT64_MAX);
export const uint64 = integer('uint64', 0n, 2n ** 64n - 1n);
/** Nanoseconds, unlike durations elsewhere: these are values of the JetStream API. */
export const duration = integer('time.Duration', INT64_MIN, INT64_MAX);

/** The same type under the name that the official server has for it where it is used. */
export function named<V>(goName: string, of: JsonType<V>): JsonType<V> {
  return { ...of, goName };
}

/** One of several words. `unknown` makes the error for another value, which is given as it was written. */
export function oneOf<W extends string>(
  words: readonly W[],
  zero: W,
  unknown: (raw: string) => string,
): JsonType<W> {
  return {
    goName: 'string',
    zero: () => zero,
    read(node) {
      if (typeof node === 'string' && (words as readonly string[]).includes(node)) return node as W;
      throw new Error(unknown(writeNode(node)));
    },
    write: quoteJson,
    isEmpty: (value) => value === zero,
  };
}

/** One of several words, of which the official server reads any text first. */
export function wordOf<W extends string>(words: readonly W[], zero: W, unknown: string): JsonType<W> {
  const strict = oneOf(words, zero, () => unknown);
  return {
    ...strict,
    read(node, known, place, findings) {
      if (typeof node === 'string') return strict.read(node, known, place, findings);
      if (node !== null) findings.wrongType(kindOf(node), place, 'string');
      return known;
    },
  };
}

/** The text of a node, as close to what was written as matters for an error. */
export function writeNode(node: JsonNode): string {
  if (node instanceof JsonNumber) return node.text;
  if (Array.isArray(node)) return `[${node.map(writeNode).join(',')}]`;
  if (node instanceof JsonObject)
    return `{${node.fields.map(([name, value]) => `${JSON.stringify(name)}:${writeNode(value)}`).join(',')}}`;
  return JSON.stringify(node);
}

/** A value that may be absent. */
export function optional<V>(of: JsonType<V>): JsonType<V | undefined> {
  return {
    goName: of.goName,
    zero: () => undefined,
    read: (node, known, place, findings) =>
      node === null ? undefined : of.read(node, known ?? of.zero(), place, findings),
    write: (value) => (value === undefined ? 'null' : of.write(value)),
    isEmpty: (value) => value === undefined,
  };
}

/** A list; absent and `null` are the same. `goName` is that of the elements where it has a pointer or package. */
export function list<V>(of: JsonType<V>, elementName = of.goName): JsonType<V[] | undefined> {
  return {
    goName: `[]${elementName}`,
    zero: () => undefined,
    read(node, known, place, findings) {
      if (node === null) return undefined;
      if (!Array.isArray(node)) {
        findings.wrongType(kindOf(node), place, this.goName);
        return known;
      }
      return node.map((each) => of.read(each, of.zero(), place, findings));
    },
    write: (value) => (value === undefined ? 'null' : `[${value.map((each) => of.write(each)).join(',')}]`),
    isEmpty: (value) => value === undefined || value.length === 0,
  };
}

/** Texts by names, written in the order of the names. */
export function map<V>(of: JsonType<V>): JsonType<Record<string, V> | undefined> {
  return {
    goName: `map[string]${of.goName}`,
    zero: () => undefined,
    read(node, known, place, findings) {
      if (node === null) return undefined;
      if (!(node instanceof JsonObject)) {
        findings.wrongType(kindOf(node), place, this.goName);
        return known;
      }
      const result: Record<string, V> = Object.create(null);
      Object.assign(result, known);
      for (const [name, value] of node.fields) result[name] = of.read(value, of.zero(), place, findings);
      return result;
    },
    write(value) {
      if (value === undefined) return 'null';
      const names = Object.keys(value).sort();
      return `{${names.map((name) => `${quoteJson(name)}:${of.write(value[name]!)}`).join(',')}}`;
    },
    isEmpty: (value) => value === undefined || Object.keys(value).length === 0,
  };
}

export interface Field<V> {
  readonly type: JsonType<V>;
  /** Left out when it is empty. */
  readonly omitEmpty: boolean;
  /** Where the field comes from a structure within this one, as error texts have it. */
  readonly path?: string;
}

export type Fields = Record<string, Field<unknown>>;
export type StructOf<F extends Fields> = {
  -readonly [K in keyof F]: F[K] extends Field<infer V> ? V : never;
};

export function field<V>(type: JsonType<V>): Field<V> {
  return { type, omitEmpty: false };
}

export function omitEmpty<V>(type: JsonType<V>): Field<V> {
  return { type, omitEmpty: true };
}

/** The fields of another structure as if they were this one's own. */
export function embedded<F extends Fields>(name: string, fields: F): F {
  return Object.fromEntries(
    Object.entries(fields).map(([key, each]) => [key, { ...each, path: `${name}.${each.path ?? key}` }]),
  ) as F;
}

/** A structure. `name` is that of the official server's type, without its package. */
export function struct<F extends Fields>(name: string, fields: F): JsonType<StructOf<F>> & { fields: F } {
  const byName = new Map<string, [string, Field<unknown>]>();
  for (const [key, each] of Object.entries(fields)) byName.set(key.toLowerCase(), [key, each]);
  const entries = Object.entries(fields);
  type V = StructOf<F>;
  return {
    fields,
    goName: `server.${name}`,
    zero: () => Object.fromEntries(entries.map(([key, each]) => [key, each.type.zero()])) as V,
    read(node, known, place, findings) {
      if (node === null) return known;
      if (!(node instanceof JsonObject)) {
        findings.wrongType(kindOf(node), place, this.goName);
        return known;
      }
      const value = { ...known } as Record<string, unknown>;
      for (const [given, inner] of node.fields) {
        const found = byName.get(given.toLowerCase());
        if (found === undefined) {
          if (findings.strict) findings.add(`json: unknown field ${JSON.stringify(given)}`);
          continue;
        }
        const [key, each] = found;
        const own = each.path ?? key;
        const path = place.path === '' ? own : `${place.path}.${own}`;
        value[key] = each.type.read(inner, value[key], { struct: name, path }, findings);
      }
      return value as V;
    },
    write(value) {
      const parts: string[] = [];
      for (const [key, each] of entries) {
        const inner = (value as Record<string, unknown>)[key];
        if (each.omitEmpty && each.type.isEmpty(inner)) continue;
        parts.push(`"${key}":${each.type.write(inner)}`);
      }
      return `{${parts.join(',')}}`;
    },
    isEmpty: () => false,
  };
}

/**
 * Reads JSON text into a type, over a value of zeros; text without any value leaves it at that. Several values after each other
 * are read over each other, as the official server's stream decoder does. Throws an error with its text.
 */
export function readJson<V>(type: JsonType<V>, json: Uint8Array, strict: boolean): V {
  let value = type.zero();
  for (const { node } of parseJsonValues(json)) {
    const findings = new Findings(strict);
    value = type.read(node, value, { struct: '', path: '' }, findings);
    if (findings.first !== null) throw findings.first;
  }
  return value;
}

/** Leaves fields out that are not known; `unknown`: what a reader that takes none of them would say. */
export function readKnown<V>(type: JsonType<V>, json: Uint8Array): { value: V; unknown: Error | null } {
  try {
    return { value: readJson(type, json, true), unknown: null };
  } catch (error) {
    return { value: readJson(type, json, false), unknown: error as Error };
  }
}

/** Reads the one value of a JSON text, over a value of zeros. Throws an error with the official server's text. */
export function readOneJson<V>(type: JsonType<V>, json: Uint8Array): V {
  const findings = new Findings(false);
  const value = type.read(parseJsonValue(json), type.zero(), { struct: '', path: '' }, findings);
  if (findings.first !== null) throw findings.first;
  return value;
}
