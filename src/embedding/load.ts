/** From what a program hands to `WeftServer.create` to the options the server runs with. */
import { readFileSync } from 'node:fs';
import type { FlagValue } from '../config/flags.js';
import { type LoadResult, loadOptions, optionsFromObject } from '../config/load.js';
import type { ServerOptions } from '../config/options.js';
import type { ServerConfig } from '../config/server-config.js';

/** The text of a configuration file. */
export interface ConfigText {
  config: string;
}

/** The path of a configuration file. */
export interface ConfigFile {
  configFile: string;
}

/** Where the server's configuration comes from: an object with the keys of a configuration file, its text, or its path. */
export type ConfigSource = ServerConfig | ConfigText | ConfigFile;

/** Where to listen, whatever the configuration says. */
export interface Overrides {
  host?: string;
  port?: number;
}

/** What is wrong with a configuration. The message is the text the official server would print. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** One text for each thing that is wrong. */
  readonly errors: readonly string[];

  constructor(message: string, errors: readonly string[]) {
    super(message);
    this.errors = errors;
  }
}

/** A server in a program is for that program, and beside others of its kind, unless the program says otherwise. */
const inCode: ServerConfig = { host: '127.0.0.1', port: -1 };

/** Whether it is an object with keys, and neither a text nor a file. */
export function isObjectSource(source: ConfigSource): source is ServerConfig {
  return !('config' in source) && !('configFile' in source);
}

/** Throws `ConfigError`. */
export function readSource(
  source: ConfigSource,
  overrides: Overrides,
): { options: ServerOptions; warnings: string[] } {
  const result = load(source, overrides);
  if (result.errors.length > 0) {
    const text = result.errors.map((line) => line.trimEnd()).join('\n');
    throw new ConfigError(text, result.errors);
  }
  return result;
}

function load(source: ConfigSource, overrides: Overrides): LoadResult {
  if (isObjectSource(source)) return fromObject(source, overrides);
  const isText = 'config' in source;
  const other = Object.keys(source).filter((key) => key !== (isText ? 'config' : 'configFile'));
  if (other.length > 0) {
    const kind = isText ? 'config' : 'configFile';
    throw new ConfigError(`"${kind}" goes alone, not with ${other.map((key) => `"${key}"`).join(', ')}`, []);
  }
  const flags = new Map<string, FlagValue>();
  if (overrides.host !== undefined) flags.set('host', overrides.host);
  if (overrides.port !== undefined) flags.set('port', overrides.port === 0 ? -1 : overrides.port);
  const readFile = (path: string): string => readFileSync(path, 'utf8');
  const input = { flags, readFile, env: process.env };
  return isText
    ? loadOptions({ ...input, configText: (source as ConfigText).config })
    : loadOptions({ ...input, configFile: (source as ConfigFile).configFile });
}

function fromObject(config: ServerConfig, overrides: Overrides): LoadResult {
  const merged = { ...inCode, ...config };
  const result = optionsFromObject(merged, (path) => readFileSync(path, 'utf8'));
  const { options } = result;
  if (overrides.host !== undefined) options.host = overrides.host;
  if (overrides.port !== undefined) options.port = overrides.port;
  // To a program 0 is a free port, as in Node; the official server takes it for its default one.
  if ((overrides.port ?? config.port) === 0) options.port = -1;
  return result;
}
