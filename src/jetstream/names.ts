/** Names of streams and consumers, and lengths that the JetStream API allows. */

export const MAX_NAME_LENGTH = 255;
export const MAX_DESCRIPTION_LENGTH = 4 * 1024;
/** All keys and values together, in bytes. */
export const MAX_METADATA_LENGTH = 128 * 1024;

export const SECOND = 1_000_000_000;
export const MILLISECOND = 1_000_000;

/** Whether a name can be a token of a subject and a folder. */
export function isValidAssetName(name: string): boolean {
  return name !== '' && !/[ \t\r\n\f.*>\\/]/.test(name);
}

export function metadataLength(metadata: Readonly<Record<string, string>> | undefined): number {
  let length = 0;
  for (const [key, value] of Object.entries(metadata ?? {}))
    length += Buffer.byteLength(key) + Buffer.byteLength(value);
  return length;
}
