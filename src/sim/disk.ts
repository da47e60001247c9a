/**
 * A disk in memory that fails as real ones do, by a seed. What was not synced may be lost at a power cut, may be there in part, or may
 * be there while something written before it is not; names come, go and change durably only with a sync of their directory. Changes of
 * the same name keep their order, and a rename is one step: no file system that is in use loses both names. Bits flip, syncs fail, space
 * runs out, when told so.
 *
 * A path is `/`-separated; every directory has to be made. Nothing here waits: asynchronous syncs end when `settle` is called, or
 * in a later turn of the event loop.
 */
import type { Disk, DiskEntry, DiskFile, DiskStatus, OpenMode, SyncCallback } from '../runtime/disk.js';
import {
  basename,
  type Contents,
  dirname,
  listed,
  namesOf,
  readContents,
} from '../runtime/disk-in-memory.js';
import type { Random } from '../runtime/random.js';

/** Contents of a file, shared by all names and handles. */
interface Content extends Contents {
  /** What would be there after a power cut if nothing else reached the device. */
  durable: Buffer;
  /** Changes since the last sync, in order; how many there were before them. */
  changes: Change[];
  synced: number;
}

/** A write, or a change of the size. */
type Change = { at: number; bytes: Buffer } | { size: number };

interface Directory {
  entries: Map<string, Node>;
  /** The names that survive a power cut. */
  durable: Map<string, Node>;
  /** Changes since the last sync, in order; how many there were before them. */
  changes: NameChange[];
  synced: number;
}

/** A name stands for something else now; for nothing where `node` is undefined. */
interface NameChange {
  name: string;
  node: Node | undefined;
  step: Step;
}

/** What becomes of what a sync was asked for. */
type SyncEnd = (failed: boolean) => void;

/** What the device does as a whole or not at all: one name, or both of a rename. */
interface Step {
  /** The device has it. */
  sure: boolean;
  /** What must have happened before: the last changes of the same names. */
  readonly after: Step[];
}

type Node = { file: Content } | { directory: Directory };

/** The unit in which a device writes: a torn write ends at a multiple of it. */
const SECTOR = 512;

export class DiskError extends Error {
  readonly code: string;

  constructor(code: string, path: string) {
    super(`${code}: ${path}`);
    this.code = code;
  }
}

export class SimulatedDisk implements Disk {
  /** Bytes that fit; beyond them writes fail with ENOSPC, after a part of them was written. */
  capacity = Number.POSITIVE_INFINITY;
  /** Syncs fail with EIO while it is true, and what they should have made durable stays in doubt. */
  failSyncs = false;
  /** Directories have to be synced for a new one to last, as with real disks; otherwise they do at once. */
  losesDirectories = false;
  /**
   * Linux's way with a file whose sync fails: what should have been written counts as written, is still there to be read, and is on no
   * device. The next sync has nothing to write and says that all is well.
   */
  dropsUnsynced = false;
  /** Writes fail with EIO while it is true. */
  failWrites = false;
  /** How often something was synced. */
  syncs = 0;
  readonly #random: Random;
  #root: Directory = newDirectory();
  /** Raised by a power cut: handles from before it are dead. */
  #boot = 0;
  #powerCuts = 0;
  readonly #pending: (() => void)[] = [];
  /** Whether syncs end by themselves, in a later turn of the event loop. */
  readonly #automatic: boolean;

  constructor(random: Random, automatic = true) {
    this.#random = random;
    this.#automatic = automatic;
  }

  // Disk

  open(path: string, mode: OpenMode): DiskFile {
    const { directory, name } = this.#parent(path);
    let node = directory.entries.get(name);
    if (node === undefined) {
      if (mode !== 'create') throw new DiskError('ENOENT', path);
      node = { file: { bytes: Buffer.alloc(0), size: 0, durable: Buffer.alloc(0), changes: [], synced: 0 } };
      changeName(directory, name, node);
    }
    if (!('file' in node)) throw new DiskError('EISDIR', path);
    return new SimulatedFile(this, path, node.file, this.#boot);
  }

  status(path: string): DiskStatus | undefined {
    const node = this.#find(path);
    if (node === undefined) return undefined;
    const directory = 'directory' in node;
    return { size: directory ? 0 : node.file.size, directory, modified: 0 };
  }

  readFile(path: string): Buffer {
    return Buffer.from(contentsOf(this.#file(path)));
  }

  writeFile(path: string, bytes: Uint8Array): void {
    const file = this.open(path, 'create');
    file.truncate(0);
    file.write(bytes, 0, bytes.length, 0);
  }

  rename(from: string, to: string): void {
    const source = this.#parent(from);
    const target = this.#parent(to);
    const node = source.directory.entries.get(source.name);
    if (node === undefined) throw new DiskError('ENOENT', from);
    const old = target.directory.entries.get(target.name);
    if (old && 'directory' in old && old.directory.entries.size > 0) throw new DiskError('ENOTEMPTY', to);
    const step = newStep();
    changeName(source.directory, source.name, undefined, step);
    changeName(target.directory, target.name, node, step);
  }

  remove(path: string): void {
    const parent = this.#find(dirname(path));
    const name = basename(path);
    if (parent && 'directory' in parent && parent.directory.entries.has(name))
      changeName(parent.directory, name, undefined);
  }

  removeTree(path: string): void {
    this.remove(path);
  }

  makeDirectory(path: string): void {
    let at = this.#root;
    for (const name of namesOf(path)) {
      let node = at.entries.get(name);
      if (node === undefined) {
        node = { directory: newDirectory() };
        changeName(at, name, node).sure = !this.losesDirectories;
      }
      if (!('directory' in node)) throw new DiskError('ENOTDIR', path);
      at = node.directory;
    }
  }

  list(path: string): DiskEntry[] {
    const node = this.#find(path);
    if (node === undefined || !('directory' in node)) throw new DiskError('ENOENT', path);
    return listed(node.directory.entries);
  }

  syncDirectory(path: string, done: SyncCallback): void {
    const node = this.#find(path);
    if (node === undefined || !('directory' in node)) throw new DiskError('ENOENT', path);
    const { directory } = node;
    const upTo = directory.synced + directory.changes.length;
    this.later(path, done, (failed) => {
      if (!failed) applyNames(directory, upTo);
    });
  }

  syncDirectoryNow(path: string): void {
    const node = this.#find(path);
    if (node === undefined || !('directory' in node)) throw new DiskError('ENOENT', path);
    const { directory } = node;
    this.syncNow(path, (failed) => {
      if (!failed) applyNames(directory, directory.synced + directory.changes.length);
    });
  }

  available(_path: string): number {
    return this.room(this.capacity);
  }

  bootId(): string {
    return `boot ${this.#powerCuts}`;
  }

  // What a test does

  /** Ends all syncs that were asked for. */
  settle(): void {
    for (const end of this.#pending.splice(0)) end();
  }

  /**
   * The power goes and comes back. Each change that was not synced is there, or not, or in part; directories are as they were synced, or
   * have some of the changes since. Handles are dead.
   */
  powerCut(): void {
    this.#boot++;
    this.#powerCuts++;
    this.#pending.length = 0;
    this.#decide();
    this.#root = this.#afterCut(this.#root);
  }

  /** The processes end, the disk does not notice: handles are dead, everything written is there. */
  crash(): void {
    this.#boot++;
    this.#pending.length = 0;
  }

  /** Flips one bit of a file. */
  flipBit(path: string, at: number, bit: number): void {
    const file = this.#file(path);
    if (at < file.size) file.bytes[at]! ^= 1 << bit;
    if (at < file.durable.length) file.durable[at]! ^= 1 << bit;
  }

  /** The whole tree as it is now; `restore` brings it back, all of it durable. */
  snapshot(): Map<string, Buffer | null> {
    const tree = new Map<string, Buffer | null>();
    const walk = (directory: Directory, path: string) => {
      for (const [name, node] of directory.entries) {
        const full = `${path}/${name}`;
        if ('file' in node) tree.set(full, Buffer.from(contentsOf(node.file)));
        else {
          tree.set(full, null);
          walk(node.directory, full);
        }
      }
    };
    walk(this.#root, '');
    return tree;
  }

  restore(tree: ReadonlyMap<string, Buffer | null>): void {
    this.crash();
    this.#root = newDirectory();
    for (const [path, content] of tree) {
      if (content === null) this.makeDirectory(path);
      else this.writeFile(path, content);
    }
    const settle = (directory: Directory) => {
      applyNames(directory, directory.synced + directory.changes.length);
      for (const node of directory.entries.values()) {
        if ('directory' in node) settle(node.directory);
        else makeDurable(node.file);
      }
    };
    settle(this.#root);
  }

  // For files

  /** Ends a sync later; `end` is told whether it failed, and does with what was there when it was asked for what is to be done then. */
  later(path: string, done: SyncCallback, end: SyncEnd): void {
    const boot = this.#boot;
    let over = false;
    const finish = () => {
      if (over || boot !== this.#boot) return;
      over = true;
      try {
        this.#end(path, end);
      } catch (error) {
        done(error as DiskError);
        return;
      }
      done(null);
    };
    this.#pending.push(finish);
    if (this.#automatic) setImmediate(finish);
  }

  /** Ends it in this call; throws where it fails. */
  syncNow(path: string, end: SyncEnd): void {
    this.#end(path, end);
  }

  #end(path: string, end: SyncEnd): void {
    this.syncs++;
    end(this.failSyncs);
    if (this.failSyncs) throw new DiskError('EIO', path);
  }

  /** How many of so many new bytes still fit. */
  room(bytes: number): number {
    if (this.capacity === Number.POSITIVE_INFINITY) return bytes;
    let used = 0;
    const walk = (directory: Directory) => {
      for (const node of directory.entries.values()) {
        if ('file' in node) used += node.file.size;
        else walk(node.directory);
      }
    };
    walk(this.#root);
    return Math.max(0, Math.min(bytes, this.capacity - used));
  }

  check(boot: number, path: string): void {
    if (boot !== this.#boot) throw new DiskError('EBADF', path);
  }

  // Inside

  /** Which of the changes of names that are not sure have reached the device. */
  #decide(): void {
    const steps: Step[] = [];
    const seen = new Set<Directory>();
    const visit = (directory: Directory) => {
      if (seen.has(directory)) return;
      seen.add(directory);
      const nodes = directory.changes.map(({ node }) => node);
      for (const node of [...directory.durable.values(), ...nodes])
        if (node !== undefined && 'directory' in node) visit(node.directory);
      for (const { step } of directory.changes) steps.push(step);
    };
    visit(this.#root);
    for (const step of steps) if (step.sure) makeSure(step);
    const asked = new Map<Step, boolean>();
    const happens = (step: Step): boolean => {
      let answer = step.sure || asked.get(step);
      if (answer === undefined) {
        answer = step.after.every(happens) && this.#random.next() % 2 === 0;
        asked.set(step, answer);
      }
      return answer;
    };
    for (const step of steps) if (happens(step)) step.sure = true;
  }

  #afterCut(directory: Directory): Directory {
    const { durable: entries } = directory;
    for (const { name, node, step } of directory.changes) if (step.sure) setName(entries, name, node);
    for (const [name, node] of entries) {
      if ('directory' in node) entries.set(name, { directory: this.#afterCut(node.directory) });
      else this.#cutFile(node.file);
    }
    return { entries, durable: new Map(entries), changes: [], synced: 0 };
  }

  #cutFile(file: Content): void {
    let bytes = Buffer.from(file.durable);
    // Some of what was written reached the device, in any order.
    const keep = this.#random.next() % 4;
    for (const change of file.changes) {
      const there = keep === 3 || (keep > 0 && this.#random.next() % 2 === 0);
      if (!there) continue;
      if ('size' in change) {
        bytes = resized(bytes, change.size);
        continue;
      }
      const torn = keep !== 3 && this.#random.next() % 2 === 0;
      const length = torn ? this.#tornLength(change.at, change.bytes.length) : change.bytes.length;
      if (change.at + length > bytes.length) bytes = resized(bytes, change.at + length);
      change.bytes.copy(bytes, change.at, 0, length);
    }
    file.bytes = bytes;
    file.size = bytes.length;
    makeDurable(file);
  }

  /** Up to the end of a sector. */
  #tornLength(at: number, length: number): number {
    const end = at + (this.#random.next() % (length + 1));
    const sector = Math.ceil(end / SECTOR) * SECTOR;
    return Math.min(Math.max(sector - at, 0), length);
  }

  #find(path: string): Node | undefined {
    let node: Node = { directory: this.#root };
    for (const name of namesOf(path)) {
      if (!('directory' in node)) return undefined;
      const next: Node | undefined = node.directory.entries.get(name);
      if (next === undefined) return undefined;
      node = next;
    }
    return node;
  }

  #file(path: string): Content {
    const node = this.#find(path);
    if (node === undefined) throw new DiskError('ENOENT', path);
    if (!('file' in node)) throw new DiskError('EISDIR', path);
    return node.file;
  }

  #parent(path: string): { directory: Directory; name: string } {
    const node = this.#find(dirname(path));
    if (node === undefined || !('directory' in node)) throw new DiskError('ENOENT', path);
    return { directory: node.directory, name: basename(path) };
  }
}

class SimulatedFile implements DiskFile {
  readonly path: string;
  readonly #disk: SimulatedDisk;
  readonly #content: Content;
  readonly #boot: number;

  constructor(disk: SimulatedDisk, path: string, content: Content, boot: number) {
    this.#disk = disk;
    this.path = path;
    this.#content = content;
    this.#boot = boot;
  }

  read(into: Uint8Array, offset: number, length: number, position: number): number {
    this.#disk.check(this.#boot, this.path);
    return readContents(this.#content, into, offset, length, position);
  }

  write(bytes: Uint8Array, offset: number, length: number, position: number): void {
    const disk = this.#disk;
    disk.check(this.#boot, this.path);
    if (disk.failWrites) throw new DiskError('EIO', this.path);
    if (length === 0) return;
    const grows = Math.max(0, position + length - this.#content.size);
    const fits = length - grows + disk.room(grows);
    this.#put(Buffer.from(bytes.subarray(offset, offset + fits)), position);
    if (fits < length) throw new DiskError('ENOSPC', this.path);
  }

  #put(bytes: Buffer, position: number): void {
    const content = this.#content;
    const end = position + bytes.length;
    if (end > content.bytes.length)
      content.bytes = resized(content.bytes, Math.max(end, content.bytes.length * 2));
    bytes.copy(content.bytes, position);
    content.size = Math.max(content.size, end);
    if (bytes.length > 0) content.changes.push({ at: position, bytes });
  }

  size(): number {
    return this.#content.size;
  }

  truncate(size: number): void {
    this.#disk.check(this.#boot, this.path);
    const content = this.#content;
    content.bytes = resized(content.bytes.subarray(0, content.size), size);
    content.size = size;
    content.changes.push({ size });
  }

  sync(done: SyncCallback): void {
    this.#disk.check(this.#boot, this.path);
    this.#disk.later(this.path, done, this.#syncEnd());
  }

  syncNow(): void {
    this.#disk.check(this.#boot, this.path);
    this.#disk.syncNow(this.path, this.#syncEnd());
  }

  #syncEnd(): SyncEnd {
    const content = this.#content;
    const upTo = content.synced + content.changes.length;
    return (failed) => {
      if (!failed) applyChanges(content, upTo);
      else if (this.#disk.dropsUnsynced) takeChanges(content, upTo);
    };
  }

  close(): void {}
}

function newDirectory(): Directory {
  return { entries: new Map(), durable: new Map(), changes: [], synced: 0 };
}

function newStep(): Step {
  return { sure: false, after: [] };
}

/** With the steps that it comes after. */
function makeSure(step: Step): void {
  step.sure = true;
  for (const before of step.after.splice(0)) makeSure(before);
}

function setName(names: Map<string, Node>, name: string, node: Node | undefined): void {
  if (node === undefined) names.delete(name);
  else names.set(name, node);
}

function changeName(
  { entries, changes }: Directory,
  name: string,
  node: Node | undefined,
  step = newStep(),
): Step {
  setName(entries, name, node);
  const before = changes.findLast((change) => change.name === name);
  if (before !== undefined && before.step !== step) step.after.push(before.step);
  changes.push({ name, node, step });
  return step;
}

/** Changes up to a number are on the device. */
function applyNames(directory: Directory, upTo: number): void {
  const count = Math.max(0, upTo - directory.synced);
  directory.synced += count;
  for (const { name, node, step } of directory.changes.splice(0, count)) {
    makeSure(step);
    setName(directory.durable, name, node);
  }
}

function contentsOf(file: Content): Buffer {
  return file.bytes.subarray(0, file.size);
}

function makeDurable(file: Content): void {
  file.durable = Buffer.from(contentsOf(file));
  file.synced += file.changes.length;
  file.changes = [];
}

/** Changes up to a number count as written from now on. Another sync may have done a part of them already. */
function takeChanges(file: Content, upTo: number): Change[] {
  const count = Math.max(0, upTo - file.synced);
  file.synced += count;
  return file.changes.splice(0, count);
}

/** Changes up to a number are on the device. */
function applyChanges(file: Content, upTo: number): void {
  for (const change of takeChanges(file, upTo)) {
    if ('size' in change) {
      file.durable = resized(file.durable, change.size);
      continue;
    }
    const end = change.at + change.bytes.length;
    if (end > file.durable.length) file.durable = resized(file.durable, end);
    change.bytes.copy(file.durable, change.at);
  }
}

function resized(bytes: Buffer, size: number): Buffer<ArrayBuffer> {
  const result = Buffer.alloc(size);
  bytes.copy(result, 0, 0, Math.min(size, bytes.length));
  return result;
}
