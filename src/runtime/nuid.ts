/** Ids of events and requests: 22 characters, the first twelve by chance, the rest counting (github.com/nats-io/nuid). */
import { randomBytes, randomInt } from 'node:crypto';

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const BASE = 62;
const PREFIX = 12;
/** The counter has two halves of five digits each, as all ten of them are more than a number can hold. */
const HALF_DIGITS = 5;
const HALF = BASE ** HALF_DIGITS;
const MIN_STEP = 33;
const MAX_STEP = 333;

export class Nuid {
  #prefix = '';
  #high = 0;
  #low = 0;
  #step = 0;

  constructor() {
    this.#begin();
  }

  next(): string {
    this.#low += this.#step;
    if (this.#low >= HALF) {
      this.#low -= HALF;
      this.#high++;
      if (this.#high === HALF) this.#begin();
    }
    return this.#prefix + half(this.#high) + half(this.#low);
  }

  #begin(): void {
    this.#prefix = Array.from(randomBytes(PREFIX), (byte) => DIGITS[byte % BASE]).join('');
    this.#high = randomInt(HALF);
    this.#low = randomInt(HALF);
    this.#step = randomInt(MIN_STEP, MAX_STEP);
  }
}

function half(value: number): string {
  let text = '';
  for (let i = 0; i < HALF_DIGITS; i++) {
    text = DIGITS[value % BASE] + text;
    value = Math.floor(value / BASE);
  }
  return text;
}
