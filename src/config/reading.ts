/** What every reader of a block works on. */
import type { ServerOptions } from './options.js';
import type { Problems } from './problems.js';
import type { ConfigSources, ConfigValue } from './syntax.js';

export interface Reading {
  /** Filled as keys are read; worth nothing once there are errors. */
  readonly options: ServerOptions;
  readonly problems: Problems;
  /** Names and keys of the users so far: they differ over all accounts. */
  readonly userNames: Set<string>;
  /** Absent where the files that options name are not to be looked at. */
  readonly readFile: ConfigSources['readFile'] | undefined;
}

/** Reads the value of a key. `name` is the key as it was written. */
export type KeyReader = (value: ConfigValue, reading: Reading, name: string) => void;
