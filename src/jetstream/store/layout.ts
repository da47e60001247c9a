/**
 * Names of directories and files below a store directory. Account, stream and consumer names are used as they are, so they must
 * have been checked (`isPathName`) before any of these.
 */
import { createHash } from 'node:crypto';

/** Always appended to the configured `store_dir`. */
export const JETSTREAM_DIR = 'jetstream';

/** In the directory of an account. */
export const STREAMS_DIR = 'streams';
/** Staging of restores from old archives, in the directory of an account; removed at start. */
export const SNAPSHOTS_DIR = '__snapshots__';

/** In the directory of a stream. */
export const MESSAGES_DIR = 'msgs';
export const CONSUMERS_DIR = 'obs';
export const BATCHES_DIR = 'batches';
/** What a purge is about to take away, and what takes its place. */
export const PURGED_DIR = '__msgs__';
export const NEW_MESSAGES_DIR = '__new_msgs__';
export const META_FILE = 'meta.inf';
export const META_SUM_FILE = 'meta.sum';
export const META_KEY_FILE = 'meta.key';
export const SOURCES_FILE = 'sources.db';

/** In the directory of messages. */
export const INDEX_FILE = 'index.db';
export const EXPIRIES_FILE = 'thw.db';
export const SCHEDULES_FILE = 'sched.db';

/** In the directory of a consumer, beside the meta files. */
export const CONSUMER_STATE_FILE = 'o.dat';

/** Files of versions before 2.10, deleted at start. */
export const OBSOLETE_SUFFIXES = ['.idx', '.fss'];

const MAX_BLOCK = 0xffff_ffff;

export function blockFile(index: number): string {
  return `${index}.blk`;
}

export function blockKeyFile(index: number): string {
  return `${index}.key`;
}

/** The number of a block or of a block's key file; -1 for another name. */
export function blockIndex(file: string, suffix: '.blk' | '.key' = '.blk'): number {
  if (!file.endsWith(suffix)) return -1;
  const digits = file.slice(0, -suffix.length);
  if (!/^(0|[1-9][0-9]{0,9})$/.test(digits)) return -1;
  return Number(digits) <= MAX_BLOCK ? Number(digits) : -1;
}

/** The directory that a stream gets while it is deleted. Any directory whose name begins like this is removed at start. */
export function deletedStream(stream: string): string {
  return `.${stream}`;
}

/** Whether a name can be that of a directory, and of none but its own. */
export function isPathName(name: string): boolean {
  return (
    name !== '' && name !== '.' && name !== '..' && !/[/\\\0]/.test(name) && Buffer.byteLength(name) <= 255
  );
}

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Eight characters that stand for a text (as UTF-8): directories of batches, parts of sources' names. */
export function shortHash(text: string): string {
  const digest = createHash('sha256').update(text, 'utf8').digest();
  return Array.from(digest.subarray(0, 8), (byte) => ALPHABET[byte % 62]).join('');
}
