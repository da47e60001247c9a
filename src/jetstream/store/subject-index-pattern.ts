/** Patterns over the subjects of a store: taken apart once, matched byte by byte, and what they match remembered by id. */
import { hasWildcard, subjectMatches } from '../../subjects/subject.js';
import type { SteppedWork } from '../slices.js';
import type { SubjectFilter } from './message-store.js';
import type { SubjectIndex } from './subject-index.js';

const DOT = 46;

export class SubjectPattern {
  readonly text: string;
  /** `>`: all subjects. */
  readonly everything: boolean;
  /** The text, where it has no wildcard. */
  readonly literal: string | null;
  /** What comes before the first wildcard, with the dot. */
  readonly prefix: Uint8Array;
  /** Whether everything that begins with the prefix matches. */
  readonly prefixIsAll: boolean;
  /** Null stands for `*`. */
  readonly #tokens: (Uint8Array | null)[] = [];
  /** Whether it ends in `>`. */
  readonly #open: boolean;

  constructor(text: string) {
    this.text = text;
    const tokens = text.split('.');
    this.#open = tokens.at(-1) === '>';
    if (this.#open) tokens.pop();
    for (const token of tokens) this.#tokens.push(token === '*' ? null : Buffer.from(token, 'latin1'));
    this.everything = text === '>';
    this.literal = hasWildcard(text) ? null : text;
    const star = tokens.indexOf('*');
    const literalTokens = star === -1 ? tokens : tokens.slice(0, star);
    this.prefix = Buffer.from(literalTokens.map((token) => `${token}.`).join(''), 'latin1');
    this.prefixIsAll = this.#open && star === -1;
  }

  /** Whether the subject that lies between `at` and `end` matches. */
  matches(bytes: Uint8Array, at: number, end: number): boolean {
    for (let i = 0; i < this.#tokens.length; i++) {
      if (at > end) return false;
      const token = this.#tokens[i]!;
      let stop = at;
      while (stop < end && bytes[stop] !== DOT) stop++;
      if (token !== null) {
        if (token.length !== stop - at) return false;
        for (let k = 0; k < token.length; k++) if (token[k] !== bytes[at + k]) return false;
      }
      at = stop + 1;
    }
    return this.#open ? at <= end : at === end + 1;
  }
}

/** So many subjects are compared in a step, about 3 ms; where no more are open, no steps are worth it. */
const STEP_SUBJECTS = 1 << 16;

const UNKNOWN = 0;
const NO = 1;
const YES = 2;

/** The filter of a consumer or a request, for one store. */
export class StoreFilter implements SubjectFilter {
  readonly patterns: readonly string[];
  readonly compiled: readonly SubjectPattern[];
  readonly #index: SubjectIndex;
  /** By id: whether it matches, as far as that is known. */
  #known = new Uint8Array(0);
  #epoch = -1;
  /** Ids below this were looked at in steps. */
  #resolved = 0;

  constructor(index: SubjectIndex, patterns: readonly string[]) {
    this.#index = index;
    this.patterns = patterns;
    this.compiled = patterns.map((pattern) => new SubjectPattern(pattern));
  }

  /** The subject, where it is one literal pattern alone. */
  get literal(): string | null {
    return this.compiled.length === 1 ? this.compiled[0]!.literal : null;
  }

  hasPatterns(patterns: readonly string[]): boolean {
    const { patterns: own } = this;
    return own.length === patterns.length && own.every((pattern, i) => pattern === patterns[i]);
  }

  /** Whether all subjects match that there are now. */
  get matchesAll(): boolean {
    return this.compiled.some((pattern) => this.#index.isMatchedBy(pattern));
  }

  matches(subject: string): boolean {
    return this.patterns.some((pattern) => subjectMatches(subject, pattern));
  }

  matchesId(id: number): boolean {
    if (this.#epoch !== this.#index.epoch || id >= this.#known.length) this.#renew(id);
    let known = this.#known[id]!;
    if (known === UNKNOWN) {
      known = this.compiled.some((pattern) => this.#index.isMatch(id, pattern)) ? YES : NO;
      this.#known[id] = known;
    }
    return known === YES;
  }

  /** How many of the ids from `start` to before `stop` match; where `isLive` is there, only of places that it says yes to. */
  countIds(
    ids: Uint32Array,
    start: number,
    stop: number,
    isLive: ((place: number) => boolean) | null,
  ): number {
    let count = 0;
    // Every id below this is known, or can be.
    this.#renewUpTo(this.#index.end);
    const known = this.#known;
    for (let place = start; place < stop; place++) {
      const id = ids[place]!;
      const is = known[id];
      if (is === NO || (isLive !== null && !isLive(place))) continue;
      if (is === YES || this.matchesId(id)) count++;
    }
    return count;
  }

  /** The same for a subject that lies between `start` and `end`. */
  matchesBytes(bytes: Uint8Array, start: number, end: number): boolean {
    const { compiled } = this;
    for (let i = 0; i < compiled.length; i++) if (compiled[i]!.matches(bytes, start, end)) return true;
    return false;
  }

  /** Whether all subjects have to be compared to find those that match. */
  get #isBroad(): boolean {
    return !this.matchesAll && this.compiled.some((pattern) => this.#index.isBroad(pattern));
  }

  /** Calls `visit` once for every subject that matches. */
  visit(visit: (id: number) => boolean): void {
    const index = this.#index;
    if (this.matchesAll) {
      index.visit(null, visit);
      return;
    }
    if (this.#isBroad) {
      const { counts, end } = index;
      this.#renewUpTo(end);
      for (let id = 0; id < end; id++) if (counts[id]! > 0 && this.matchesId(id) && !visit(id)) return;
      return;
    }
    for (let i = 0; i < this.compiled.length; i++) {
      let goOn = true;
      index.visit(this.compiled[i]!, (id) => {
        for (let k = 0; k < i; k++) if (index.isMatch(id, this.compiled[k]!)) return true;
        goOn = visit(id);
        return goOn;
      });
      if (!goOn) return;
    }
  }

  /** The ids of all subjects that match. */
  ids(): Uint32Array {
    const { counts, end, size } = this.#index;
    if (this.matchesAll) return this.#index.ids();
    const ids = new Uint32Array(size);
    let length = 0;
    if (this.#isBroad) {
      this.#renewUpTo(end);
      const known = this.#known;
      for (let id = 0; id < end; id++) {
        const is = known[id];
        if (is === NO || counts[id] === 0) continue;
        if (is === YES || this.matchesId(id)) ids[length++] = id;
      }
    } else {
      this.visit((id) => {
        ids[length++] = id;
        return true;
      });
    }
    return ids.subarray(0, length);
  }

  /** Compares subjects beforehand, so that finding them takes a tenth of the time; null where it would not take long. */
  steps(): SteppedWork | null {
    if (this.#index.end <= STEP_SUBJECTS || !this.#isBroad || this.#open <= STEP_SUBJECTS) return null;
    return { step: () => this.#resolveSome() };
  }

  /** Ids that no step has looked at. */
  get #open(): number {
    this.#renewUpTo(0);
    return this.#index.end - this.#resolved;
  }

  /** True when few are left. */
  #resolveSome(): boolean {
    // There may be others since the last step.
    const until = this.#resolved + Math.min(this.#open, STEP_SUBJECTS);
    const { counts } = this.#index;
    for (let id = this.#resolved; id < until; id++) if (counts[id]! > 0) this.matchesId(id);
    this.#resolved = until;
    if (this.#open > STEP_SUBJECTS) return false;
    this.#index.compared = this;
    return true;
  }

  /** Makes it possible to know whether ids below `end` match. */
  #renewUpTo(end: number): void {
    if (this.#epoch !== this.#index.epoch || this.#known.length < end) this.#renew(0);
  }

  #renew(id: number): void {
    const { counts, end, epoch, recycled } = this.#index;
    const known = new Uint8Array(Math.max(id + 1, counts.length));
    if (this.#epoch === epoch) known.set(this.#known);
    else if (this.#epoch + 1 === epoch && recycled !== null) {
      known.set(this.#known);
      for (let each = 0; each < recycled.length; each++) if (recycled[each] === 1) known[each] = UNKNOWN;
    } else this.#resolved = 0;
    this.#known = known;
    this.#epoch = epoch;
    // Where all match that there are, none has to be compared.
    if (this.matchesAll) for (let each = 0; each < end; each++) if (counts[each]! > 0) known[each] = YES;
  }
}
