/** A read-only decoder of store directories, made of the store's codecs alone: what a stream is when nothing but its files is known. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { openBlock, scanBlock } from '../../src/jetstream/store/block-file.js';
import {
  type ConsumerFileState,
  decodeConsumerState,
} from '../../src/jetstream/store/consumer-state-file.js';
import {
  BlockCipher,
  blockContext,
  type CipherName,
  consumerContext,
  FileSealer,
  keyEncryptionKey,
  openKeyFile,
  streamContext,
} from '../../src/jetstream/store/encryption.js';
import { blockFile, blockIndex, blockKeyFile } from '../../src/jetstream/store/layout.js';
import {
  consumerMetaName,
  decodeMeta,
  metaSum,
  streamMetaName,
} from '../../src/jetstream/store/meta-file.js';
import { blockKeyName, type RecordKind, type RecordView } from '../../src/jetstream/store/record.js';
import { openIndex } from '../../src/jetstream/store/stream-index.js';
import { TarReader } from '../../src/jetstream/store/tar.js';
import { HighwayHash, hashKey } from '../../src/runtime/highway-hash.js';
import { storeVectors } from './vectors.js';

export type Files = ReadonlyMap<string, Buffer>;

export interface Encryption {
  key: string;
  cipher: CipherName;
}

/** The files of a vector's archive by their paths. */
export function unpack(archive: string): Files {
  const files = new Map<string, Buffer>();
  const reader = new TarReader();
  for (const { name, content } of reader.push(gunzipSync(readFileSync(join(storeVectors, archive))))) {
    files.set(name, content);
  }
  reader.end();
  return files;
}

/** The names of the directories below a path. */
export function directories(files: Files, path: string): string[] {
  const names = [...files.keys()]
    .filter((name) => name.startsWith(path))
    .map((name) => name.slice(path.length));
  return [...new Set(names.filter((name) => name.includes('/')).map((name) => name.split('/')[0]!))];
}

export interface StoredMessage {
  sequence: number;
  subject: string;
  time: bigint;
  headers: Buffer;
  payload: Buffer;
  size: number;
}

export interface StoredConsumer {
  config: Record<string, unknown>;
  /** The content of its `meta.inf`. */
  meta: Buffer;
  /** The content of its `o.dat`. */
  file: Buffer;
  sumMatches: boolean;
  state: ConsumerFileState;
}

export interface StoredRecord extends StoredMessage {
  kind: RecordKind;
}

export interface StoredBlock {
  index: number;
  /** Decrypted and decompressed. */
  content: Buffer;
  records: StoredRecord[];
  /** The hash of the last record, as a file has it. */
  lastHash: string;
}

export class StoreReader {
  readonly hash = new HighwayHash();
  readonly #files: Files;
  readonly #encryption: Encryption | null;

  constructor(files: Files, encryption: Encryption | null = null) {
    this.#files = files;
    this.#encryption = encryption;
  }

  /** `path` is the directory of the stream with a slash behind it. */
  stream(path: string, account: string, name: string): StreamReader {
    return new StreamReader(this.#files, this.#encryption, this.hash, path, account, name);
  }
}

export class StreamReader {
  readonly damage: string[] = [];
  readonly blocks: StoredBlock[];
  readonly #files: Files;
  readonly #encryption: Encryption | null;
  readonly #hash: HighwayHash;
  readonly #path: string;
  readonly #account: string;
  readonly #name: string;

  constructor(
    files: Files,
    encryption: Encryption | null,
    hash: HighwayHash,
    path: string,
    account: string,
    name: string,
  ) {
    this.#files = files;
    this.#encryption = encryption;
    this.#hash = hash;
    this.#path = path;
    this.#account = account;
    this.#name = name;
    this.blocks = this.#readBlocks();
  }

  /** The content of its `meta.inf`. */
  get meta(): Buffer {
    return this.#open(`${this.#path}meta.inf`, `${this.#path}meta.key`, streamContext(this.#name));
  }

  get config(): Record<string, unknown> {
    return decodeMeta(this.meta);
  }

  get sumMatches(): boolean {
    const file = this.#files.get(`${this.#path}meta.inf`)!;
    return (
      metaSum(this.#hash, streamMetaName(this.#name), file) ===
      String(this.#files.get(`${this.#path}meta.sum`))
    );
  }

  file(name: string): Buffer | undefined {
    return this.#files.get(this.#path + name);
  }

  /** Undefined without the file. */
  indexBody(): Uint8Array | undefined {
    const file = this.file('msgs/index.db');
    if (file === undefined) return undefined;
    const body = openIndex(this.#hash, hashKey(this.#name), file);
    if (this.#encryption === null) return body;
    return this.#sealer(`${this.#path}meta.key`, streamContext(this.#name)).open(body);
  }

  consumers(): Map<string, StoredConsumer> {
    const consumers = new Map<string, StoredConsumer>();
    for (const consumer of directories(this.#files, `${this.#path}obs/`)) {
      const path = `${this.#path}obs/${consumer}/`;
      const context = consumerContext(this.#name, consumer);
      const meta = this.#files.get(`${path}meta.inf`)!;
      const sum = metaSum(this.#hash, consumerMetaName(this.#name, consumer), meta);
      const content = this.#open(`${path}meta.inf`, `${path}meta.key`, context);
      const state = this.#files.has(`${path}o.dat`)
        ? this.#open(`${path}o.dat`, `${path}meta.key`, context)
        : Buffer.alloc(0);
      consumers.set(consumer, {
        config: decodeMeta(content),
        meta: content,
        file: state,
        sumMatches: sum === String(this.#files.get(`${path}meta.sum`)),
        state: decodeConsumerState(state),
      });
    }
    return consumers;
  }

  #sealer(keyFile: string, context: string): FileSealer {
    const { key, cipher } = this.#encryption!;
    const kek = keyEncryptionKey(key, this.#account, context);
    return new FileSealer(cipher, openKeyFile(cipher, kek, this.#files.get(keyFile)!).seed);
  }

  #open(file: string, keyFile: string, context: string): Buffer {
    const content = this.#files.get(file)!;
    return this.#encryption === null ? content : this.#sealer(keyFile, context).open(content);
  }

  #readBlocks(): StoredBlock[] {
    const path = `${this.#path}msgs/`;
    const names = [...this.#files.keys()].filter((name) => name.startsWith(path));
    const indexes = names.map((name) => blockIndex(name.slice(path.length))).filter((index) => index >= 0);
    return indexes.sort((a, b) => a - b).map((index) => this.#readBlock(path, index));
  }

  #readBlock(path: string, index: number): StoredBlock {
    const file = Buffer.from(this.#files.get(path + blockFile(index))!);
    if (this.#encryption !== null) {
      const { key, cipher } = this.#encryption;
      const kek = keyEncryptionKey(key, this.#account, blockContext(this.#name, index));
      const keyFile = openKeyFile(cipher, kek, this.#files.get(path + blockKeyFile(index))!);
      new BlockCipher(keyFile).apply(file, 0, file.length, 0);
    }
    const lastHash = file.toString('hex', Math.max(file.length - 8, 0));
    const key = hashKey(blockKeyName(this.#name, index));
    const { content, complete } = openBlock(this.#hash, key, file);
    if (!complete) this.damage.push(`${index}: incomplete`);
    const records: StoredRecord[] = [];
    const { tail, end } = scanBlock(this.#hash, key, content, 0, content.length, {
      record: (view, relocated) => {
        if (relocated) this.damage.push(`${index}: relocated ${view.sequence}`);
        records.push(recordOf(content, view));
      },
      damaged: (damage, from, to, sequence) => {
        this.damage.push(`${index}: ${damage} ${from}-${to} ${sequence}`);
      },
    });
    if (tail !== null) this.damage.push(`${index}: tail ${tail} ${end}-${content.length}`);
    return { index, content, records, lastHash };
  }
}

function recordOf(content: Buffer, view: RecordView): StoredRecord {
  return {
    kind: view.kind,
    sequence: view.sequence,
    subject: content.toString('latin1', view.subjectStart, view.subjectEnd),
    time: view.time,
    headers: Buffer.from(content.subarray(view.headersStart, view.headersEnd)),
    payload: Buffer.from(content.subarray(view.payloadStart, view.payloadEnd)),
    size: view.size,
  };
}

export interface StreamContent {
  messages: StoredMessage[];
  firstSequence: number;
  lastSequence: number;
  bytes: number;
  deleted: number[];
  subjects: Record<string, number>;
}

/** The live messages of a stream: tombstones, then limits, then the first sequence of the configuration. */
export function contentOf(blocks: StoredBlock[], config: Record<string, unknown>): StreamContent {
  const live = new Map<number, StoredMessage>();
  const tombstones = new Set<number>();
  let lastSequence = 0;
  for (const { records } of blocks) {
    let last = 0;
    let lastTombstone = 0;
    for (const record of records) {
      if (record.kind === 'tombstone') {
        tombstones.add(record.sequence);
        lastTombstone = Math.max(lastTombstone, record.sequence);
      } else if (record.sequence > last) {
        last = record.sequence;
        if (record.kind === 'message') live.set(record.sequence, record);
      }
    }
    lastSequence = Math.max(lastSequence, last === 0 ? lastTombstone : last);
  }
  for (const sequence of tombstones) live.delete(sequence);
  applyLimits(live, config);
  const messages = [...live.values()].sort((a, b) => a.sequence - b.sequence);
  // A stream that never had a message has no first sequence either.
  const first = messages[0]?.sequence ?? (lastSequence === 0 ? 0 : lastSequence + 1);
  const subjects: Record<string, number> = {};
  for (const { subject } of messages) subjects[subject] = (subjects[subject] ?? 0) + 1;
  const deleted: number[] = [];
  for (let sequence = first; sequence <= lastSequence; sequence++)
    if (!live.has(sequence)) deleted.push(sequence);
  const bytes = messages.reduce((sum, { size }) => sum + size, 0);
  return { messages, firstSequence: first, lastSequence, bytes, deleted, subjects };
}

function applyLimits(live: Map<number, StoredMessage>, config: Record<string, unknown>): void {
  const limit = (name: string) =>
    Number(config[name] ?? -1) > 0 ? Number(config[name]) : Number.POSITIVE_INFINITY;
  const rising = [...live.values()].sort((a, b) => a.sequence - b.sequence);
  let count = live.size;
  let bytes = rising.reduce((sum, { size }) => sum + size, 0);
  for (const { sequence, size } of rising) {
    if (
      count <= limit('max_msgs') &&
      bytes <= limit('max_bytes') &&
      sequence >= Number(config.first_seq ?? 0)
    )
      break;
    live.delete(sequence);
    count--;
    bytes -= size;
  }
  const seen = new Map<string, number>();
  for (const { sequence, subject } of rising.reverse()) {
    if (!live.has(sequence)) continue;
    const before = seen.get(subject) ?? 0;
    if (before >= limit('max_msgs_per_subject')) live.delete(sequence);
    else seen.set(subject, before + 1);
  }
}

/** As JSON has it: RFC 3339 with as many digits as there are. */
export function formatTime(time: bigint): string {
  const seconds = time / 1_000_000_000n - (time % 1_000_000_000n < 0n ? 1n : 0n);
  const nanos = String(time - seconds * 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return nanos === '' ? `${whole}Z` : `${whole}.${nanos}Z`;
}
