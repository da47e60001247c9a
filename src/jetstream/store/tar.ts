/**
 * The format of backups before 2.15: the files of a stream as a tar with PAX headers. It is only read.
 *
 * A file has a header of 512 bytes and its content, padded to a multiple of 512; two blocks of zeros are the end.
 */
import { ByteQueue } from './byte-queue.js';
import { CorruptError } from './store-error.js';

const BLOCK = 512;
/** A PAX header, or the long name that other tools write. */
const MAX_EXTENSION = 1 << 20;
const DEFAULT_FILE_LIMIT = 256 * 1024 * 1024;

export interface TarFile {
  /** With slashes, relative, without `.` and `..`. */
  name: string;
  content: Buffer;
}

interface Header {
  name: string;
  size: number;
  type: string;
}

/** Reads a tar that comes in pieces. Holds one file at most, and no more of it than has come. Directories are left out. */
export class TarReader {
  readonly #queue = new ByteQueue();
  readonly #fileLimit: number;
  #header: Header | null = null;
  /** From an extended header, for the file behind it. */
  #longName: string | null = null;
  #longSize: number | null = null;
  #ended = false;

  constructor(fileLimit = DEFAULT_FILE_LIMIT) {
    this.#fileLimit = fileLimit;
  }

  /**
   * Takes the next bytes, which must not be changed afterwards, and yields the files that are complete. What comes after the end of
   * the tar is ignored.
   *
   * @throws {CorruptError} also for anything that is no plain file, and for names that lead elsewhere
   */
  *push(piece: Uint8Array): Generator<TarFile, void, void> {
    if (this.#ended) return;
    this.#queue.push(piece);
    while (!this.#ended) {
      if (this.#header === null) {
        if (this.#queue.length < BLOCK) return;
        this.#header = this.#readHeader(this.#queue.take(BLOCK));
        if (this.#header === null) continue;
      }
      const padded = Math.ceil(this.#header.size / BLOCK) * BLOCK;
      if (this.#queue.length < padded) return;
      const content = this.#queue.take(padded).subarray(0, this.#header.size);
      const file = this.#complete(this.#header, content);
      this.#header = null;
      if (file !== null) yield file;
    }
  }

  /** @throws {CorruptError} the tar is not complete */
  end(): void {
    const between = this.#header === null && this.#queue.length === 0 && this.#longName === null;
    if (!this.#ended && !between) throw new CorruptError('unexpected EOF');
  }

  /** Null at the end. */
  #readHeader(block: Buffer): Header | null {
    if (block.every((byte) => byte === 0)) {
      this.#ended = true;
      return null;
    }
    let sum = 0;
    for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 32 : block[i]!;
    if (sum !== octal(block, 148, 8)) throw new CorruptError('archive/tar: invalid tar header');
    const type = block[156] === 0 ? '0' : String.fromCharCode(block[156]!);
    const extension = type === 'x' || type === 'g' || type === 'L';
    const prefix = text(block, 257, 5) === 'ustar' ? text(block, 345, 155) : '';
    const name = prefix === '' ? text(block, 0, 100) : `${prefix}/${text(block, 0, 100)}`;
    let size = octal(block, 124, 12);
    if (!extension) {
      size = this.#longSize ?? size;
      this.#longSize = null;
    }
    if (size > (extension ? MAX_EXTENSION : this.#fileLimit)) throw new CorruptError(`file of ${size} bytes`);
    return { name, size, type };
  }

  #complete({ name, type }: Header, content: Buffer): TarFile | null {
    if (type === 'g') return null;
    if (type === 'L') {
      this.#longName = text(content, 0, content.length);
      return null;
    }
    if (type === 'x') {
      this.#readExtension(content);
      return null;
    }
    const path = this.#longName ?? name;
    this.#longName = null;
    if (type === '5') return null;
    if (type !== '0' || !isInside(path)) throw new CorruptError(`unexpected content: ${path}`);
    return { name: path, content };
  }

  /** Lines of the form `<length of the line> <key>=<value>`. */
  #readExtension(content: Buffer): void {
    for (let at = 0; at < content.length; ) {
      const space = content.indexOf(0x20, at);
      const length = space === -1 ? Number.NaN : Number(content.toString('latin1', at, space));
      if (!Number.isInteger(length) || length <= space - at + 1 || at + length > content.length) {
        throw new CorruptError('archive/tar: invalid tar header');
      }
      const line = content.toString('utf8', space + 1, at + length - 1);
      const equals = line.indexOf('=');
      const value = line.slice(equals + 1);
      if (line.slice(0, equals) === 'path') this.#longName = value;
      if (line.slice(0, equals) === 'size') {
        if (!/^[0-9]{1,15}$/.test(value)) throw new CorruptError('archive/tar: invalid tar header');
        this.#longSize = Number(value);
      }
      at += length;
    }
  }
}

function text(block: Buffer, at: number, length: number): string {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end === -1 ? field.length : end);
}

function octal(block: Buffer, at: number, length: number): number {
  const digits = text(block, at, length).trim();
  if (!/^[0-7]*$/.test(digits)) throw new CorruptError('archive/tar: invalid tar header');
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}

function isInside(path: string): boolean {
  return (
    !/[\\\0]/.test(path) && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  );
}
