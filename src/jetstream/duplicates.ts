/**
 * Message ids of the duplicate window: what was published under an id that is known is not stored again. There may be a million of them, so
 * an entry is no object: it has a place in a queue of all, in the order in which they came, and a map says at which place an id is.
 */

/** Ids are in so many maps by what they end in: one for all of them would take 100 ms and more when it grows. */
const MAPS = 64;
/** So many old entries go at once at most: after a pause all of them may be old. */
const FORGOTTEN_AT_ONCE = 256;
/** The front of the queue is given up from so many places on, where that is half of it. */
const LEAST_FRONT = 4096;

export class DuplicateWindow {
  /** Counted from the first entry that there ever was. */
  readonly #places: (Map<string, number> | undefined)[] = [];
  /** What lies at the places from `#base` on. An id that came again, or was dropped, has left its place. */
  #ids: string[] = [];
  #sequences: number[] = [];
  /** Milliseconds since 1970. */
  #times: number[] = [];
  #base = 0;
  /** What lies before in these lists was forgotten. */
  #front = 0;
  /** Milliseconds; 0 remembers nothing. */
  #window: number;

  /** Nanoseconds. */
  constructor(window: number) {
    this.#window = window / 1e6;
  }

  set window(window: number) {
    this.#window = window / 1e6;
  }

  /** Some of them may be old. */
  get size(): number {
    return this.#places.reduce((sum, places) => sum + (places?.size ?? 0), 0);
  }

  /** The sequence that an id was stored under, or undefined. Times are milliseconds since 1970. */
  find(id: string, now: number): number | undefined {
    this.#forget(now);
    const place = this.#placesOf(id).get(id);
    if (place === undefined || this.#isOld(place - this.#base, now)) return undefined;
    return this.#sequences[place - this.#base];
  }

  remember(id: string, sequence: number, time: number): void {
    if (this.#window === 0) return;
    this.#forget(time);
    this.#placesOf(id).set(id, this.#base + this.#ids.length);
    this.#ids.push(id);
    this.#sequences.push(sequence);
    this.#times.push(time);
  }

  /** What lies above the sequence was not stored after all. */
  dropAbove(sequence: number): void {
    for (const places of this.#places)
      for (const [id, place] of places ?? [])
        if (this.#sequences[place - this.#base]! > sequence) places!.delete(id);
  }

  #placesOf(id: string): Map<string, number> {
    const end = id.charCodeAt(id.length - 1) * 10 + id.charCodeAt(id.length - 2);
    return (this.#places[end & (MAPS - 1)] ??= new Map());
  }

  #isOld(at: number, now: number): boolean {
    return now - this.#times[at]! >= this.#window;
  }

  #forget(now: number): void {
    for (let i = 0; i < FORGOTTEN_AT_ONCE && this.#front < this.#ids.length; i++) {
      if (!this.#isOld(this.#front, now)) break;
      const id = this.#ids[this.#front]!;
      const places = this.#placesOf(id);
      if (places.get(id) === this.#base + this.#front) places.delete(id);
      this.#front++;
    }
    if (this.#front < LEAST_FRONT || this.#front * 2 < this.#ids.length) return;
    this.#ids.splice(0, this.#front);
    this.#sequences.splice(0, this.#front);
    this.#times.splice(0, this.#front);
    this.#base += this.#front;
    this.#front = 0;
  }
}
