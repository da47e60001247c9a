/**
 * The keys of an encrypted stream: `meta.key` for its own files, `N.key` for each block. A store that was written with another key
 * or cipher, or without any, is converted when it is opened.
 */
import type { Disk } from '../../runtime/disk.js';
import {
  blockContext,
  type CipherName,
  createKeyFile,
  FileSealer,
  type KeyFile,
  keyEncryptionKey,
  openKeyFile,
  type RandomBytes,
} from './encryption.js';
import { StoreError } from './message-store.js';
import { writeWhole } from './replace-file.js';
import { CorruptError } from './store-error.js';

export interface EncryptionOptions {
  cipher: CipherName;
  key: string;
  /** What the store may still be encrypted with. */
  previousKey?: string;
}

/** A key that was found, and whether it has to be replaced by one of today. */
export interface FoundKey {
  key: KeyFile;
  outdated: boolean;
}

export class StoreKeys {
  readonly #options: EncryptionOptions;
  readonly #account: string;
  readonly #random: RandomBytes | undefined;

  constructor(options: EncryptionOptions, account: string, random?: RandomBytes) {
    this.#options = options;
    this.#account = account;
    this.#random = random;
  }

  /** A new key with its file. */
  create(context: string): KeyFile & { file: Buffer } {
    const { cipher, key } = this.#options;
    return createKeyFile(cipher, keyEncryptionKey(key, this.#account, context), this.#random);
  }

  /**
   * Tries what is configured, in the official order.
   *
   * @throws {StoreError} none fits
   */
  find(context: string, file: Uint8Array): FoundKey {
    const { cipher, key, previousKey } = this.#options;
    const other = cipher === 'chacha' ? 'aes' : 'chacha';
    const candidates: [CipherName, string | undefined][] = [
      [cipher, key],
      [other, key],
      [cipher, previousKey],
      [other, previousKey],
    ];
    for (const [name, secret] of candidates) {
      if (secret === undefined || secret === '') continue;
      try {
        const found = openKeyFile(name, keyEncryptionKey(secret, this.#account, context), file);
        return { key: found, outdated: name !== cipher || secret !== key };
      } catch (error) {
        if (!(error instanceof CorruptError)) throw error;
      }
    }
    throw new StoreError('disk', 'unable to recover keys');
  }

  /** The sealer of the files beside a key file, which is made or made anew where that is needed. */
  sealer(disk: Disk, path: string, context: string): { sealer: FileSealer; found: FoundKey } {
    let found: FoundKey;
    if (disk.status(path) === undefined) {
      const created = this.create(context);
      writeWhole(disk, path, created.file);
      found = { key: created, outdated: false };
    } else {
      found = this.find(context, disk.readFile(path));
    }
    return { sealer: this.sealerOf(found.key), found };
  }

  sealerOf(key: KeyFile): FileSealer {
    return new FileSealer(key.cipher, key.seed, this.#random);
  }

  blockContext(stream: string, number: number): string {
    return blockContext(stream, number);
  }
}
