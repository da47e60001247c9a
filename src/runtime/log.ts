/**
 * What every room sees of the log: five levels, formatted by whoever implements it. The implementations (standard
 * error, file with rotation) live in `logger.ts`.
 */
export interface Log {
  /** True where debug lines are written; ask before building an expensive one. */
  readonly debugEnabled: boolean;
  /** True where protocol traces are written. */
  readonly traceEnabled: boolean;
  notice(text: string): void;
  warn(text: string): void;
  error(text: string): void;
  /** Logs and ends the process where there is one to end: only the command line may call it. */
  fatal(text: string): void;
  debug(text: string): void;
  trace(text: string): void;
}

/** Swallows everything; the default of an embedded server. */
export const silentLog: Log = {
  debugEnabled: false,
  traceEnabled: false,
  notice() {},
  warn() {},
  error() {},
  fatal() {},
  debug() {},
  trace() {},
};
