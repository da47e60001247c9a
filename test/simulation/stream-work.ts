/** What a client does with streams and their messages, by chance. */
import type { Answer, Client } from './client.js';
import { type Publication, StreamModel } from './model.js';

/** Not stored, because the disk or a limit said so: whether that is true in the end nobody knows. */
const STORE_FAILED = 10077;

export const STREAM_NAMES = ['A', 'B', 'C'];

interface PublishOptions {
  lines?: string;
  subject?: string;
  /** Milliseconds. */
  life?: number;
  expected?: number;
  messageId?: boolean;
}

export class StreamWork {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  create(): void {
    const { below, oneIn } = this.#chance;
    const name = this.#client.some(STREAM_NAMES)!;
    if (this.#client.streams.has(name)) return;
    const retention = oneIn(5) ? 'workqueue' : oneIn(4) ? 'interest' : 'limits';
    const model = new StreamModel(name, {
      retention,
      discard: oneIn(6) ? 'new' : 'old',
      maxAge: oneIn(4) ? 5_000 + below(60_000) : Number.POSITIVE_INFINITY,
      window: oneIn(2) ? 10_000 : 120_000,
      rollups: oneIn(3),
      large: oneIn(12),
    });
    if (model.kind.maxAge < model.kind.window) model.kind.window = model.kind.maxAge;
    if (oneIn(3)) model.maxMessages = 3 + below(10);
    if (oneIn(4)) model.maxPerSubject = 1 + below(4);
    this.#client.streams.set(name, model);
    this.#save(model, 'CREATE');
  }

  get #chance() {
    return {
      below: (limit: number) => this.#client.below(limit),
      oneIn: (limit: number) => this.#client.oneIn(limit),
    };
  }

  #save(model: StreamModel, verb: 'CREATE' | 'UPDATE'): void {
    const { name, kind, maxMessages, maxPerSubject } = model;
    const description = `version ${this.#client.number()}`;
    model.descriptions.add(description);
    model.updating = true;
    const config = {
      name,
      description,
      subjects: [`${name}.>`],
      retention: kind.retention,
      discard: kind.discard,
      max_msgs: maxMessages || -1,
      max_msgs_per_subject: maxPerSubject || -1,
      max_age: kind.maxAge === Number.POSITIVE_INFINITY ? 0 : kind.maxAge * 1e6,
      duplicate_window: kind.window * 1e6,
      allow_rollup_hdrs: kind.rollups,
      allow_msg_ttl: true,
      allow_atomic: true,
      compression: name === 'C' ? 's2' : 'none',
      storage: 'file',
      allow_direct: true,
    };
    const over = () => {
      model.updating = false;
    };
    const done = (answer: Record<string, unknown>) => {
      if (model.state === 'creating') model.state = 'there';
      model.promised = true;
      const { metadata: _metadata, ...config } = answer.config as Record<string, unknown>;
      model.config = config;
      model.descriptions.clear();
      model.descriptions.add(description);
    };
    this.#client.api(`STREAM.${verb}.${name}`, config, done, over);
  }

  update(): void {
    const model = this.#client.stream();
    // One at a time: otherwise it is not known which one counts.
    if (model === undefined || model.updating) return;
    if (this.#client.oneIn(2))
      model.maxMessages = Math.min(model.maxMessages || 99, 3 + this.#client.below(10));
    this.#save(model, 'UPDATE');
  }

  remove(): void {
    const model = this.#client.stream();
    if (model === undefined || model.updating) return;
    model.state = 'deleting';
    // Where the disk refuses it is there, and may not be after a power cut, until something else is confirmed.
    model.promised = false;
    model.mayGo = true;
    const done = () => this.#client.streams.delete(model.name);
    const over = () => {
      model.mayGo = false;
    };
    this.#client.api(`STREAM.DELETE.${model.name}`, null, done, over);
  }

  // --- Publishing ---------------------------------------------------------------------------------------------------

  publish(): void {
    const model = this.#client.stream();
    if (model === undefined) return;
    const { below, oneIn } = this.#chance;
    if (model.kind.rollups && oneIn(12)) this.#rollUp(model);
    else if (oneIn(12)) {
      const expected = model.last + 1;
      const lines = `Nats-Expected-Last-Sequence: ${model.last}\r\n`;
      this.#send(model, this.#make(model, { lines, expected, messageId: oneIn(3) }));
    } else if (oneIn(8)) {
      const seconds = 1 + below(20);
      this.#send(model, this.#make(model, { lines: `Nats-TTL: ${seconds}s\r\n`, life: seconds * 1000 }));
    } else this.#send(model, this.#make(model, { messageId: oneIn(3) }));
  }

  /** Several for different streams, which one commit carries. */
  burst(): void {
    for (let i = 2 + this.#client.below(5); i > 0; i--) this.publish();
  }

  /** Everything before it goes with it. */
  #rollUp(model: StreamModel): void {
    const how = this.#client.oneIn(3) ? 'all' : 'sub';
    const subject = this.#subject(model);
    const touched = model.published.filter((each) => how === 'all' || each.subject === subject);
    const publication = this.#make(model, { lines: `Nats-Rollup: ${how}\r\n`, subject });
    for (const each of touched) if (each.removal === '') each.removal = 'asked';
    this.#send(model, publication, () => {
      for (const each of touched) each.removal = 'confirmed';
    });
  }

  /** Several that are stored together, or not at all. */
  batch(): void {
    const model = this.#client.stream();
    if (model === undefined) return;
    const id = `b${this.#client.number()}`;
    const count = 2 + this.#client.below(3);
    const batch: Publication[] = [];
    for (let i = 1; i <= count; i++) {
      const commit = i === count ? 'Nats-Batch-Commit: 1\r\n' : '';
      const lines = `Nats-Batch-Id: ${id}\r\nNats-Batch-Sequence: ${i}\r\n${commit}`;
      batch.push(this.#make(model, { lines }));
    }
    const last = batch.pop()!;
    this.#client.note(`batch ${id} on ${model.name}: ${batch.map((each) => each.id)} ${last.id}`);
    for (const { subject, payload, header } of batch) this.#client.publish(subject, payload, header);
    const all = [...batch, last];
    for (const each of all) each.batch = all;
    const answer: Answer = (body, status) => {
      if (status !== '' || body === '') return;
      const { error, seq } = JSON.parse(body);
      this.#client.note(`  ${id}: ${error ? error.description : seq}`);
      if (error !== undefined) {
        if (error.err_code !== STORE_FAILED) for (const each of all) each.refused = true;
        return;
      }
      for (const [i, each] of all.entries()) model.stored(each, seq - count + 1 + i, false);
    };
    this.#client.request(last.subject, last.payload, answer, last.header);
  }

  #subject(model: StreamModel): string {
    return `${model.name}.${this.#client.below(4)}`;
  }

  #make(model: StreamModel, options: PublishOptions): Publication {
    const { below, oneIn } = this.#chance;
    const { lines = '', subject = this.#subject(model), expected = 0, messageId = false } = options;
    const at = this.#client.number();
    const id = `m${at}`;
    const length = model.kind.large ? below(20_000) : oneIn(5) ? below(700) : 12;
    const idLine = messageId ? `Nats-Msg-Id: ${id}\r\n` : '';
    const now = this.#client.now;
    const publication: Publication = {
      id,
      subject,
      payload: `${id} `.padEnd(length, id),
      header: idLine + lines === '' ? '' : `NATS/1.0\r\n${idLine}${lines}\r\n`,
      messageId: messageId ? id : '',
      sequence: 0,
      refused: false,
      removal: '',
      at,
      first: now,
      last: now,
      life: Math.min(model.kind.maxAge, options.life ?? Number.POSITIVE_INFINITY),
      expected,
      wanted: [...model.consumers.values()].filter(
        (each) => each.state === 'there' && each.wants(subject, true),
      ),
      batch: [],
    };
    model.published.push(publication);
    model.byPayload.set(publication.payload, publication);
    return publication;
  }

  #send(model: StreamModel, publication: Publication, stored: () => void = () => {}): void {
    const { id, subject, payload, header } = publication;
    this.#client.note(`publish ${id} on ${subject} ${header.slice(10).replaceAll('\r\n', ' ')}`);
    publication.last = this.#client.now;
    const known = publication.sequence > 0;
    const answer: Answer = (body, status) => {
      if (status !== '') return;
      const { error, seq, duplicate } = JSON.parse(body);
      this.#client.note(`  ${id}: ${error ? error.description : `${seq}${duplicate ? ' again' : ''}`}`);
      if (error === undefined) {
        if (known && duplicate !== true) throw new Error(`${id} was stored before: not told`);
        model.stored(publication, seq, duplicate === true);
        stored();
      } else if (error.err_code !== STORE_FAILED) publication.refused ||= publication.sequence === 0;
    };
    this.#client.request(subject, payload, answer, header);
  }

  /** A client that has got no answer, or an old one, publishes again under the same id. */
  retry(): void {
    const model = this.#client.stream();
    const known = model?.published.slice(-12).filter((each) => this.#mayRetry(model, each));
    const publication = this.#client.some(known ?? []);
    if (publication === undefined) return;
    // Where it was not stored before it comes behind what was published since.
    if (publication.sequence === 0) model!.published.push(publication);
    this.#send(model!, publication);
  }

  /** Not what may be gone and forgotten, nor what was expected to come right behind another. */
  #mayRetry(model: StreamModel, publication: Publication): boolean {
    const { messageId, refused, expected, first } = publication;
    if (messageId === '' || refused || expected > 0) return false;
    return first + model.kind.window > this.#client.now && !model.mayBeGone(publication, this.#client.now);
  }

  // --- Removing -----------------------------------------------------------------------------------------------------

  deleteMessage(): void {
    const model = this.#client.stream();
    const publication = this.#client.some(model?.published.filter((each) => each.sequence > 0) ?? []);
    if (publication === undefined) return;
    const { sequence: seq } = publication;
    if (publication.removal === '') publication.removal = 'asked';
    const body = { seq, no_erase: this.#client.oneIn(2) };
    this.#client.api(`STREAM.MSG.DELETE.${model!.name}`, body, () => {
      publication.removal = 'confirmed';
    });
  }

  purge(): void {
    const model = this.#client.stream();
    if (model === undefined) return;
    const filter = this.#client.oneIn(2) ? '' : this.#subject(model);
    const before = this.#client.oneIn(3) ? 1 + this.#client.below(model.last + 1) : 0;
    const touched = model.published.filter(
      ({ subject, sequence }) => (filter === '' || subject === filter) && (before === 0 || sequence < before),
    );
    for (const each of touched) if (each.removal === '') each.removal = 'asked';
    // Of the others it is not known whether they lie before it.
    const known = touched.filter(({ sequence }) => before === 0 || sequence > 0);
    const body = { ...(filter !== '' && { filter }), ...(before > 0 && { seq: before }) };
    const all = Object.keys(body).length === 0;
    this.#client.api(`STREAM.PURGE.${model.name}`, all ? null : body, () => {
      for (const each of known) each.removal = 'confirmed';
    });
  }
}
