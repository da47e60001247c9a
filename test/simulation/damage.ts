/**
 * A bit flips, or a file is cut, while the machine is off. The server has to start; what is damaged is told and not served, and nothing
 * around it is lost. In the end the disk is as it was before, so that the model knows nothing of it.
 */
import assert from 'node:assert/strict';
import { isCompressedBlock } from '../../src/jetstream/store/block-file.js';
import type { Client } from './client.js';
import { type Machine, STORE } from './machine.js';

interface Held {
  subject: string;
  header: string;
  payload: string;
}

/** What streams hold, by name and sequence. */
type Contents = Map<string, Map<number, Held>>;

type Tree = ReadonlyMap<string, Buffer | null>;

const MESSAGES = /\/streams\/([^/]+)\/msgs\/\d+\.(blk|key)$/;
const STREAM_FILE = /\/streams\/([^/]+)\/meta\.(inf|sum|key)$/;

export class Damage {
  readonly #client: Client;
  readonly #machine: Machine;
  #path = '';
  #what = '';
  /** The last life ended in good order. */
  #stopped = false;
  /** After a mere end, the tail of a block may be missing: that is how a power cut leaves it. */
  #likeTorn = false;
  /** A bit of a block that is neither compressed nor sealed. */
  #small = false;

  constructor(client: Client) {
    this.#client = client;
    this.#machine = client.machine;
  }

  async probe(): Promise<void> {
    const machine = this.#machine;
    const { device } = machine;
    const { onMessage } = machine;
    const asItWas = device.snapshot();
    machine.onMessage = (message) => void this.#client.heard(message);
    const before = await this.#life(async () => this.#contents());
    const damaged = this.#damaged(device.snapshot());
    if (damaged !== null) {
      device.restore(damaged);
      this.#client.note(`damage: ${this.#what}`);
      const after = await this.#life(async () => {
        const found = this.#contents();
        this.#check(before, found);
        return this.#publish(found);
      });
      await this.#life(async () => this.#checkAgain(after, this.#contents()));
    }
    machine.onMessage = onMessage;
    device.restore(asItWas);
  }

  /** Starts the server, and ends it by chance. */
  async #life<T>(work: () => Promise<T>): Promise<T> {
    const machine = this.#machine;
    this.#client.forget();
    machine.start();
    machine.rest();
    const result = await work();
    this.#stopped = this.#client.oneIn(2);
    if (this.#stopped) await machine.stop();
    else machine.disk.kill();
    return result;
  }

  #contents(): Contents {
    const contents: Contents = new Map();
    for (const [name, { store }] of this.#machine.found()) {
      const held = new Map<number, Held>();
      for (let message = store.loadNext(null, 0); message; ) {
        const { sequence, subject, header, payload } = message;
        held.set(sequence, {
          subject,
          header: header?.toString('latin1') ?? '',
          payload: payload.toString('latin1'),
        });
        message = store.loadNext(null, sequence + 1, message);
      }
      contents.set(name, held);
    }
    return contents;
  }

  #damaged(tree: Tree): Tree | null {
    const { below, oneIn } = {
      below: (limit: number) => this.#client.below(limit),
      oneIn: (limit: number) => this.#client.oneIn(limit),
    };
    const files = [...tree].filter(
      (entry): entry is [string, Buffer] =>
        entry[1] !== null && entry[1].length > 0 && entry[0].startsWith(STORE),
    );
    const blocks = files.filter(([path]) => path.endsWith('.blk'));
    const chosen = this.#client.some(blocks.length > 0 && oneIn(2) ? blocks : files);
    if (chosen === undefined) return null;
    const [path, content] = chosen;
    const changed = Buffer.from(content);
    const at = below(content.length);
    const cut = oneIn(3);
    this.#path = path;
    this.#what = `${path}, ${content.length} bytes, ${cut ? `cut at ${at}` : `a bit at ${at}`}`;
    const { encrypted } = this.#machine.options;
    const plain = path.endsWith('.blk') && !encrypted && !isCompressedBlock(content);
    this.#small = !cut && plain;
    this.#likeTorn = cut && path.endsWith('.blk') && !this.#stopped;
    if (!cut) changed[at]! ^= 1 << below(8);
    return new Map([...tree, [path, cut ? changed.subarray(0, at) : changed]]);
  }

  get #told(): boolean {
    return this.#machine.complaints.length > 0;
  }

  #check(before: Contents, after: Contents): void {
    const own = MESSAGES.exec(this.#path)?.[1];
    const ownFile = STREAM_FILE.exec(this.#path)?.[1];
    for (const [name, held] of before) {
      const found = after.get(name);
      if (found === undefined) {
        assert.equal(name, ownFile, `${this.#what}: ${name} is gone`);
        assert.ok(this.#told, `${this.#what}: ${name} is not there, and nobody was told`);
        continue;
      }
      const lost: number[] = [];
      for (const [sequence, message] of held) {
        const other = found.get(sequence);
        if (other === undefined) lost.push(sequence);
        else if (name !== own || !isSameRecord(other, message))
          assert.deepEqual(other, message, `${this.#what}: ${name} ${sequence} is served wrong`);
      }
      this.#checkNew(name, held, found, name === own || name === ownFile);
      if (lost.length === 0) continue;
      const where = `${this.#what}: ${name} lost ${lost}`;
      assert.ok(name === own || name === ownFile, where);
      assert.ok(this.#told || this.#likeTorn, `${where}, and nobody was told`);
      if (name === own && !this.#isLimited(name)) this.#checkLost(where, held, lost);
    }
  }

  /** What comes back that was removed is right at least, and comes back where its tombstone was hit alone. */
  #checkNew(
    name: string,
    held: ReadonlyMap<number, Held>,
    found: ReadonlyMap<number, Held>,
    own: boolean,
  ): void {
    const model = this.#client.streams.get(name);
    for (const [sequence, { subject, header, payload }] of found) {
      if (held.has(sequence)) continue;
      const where = `${this.#what}: ${name} ${sequence} is back`;
      assert.ok(own || model?.kind.retention !== 'limits', where);
      const publication = model?.byPayload.get(payload);
      assert.ok(publication, `${where}, and was never published like that`);
      assert.deepEqual([subject, header], [publication.subject, publication.header], where);
    }
  }

  #isLimited(name: string): boolean {
    const model = this.#client.streams.get(name);
    return model === undefined || model.maxMessages > 0 || model.maxPerSubject > 0;
  }

  /** A block is a run of messages, and a bit belongs to one record. */
  #checkLost(where: string, held: ReadonlyMap<number, Held>, lost: readonly number[]): void {
    const all = [...held.keys()];
    // A batch at the end without its last message is none.
    const parts = new Set(
      lost.map((each) => /Nats-Batch-Id: (\w+)/.exec(held.get(each)!.header)?.[1] ?? each),
    );
    if (this.#small) assert.ok(parts.size <= 2, where);
    const from = all.indexOf(lost[0]!);
    assert.deepEqual(all.slice(from, from + lost.length), lost, `${where}, which is no run of ${all}`);
  }

  /** Life goes on: what is confirmed now is to stay, too. */
  #publish(found: Contents): Contents {
    for (const [name, held] of found) {
      const message = { subject: `${name}.1`, header: '', payload: `probe ${this.#client.number()}` };
      this.#client.request(message.subject, message.payload, (body, status) => {
        if (status === '' && JSON.parse(body).error === undefined) held.set(JSON.parse(body).seq, message);
      });
    }
    this.#machine.rest();
    return found;
  }

  #checkAgain(before: Contents, after: Contents): void {
    for (const [name, held] of before) {
      const found = after.get(name);
      assert.ok(found, `${this.#what}: ${name} is gone after another start`);
      if (this.#isLimited(name) || this.#client.streams.get(name)?.kind.retention !== 'limits') continue;
      for (const [sequence, message] of held)
        assert.deepEqual(
          found.get(sequence),
          message,
          `${this.#what}: ${name} ${sequence} after another start`,
        );
    }
  }
}

/**
 * The official format has the lengths of subject and headers outside of the hash: a bit in one of them moves the border between two parts,
 * and only some of that can be seen.
 */
function isSameRecord(one: Held, other: Held): boolean {
  const text = ({ subject, header, payload }: Held) => subject + header + payload;
  return text(one) === text(other);
}
