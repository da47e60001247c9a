/**
 * The file of the journal: two copies of a header, a sector each, then two areas that are written in turn. It is made full of zeros, so
 * that writing an entry changes nothing about the file but the entry: such a sync costs half of one that makes a file longer.
 *
 *     header: magic u32 | version u32 | key of the hash, 32 bytes | id of the boot, 64 bytes | HighwayHash-64
 */
import { randomBytes } from 'node:crypto';
import type { Disk, DiskFile } from '../../runtime/disk.js';
import { HASH_SIZE, type HashKey, type HighwayHash, hashKey, keyOf } from '../../runtime/highway-hash.js';
import { SECTOR } from './journal-entry.js';

export const JOURNAL_FILE = 'weft.journal';
export const HEADERS = 2 * SECTOR;

const MAGIC = 0x4e4a_5457;
const VERSION = 1;
const KEY_SIZE = 32;
const BOOT_SIZE = 64;
const SIZE = 8 + KEY_SIZE + BOOT_SIZE;
const HEADER_KEY = hashKey('journal');
/** The space that has to be there is so many times that of the journal. */
const SPACE = 8;
/** Written at once while the file is made. */
const CHUNK = 1024 * 1024;

export interface JournalHeader {
  key: HashKey;
  /** See `Disk.bootId`; '' where that is not known. */
  boot: string;
}

export function writeHeaders(hash: HighwayHash, boot: string): { bytes: Buffer; header: JournalHeader } {
  const key = randomBytes(KEY_SIZE);
  const sector = Buffer.alloc(SECTOR);
  sector.writeUInt32LE(MAGIC, 0);
  sector.writeUInt32LE(VERSION, 4);
  key.copy(sector, 8);
  sector.write(boot.slice(0, BOOT_SIZE), 8 + KEY_SIZE, 'latin1');
  hash.hash(HEADER_KEY, sector, 0, SIZE, sector, SIZE);
  return { bytes: Buffer.concat([sector, sector]), header: { key: keyOf(key), boot } };
}

/** Null when neither copy can be read. Throws for a version that is not known. */
export function readHeader(hash: HighwayHash, file: Buffer): JournalHeader | null {
  for (const at of [0, SECTOR]) {
    if (file.length < at + SIZE + HASH_SIZE || file.readUInt32LE(at) !== MAGIC) continue;
    if (!hash.matches(HEADER_KEY, file, at, at + SIZE, file, at + SIZE)) continue;
    const version = file.readUInt32LE(at + 4);
    if (version !== VERSION) throw new Error(`version ${version} of ${JOURNAL_FILE} is not known`);
    const boot = file.toString('latin1', at + 8 + KEY_SIZE, at + SIZE).replace(/\0+$/, '');
    return { key: keyOf(file.subarray(at + 8, at + 8 + KEY_SIZE)), boot };
  }
  return null;
}

export interface JournalFileOptions {
  disk: Disk;
  hash: HighwayHash;
  directory: string;
  /** Bytes of one area. */
  areaSize: number;
  defer(callback: () => void): void;
  /** Whether the file is still wanted. */
  wanted(): boolean;
}

/** Makes the file without holding anybody up; it has its name when it is on the device. */
export function makeJournalFile(
  { disk, hash, directory, areaSize, defer, wanted }: JournalFileOptions,
  done: (error: Error | null, file: DiskFile | null, header: JournalHeader | null) => void,
): void {
  const path = `${directory}/${JOURNAL_FILE}`;
  const size = HEADERS + 2 * areaSize;
  const { bytes, header } = writeHeaders(hash, disk.bootId());
  const zeros = Buffer.alloc(Math.min(CHUNK, size));
  let file: DiskFile | null = null;
  const fail = (error: unknown) => {
    file?.close();
    try {
      disk.remove(`${path}.tmp`);
    } catch {
      // The next start removes it.
    }
    done(error as Error, null, null);
  };
  const guarded = (step: () => void) => {
    try {
      if (!wanted()) throw new Error('it is not wanted any more');
      step();
    } catch (error) {
      fail(error);
    }
  };
  const fill = (at: number) =>
    guarded(() => {
      if (at < size) {
        file!.write(zeros, 0, Math.min(zeros.length, size - at), at);
        defer(() => fill(at + zeros.length));
        return;
      }
      file!.write(bytes, 0, bytes.length, 0);
      file!.sync((error) => (error === null ? guarded(give) : fail(error)));
    });
  const give = () => {
    disk.rename(`${path}.tmp`, path);
    disk.syncDirectory(directory, (error) =>
      error === null ? guarded(() => done(null, reopened(), header)) : fail(error),
    );
  };
  const reopened = () => {
    file!.close();
    return disk.open(path, 'write');
  };
  guarded(() => {
    // Messages come first.
    if (disk.available(directory) < SPACE * size) throw new Error('there is too little space for it');
    disk.remove(`${path}.tmp`);
    file = disk.open(`${path}.tmp`, 'create');
    defer(() => fill(0));
  });
}
