/**
 * A disk that is memory: nothing of it outlives the object, and a sync has nothing to wait for. For servers whose streams are to behave as
 * if they were in files, limits and sizes included, without any file.
 */
import type { Disk, DiskEntry, DiskFile, DiskStatus, OpenMode, SyncCallback } from './disk.js';
import { basename, type Contents, dirname, listed, namesOf, readContents } from './disk-in-memory.js';

/** With zeros behind them. */
type Content = Contents;
type Directory = Map<string, Node>;
type Node = { file: Content } | { directory: Directory };

const texts = {
  ENOENT: 'no such file or directory',
  EISDIR: 'illegal operation on a directory',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
} as const;

/** As Node says it. */
function failure(code: keyof typeof texts, path: string): Error {
  return Object.assign(new Error(`${code}: ${texts[code]}, '${path}'`), { code });
}

export class MemoryDisk implements Disk {
  readonly #root: Directory = new Map();
  /** Where directories were found, until one of them goes or gets another name. */
  readonly #known = new Map<string, Directory>();

  open(path: string, mode: OpenMode): DiskFile {
    const { directory, name } = this.#parent(path);
    let node = directory.get(name);
    if (node === undefined) {
      if (mode !== 'create') throw failure('ENOENT', path);
      node = { file: { bytes: Buffer.alloc(0), size: 0 } };
      directory.set(name, node);
    }
    if (!('file' in node)) throw failure('EISDIR', path);
    return new MemoryFile(path, node.file);
  }

  status(path: string): DiskStatus | undefined {
    const node = this.#find(path);
    if (node === undefined) return undefined;
    const directory = 'directory' in node;
    return { size: directory ? 0 : node.file.size, directory, modified: 0 };
  }

  readFile(path: string): Buffer {
    const { bytes, size } = this.#file(path);
    return Buffer.from(bytes.subarray(0, size));
  }

  writeFile(path: string, bytes: Uint8Array): void {
    const { directory, name } = this.#parent(path);
    const node = directory.get(name);
    if (node !== undefined && !('file' in node)) throw failure('EISDIR', path);
    const content = { bytes: Buffer.from(bytes), size: bytes.length };
    if (node === undefined) directory.set(name, { file: content });
    else Object.assign(node.file, content);
  }

  rename(from: string, to: string): void {
    const source = this.#parent(from);
    const target = this.#parent(to);
    const node = source.directory.get(source.name);
    if (node === undefined) throw failure('ENOENT', from);
    const old = target.directory.get(target.name);
    if (old !== undefined && 'directory' in old && old.directory.size > 0) throw failure('ENOTEMPTY', to);
    if ('directory' in node) this.#known.clear();
    source.directory.delete(source.name);
    target.directory.set(target.name, node);
  }

  remove(path: string): void {
    const node = this.#find(path);
    if (node === undefined) return;
    if ('directory' in node) throw failure('EISDIR', path);
    this.removeTree(path);
  }

  removeTree(path: string): void {
    const parent = this.#find(dirname(path));
    if (parent === undefined || !('directory' in parent)) return;
    const name = basename(path);
    const node = parent.directory.get(name);
    if (node !== undefined && 'directory' in node) this.#known.clear();
    parent.directory.delete(name);
  }

  makeDirectory(path: string): void {
    let at = this.#root;
    for (const name of namesOf(path)) {
      let node = at.get(name);
      if (node === undefined) {
        node = { directory: new Map() };
        at.set(name, node);
      }
      if (!('directory' in node)) throw failure('ENOTDIR', path);
      at = node.directory;
    }
  }

  list(path: string): DiskEntry[] {
    return listed(this.#directory(path));
  }

  syncDirectory(path: string, done: SyncCallback): void {
    this.#directory(path);
    queueMicrotask(() => done(null));
  }

  syncDirectoryNow(path: string): void {
    this.#directory(path);
  }

  available(): number {
    return Number.POSITIVE_INFINITY;
  }

  /** It starts once. */
  bootId(): string {
    return 'memory';
  }

  #find(path: string): Node | undefined {
    if (path === '' || path === '/') return { directory: this.#root };
    const parent = dirname(path);
    let directory = this.#known.get(parent);
    if (directory === undefined) {
      const above = this.#find(parent);
      if (above === undefined || !('directory' in above)) return undefined;
      directory = above.directory;
      this.#known.set(parent, directory);
    }
    return directory.get(basename(path));
  }

  #file(path: string): Content {
    const node = this.#find(path);
    if (node === undefined) throw failure('ENOENT', path);
    if (!('file' in node)) throw failure('EISDIR', path);
    return node.file;
  }

  #directory(path: string): Directory {
    const node = this.#find(path);
    if (node === undefined) throw failure('ENOENT', path);
    if (!('directory' in node)) throw failure('ENOTDIR', path);
    return node.directory;
  }

  #parent(path: string): { directory: Directory; name: string } {
    return { directory: this.#directory(dirname(path)), name: basename(path) };
  }
}

class MemoryFile implements DiskFile {
  readonly path: string;
  readonly #content: Content;

  constructor(path: string, content: Content) {
    this.path = path;
    this.#content = content;
  }

  read(into: Uint8Array, offset: number, length: number, position: number): number {
    return readContents(this.#content, into, offset, length, position);
  }

  write(bytes: Uint8Array, offset: number, length: number, position: number): void {
    if (length === 0) return;
    const content = this.#content;
    const end = position + length;
    if (end > content.bytes.length) {
      const larger = Buffer.alloc(Math.max(end, content.bytes.length * 2));
      content.bytes.copy(larger, 0, 0, content.size);
      content.bytes = larger;
    }
    content.bytes.set(bytes.subarray(offset, offset + length), position);
    content.size = Math.max(content.size, end);
  }

  size(): number {
    return this.#content.size;
  }

  truncate(size: number): void {
    const content = this.#content;
    if (size > content.bytes.length) this.write(new Uint8Array(1), 0, 1, size - 1);
    else if (size < content.size) content.bytes.fill(0, size, content.size);
    content.size = size;
  }

  sync(done: SyncCallback): void {
    queueMicrotask(() => done(null));
  }

  syncNow(): void {}

  close(): void {}
}
