// Random scripts of JetStream operations: the same seed gives the same script.
import {
  ack,
  CONSUMERS,
  changedConsumer,
  createConsumer,
  forgedAck,
  freshConsumer,
  inboxOf,
  pull,
  treatment,
} from './jetstream-random-consumers.js';
import { Dice } from './jetstream-random-dice.js';
import type { Operation, RandomScript } from './jetstream-random-script.js';
import {
  type Config,
  changedConfig,
  freshConfig,
  message,
  NAMES,
  question,
  removal,
  type Theme,
} from './jetstream-random-streams.js';

export interface GeneratorOptions {
  /** Operations of a script, about. */
  length: number;
  /** What no script is about. */
  without: readonly (keyof Theme)[];
}

export function randomScript(seed: number, { length, without }: GeneratorOptions): RandomScript {
  return new Generator(seed, without).script(length);
}

class Generator {
  readonly #dice: Dice;
  readonly #seed: number;
  readonly #theme: Theme;
  readonly #names: string[];
  readonly #operations: Operation[] = [];
  /** What was last asked for, whatever became of it. */
  readonly #streams = new Map<string, Config>();
  readonly #consumers = new Map<string, Config>();

  constructor(seed: number, without: readonly (keyof Theme)[]) {
    this.#seed = seed;
    const dice = new Dice(seed);
    this.#dice = dice;
    const theme: Theme = {
      storage: dice.pick(['file', 'file', 'memory', 'mixed']),
      copies: dice.chance(15),
      counters: dice.chance(12),
      batches: dice.chance(25),
      schedules: dice.chance(10),
      limits: dice.chance(75),
      refilters: dice.chance(20),
      ahead: dice.chance(25),
      purges: dice.chance(40),
      deletes: dice.chance(60),
      pauses: dice.chance(20),
      rates: dice.chance(15),
      restarts: dice.chance(20),
      timed: dice.chance(10),
    };
    this.#theme = { ...theme, ...Object.fromEntries(without.map((name) => [name, false])) };
    if (this.#theme.refilters || !this.#theme.deletes) this.#theme.purges = false;
    if (this.#theme.refilters) this.#theme.limits = this.#theme.deletes = false;
    this.#names = NAMES.slice(0, this.#theme.copies ? 2 + dice.below(2) : 1 + dice.below(2));
  }

  script(length: number): RandomScript {
    const dice = this.#dice;
    for (const name of this.#names) this.#create(name);
    while (this.#operations.length < length) this.#next(dice.pick(this.#names));
    this.#add({ op: 'look', streams: this.#names }, { op: 'dump', streams: this.#names });
    const { copies } = this.#theme;
    return { seed: this.#seed, patient: copies, streams: this.#names, operations: this.#operations };
  }

  #add(...operations: Operation[]): void {
    this.#operations.push(...operations);
  }

  #create(name: string): void {
    const config = freshConfig(this.#dice, name, this.#theme);
    this.#streams.set(name, config);
    this.#add({ op: 'ask', subject: `$JS.API.STREAM.CREATE.${name}`, body: config });
  }

  #next(name: string): void {
    const dice = this.#dice;
    const theme = this.#theme;
    const consumer = dice.pick(CONSUMERS);
    const act = dice.weighted<() => void>([
      [34, () => this.#add(...message(dice, name, theme))],
      [2, () => this.#burst(name)],
      [theme.deletes ? 8 : 0, () => this.#add(removal(dice, name, theme))],
      [7, () => this.#add(question(dice, name, theme))],
      [8, () => this.#consumer(name, consumer)],
      [14, () => this.#add(pull(dice, name, consumer, theme))],
      [16, () => this.#add(ack(dice, name, consumer, theme))],
      [2, () => this.#add(forgedAck(dice, name, consumer, theme))],
      [3, () => this.#add(treatment(dice, name, consumer, theme))],
      [4, () => this.#listening(name, consumer)],
      [4, () => this.#update(name)],
      [1, () => this.#recreate(name)],
      [6, () => this.#add({ op: 'look', streams: this.#names })],
      [theme.restarts ? 2 : 0, () => this.#restart()],
      [theme.copies ? 3 : 0, () => this.#add({ op: 'wait', milliseconds: 100 })],
    ]);
    act();
  }

  #burst(name: string): void {
    for (let n = 2 + this.#dice.below(5); n > 0; n--) this.#add(...message(this.#dice, name, this.#theme));
  }

  #consumer(stream: string, name: string): void {
    const key = `${stream}.${name}`;
    const known = this.#consumers.get(key);
    const fresh = known === undefined || this.#dice.chance(30);
    if (fresh && known !== undefined && !this.#theme.refilters)
      this.#add({ op: 'ask', subject: `$JS.API.CONSUMER.DELETE.${key}`, body: '' });
    const config = fresh
      ? freshConsumer(this.#dice, stream, name, this.#theme)
      : changedConsumer(this.#dice, known, stream, this.#theme);
    this.#consumers.set(key, config);
    if (config.deliver_subject !== undefined && this.#dice.chance(60)) this.#listening(stream, name);
    this.#add(createConsumer(this.#dice, stream, config));
  }

  #listening(stream: string, name: string): void {
    const subject = inboxOf(stream, name);
    if (this.#dice.chance(30)) this.#add({ op: 'deaf', subject });
    else this.#add({ op: 'listen', subject, ...(this.#dice.chance(20) ? { queue: 'g' } : {}) });
  }

  #update(name: string): void {
    const config = changedConfig(this.#dice, this.#streams.get(name)!, this.#theme);
    if (this.#dice.chance(70)) this.#streams.set(name, config);
    this.#add({ op: 'ask', subject: `$JS.API.STREAM.UPDATE.${name}`, body: config });
    if (this.#dice.chance(50)) this.#add({ op: 'look', streams: this.#names });
  }

  #recreate(name: string): void {
    if (this.#dice.chance(70)) this.#add({ op: 'ask', subject: `$JS.API.STREAM.DELETE.${name}`, body: '' });
    this.#create(name);
  }

  #restart(): void {
    this.#add({ op: 'look', streams: this.#names }, { op: 'restart' }, { op: 'look', streams: this.#names });
  }
}
