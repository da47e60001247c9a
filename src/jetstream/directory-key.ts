/**
 * The key of a stream's or a consumer's directory: `meta.key`, and what it seals there.
 *
 * A store that was plain, or sealed with another key or cipher, is changed over when it is opened. The seed in the key file stays: a new key
 * only seals it anew, so that each file of the directory can be replaced on its own, and a crash at any moment leaves files that
 * can all be opened. (With a new seed, those that were not replaced yet would be lost with the old one.)
 */
import { randomBytes } from 'node:crypto';
import type { Disk } from '../runtime/disk.js';
import { FileSealer, type KeyFile, keyEncryptionKey, openKeyFile } from './store/encryption.js';
import { type EncryptionOptions, StoreKeys } from './store/file-store-keys.js';
import { META_KEY_FILE } from './store/layout.js';
import { writeWhole } from './store/replace-file.js';
import { CorruptError } from './store/store-error.js';

/** What had to be changed about a directory when it was opened. */
export type KeyChange = 'none' | 'encrypt' | 'convert';

export interface DirectoryKeyOptions {
  disk: Disk;
  /** Null where nothing is encrypted. */
  encryption: EncryptionOptions | null;
  account: string;
  directory: string;
  /** See `streamContext` and `consumerContext`. */
  context: string;
}

export class DirectoryKey {
  readonly change: KeyChange;
  /** Null where nothing is encrypted. */
  readonly sealer: FileSealer | null;
  readonly #others: readonly FileSealer[];

  private constructor(key: KeyFile | null, change: KeyChange) {
    this.change = change;
    if (key === null) {
      this.sealer = null;
      this.#others = [];
      return;
    }
    this.sealer = new FileSealer(key.cipher, key.seed);
    this.#others = [new FileSealer(key.cipher === 'chacha' ? 'aes' : 'chacha', key.seed)];
  }

  /**
   * Opens a directory that is there. `stored`: it holds files already, which are plain where it has no key.
   *
   * @throws {Error} in the official words: it is encrypted and no key fits
   */
  static open(
    { disk, encryption, account, directory, context }: DirectoryKeyOptions,
    stored: boolean,
  ): DirectoryKey {
    const path = `${directory}/${META_KEY_FILE}`;
    const file = disk.status(path) === undefined ? null : disk.readFile(path);
    if (encryption === null) {
      if (file !== null && file.length > 0) throw new Error('encryption not enabled');
      return new DirectoryKey(null, 'none');
    }
    const keys = new StoreKeys(encryption, account);
    if (file === null) {
      const created = keys.create(context);
      writeWhole(disk, path, created.file);
      return new DirectoryKey(created, stored ? 'encrypt' : 'none');
    }
    const { key, outdated } = keys.find(context, file);
    if (!outdated) return new DirectoryKey(key, 'none');
    const { cipher, key: secret } = encryption;
    const kek = keyEncryptionKey(secret, account, context);
    const sealed = new FileSealer(cipher, kek, randomBytes).seal(key.seed);
    writeWhole(disk, path, sealed);
    return new DirectoryKey(openKeyFile(cipher, kek, sealed), 'convert');
  }

  /**
   * The content of a file in the directory, and whether it is sealed as files are today. `isPlain` knows content that never was sealed.
   *
   * @throws {CorruptError}
   */
  read(file: Uint8Array, isPlain: (content: Uint8Array) => boolean): { content: Buffer; current: boolean } {
    if (this.sealer === null) return { content: Buffer.from(file), current: true };
    try {
      return { content: this.sealer.open(file), current: true };
    } catch (error) {
      if (!(error instanceof CorruptError)) throw error;
      for (const other of this.#others) {
        try {
          return { content: other.open(file), current: false };
        } catch (problem) {
          if (!(problem instanceof CorruptError)) throw problem;
        }
      }
      if (isPlain(file)) return { content: Buffer.from(file), current: false };
      throw error;
    }
  }

  seal(content: Uint8Array): Buffer {
    return this.sealer === null ? Buffer.from(content) : this.sealer.seal(content);
  }
}
