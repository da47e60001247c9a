/** The files of test/vectors, read from where the sources are. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(fileURLToPath(import.meta.url), '..', '..', '..', '..');

export const storeVectors = join(root, 'test', 'vectors', 'store');

export function readVector<T>(name: string): T {
  return JSON.parse(readFileSync(join(storeVectors, name), 'utf8')) as T;
}

export interface Primitives {
  highwayhash64: { key_hex: string; cases: { len: number; hash_hex: string }[] };
  named_keys: { name: string; key_hex: string; hash_of_hello_hex: string }[];
  s2_blocks: { name: string; block_hex: string; decoded_len: number; decoded_sha256: string }[];
  s2_streams: { name: string; stream_hex: string; decoded_len: number; decoded_sha256: string }[];
  sequence_sets: { encoded_hex: string; inserted_in_order: number[] }[];
  encryption_keys_of_enc_vectors: {
    cipher: 'chacha' | 'aes';
    master_key: string;
    account: string;
    context: string;
    key_file: string;
    key_file_hex: string;
    kek_hex: string;
    nonce_hex: string;
    seed_hex: string;
    block_keystream_first_48_hex?: string;
  }[];
}

export function primitives(): Primitives {
  return readVector('primitives.json');
}
