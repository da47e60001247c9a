/**
 * What the reference says of one option of a stream or a consumer. The tables beside this file are the source of the pages in
 * `docs/reference`; codes and texts of errors come from `errors.ts`, so that the pages cannot say something else than the server does.
 * Nothing of this is loaded by a server.
 */
import { ApiError, type ApiErrorName } from '../errors.js';

/** What stands in an answer, and when. */
export interface OptionError {
  /** Like a status of HTTP. */
  readonly code: number;
  /** `err_code`. */
  readonly errorCode: number;
  /** Parts in `<angle brackets>` are filled in. */
  readonly text: string;
  /** '' where the text says it. */
  readonly when: string;
}

/** A field of an option that is an object. */
export interface OptionField {
  readonly name: string;
  readonly type: string;
  readonly meaning: string;
}

export interface OptionReference {
  readonly name: string;
  /** In JSON. */
  readonly type: string;
  /** What holds where it is left out. */
  readonly default: string;
  /** The version of the official server that brought it. */
  readonly since: string;
  /** The API level that it needs. */
  readonly level: number;
  /** Whether it can be changed later; `no`, or `yes`, or under which conditions. */
  readonly update: string;
  /** What it does, in paragraphs. */
  readonly meaning: readonly string[];
  readonly fields?: readonly OptionField[];
  readonly errors: readonly OptionError[];
  /** Where Weft differs from the official server. */
  readonly differences?: readonly string[];
}

/** An error with a text of its own; parts of it that are filled in are given as `<part>`. */
export function says(
  name: ApiErrorName,
  when = '',
  parts: Readonly<Record<string, string>> = {},
): OptionError {
  const { code, errorCode, message } = new ApiError(name, parts);
  return { code, errorCode, text: message.replace(/\{([a-z_]+)\}/g, '<$1>'), when };
}

/** 10052, which has many texts. */
export function invalid(text: string, when = ''): OptionError {
  return says('streamInvalidConfig', when, { err: text });
}

/** 10157: the request asks that nothing be put right (`"pedantic": true`). */
export function pedantic(text: string, when = ''): OptionError {
  return says('pedantic', when, { err: text });
}

/** 10012, by which changes of consumers are refused. */
export function refused(text: string, when = ''): OptionError {
  return says('consumerCreate', when, { err: text });
}

/** 10025 for a word that an enumeration does not have. */
export const unknownWord: OptionError = says('invalidJSON', 'The word is none of these.', {
  err: 'can not unmarshal "\\"<word>\\""',
});
