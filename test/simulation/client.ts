/** The one client of a simulated machine: requests, the answers to them, and chance. What happens is noted for whoever reads a failure. */
import type { Delivered, Machine } from './machine.js';
import type { StreamModel } from './model.js';

/** `status` is the header of the answer: not '' where nobody was there to answer. */
export type Answer = (payload: string, status: string) => void;

export class Client {
  readonly machine: Machine;
  readonly trace: string[] = [];
  /** What is stored as far as the client knows, by name. */
  readonly streams = new Map<string, StreamModel>();
  readonly #answers = new Map<string, Answer>();
  #count = 0;

  constructor(machine: Machine) {
    this.machine = machine;
  }

  below(limit: number): number {
    return this.machine.random.next() % limit;
  }

  oneIn(limit: number): boolean {
    return this.below(limit) === 0;
  }

  some<T>(list: readonly T[]): T | undefined {
    return list.length === 0 ? undefined : list[this.below(list.length)];
  }

  /** A stream that was confirmed to be there. */
  stream(): StreamModel | undefined {
    return this.some([...this.streams.values()].filter(({ state }) => state === 'there'));
  }

  /** They rise. */
  number(): number {
    return ++this.#count;
  }

  get now(): number {
    return this.machine.clock.now();
  }

  note(text: string): void {
    this.trace.push(text);
  }

  /** Nobody waits any more: the connection is another one. */
  forget(): void {
    this.#answers.clear();
  }

  publish(subject: string, body: string, header = '', reply = ''): void {
    this.machine.send(
      header === ''
        ? `PUB ${subject} ${reply} ${body.length}\r\n${body}\r\n`
        : `HPUB ${subject} ${reply} ${header.length} ${header.length + body.length}\r\n${header}${body}\r\n`,
    );
  }

  request(subject: string, body: string, answer: Answer, header = ''): void {
    const reply = `_R.${this.number()}`;
    this.#answers.set(reply, answer);
    this.publish(subject, body, header, reply);
    this.machine.hear();
  }

  /** `over` hears of every answer, `done` of good ones before that. */
  api(
    verb: string,
    body: unknown,
    done: (answer: Record<string, unknown>) => void,
    over: () => void = () => {},
  ): void {
    const text = body === null ? '' : JSON.stringify(body);
    this.note(`${verb} ${text}`);
    this.request(`$JS.API.${verb}`, text, (payload) => {
      const answer = JSON.parse(payload);
      this.note(`  ${verb}: ${answer.error ? JSON.stringify(answer.error) : 'done'}`);
      if (!answer.error) done(answer);
      over();
    });
  }

  /** Whether it was an answer. */
  heard({ subject, payload, header }: Delivered): boolean {
    const answer = this.#answers.get(subject);
    if (answer === undefined) return false;
    this.#answers.delete(subject);
    answer(payload, header);
    return true;
  }
}
