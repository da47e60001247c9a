/**
 * Entries of the journal: what one commit changed in files, so that it can be done again.
 *
 *     magic u32 | length u32 | number u48 | settled u48 | operations | HighwayHash-64 of all before
 *     operation: kind u8 | length of the path u16 | path | position u48 | length u32 | bytes
 *
 * Numbers are little-endian; numbers of entries rise by one. `settled`: changes up to this entry were on the device in their own files
 * when this one was written. A path is relative to the store directory, in UTF-8. The hash has a key that nobody outside knows, so nothing
 * that a client sends is ever taken for an entry.
 */
import { HASH_SIZE, type HashKey, type HighwayHash } from '../../runtime/highway-hash.js';

const MAGIC = 0x4c4a_5457;
const HEADER = 20;
const NUMBER = 6;
const OPERATION = 1 + 2 + NUMBER + 4;
/** Entries begin at multiples of this: what a device writes at once, so that none can tear the one before it. */
export const SECTOR = 512;
const FIRST_BUFFER = 64 * 1024;
const NOTHING = new Uint8Array(0);

const kinds = ['write', 'replace', 'forget', 'forget-below', 'directory'] as const;

/**
 * `write`: bytes at a position of a file, which is made when it is not there. `replace`: a whole file. `forget`: nothing that was said
 * of a file before counts any more; `forget-below`: the same for a directory and all files below it. `directory`: one that was made.
 */
export type OperationKind = (typeof kinds)[number];

export interface Operation {
  kind: OperationKind;
  path: string;
  position: number;
  bytes: Uint8Array;
}

export interface Entry {
  number: number;
  settled: number;
  operations: Operation[];
}

/** Where an entry that is being made was, to go back to. */
export interface EntryMark {
  size: number;
  paths: number;
}

/** Makes one entry after the other in the same memory. */
export class EntryBuilder {
  /** Of the journal that the entry is for. */
  key: HashKey | null = null;
  /** What the entry changes. A name that is new has to be made durable, too. */
  readonly paths: { path: string; named: boolean; isDirectory: boolean }[] = [];
  readonly #hash: HighwayHash;
  readonly #prefix: string;
  #buffer = Buffer.allocUnsafeSlow(FIRST_BUFFER);
  #size = HEADER;

  /** `directory`: of the store, which all paths are below. */
  constructor(hash: HighwayHash, directory: string) {
    this.#hash = hash;
    this.#prefix = `${directory}/`;
  }

  get empty(): boolean {
    return this.#size === HEADER;
  }

  /** Bytes that the entry takes in the journal. */
  get size(): number {
    return padded(this.#size + HASH_SIZE);
  }

  /** Whether a file can be named in an entry. */
  covers(path: string): boolean {
    return path.startsWith(this.#prefix);
  }

  write(
    path: string,
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
    named: boolean,
  ): void {
    this.#operation('write', path, bytes, offset, length, position);
    this.paths.push({ path, named, isDirectory: false });
  }

  replace(path: string, bytes: Uint8Array): void {
    this.#operation('replace', path, bytes, 0, bytes.length, 0);
    this.paths.push({ path, named: true, isDirectory: false });
  }

  directory(path: string): void {
    this.#operation('directory', path, NOTHING, 0, 0, 0);
    this.paths.push({ path, named: true, isDirectory: true });
  }

  forget(path: string, below: boolean): void {
    this.#operation(below ? 'forget-below' : 'forget', path, NOTHING, 0, 0, 0);
  }

  mark(): EntryMark {
    return { size: this.#size, paths: this.paths.length };
  }

  goBack(mark: EntryMark): void {
    this.#size = mark.size;
    this.paths.length = mark.paths;
  }

  /** Ends the entry. What it returns is good until the next one is begun. */
  seal(number: number, settled: number): Buffer {
    const end = this.#size + HASH_SIZE;
    this.#room(padded(end) - this.#size);
    const buffer = this.#buffer;
    buffer.writeUInt32LE(MAGIC, 0);
    buffer.writeUInt32LE(end, 4);
    buffer.writeUIntLE(number, 8, NUMBER);
    buffer.writeUIntLE(settled, 14, NUMBER);
    this.#hash.hash(this.key!, buffer, 0, this.#size, buffer, this.#size);
    buffer.fill(0, end, padded(end));
    return buffer.subarray(0, padded(end));
  }

  clear(): void {
    this.#size = HEADER;
    this.paths.length = 0;
    if (this.#buffer.length > 16 * FIRST_BUFFER) this.#buffer = Buffer.allocUnsafeSlow(FIRST_BUFFER);
  }

  #operation(
    kind: OperationKind,
    path: string,
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): void {
    const relative = path.slice(this.#prefix.length);
    const name = Buffer.byteLength(relative);
    this.#room(OPERATION + name + length);
    const buffer = this.#buffer;
    let at = this.#size;
    buffer[at++] = kinds.indexOf(kind);
    at = buffer.writeUInt16LE(name, at);
    at += buffer.write(relative, at);
    at = buffer.writeUIntLE(position, at, NUMBER);
    at = buffer.writeUInt32LE(length, at);
    buffer.set(bytes.subarray(offset, offset + length), at);
    this.#size = at + length;
  }

  #room(bytes: number): void {
    const wanted = this.#size + bytes;
    if (wanted <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(wanted, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#size);
    this.#buffer = grown;
  }
}

function padded(size: number): number {
  return Math.ceil(size / SECTOR) * SECTOR;
}

/**
 * The whole entries of an area whose numbers rise, also behind bytes that are none: those are an entry that was not written to its end,
 * or a damaged one. Any bytes will do.
 */
export function readEntries(hash: HighwayHash, key: HashKey, area: Buffer): Entry[] {
  const entries: Entry[] = [];
  let at = 0;
  while (at + HEADER + HASH_SIZE <= area.length) {
    const entry = readEntry(hash, key, area, at);
    if (entry === null) {
      at += SECTOR;
      continue;
    }
    // What comes then is from the time before the area was used anew.
    if (entry.number <= (entries.at(-1)?.number ?? 0)) break;
    entries.push(entry);
    at += padded(area.readUInt32LE(at + 4));
  }
  return entries;
}

/** The entry at a position; null if there is no whole one. Any bytes will do. */
export function readEntry(hash: HighwayHash, key: HashKey, area: Buffer, at: number): Entry | null {
  if (at + HEADER + HASH_SIZE > area.length || area.readUInt32LE(at) !== MAGIC) return null;
  const length = area.readUInt32LE(at + 4);
  if (length < HEADER + HASH_SIZE || at + length > area.length) return null;
  const end = at + length - HASH_SIZE;
  if (!hash.matches(key, area, at, end, area, end)) return null;
  const operations: Operation[] = [];
  let next = at + HEADER;
  while (next < end) {
    const operation = readOperation(area, next, end);
    if (operation === null) return null;
    operations.push(operation);
    next += OPERATION + Buffer.byteLength(operation.path) + operation.bytes.length;
  }
  return {
    number: area.readUIntLE(at + 8, NUMBER),
    settled: area.readUIntLE(at + 14, NUMBER),
    operations,
  };
}

function readOperation(area: Buffer, at: number, end: number): Operation | null {
  if (at + OPERATION > end) return null;
  const kind = kinds[area[at]!];
  const name = area.readUInt16LE(at + 1);
  const after = at + 3 + name;
  if (kind === undefined || after + NUMBER + 4 > end) return null;
  const path = area.toString('utf8', at + 3, after);
  const position = area.readUIntLE(after, NUMBER);
  const length = area.readUInt32LE(after + NUMBER);
  const start = after + NUMBER + 4;
  if (start + length > end || Buffer.byteLength(path) !== name) return null;
  return { kind, path, position, bytes: area.subarray(start, start + length) };
}
