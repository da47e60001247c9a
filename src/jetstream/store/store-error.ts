/** The error of the store's decoders: bytes that are not what they should be. Nothing else is thrown for input, whatever it is. */
export class CorruptError extends Error {
  override readonly name = 'CorruptError';
}
