/** Where a stream gets messages from beside its publishers: the origin of a mirror, or its sources. Both come and go by updates. */
import { Mirror } from './mirror.js';
import { Source } from './source.js';
import { indexName } from './source-names.js';
import { SourcePositions } from './source-positions.js';
import type { SourceEntry, Stamped } from './store/timer-files.js';
import type { Stream } from './stream.js';

export class SourceIntake {
  readonly #stream: Stream;
  mirror: Mirror | null = null;
  #sources: Source[] = [];
  /** Null while there are no sources. */
  #positions: SourcePositions | null = null;
  #started = false;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  /** Begins to read. */
  start(): void {
    this.#started = true;
    const { config } = this.#stream;
    if (config.mirror !== undefined) this.mirror = new Mirror(this.#stream, config.mirror);
    this.#update();
  }

  /** The configuration has changed. */
  update(): void {
    if (!this.#started) return;
    if (this.mirror !== null && this.#stream.config.mirror === undefined) {
      this.mirror.reader.remove();
      this.mirror = null;
    }
    this.#update();
  }

  #update(): void {
    const { sources = [] } = this.#stream.config;
    if (sources.length === 0 && this.#positions === null) return;
    this.#positions ??= new SourcePositions(this.#stream, sources);
    const names = new Set(sources.map(indexName));
    for (const source of this.#sources) {
      if (names.has(source.name)) continue;
      source.reader.remove();
      this.#positions.remove(source.name);
    }
    const kept = new Map(this.#sources.map((source) => [source.name, source]));
    this.#sources = sources.map((source) => {
      const known = kept.get(indexName(source));
      if (known !== undefined) return known;
      this.#positions!.add(source);
      return new Source(this.#stream, source, sources, this.#positions!);
    });
  }

  /** A stream of this name is there by now. */
  originAppeared(name: string): void {
    for (const { source, reader } of this.#all())
      if (source.name === name && source.external === undefined) reader.originAppeared();
  }

  #all(): (Mirror | Source)[] {
    return this.mirror === null ? this.#sources : [this.mirror];
  }

  // --- What the store tells the stream ------------------------------------------------------------------------------

  durable(position: number): void {
    if (this.mirror !== null) this.mirror.reader.durable(position);
    for (const { reader } of this.#sources) reader.durable(position);
  }

  removed(sequence: number): void {
    this.#positions?.removed(sequence);
  }

  purged(firstSequence: number): void {
    this.#positions?.purged(firstSequence);
  }

  /** What was not durable is not stored any more. */
  storeFailed(): void {
    this.mirror?.reader.retry();
    if (this.#positions === null) return;
    this.#positions = new SourcePositions(this.#stream, this.#stream.config.sources ?? []);
    for (const source of this.#sources) source.goBack(this.#positions);
  }

  // --- The end ------------------------------------------------------------------------------------------------------

  close(): void {
    this.#started = false;
    this.#positions?.save();
    for (const { reader } of this.#all()) reader.close();
  }

  /** The stream is deleted. */
  remove(): void {
    for (const { reader } of this.#all()) reader.remove();
  }

  /** How far its sources were copied; null where it has none. */
  get positions(): Stamped<SourceEntry> | null {
    return this.#positions?.now ?? null;
  }

  // --- What it tells ------------------------------------------------------------------------------------------------

  /** Fields of `StreamInfo`. */
  infoFields(): (readonly [string, string | undefined])[] {
    return [
      ['mirror', this.mirror?.reader.info(0)],
      [
        'sources',
        this.#sources.length === 0 ? undefined : `[${this.#sources.map((each) => each.info()).join(',')}]`,
      ],
    ];
  }
}
