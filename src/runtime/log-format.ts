/**
 * The shape of a log line: `[pid] 2026/11/22 23:59:00.123456 [INF] text`, the same as the official server's, so that
 * log shippers and people's eyes need no new rules.
 */

export type LogLevel = 'INF' | 'WRN' | 'ERR' | 'FTL' | 'DBG' | 'TRC';

const colors: Readonly<Record<LogLevel, string>> = {
  INF: '32',
  DBG: '36',
  WRN: '0;93',
  ERR: '31',
  FTL: '31',
  TRC: '33',
};

const two = (value: number) => (value < 10 ? `0${value}` : `${value}`);

/** `[INF] `, or with the level between the escape sequences of its colour. */
export function levelLabel(level: LogLevel, colored: boolean): string {
  return colored ? `[\x1b[${colors[level]}m${level}\x1b[0m] ` : `[${level}] `;
}

/** Year to second of `time` (milliseconds since 1970) with the separators of the caller. */
export function dateParts(time: number, utc: boolean): [string, string, string, string, string, string] {
  const date = new Date(time);
  const year = `${utc ? date.getUTCFullYear() : date.getFullYear()}`.padStart(4, '0');
  return utc
    ? [
        year,
        two(date.getUTCMonth() + 1),
        two(date.getUTCDate()),
        two(date.getUTCHours()),
        two(date.getUTCMinutes()),
        two(date.getUTCSeconds()),
      ]
    : [
        year,
        two(date.getMonth() + 1),
        two(date.getDate()),
        two(date.getHours()),
        two(date.getMinutes()),
        two(date.getSeconds()),
      ];
}

/** Formats timestamps to the microsecond and remembers the last second's text, which most lines share. */
export class TimestampFormat {
  readonly #utc: boolean;
  #second = Number.NaN;
  #text = '';

  constructor(utc: boolean) {
    this.#utc = utc;
  }

  /** `2026/11/22 23:59:00.123456` for milliseconds since 1970. */
  format(time: number): string {
    const second = Math.floor(time / 1000);
    if (second !== this.#second) {
      const [year, month, day, hour, minute, seconds] = dateParts(second * 1000, this.#utc);
      this.#text = `${year}/${month}/${day} ${hour}:${minute}:${seconds}.`;
      this.#second = second;
    }
    const micros = Math.floor((time - second * 1000) * 1000);
    return this.#text + `${micros}`.padStart(6, '0');
  }
}
