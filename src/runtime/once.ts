/** Values that are made when they are first asked for, so that a start does not wait for what it may not need. */
export function once<T>(make: () => T): () => T {
  let made: { value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
