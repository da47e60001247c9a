// Choices from a seed, for random scripts.
import { SeededRandom } from '../../src/runtime/random.js';

export class Dice {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    // Neighbouring seeds begin alike in this generator.
    this.#random = new SeededRandom(Math.imul(seed + 1, 0x9e3779b1));
    for (let i = 0; i < 8; i++) this.#random.next();
  }

  /** A number from 0 up to, but not including, `limit`. */
  below(limit: number): number {
    return this.#random.next() % limit;
  }

  /** True so many times of a hundred. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** By weight. */
  weighted<T>(list: readonly (readonly [number, T])[]): T {
    const sum = list.reduce((all, [weight]) => all + weight, 0);
    let at = this.below(sum);
    for (const [weight, value] of list) {
      if (at < weight) return value;
      at -= weight;
    }
    return list[0]![1];
  }

  /** Up to `most` of them, each once, in the order of the list. */
  some<T>(list: readonly T[], most: number): T[] {
    const chosen = new Set<number>();
    for (let n = this.below(most + 1); n > 0; n--) chosen.add(this.below(list.length));
    return list.filter((_, at) => chosen.has(at));
  }
}

export const SECOND = 1e9;
export const HOUR = 3600 * SECOND;
