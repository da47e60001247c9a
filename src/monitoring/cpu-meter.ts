/** How much of a processor the process used lately. */
import { NodeClock } from '../runtime/clock.js';

/** Shorter spans tell nothing. */
const SHORTEST_SPAN = 1000;

export class CpuMeter {
  #usage = process.cpuUsage();
  // Processor time is the machine's, so it is compared with the machine's time and not with the server's clock.
  readonly #clock = new NodeClock();
  #at = this.#clock.monotonic();
  #percent = 0;

  /** Percent of one processor since the last look that is at least a second ago, with one decimal. */
  percent(): number {
    const now = this.#clock.monotonic();
    const span = now - this.#at;
    if (span < SHORTEST_SPAN) return this.#percent;
    const { user, system } = process.cpuUsage(this.#usage);
    this.#usage = process.cpuUsage();
    this.#at = now;
    this.#percent = Math.floor((user + system) / span) / 10;
    return this.#percent;
  }
}
