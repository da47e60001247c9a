/** The page of subjects that a question for a stream asks for, as JSON, made in steps: 100,000 of them are too much for one turn. */
import { fromUtf8, toUtf8 } from '../../protocol/bytes.js';
import { quoteJson } from '../../protocol/json-type.js';
import type { SteppedWork } from '../slices.js';
import type { SubjectPage } from '../store/message-store.js';
import type { Stream } from '../stream.js';

export const SUBJECTS_LIMIT = 100_000;
/** Streams with fewer subjects are answered at once. */
const FEW_SUBJECTS = 2048;

export class SubjectDetails implements SteppedWork {
  readonly #stream: Stream;
  readonly #page: SubjectPage;

  constructor(stream: Stream, filter: string, offset: number) {
    this.#stream = stream;
    const range = { offset, limit: SUBJECTS_LIMIT };
    const show = (subject: string, messages: number) => `${quoteJson(toUtf8(subject))}:${messages}`;
    this.#page = stream.store.subjectPage(fromUtf8(filter), range, show);
  }

  get isLong(): boolean {
    return this.#stream.store.state.subjects > FEW_SUBJECTS;
  }

  isOf(stream: Stream): boolean {
    return this.#stream === stream;
  }

  step(): boolean {
    return this.#page.step();
  }

  finish(): this {
    while (!this.step());
    return this;
  }

  get total(): number {
    return this.#page.total;
  }

  /** Undefined for none. */
  get json(): string | undefined {
    const { text } = this.#page;
    return text === '' ? undefined : `{${text}}`;
  }
}
