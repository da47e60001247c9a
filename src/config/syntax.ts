/**
 * What the configuration language is made of once read: a tree of values, each knowing where it stands in which file.
 */

/** A point in time as the language writes it, `YYYY-MM-DDTHH:MM:SSZ`. */
export class ZuluTime {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Integers are `bigint` (64 bits, signed), floats are `number`. */
export type ConfigScalar = string | bigint | number | boolean | ZuluTime;

export type ConfigMap = Map<string, ConfigValue>;

/** A value and its place. Values of a map carry the place of their key. */
export interface ConfigValue {
  readonly value: ConfigScalar | ConfigValue[] | ConfigMap;
  /** From 1. */
  line: number;
  /**
   * Bytes from the newline before it, so that the first byte of the first line has position 0, and that of any other
   * line position 1, as the official server counts.
   */
  position: number;
  /** The file as named by whoever read it, or a path within an object; empty for text without a file. */
  readonly source: string;
  /** Another value refers to it as `$name`. */
  used: boolean;
  /**
   * What names the place in error texts: file, line and position; for what a program handed over as an object its path
   * there, which is in `source`; nothing for the insides of an environment variable.
   */
  readonly place: 'file' | 'path' | 'none';
}

/** The one error that reading the language can end in. The message is the official text. */
export class ConfigSyntaxError extends Error {
  override readonly name = 'ConfigSyntaxError';
}

/** What reading needs from the outside. Both may be called any number of times. */
export interface ConfigSources {
  /** Throws as `fs.readFileSync` does where the file cannot be read. */
  readFile(path: string): string | Uint8Array;
  env: Readonly<Record<string, string | undefined>>;
}

/** The text Go has for a file that cannot be read. */
export function fileErrorText(path: string, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
      return `open ${path}: no such file or directory`;
    case 'EISDIR':
      return `read ${path}: is a directory`;
    case 'EACCES':
      return `open ${path}: permission denied`;
    case 'ENOTDIR':
      return `open ${path}: not a directory`;
    default:
      return `open ${path}: ${error instanceof Error ? error.message : String(error)}`;
  }
}
