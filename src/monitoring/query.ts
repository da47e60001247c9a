/** Parameters of a request, read as Go reads them, with its texts for what cannot be read. */
import { goQuote } from '../config/go-format.js';

/** A request that is answered with 400 and this text. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
}

const trueWords = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const falseWords = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

const INT64_MAX = 2n ** 63n - 1n;
const UINT64_MAX = 2n ** 64n - 1n;

export class Query {
  readonly #values = new Map<string, string>();

  /** `raw` is what follows the `?`. Pairs that are not well-formed are left out, and of several values the first counts. */
  constructor(raw: string) {
    for (const pair of raw.split('&')) {
      if (pair === '' || pair.includes(';')) continue;
      const equals = pair.indexOf('=');
      const key = unescapeText(equals === -1 ? pair : pair.slice(0, equals));
      const value = equals === -1 ? '' : unescapeText(pair.slice(equals + 1));
      if (key === null || value === null || this.#values.has(key)) continue;
      this.#values.set(key, value);
    }
  }

  /** Empty when it is not there. */
  text(name: string): string {
    return this.#values.get(name) ?? '';
  }

  bool(name: string): boolean {
    const text = this.text(name);
    if (text === '' || falseWords.has(text)) return false;
    if (trueWords.has(text)) return true;
    throw new RequestError(
      `Error decoding boolean for '${name}': strconv.ParseBool: parsing ${goQuote(text)}: invalid syntax`,
    );
  }

  int(name: string): number {
    const text = this.text(name);
    if (text === '') return 0;
    const failed = (why: string) =>
      new RequestError(`Error decoding int for '${name}': strconv.Atoi: parsing ${goQuote(text)}: ${why}`);
    if (!/^[-+]?[0-9]+$/.test(text)) throw failed('invalid syntax');
    const value = BigInt(text.replace(/^\+/, ''));
    if (value > INT64_MAX || value < -INT64_MAX - 1n) throw failed('value out of range');
    return Number(value);
  }

  uint64(name: string): number {
    const text = this.text(name);
    if (text === '') return 0;
    const failed = (why: string) =>
      new RequestError(
        `Error decoding uint64 for '${name}': strconv.ParseUint: parsing ${goQuote(text)}: ${why}`,
      );
    if (!/^[0-9]+$/.test(text)) throw failed('invalid syntax');
    const value = BigInt(text);
    if (value > UINT64_MAX) throw failed('value out of range');
    return Number(value);
  }

  /** `subs`: a boolean, or `detail`. */
  subscriptions(): { subscriptions: boolean; subscriptionsDetail: boolean } {
    const subscriptionsDetail = this.text('subs').toLowerCase() === 'detail';
    return { subscriptions: !subscriptionsDetail && this.bool('subs'), subscriptionsDetail };
  }
}

/** Undoes `+` and `%XX`; null when an escape is broken. */
function unescapeText(text: string): string | null {
  if (!/[%+]/.test(text)) return text;
  if (/%(?![0-9a-fA-F]{2})/.test(text)) return null;
  const bytes = text
    .replaceAll('+', ' ')
    .replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
