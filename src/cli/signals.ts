/** What a server process does when the operating system or `--signal` sends it a signal. */
import type { Log } from '../runtime/log.js';

/** The parts of a server that signals reach. */
export interface SignalTarget {
  /** True from the moment lame duck mode began: the process then ends on its own. */
  readonly lameDuckMode: boolean;
  shutdown(): Promise<void>;
  reopenLog(): void;
  /** Rejects with what is wrong with the new configuration. */
  reload(): Promise<void>;
  lameDuck(): Promise<void>;
}

/** Node's `process`, or what a test puts in its place. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: () => void): unknown;
  off(signal: NodeJS.Signals, listener: () => void): unknown;
  exit(code: number): void;
}

export interface InstalledSignals {
  /** Gives the signals back to whoever had them before. */
  dispose(): void;
}

/** How the official server names them in `Trapped "..." signal`. */
const names = {
  SIGINT: 'interrupt',
  SIGTERM: 'terminated',
  SIGUSR1: 'user defined signal 1',
  SIGUSR2: 'user defined signal 2',
  SIGHUP: 'hangup',
} as const;

type HandledSignal = keyof typeof names;

const message = (error: unknown) => (error instanceof Error ? error.message : String(error));

export function installSignalHandlers(
  target: SignalTarget,
  log: Log,
  source: SignalSource = process,
): InstalledSignals {
  const handlers = new SignalHandlers(target, log, source);
  const listeners = (Object.keys(names) as HandledSignal[]).map(
    (signal) => [signal, () => handlers.handle(signal)] as const,
  );
  for (const [signal, listener] of listeners) source.on(signal, listener);
  return {
    dispose() {
      for (const [signal, listener] of listeners) source.off(signal, listener);
    },
  };
}

class SignalHandlers {
  readonly #target: SignalTarget;
  readonly #log: Log;
  readonly #source: SignalSource;
  #ending = false;
  /** Reloads run one after the other. */
  #reloads: Promise<void> = Promise.resolve();

  constructor(target: SignalTarget, log: Log, source: SignalSource) {
    this.#target = target;
    this.#log = log;
    this.#source = source;
  }

  handle(signal: HandledSignal): void {
    // A shutdown under way is finished in order, whatever else comes.
    if (this.#ending) return;
    this.#log.notice(`Trapped "${names[signal]}" signal`);
    if (signal === 'SIGINT') void this.#end();
    else if (signal === 'SIGTERM') this.#terminate();
    else if (signal === 'SIGUSR1') this.#target.reopenLog();
    else if (signal === 'SIGUSR2') void this.#lameDuck();
    else this.#reloads = this.#reloads.then(() => this.#reload());
  }

  #terminate(): void {
    // Lame duck mode is the gentler way to the same end; orchestrators send TERM while it runs.
    if (!this.#target.lameDuckMode) void this.#end();
  }

  async #end(): Promise<void> {
    this.#ending = true;
    try {
      await this.#target.shutdown();
    } catch (error) {
      this.#log.error(`Shutdown failed: ${message(error)}`);
      this.#source.exit(1);
      return;
    }
    this.#source.exit(0);
  }

  async #lameDuck(): Promise<void> {
    try {
      await this.#target.lameDuck();
    } catch (error) {
      this.#log.error(`Lame duck mode failed: ${message(error)}`);
    }
  }

  async #reload(): Promise<void> {
    try {
      await this.#target.reload();
    } catch (error) {
      this.#log.error(`Failed to reload server configuration: ${message(error)}`);
    }
  }
}
