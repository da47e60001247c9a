/**
 * What is wrong with a configuration: errors and warnings with their places, in the order in which they were found,
 * and the conversions of values that find most of them.
 */
import { goQuote, goType } from './go-format.js';
import { asksForNothing, findKey, type KeySpec } from './keys.js';
import type { ConfigMap, ConfigValue } from './syntax.js';

/** Ends the reading of a block; `guard` turns it into an error. */
export class Rejected extends Error {
  override readonly name = 'Rejected';
  readonly value: ConfigValue;

  constructor(value: ConfigValue, reason: string) {
    super(reason);
    this.value = value;
  }
}

export class Problems {
  readonly errors: string[] = [];
  readonly warnings: string[] = [];

  error(at: ConfigValue, reason: string): void {
    this.errors.push(`${place(at)}${reason}`);
  }

  warning(at: ConfigValue, field: string, reason: string): void {
    this.warnings.push(`${place(at)}invalid use of field ${goQuote(field)}: ${reason}`);
  }

  /** A warning that is not about a field by name. */
  remark(at: ConfigValue, text: string): void {
    this.warnings.push(`${place(at)}${text}`);
  }

  /** Runs `read`; what it rejects becomes an error and `undefined`. */
  guard<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof Rejected)) throw error;
      this.error(error.value, error.message);
      return undefined;
    }
  }

  /**
   * The key of a block that an entry stands for. `undefined` where there is nothing to read: the key is not known, or
   * asks for something that this version does not have (both are errors), or was only there to be used as a variable.
   */
  known(block: string, name: string, value: ConfigValue): KeySpec | undefined {
    const spec = findKey(block, name);
    if (spec === undefined) {
      if (!value.used) this.error(value, `unknown field ${goQuote(name)}`);
      return undefined;
    }
    return this.supported(spec, name, value) ? spec : undefined;
  }

  /** False, with an error unless the value is a switched-off one, where the capability of a key is not there. */
  supported(spec: KeySpec, name: string, value: ConfigValue): boolean {
    if (spec.capability === 'core') return true;
    if (!asksForNothing(spec, value.value)) this.error(value, unsupportedText(name));
    return false;
  }
}

export function unsupportedText(name: string): string {
  return `${goQuote(name)} is not supported by this version of weft-server yet`;
}

function place(value: ConfigValue): string {
  if (value.place === 'file') return `${value.source}:${value.line}:${value.position}: `;
  return value.place === 'path' ? `${value.source}: ` : '';
}

/** For the errors that the official server reports without saying where. */
export function withoutPlace(value: ConfigValue): ConfigValue {
  return value.place === 'file' ? { ...value, place: 'none' } : value;
}

/** The text of a failed Go type assertion, which is what official users see for a value of the wrong type. */
function wrongType(value: ConfigValue, wanted: string): Rejected {
  return new Rejected(value, `interface conversion: interface {} is ${goType(value.value)}, not ${wanted}`);
}

export function asString(value: ConfigValue): string {
  if (typeof value.value !== 'string') throw wrongType(value, 'string');
  return value.value;
}

export function asBool(value: ConfigValue): boolean {
  if (typeof value.value !== 'boolean') throw wrongType(value, 'bool');
  return value.value;
}

export function asInteger(value: ConfigValue): number {
  if (typeof value.value !== 'bigint') throw wrongType(value, 'int64');
  return Number(value.value);
}

export function asMap(value: ConfigValue): ConfigMap {
  if (!(value.value instanceof Map)) throw wrongType(value, 'map[string]interface {}');
  return value.value;
}

export function asArray(value: ConfigValue): ConfigValue[] {
  if (!Array.isArray(value.value)) throw wrongType(value, '[]interface {}');
  return value.value;
}
