/** Long lists as JSON in pieces, so that a page of ten thousand connections does not hold up the event loop. */
import { goJson } from './go-json.js';

/** Entries that are made into text at a time: about a millisecond's worth. */
const PIECE = 100;

/**
 * The JSON of `head` with a list as its last field. `show` is called when an entry's piece is asked for. The list must not
 * be empty. `indent` is 2, or 0 for all on one line.
 */
export function jsonWithList<T>(
  head: object,
  field: string,
  entries: readonly T[],
  show: (entry: T) => object,
  indent: 0 | 2 = 2,
): string | Iterable<string> {
  if (entries.length <= PIECE) return goJson({ ...head, [field]: entries.map(show) }, indent);
  return pieces(head, field, entries, show, indent);
}

function* pieces<T>(
  head: object,
  field: string,
  entries: readonly T[],
  show: (entry: T) => object,
  indent: 0 | 2,
): Generator<string> {
  const start = indent === 0 ? `"${field}":[` : `\n  "${field}": [`;
  const end = indent === 0 ? ']}' : '\n  ]\n}';
  yield `${goJson(head, indent).slice(0, indent === 0 ? -1 : -2)},${start}`;
  for (let at = 0; at < entries.length; at += PIECE) {
    // Written as a list of its own, which gives the right indentation, and taken out of its frame.
    const text = goJson({ [field]: entries.slice(at, at + PIECE).map(show) }, indent);
    yield (at === 0 ? '' : ',') + text.slice(1 + start.length, -end.length);
  }
  yield end;
}
