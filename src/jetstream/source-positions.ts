/**
 * How far a stream has copied each of its sources. It is what the headers of the copied messages say, and `sources.db` where those are gone:
 * the file is written together with what is copied where messages go as soon as they are consumed, and when messages go otherwise.
 */

import { fromUtf8 } from '../protocol/bytes.js';
import { headerText, headerValue } from './headers.js';
import { indexName, readSourceMark, SOURCE_HEADER } from './source-names.js';
import { StoredMessage } from './store/message-store.js';
import type { SourceEntry, Stamped } from './store/timer-files.js';
import type { Stream } from './stream.js';
import type { StreamSource } from './stream-config.js';

/** So many messages may have to be looked at after a crash. */
const WRITE_EVERY = 65_536;

export interface SourcePosition {
  /** Of the origin; 0 for none yet. */
  sequence: number;
  identity: string;
  /** The sequence that it is stored under here. */
  storedAs: number;
}

export class SourcePositions {
  readonly #stream: Stream;
  readonly #positions = new Map<string, SourcePosition>();
  /** Copied since the file was asked to be written. */
  #since = 0;
  /** The lowest sequence of a newest message. */
  #lowest = Number.POSITIVE_INFINITY;

  constructor(stream: Stream, sources: readonly StreamSource[]) {
    this.#stream = stream;
    const file = this.#readFile();
    for (const { name, sequence, identity } of file?.entries ?? [])
      this.#positions.set(name, { sequence, identity, storedAs: 0 });
    const listed = new Set(this.#positions.keys());
    // A source that the file does not list was not there when it was written: anything may be of it.
    const unknown = sources.filter((source) => !listed.has(indexName(source)));
    for (const name of listed)
      if (!sources.some((source) => indexName(source) === name)) this.#positions.delete(name);
    if (file !== null)
      this.#scan(
        sources.filter((source) => listed.has(indexName(source))),
        file.stamp,
      );
    this.#scan(unknown, 0);
    for (const source of sources) this.#seed(indexName(source));
  }

  /** Null where there is none, or it is ahead of the messages: after a crash without syncs it would leave some out. */
  #readFile(): Stamped<SourceEntry> | null {
    const file = this.#stream.storage.loadSources();
    return file !== null && file.stamp <= this.#stream.store.state.lastSequence + 1 ? file : null;
  }

  get(name: string): SourcePosition {
    return this.#seed(name);
  }

  #seed(name: string): SourcePosition {
    const known = this.#positions.get(name);
    if (known !== undefined) return known;
    const position = { sequence: 0, identity: '', storedAs: 0 };
    this.#positions.set(name, position);
    return position;
  }

  /** A source has been added to the stream, which may have had it before. */
  add(source: StreamSource): void {
    if (this.#positions.has(indexName(source))) return;
    this.#scan([source], 0);
    this.#seed(indexName(source));
    this.#write();
  }

  remove(name: string): void {
    this.#positions.delete(name);
    this.#write();
  }

  /** Its origin is another stream by now. */
  forget(name: string): void {
    this.#positions.set(name, { sequence: 0, identity: '', storedAs: 0 });
    this.#write();
  }

  /** A message has been copied. */
  moved(name: string, sequence: number, identity: string, storedAs: number): void {
    this.#positions.set(name, { sequence, identity, storedAs });
    this.#lowest = Math.min(this.#lowest, storedAs);
    const goesSoon = this.#stream.config.retention !== 'limits';
    if (goesSoon || ++this.#since >= WRITE_EVERY) this.#write();
  }

  /** A message is gone; when it is the newest of a source, its header does not tell the position any more. */
  removed(sequence: number): void {
    if (sequence >= this.#lowest && this.#isNewest(sequence)) this.#write();
  }

  /** Everything below is gone. */
  purged(firstSequence: number): void {
    if (firstSequence > this.#lowest) this.#write();
  }

  #isNewest(sequence: number): boolean {
    for (const { storedAs } of this.#positions.values()) if (storedAs === sequence) return true;
    return false;
  }

  /** The file gets what the positions are when it is written. */
  #write(): void {
    this.#since = 0;
    this.#lowest = Number.POSITIVE_INFINITY;
    for (const { storedAs } of this.#positions.values())
      if (storedAs > 0) this.#lowest = Math.min(this.#lowest, storedAs);
    this.#stream.storage.saveSources(() => this.now);
  }

  save(): void {
    if (this.#positions.size > 0) this.#write();
  }

  /** As they are kept in the file. */
  get now(): Stamped<SourceEntry> {
    const entries = [...this.#positions].map(([name, { sequence, identity }]) => ({
      name,
      sequence,
      identity,
    }));
    return { stamp: this.#stream.store.state.lastSequence + 1, entries };
  }

  /** Looks for the newest message of each source, from the end down to `floor`. */
  #scan(sources: readonly StreamSource[], floor: number): void {
    const { store } = this.#stream;
    const wanted = new Map(sources.map((source) => [indexName(source), source]));
    const message = new StoredMessage();
    let last = store.state.lastSequence;
    while (wanted.size > 0) {
      const filter = store.filter([...wanted.values()].map((source) => this.#subjectsOf(source)));
      const size = wanted.size;
      while (wanted.size === size) {
        if (last < floor || store.loadPrevious(filter, last, message) === null) return;
        if (message.sequence < floor) return;
        last = message.sequence - 1;
        this.#look(message, wanted);
      }
    }
  }

  /** The subjects that a source's messages can have here. */
  #subjectsOf({ filter_subject: filter, subject_transforms: transforms }: StreamSource): string {
    const changed = (transforms?.length ?? 0) > 0 || this.#stream.config.subject_transform !== undefined;
    return changed || filter === '' ? '>' : fromUtf8(filter);
  }

  #look({ header, sequence: storedAs }: StoredMessage, wanted: Map<string, StreamSource>): void {
    if (header === null) return;
    const value = headerValue(headerText(header), SOURCE_HEADER);
    const mark = value === undefined ? null : readSourceMark(value);
    if (mark === null) return;
    const found = (name: string) => {
      const { sequence, identity } = mark;
      this.#positions.set(name, { sequence, identity, storedAs });
      this.#lowest = Math.min(this.#lowest, storedAs);
      wanted.delete(name);
    };
    if (mark.indexName !== '') {
      if (wanted.has(mark.indexName)) found(mark.indexName);
      return;
    }
    // Headers of old servers do not tell the sources of one origin apart.
    for (const name of wanted.keys()) if (name.split(' ')[0] === mark.origin) found(name);
  }
}
