// Plays random scripts against both servers, and makes scripts that show a difference small.
import { setTimeout as sleep } from 'node:timers/promises';
import { difference, type RandomClient } from './jetstream-random-client.js';
import type { Operation, RandomScript } from './jetstream-random-script.js';

export interface Pace {
  /** Milliseconds to wait when all is the same, for what still comes. */
  settle: number;
  /** How long a difference may last until it counts. */
  patience: number;
  /** How long to wait for an answer that neither server gives. */
  silence: number;
}

export const FAST: Pace = { settle: 0, patience: 300, silence: 40 };
/** What differs has to differ again with more time: both servers do some things a moment later. */
export const SLOW: Pace = { settle: 25, patience: 2500, silence: 300 };

export interface Difference {
  /** The operation behind which it was seen. */
  at: number;
  text: string;
}

export class Pair {
  constructor(
    readonly official: RandomClient,
    readonly weft: RandomClient,
  ) {}

  both<T>(action: (side: RandomClient) => Promise<T>): Promise<[T, T]> {
    return Promise.all([action(this.official), action(this.weft)]);
  }

  /** The first difference, or null. */
  async play(script: RandomScript, pace: Pace, show = false): Promise<Difference | null> {
    await this.both((side) => side.begin());
    try {
      for (const [at, operation] of script.operations.entries()) {
        const text = await this.#step(operation, script, script.patient ? { ...pace, patience: 4000 } : pace);
        if (text !== null) return { at, text };
      }
      if (show) for (const [group, events] of this.official.events) console.log(group, events);
      return null;
    } finally {
      await this.both((side) => side.clear(script.streams));
    }
  }

  async #step(operation: Operation, script: RandomScript, pace: Pace): Promise<string | null> {
    switch (operation.op) {
      case 'wait':
        await sleep(operation.milliseconds);
        return this.#level([], pace);
      case 'restart':
        await sleep(pace.settle);
        await this.both((side) => side.restart());
        return this.#level([], pace);
      case 'look':
        return this.#look(operation, script.patient, pace);
      case 'dump':
        for (const name of operation.streams) await this.both((side) => side.dump(name));
        return difference(this.official, this.weft);
      default: {
        const [groups] = await this.both((side) => side.say(operation));
        if ('wait' in operation && operation.wait) await sleep(operation.wait);
        return this.#level('silent' in operation && operation.silent ? [] : groups, pace);
      }
    }
  }

  /** What copies have comes in its own time: they are looked at again until they have the same. */
  async #look(operation: Operation & { op: 'look' }, patient: boolean, pace: Pace): Promise<string | null> {
    for (let left = patient ? 20 : 0; ; left--) {
      const [groups] = await this.both((side) => side.say(operation));
      const text = await this.#level(groups, left === 0 ? pace : { ...pace, patience: 100 });
      if (text === null || left === 0) return text;
      for (const side of [this.official, this.weft]) for (const group of groups) side.events.delete(group);
      await sleep(300);
    }
  }

  /** Waits until both have said the same, and nothing more comes. */
  async #level(groups: readonly string[], pace: Pace): Promise<string | null> {
    let gone = 0;
    let before = Date.now();
    for (let settled = false; ; ) {
      await this.both((side) => side.sync());
      const text = difference(this.official, this.weft);
      // A machine that has much else to do, or stops this process for a while, has given the servers no time.
      const now = Date.now();
      gone += Math.min(now - before, 20);
      before = now;
      const answered = gone > pace.silence || groups.every((group) => this.official.events.has(group));
      if (text === null && answered) {
        if (settled || pace.settle === 0) return null;
        settled = true;
        await sleep(pace.settle);
        continue;
      }
      if (text !== null && gone > pace.patience) return text;
      settled = false;
      await sleep(2);
    }
  }
}

/** What a difference is about, so that a smaller script shows the same one. */
function kind(script: RandomScript, { at, text }: Difference): string {
  return `${script.operations[at]!.op} ${/^in (\w+)/.exec(text)?.[1]}`;
}

/** Leaves out operations, then parts of them, while the difference stays. Ends at `deadline`. */
export async function shrink(
  pair: Pair,
  script: RandomScript,
  found: Difference,
  deadline: number,
): Promise<[RandomScript, Difference]> {
  let best: RandomScript = { ...script, operations: script.operations.slice(0, found.at + 1) };
  let last = found;
  const wanted = kind(script, found);
  const attempt = async (operations: Operation[]): Promise<boolean> => {
    if (Date.now() > deadline) return false;
    const smaller = { ...best, operations };
    const seen = await pair.play(smaller, SLOW);
    if (seen === null || kind(smaller, seen) !== wanted) return false;
    best = { ...smaller, operations: operations.slice(0, seen.at + 1) };
    last = seen;
    return true;
  };
  for (let size = best.operations.length >> 1; size >= 1 && Date.now() < deadline; size >>= 1)
    for (let from = best.operations.length - 1 - size; from > -size && Date.now() < deadline; from -= size) {
      const begin = Math.max(0, from);
      await attempt([...best.operations.slice(0, begin), ...best.operations.slice(from + size)]);
      from = Math.min(from, best.operations.length - 1);
    }
  for (let i = 0; i < best.operations.length && Date.now() < deadline; i++) {
    let tried = 0;
    for (;;) {
      const options = simpler(best.operations[i]!);
      if (tried >= options.length || Date.now() > deadline) break;
      const operations = [...best.operations];
      operations[i] = options[tried]!;
      if (!(await attempt(operations))) tried++;
    }
  }
  return [best, last];
}

/** The same operation with one thing less. */
function simpler(operation: Operation): Operation[] {
  if (operation.op === 'look' || operation.op === 'dump')
    return operation.streams.length < 2
      ? []
      : operation.streams.map((_, at) => ({
          ...operation,
          streams: operation.streams.filter((_, n) => n !== at),
        }));
  if (operation.op === 'pull') return bodies(operation.body).map((body) => ({ ...operation, body }));
  if (operation.op !== 'ask') return [];
  const { headers = [] } = operation;
  return [
    ...headers.map((_, at) => ({ ...operation, headers: headers.filter((_, n) => n !== at) })),
    ...bodies(operation.body).map((body) => ({ ...operation, body })),
  ];
}

/** The object with one field less, or one field less of its `config`. */
function bodies(value: unknown): unknown[] {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return [];
  const without = (object: object): object[] =>
    Object.keys(object).map((key) =>
      Object.fromEntries(Object.entries(object).filter(([name]) => name !== key)),
    );
  const { config } = value as { config?: object };
  const inner =
    config && typeof config === 'object' ? without(config).map((each) => ({ ...value, config: each })) : [];
  return [...without(value), ...inner];
}
