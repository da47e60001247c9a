/**
 * Puts options together: defaults, then a file or text, then flags. Or from an object, for programs that embed the
 * server: the same keys, the same table, the same errors.
 */
import { readValues } from './blocks.js';
import { configDigest } from './digest.js';
import { applyFlags, type ExplicitFlags } from './flags.js';
import { defaultOptions, type ServerOptions } from './options.js';
import { parseConfigFile, parseConfigText } from './parser.js';
import { Problems } from './problems.js';
import type { ServerConfig } from './server-config.js';
import { type ConfigMap, type ConfigSources, ConfigSyntaxError, type ConfigValue } from './syntax.js';
import { applyBaseline, validateOptions } from './validate.js';

export interface LoadInput extends ConfigSources {
  /** The flags that were given; they win over the file. */
  flags?: ExplicitFlags;
  /** A file to read. */
  configFile?: string;
  /** Text to read instead; `configFile` then only names it. */
  configText?: string;
  /**
   * What the options are for; a start when absent. `check` is `-t`: it only looks at the file, warnings then count as
   * errors, and options as a whole are not validated. A `reload` does not ask whether the system account is declared: the
   * running server has it.
   */
  purpose?: 'check' | 'start' | 'reload';
}

export interface LoadResult {
  /** Worth something only where there are no errors. */
  options: ServerOptions;
  warnings: string[];
  errors: string[];
  /** `sha256:...`; empty without a configuration. */
  digest: string;
  /**
   * The official text of all that is wrong, warnings first, a newline after each that has a place; empty where all is
   * well. With warnings alone a start prints it and goes on; `-t` fails.
   */
  text: string;
}

/** Never throws for what is wrong with a configuration. */
export function loadOptions(input: LoadInput): LoadResult {
  const options = defaultOptions();
  const problems = new Problems();
  options.configFile = input.configFile ?? '';
  try {
    const values = readConfiguration(input);
    if (values !== undefined) {
      options.configDigest = configDigest(values);
      readValues(
        values,
        { options, problems, userNames: new Set(), readFile: input.readFile },
        options.configFile,
      );
    }
  } catch (error) {
    if (!(error instanceof ConfigSyntaxError)) throw error;
    return failed(options, problems, error.message);
  }
  if (problems.errors.length > 0 || input.purpose === 'check') return result(options, problems);
  return finish(options, problems, input);
}

function readConfiguration(input: LoadInput): ConfigMap | undefined {
  const { configFile = '', configText } = input;
  if (configText !== undefined) return parseConfigText(configText, input, configFile);
  return configFile === '' ? undefined : parseConfigFile(configFile, input);
}

function finish(
  options: ServerOptions,
  problems: Problems,
  { flags, readFile, purpose }: Partial<LoadInput>,
): LoadResult {
  const wrongFlag = flags === undefined ? undefined : applyFlags(options, flags, readFile);
  applyBaseline(options);
  const wrong = wrongFlag ?? validateOptions(options, purpose === 'reload');
  return wrong === undefined ? result(options, problems) : failed(options, problems, wrong);
}

function result(options: ServerOptions, { errors, warnings }: Problems): LoadResult {
  const text = [...warnings, ...errors].map((line) => `${line}\n`).join('');
  return { options, warnings, errors, digest: options.configDigest, text };
}

/** A single error that ends everything; it has no newline of its own. */
function failed(options: ServerOptions, { warnings }: Problems, text: string): LoadResult {
  return { options, warnings, errors: [text], digest: options.configDigest, text };
}

/**
 * Options from an object with the keys of a configuration file. Errors name the path within the object. Files that
 * `tls` names are looked at where `readFile` is given.
 */
export function optionsFromObject(config: ServerConfig, readFile?: ConfigSources['readFile']): LoadResult {
  const options = defaultOptions();
  const problems = new Problems();
  let values: ConfigMap;
  try {
    values = mapOf(config, '');
  } catch (error) {
    if (!(error instanceof ConfigSyntaxError)) throw error;
    return failed(options, problems, error.message);
  }
  if (values.size > 0) readValues(values, { options, problems, userNames: new Set(), readFile }, '');
  if (problems.errors.length > 0) return result(options, problems);
  return finish(options, problems, readFile === undefined ? {} : { readFile });
}

const maxDepth = 100;

function mapOf(object: object, path: string, depth = 0): ConfigMap {
  if (depth > maxDepth) throw new ConfigSyntaxError(`${path}: nested deeper than ${maxDepth} levels`);
  const map: ConfigMap = new Map();
  for (const [key, item] of Object.entries(object)) {
    if (item !== undefined) map.set(key, placedValue(item, path === '' ? key : `${path}.${key}`, depth + 1));
  }
  return map;
}

function placedValue(item: unknown, path: string, depth: number): ConfigValue {
  return {
    value: plainValue(item, path, depth),
    line: 0,
    position: 0,
    source: path,
    used: false,
    place: 'path',
  };
}

function plainValue(item: unknown, path: string, depth: number): ConfigValue['value'] {
  if (typeof item === 'string' || typeof item === 'boolean' || typeof item === 'bigint') return item;
  if (typeof item === 'number' && Number.isFinite(item)) return Number.isInteger(item) ? BigInt(item) : item;
  if (depth > maxDepth) throw new ConfigSyntaxError(`${path}: nested deeper than ${maxDepth} levels`);
  if (Array.isArray(item)) return item.map((one, index) => placedValue(one, `${path}[${index}]`, depth + 1));
  if (typeof item === 'object' && item !== null) return mapOf(item, path, depth);
  throw new ConfigSyntaxError(
    `${path}: ${item === null ? 'null' : typeof item} is no value of a configuration`,
  );
}
