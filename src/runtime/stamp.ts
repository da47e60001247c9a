/**
 * A time as files have it: nanoseconds since 1970 in 64 bits, here as two halves of 32. A bigint says the same, but each step with one
 * costs an allocation; a stamp is filled again and again.
 */

const TWO_20 = 0x10_0000;
const TWO_32 = 0x1_0000_0000;
const NANOSECONDS = 1_000_000;
const SECOND = 1_000_000_000;
/** What is left of 2^32 and 2^48 nanoseconds behind whole seconds. */
const TWO_32_REST = TWO_32 % SECOND;
const TWO_48_REST = (TWO_32 * 65_536) % SECOND;

export class Stamp {
  /** Both unsigned. */
  low = 0;
  high = 0;

  /** Milliseconds since 1970 that are not negative; what is finer than nanoseconds is cut off. */
  setMilliseconds(milliseconds: number): this {
    const whole = Math.floor(milliseconds);
    const rest = Math.floor((milliseconds - whole) * NANOSECONDS);
    // Parts that are exact as numbers: upper * 2^20 + lower.
    const upper = Math.floor(whole / TWO_20) * NANOSECONDS;
    const lower = (whole % TWO_20) * NANOSECONDS + rest;
    const low = (upper % 4096) * TWO_20 + lower;
    this.low = low % TWO_32;
    this.high = Math.floor(upper / 4096) + Math.floor(low / TWO_32);
    return this;
  }

  copy({ low, high }: Stamp): void {
    this.low = low;
    this.high = high;
  }

  get nanoseconds(): bigint {
    return BigInt.asIntN(64, (BigInt(this.high) << 32n) | BigInt(this.low));
  }

  set nanoseconds(time: bigint) {
    const bits = BigInt.asUintN(64, time);
    this.low = Number(bits & 0xffff_ffffn);
    this.high = Number(bits >> 32n);
  }

  /** Nanoseconds behind the second. */
  get fraction(): number {
    // What each part leaves of a second; together exact as a number.
    const upper = this.high | 0;
    const left = (upper >> 16) * TWO_48_REST + (upper & 0xffff) * TWO_32_REST + this.low;
    const rest = left % SECOND;
    return rest < 0 ? rest + SECOND : rest;
  }

  /** Whole seconds since 1970, rounded down. */
  get seconds(): number {
    return Math.round(((this.high | 0) * TWO_32 + this.low - this.fraction) / SECOND);
  }

  /** With fractions, as far as a number has them. */
  get milliseconds(): number {
    return ((this.high | 0) * TWO_32 + this.low) / NANOSECONDS;
  }

  /** How many nanoseconds this is after another, if that is less than 2^53; some larger number otherwise. */
  since({ low, high }: Stamp): number {
    return ((this.high | 0) - (high | 0)) * TWO_32 + (this.low - low);
  }

  /** Reads 8 bytes, little-endian. */
  read(bytes: Uint8Array, at: number): void {
    this.low = u32(bytes, at);
    this.high = u32(bytes, at + 4);
  }
}

/** Four bytes as a whole number, little-endian. */
export function u32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
