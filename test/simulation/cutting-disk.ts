/**
 * A simulated disk whose power goes in the middle of a call: after so many changes that reach for it, in the middle of whatever the
 * server is at. From then on it answers nothing, and what the server says is no longer heard.
 */
import type {
  Disk,
  DiskEntry,
  DiskFile,
  DiskStatus,
  OpenMode,
  SyncCallback,
} from '../../src/runtime/disk.js';
import type { SimulatedDisk } from '../../src/sim/disk.js';

export class PowerLoss extends Error {
  readonly code = 'EIO';

  constructor() {
    super('the power is off');
  }
}

/** One boot's view of the disk. */
export class CuttingDisk implements Disk {
  readonly disk: SimulatedDisk;
  /** Changes until the power goes; Infinity for never. */
  fuse = Number.POSITIVE_INFINITY;
  off = false;
  /** It was the power that ended it. */
  lostPower = false;

  constructor(disk: SimulatedDisk) {
    this.disk = disk;
  }

  /** Now. */
  cut(): void {
    if (this.off) return;
    this.off = this.lostPower = true;
    this.disk.powerCut();
  }

  /** The process is gone, what it has written is there. */
  kill(): void {
    this.off = true;
    this.disk.crash();
  }

  check(): void {
    if (this.off) throw new PowerLoss();
  }

  /** A change is about to be made. */
  change(): void {
    this.check();
    if (--this.fuse > 0) return;
    this.cut();
    throw new PowerLoss();
  }

  open(path: string, mode: OpenMode): DiskFile {
    if (mode === 'create') this.change();
    else this.check();
    return new CuttingFile(this, this.disk.open(path, mode));
  }

  status(path: string): DiskStatus | undefined {
    this.check();
    return this.disk.status(path);
  }

  readFile(path: string): Buffer {
    this.check();
    return this.disk.readFile(path);
  }

  writeFile(path: string, bytes: Uint8Array): void {
    this.change();
    this.disk.writeFile(path, bytes);
  }

  rename(from: string, to: string): void {
    this.change();
    this.disk.rename(from, to);
  }

  remove(path: string): void {
    this.change();
    this.disk.remove(path);
  }

  removeTree(path: string): void {
    this.change();
    this.disk.removeTree(path);
  }

  makeDirectory(path: string): void {
    this.change();
    this.disk.makeDirectory(path);
  }

  list(path: string): DiskEntry[] {
    this.check();
    return this.disk.list(path);
  }

  syncDirectory(path: string, done: SyncCallback): void {
    this.change();
    this.disk.syncDirectory(path, done);
  }

  syncDirectoryNow(path: string): void {
    this.change();
    this.disk.syncDirectoryNow(path);
  }

  available(path: string): number {
    return this.disk.available(path);
  }

  bootId(): string {
    return this.disk.bootId();
  }
}

class CuttingFile implements DiskFile {
  readonly #disk: CuttingDisk;
  readonly #file: DiskFile;

  constructor(disk: CuttingDisk, file: DiskFile) {
    this.#disk = disk;
    this.#file = file;
  }

  get path(): string {
    return this.#file.path;
  }

  read(into: Uint8Array, offset: number, length: number, position: number): number {
    this.#disk.check();
    return this.#file.read(into, offset, length, position);
  }

  write(bytes: Uint8Array, offset: number, length: number, position: number): void {
    this.#disk.change();
    this.#file.write(bytes, offset, length, position);
  }

  size(): number {
    this.#disk.check();
    return this.#file.size();
  }

  truncate(size: number): void {
    this.#disk.change();
    this.#file.truncate(size);
  }

  sync(done: SyncCallback): void {
    this.#disk.change();
    this.#file.sync(done);
  }

  syncNow(): void {
    this.#disk.change();
    this.#file.syncNow();
  }

  close(): void {
    this.#file.close();
  }
}
