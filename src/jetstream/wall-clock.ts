/** What clocks on the wall of a time zone show, by the data that Node has on time zones. */
import { nanosecondsToTime } from '../protocol/rfc3339.js';

export interface WallTime {
  year: number;
  /** 1 to 12. */
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  /** 0 is Sunday. */
  weekday: number;
}

export class WallClock {
  /** Null for UTC. */
  readonly #format: Intl.DateTimeFormat | null;

  private constructor(format: Intl.DateTimeFormat | null) {
    this.#format = format;
  }

  static readonly utc = new WallClock(null);

  /** Null for a name that is no time zone. */
  static of(name: string): WallClock | null {
    if (name === 'UTC') return WallClock.utc;
    if (name !== 'Local' && !/^[A-Za-z][A-Za-z0-9_+/-]*$/.test(name)) return null;
    try {
      const timeZone = name === 'Local' ? undefined : name;
      const parts = { year: 'numeric', month: 'numeric', day: 'numeric' } as const;
      const times = { hour: 'numeric', minute: 'numeric', second: 'numeric', hourCycle: 'h23' } as const;
      return new WallClock(new Intl.DateTimeFormat('en-US', { timeZone, ...parts, ...times }));
    } catch {
      return null;
    }
  }

  /** What the clock shows at a time, milliseconds since 1970. */
  fields(at: number): WallTime {
    const shown = new Date(at + this.#offset(at));
    return {
      year: shown.getUTCFullYear(),
      month: shown.getUTCMonth() + 1,
      day: shown.getUTCDate(),
      hour: shown.getUTCHours(),
      minute: shown.getUTCMinutes(),
      second: shown.getUTCSeconds(),
      weekday: shown.getUTCDay(),
    };
  }

  /** When a day begins; months and days beyond their end count on. A midnight that is skipped is one of its neighbours. */
  time(year: number, month: number, day: number): number {
    const shown = Date.UTC(year, month - 1, day);
    const guess = shown - this.#offset(shown);
    return shown - this.#offset(guess);
  }

  /** A time in nanoseconds since 1970 as RFC 3339 text in the zone, `Z` where that is at no distance from UTC. */
  text(at: bigint): string {
    const offset = this.#offset(Number(at / 1_000_000n));
    const shown = nanosecondsToTime(at + BigInt(offset) * 1_000_000n);
    const minutes = Math.trunc(Math.abs(offset) / 60_000);
    if (minutes === 0) return shown;
    const digits = [Math.trunc(minutes / 60), minutes % 60].map((part) => `${part}`.padStart(2, '0'));
    return `${shown.slice(0, -1)}${offset < 0 ? '-' : '+'}${digits.join(':')}`;
  }

  /** Milliseconds that the clock is ahead of UTC. */
  #offset(at: number): number {
    if (this.#format === null) return 0;
    const found: Record<string, number> = {};
    for (const { type, value } of this.#format.formatToParts(at)) found[type] = Number(value);
    const { year, month, day, hour, minute, second } = found as Record<
      'year' | 'month' | 'day' | 'hour' | 'minute' | 'second',
      number
    >;
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000;
  }
}
