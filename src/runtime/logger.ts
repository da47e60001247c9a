/**
 * The log of a running server: formats lines and hands them to standard error or to a file, and can be given other
 * settings while it runs (reload) or its file opened anew (after an outside rotation).
 */
import type { Clock } from './clock.js';
import type { Log } from './log.js';
import { LogFile } from './log-file.js';
import { type LogLevel, levelLabel, TimestampFormat } from './log-format.js';
import { DescriptorSink, isCharacterDevice, type LogSink } from './log-sink.js';

/** What a configuration says about the log; the server's options have these fields. */
export interface LogSettings {
  debug: boolean;
  trace: boolean;
  logtime: boolean;
  logtimeUtc: boolean;
  /** Absent or empty: standard error. */
  logFile?: string;
  /** Bytes; 0 never rotates. */
  logSizeLimit: number;
  /** Files to keep, the current one included; 0 keeps all. */
  logMaxNum: number;
  syslog?: boolean;
  remoteSyslog?: string;
}

export interface LoggerDependencies {
  clock: Clock;
  /** Shown in front of each line; default: this process's. */
  pid?: number;
  /** Takes the place of standard error, which is then written without colours. */
  standardError?: LogSink;
  /** Called after a fatal line was written. The command line ends the process here; without it nothing ends. */
  onFatal?: () => void;
}

const levels: readonly LogLevel[] = ['INF', 'WRN', 'ERR', 'FTL', 'DBG', 'TRC'];

export class Logger implements Log {
  debugEnabled = false;
  traceEnabled = false;
  readonly #clock: Clock;
  readonly #standardError: LogSink | undefined;
  readonly #onFatal: (() => void) | undefined;
  readonly #prefix: string;
  #labels = new Map<LogLevel, string>();
  #timestamp: TimestampFormat | undefined;
  #sink: LogSink;

  /**
   * Opens what the settings ask for. Throws `error opening file: open <path>: <reason>` when the file cannot be
   * opened, and an error for syslog, which is not supported.
   */
  constructor(settings: LogSettings, dependencies: LoggerDependencies) {
    this.#clock = dependencies.clock;
    this.#standardError = dependencies.standardError;
    this.#onFatal = dependencies.onFatal;
    this.#prefix = `[${dependencies.pid ?? process.pid}] `;
    this.#sink = this.#open(settings);
    this.#use(settings);
  }

  /** Changes over to other settings; when they cannot be opened it throws and stays with the ones it has. */
  apply(settings: LogSettings): void {
    this.prepare(settings)();
  }

  /** Opens what the settings ask for, or throws; the function it gives changes over. */
  prepare(settings: LogSettings): () => void {
    const sink = this.#open(settings);
    return () => {
      const old = this.#sink;
      this.#sink = sink;
      old.close();
      this.#use(settings);
    };
  }

  /** Opens the log file again and says so, or says why there is nothing to open. */
  reopen(): void {
    if (!(this.#sink instanceof LogFile)) {
      this.notice('File log re-open ignored, not a file logger');
      return;
    }
    try {
      this.#sink.reopen();
    } catch (error) {
      // Going on with the moved file beats ending the process, which is what the official server does.
      this.error(`File log re-open failed: ${(error as Error).message}`);
      return;
    }
    this.#sink.rotateIfOver();
    this.notice('File log re-opened');
  }

  notice(text: string): void {
    this.#write('INF', text);
  }

  warn(text: string): void {
    this.#write('WRN', text);
  }

  error(text: string): void {
    this.#write('ERR', text);
  }

  fatal(text: string): void {
    this.#write('FTL', text);
    this.#onFatal?.();
  }

  debug(text: string): void {
    if (this.debugEnabled) this.#write('DBG', text);
  }

  trace(text: string): void {
    if (this.traceEnabled) this.#write('TRC', text);
  }

  /** Releases the file; later lines are dropped. */
  close(): void {
    this.#sink.close();
  }

  #open(settings: LogSettings): LogSink {
    if (settings.logFile) {
      const limits = { sizeLimit: settings.logSizeLimit, maxFiles: settings.logMaxNum };
      return new LogFile(settings.logFile, limits, this.#clock, (level, text) => this.#format(level, text));
    }
    if (settings.syslog || settings.remoteSyslog) {
      throw new Error('logging to syslog is not supported, use a log file or standard error');
    }
    return this.#standardError ?? new DescriptorSink(2);
  }

  #use(settings: LogSettings): void {
    this.debugEnabled = settings.debug;
    this.traceEnabled = settings.trace;
    this.#timestamp = settings.logtime ? new TimestampFormat(settings.logtimeUtc) : undefined;
    const colored =
      this.#sink instanceof DescriptorSink && process.platform !== 'win32' && isCharacterDevice(2);
    this.#labels = new Map(levels.map((level) => [level, levelLabel(level, colored)]));
    if (this.#sink instanceof LogFile) this.#sink.rotateIfOver();
  }

  #format(level: LogLevel, text: string): string {
    const time = this.#timestamp ? `${this.#timestamp.format(this.#clock.now())} ` : '';
    return this.#prefix + time + this.#labels.get(level) + text;
  }

  #write(level: LogLevel, text: string): void {
    const line = this.#format(level, text);
    this.#sink.write(line.endsWith('\n') ? line : `${line}\n`);
  }
}
