/**
 * A stream on its way back from a client, in either format of backups. Chunks come as messages, each is answered; an empty one is the end.
 * What goes wrong ends it, and nothing of it stays.
 */
import type { InternalMessage } from '../broker/internal-client.js';
import type { Subscription } from '../broker/subscription.js';
import { toUtf8 } from '../protocol/bytes.js';
import { readJson } from '../protocol/json-type.js';
import { timeToNanoseconds, ZERO_TIME } from '../protocol/rfc3339.js';
import type { Timer } from '../runtime/clock.js';
import { S2Reader } from '../runtime/s2.js';
import type { AccountJetStream } from './account-jetstream.js';
import { backupState, readBackup, readConsumer } from './backup-codec.js';
import { ApiError } from './errors.js';
import type { StagedFiles, StagedStream, StoredStream } from './storage.js';
import {
  ARCHIVE_CONSUMERS,
  ARCHIVE_STATE,
  type ArchiveEntry,
  ArchiveReader,
  isArchive,
} from './store/archive.js';
import { META_FILE, META_SUM_FILE } from './store/layout.js';
import { ttlOf } from './store/message-block-store.js';
import { TarReader } from './store/tar.js';
import type { Stream } from './stream.js';
import { type StreamConfig, storedStream } from './stream-config.js';

/** Milliseconds without a chunk. */
const STALL_TIME = 5000;
const MAGIC_SIZE = 8;

/** What takes the content of a backup, unpacked. */
interface Receiver {
  /** Throws errors in official words. */
  push(content: Buffer): void;
  /** Throws when something is missing. */
  end(): void;
  finish(done: (error: Error | null, stream: StoredStream | null) => void): void;
  discard(): void;
}

export interface RestoreEnd {
  stream: Stream | null;
  error: ApiError | null;
  /** Bytes that came. */
  total: number;
  /** The reply subject of the last chunk; '' where nobody waits. */
  reply: string;
}

export class Restore {
  /** Where the chunks go. */
  readonly subject: string;
  readonly #account: AccountJetStream;
  readonly #config: StreamConfig;
  readonly #done: (end: RestoreEnd) => void;
  readonly #unpack = new S2Reader();
  readonly #sub: Subscription;
  #first: Buffer = Buffer.alloc(0);
  #receiver: Receiver | null = null;
  #timer: Timer | null = null;
  #total = 0;
  #over = false;

  constructor(account: AccountJetStream, config: StreamConfig, done: (end: RestoreEnd) => void) {
    this.#account = account;
    this.#config = config;
    this.#done = done;
    this.subject = `$JS.SNAPSHOT.RESTORE.${config.name}.${account.jetstream.nuid.next()}`;
    this.#sub = account.client.subscribe(this.subject, (message) => this.#receive(message));
    this.#arm();
  }

  get #path(): string {
    return `${this.#account.name} > ${this.#config.name}`;
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = this.#account.jetstream.broker.clock.after(STALL_TIME, () =>
      this.#fail(new Error(`restore for stream '${this.#path}' is stalled`), ''),
    );
  }

  /** The server ends. */
  cancel(): void {
    if (!this.#over) this.#fail(new Error('server shutdown'), '');
  }

  #receive({ payload, reply }: InternalMessage): void {
    if (this.#over) return;
    if (reply === '') {
      this.#fail(new Error(`restore for stream '${this.#path}' requires reply subject for each chunk`), '');
      return;
    }
    this.#arm();
    try {
      if (payload.length === 0) {
        this.#complete(reply);
        return;
      }
      this.#total += payload.length;
      for (const content of this.#unpack.push(payload)) this.#push(content);
    } catch (error) {
      this.#fail(error as Error, reply);
      return;
    }
    this.#account.client.publish(toUtf8(reply), '');
  }

  #push(content: Buffer): void {
    if (this.#receiver !== null) {
      this.#receiver.push(content);
      return;
    }
    this.#first = Buffer.concat([this.#first, content]);
    if (this.#first.length < MAGIC_SIZE) return;
    this.#receiver = isArchive(this.#first)
      ? new ArchiveReceiver(this.#account, this.#config)
      : new FilesReceiver(this.#account, this.#config);
    this.#receiver.push(this.#first);
    this.#first = Buffer.alloc(0);
  }

  #complete(reply: string): void {
    this.#unpack.end();
    if (this.#receiver === null) throw new Error('EOF');
    this.#receiver.end();
    if (this.#account.streams.has(this.#config.name)) throw new ApiError('streamNameExistRestoreFailed');
    this.#close();
    this.#receiver.finish((error, stored) => {
      if (stored === null) {
        this.#tell(
          error ?? new Error(`restore for stream '${this.#path}' did not create a stream`),
          null,
          reply,
        );
      } else if (this.#account.streams.has(this.#config.name)) {
        stored.storage.destroy();
        this.#tell(new ApiError('streamNameExistRestoreFailed'), null, reply);
      } else {
        this.#tell(null, this.#account.adopt(stored), reply);
      }
    });
  }

  #close(): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#account.client.unsubscribe(this.#sub);
  }

  #fail(error: Error, reply: string): void {
    this.#close();
    try {
      this.#receiver?.discard();
    } catch (problem) {
      this.#account.jetstream.log.warn((problem as Error).message);
    }
    if (reply === '') this.#account.jetstream.log.warn(error.message);
    this.#tell(error, null, reply);
  }

  #tell(error: Error | null, stream: Stream | null, reply: string): void {
    let refused: ApiError | null = null;
    if (error instanceof ApiError) refused = error;
    else if (error !== null) refused = new ApiError('streamRestore', { err: error.message });
    this.#done({ stream, error: refused, total: this.#total, reply });
  }
}

/** Throws `ApiError` when the account or the server has no room for what has come so far. */
function checkRoom(
  { limits, jetstream, memory, store }: AccountJetStream,
  config: StreamConfig,
  bytes: number,
): void {
  const inMemory = config.storage === 'memory';
  const limit = inMemory ? limits.maxMemory : limits.maxStore;
  const most = inMemory ? jetstream.maxMemory : jetstream.maxStore;
  const used = inMemory ? memory : store;
  const usedInAll = inMemory ? jetstream.memory : jetstream.store;
  if ((limit >= 0 && used + bytes > limit) || usedInAll + bytes > most)
    throw new ApiError(inMemory ? 'memoryResourcesExceeded' : 'storageResourcesExceeded');
}

/** The format of today: state, consumers, messages. */
class ArchiveReceiver implements Receiver {
  readonly #account: AccountJetStream;
  readonly #config: StreamConfig;
  readonly #reader = new ArchiveReader();
  readonly #stage: StagedStream;
  readonly #created: string;
  #state: ReturnType<typeof backupState.zero> | null = null;
  #consumers = 0;
  #last = 0;

  constructor(account: AccountJetStream, config: StreamConfig) {
    this.#account = account;
    this.#config = config;
    this.#created = account.jetstream.now();
    this.#stage = account.jetstream.storage.stage(account.name, config, this.#created);
  }

  push(content: Buffer): void {
    for (const entry of this.#reader.push(content)) {
      if (this.#state === null) this.#readState(entry);
      else if (this.#consumers < this.#state.consumer_count) this.#addConsumer(entry);
      else this.#addMessage(entry, this.#state.last_seq);
    }
    checkRoom(this.#account, this.#config, this.#stage.store.state.bytes);
  }

  #readState({ name, payload }: ArchiveEntry): void {
    if (name !== ARCHIVE_STATE) throw new Error('expected state.json first');
    let state: ReturnType<typeof backupState.zero>;
    try {
      state = readBackup(backupState, payload);
    } catch (error) {
      throw new Error(`error in state.json: ${(error as Error).message}`);
    }
    const { messages, first_seq: first, last_seq: last } = state;
    if (state.consumer_count < 0) throw new Error('invalid stream state: negative consumer count');
    if (messages > 0 && (first === 0 || last < first))
      throw new Error('invalid stream state: inconsistent message count or sequence range');
    if (messages > 0 && messages > last - first + 1)
      throw new Error('invalid stream state: message count exceeds sequence range');
    this.#state = state;
    const { store } = this.#stage;
    if (first > 1 && first - 1 > store.state.lastSequence)
      store.skipTo(first - 1, nanosecondsOf(messages > 0 ? state.first_ts : state.last_ts));
    this.#last = first > 0 ? first - 1 : 0;
  }

  #addConsumer({ name, payload }: ArchiveEntry): void {
    if (!name.startsWith(ARCHIVE_CONSUMERS))
      throw new Error(`expected consumer, found ${JSON.stringify(toUtf8(name))}`);
    const consumer = toUtf8(name.slice(ARCHIVE_CONSUMERS.length));
    const { config, position } = readConsumer(consumer, payload);
    if (consumer === '' || /[\\/.\0]/.test(consumer))
      throw new Error(`failed to add consumer ${JSON.stringify(consumer)}: invalid name`);
    // Consumers that are kept in memory do not come along: whoever used them has to make them anew.
    if (this.#config.storage === 'memory' || !config.mem_storage)
      this.#stage.addConsumer(consumer, config, this.#created, position);
    this.#consumers++;
  }

  #addMessage({ name, time, sequence, headers, payload }: ArchiveEntry, lastSequence: number): void {
    if (sequence === 0) throw new Error('expected message sequence');
    if (sequence <= this.#last || sequence > lastSequence)
      throw new Error(`message sequence ${sequence} out of order`);
    this.#last = sequence;
    const header = headers.length === 0 ? null : headers;
    const ttl = header === null || !this.#config.allow_msg_ttl ? 0 : ttlOf(header);
    const now = this.#account.jetstream.nanoseconds();
    const { store } = this.#stage;
    if (ttl > 0 && time + BigInt(ttl) * 1_000_000_000n <= now) store.skipTo(sequence, time);
    else store.appendAt(sequence, name, header, payload, time, ttl);
  }

  end(): void {
    this.#reader.end();
    const state = this.#state!;
    const { store } = this.#stage;
    if (this.#consumers < state.consumer_count) throw new Error('EOF');
    if (store.state.lastSequence < state.last_seq) store.skipTo(state.last_seq, nanosecondsOf(state.last_ts));
  }

  finish(done: (error: Error | null, stream: StoredStream | null) => void): void {
    this.#stage.complete((error) => {
      if (error !== null) {
        done(error, null);
        return;
      }
      let stream: StoredStream;
      try {
        stream = this.#stage.place();
      } catch (problem) {
        done(problem as Error, null);
        return;
      }
      done(null, stream);
    });
  }

  discard(): void {
    this.#stage.discard();
  }
}

function nanosecondsOf(text: string): bigint {
  return text === '' || text === ZERO_TIME ? 0n : timeToNanoseconds(text);
}

/** Files that may be in a backup of the older format, below the directory of the stream. */
const KNOWN_FILE =
  /^(meta\.(inf|sum)|sources\.db|msgs\/(\d+\.blk|(index|thw|sched)\.db)|obs\/[^/]+\/(meta\.(inf|sum)|o\.dat))$/;

/** The format before 2.15: the files of the stream, plain. */
class FilesReceiver implements Receiver {
  readonly #account: AccountJetStream;
  readonly #config: StreamConfig;
  readonly #reader = new TarReader();
  readonly #stage: StagedFiles;
  #bytes = 0;
  #named = false;

  constructor(account: AccountJetStream, config: StreamConfig) {
    this.#account = account;
    this.#config = config;
    const stage = account.jetstream.storage.stageFiles(account.name, config);
    if (stage === null) throw new Error('a backup of files cannot be restored to memory');
    this.#stage = stage;
  }

  push(content: Buffer): void {
    for (const { name, content: file } of this.#reader.push(content)) {
      this.#bytes += file.length;
      checkRoom(this.#account, this.#config, this.#bytes);
      if (!KNOWN_FILE.test(name)) throw new Error(`unexpected content (account=${this.#account.name})`);
      if (name === META_FILE) this.#readMeta(file);
      else if (name !== META_SUM_FILE) this.#stage.write(name, file);
    }
  }

  /** The request says what the stream is like; the backup, when it was created. */
  #readMeta(file: Buffer): void {
    const { Created: created, name } = readJson(storedStream, file, false);
    if (name !== this.#config.name) throw new Error('stream names do not match');
    const stored = created === ZERO_TIME ? this.#account.jetstream.now() : created;
    this.#stage.writeMeta(storedStream.write({ Created: stored, ...this.#config }));
    this.#named = true;
  }

  end(): void {
    this.#reader.end();
    if (!this.#named) throw new Error('open meta.inf: no such file or directory');
  }

  finish(done: (error: Error | null, stream: StoredStream | null) => void): void {
    this.#stage.finish(done);
  }

  discard(): void {
    this.#stage.discard();
  }
}
