/** Typed arrays that grow. */

/** A longer array of the same type, with what was in this one at its beginning. */
export function lengthened<T extends Uint8Array | Uint16Array | Int32Array | Uint32Array | Float64Array>(
  array: T,
  length: number,
): T {
  const longer = new (array.constructor as new (length: number) => T)(length);
  longer.set(array);
  return longer;
}
