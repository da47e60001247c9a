/**
 * The turns of the event loop, in the hand of the test: what is put off by `setImmediate` runs when `run` is called, so that nothing
 * happens by itself and a seed replays exactly. The same for the bytes that come from `node:crypto` by chance.
 */
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import type { Random } from '../../src/runtime/random.js';

interface Turn {
  callback: (() => void) | null;
}

export class Turns {
  #queue: Turn[] = [];
  readonly #random: Random;
  readonly #before = {
    setImmediate: globalThis.setImmediate,
    clearImmediate: globalThis.clearImmediate,
    randomBytes: crypto.randomBytes,
    randomInt: crypto.randomInt,
  };

  constructor(random: Random) {
    this.#random = random;
  }

  install(): void {
    const later = (callback: (...args: unknown[]) => void, ...args: unknown[]) => {
      const turn: Turn = { callback: () => callback(...args) };
      this.#queue.push(turn);
      return turn;
    };
    const never = (turn: unknown) => {
      if (turn !== null && turn !== undefined) (turn as Turn).callback = null;
    };
    globalThis.setImmediate = later as unknown as typeof setImmediate;
    globalThis.clearImmediate = never as typeof clearImmediate;
    const bytes = (size: number) =>
      Buffer.from(Array.from({ length: size }, () => this.#random.next() & 255));
    const int = (least: number, most?: number) =>
      most === undefined ? this.#random.next() % least : least + (this.#random.next() % (most - least));
    crypto.randomBytes = bytes as typeof crypto.randomBytes;
    crypto.randomInt = int as typeof crypto.randomInt;
    syncBuiltinESMExports();
  }

  remove(): void {
    const { setImmediate, clearImmediate, randomBytes, randomInt } = this.#before;
    Object.assign(globalThis, { setImmediate, clearImmediate });
    Object.assign(crypto, { randomBytes, randomInt });
    syncBuiltinESMExports();
  }

  /** Runs what was put off until now; what that puts off comes with the next call. */
  run(): boolean {
    const turns = this.#queue;
    this.#queue = [];
    for (const turn of turns) turn.callback?.();
    return turns.length > 0;
  }

  /** The process has ended. */
  forget(): void {
    this.#queue = [];
  }
}
