/**
 * Classes of characters as Go's `unicode` package has them. The configuration language is defined by them, down to a
 * non-breaking space between a key and its value.
 */

/** End of the text, and also the NUL character: the language does not tell them apart. */
export const endOfText = 0;

export const newline = 0x0a;

/** Space, tab, all kinds of line ends, and the spaces of Unicode. */
export function isSpace(rune: number): boolean {
  if (rune < 0x80) return rune === 0x20 || (rune >= 0x09 && rune <= 0x0d);
  return (
    rune === 0x85 ||
    rune === 0xa0 ||
    rune === 0x1680 ||
    (rune >= 0x2000 && rune <= 0x200a) ||
    rune === 0x2028 ||
    rune === 0x2029 ||
    rune === 0x202f ||
    rune === 0x205f ||
    rune === 0x3000
  );
}

/** Space and tab only. */
export function isBlank(rune: number): boolean {
  return rune === 0x20 || rune === 0x09;
}

export function isLineEnd(rune: number): boolean {
  return rune === newline || rune === 0x0d;
}

export function isDigit(rune: number): boolean {
  if (rune < 0x80) return rune >= 0x30 && rune <= 0x39;
  return /^\p{Nd}$/u.test(String.fromCodePoint(rune));
}

/** `=` and `:`. */
export function isKeySeparator(rune: number): boolean {
  return rune === 0x3d || rune === 0x3a;
}

/** The first letter of a size: k, m, g, t, p, e in any case. */
export function isSizeSuffix(rune: number): boolean {
  return rune < 0x80 && rune !== 0 && 'kmgtpe'.includes(String.fromCharCode(rune | 0x20)) && rune > 0x40;
}

/** What an error text shows of a character. */
export function shown(rune: number): string {
  return rune === newline ? '\\n' : String.fromCodePoint(rune);
}

/** The character at a byte of a text that has one char per byte (UTF-8), and how many bytes it takes. */
export function decodeRune(bytes: string, at: number): { rune: number; width: number } {
  const first = bytes.charCodeAt(at);
  if (first < 0x80) return { rune: first, width: 1 };
  const width = first >= 0xf0 && first < 0xf5 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1;
  if (width > 1 && first < 0xf5) {
    const text = Buffer.from(bytes.slice(at, at + width), 'latin1').toString('utf8');
    const rune = text.codePointAt(0)!;
    if (rune !== 0xfffd || bytes.startsWith('\xef\xbf\xbd', at)) return { rune, width };
  }
  return { rune: 0xfffd, width: 1 };
}

/** Characters of UTF-8 bytes that are held one per char. */
export function fromBytes(bytes: string): string {
  return /[\x80-\xff]/.test(bytes) ? Buffer.from(bytes, 'latin1').toString('utf8') : bytes;
}

/** UTF-8 bytes of a text, one per char. */
export function toBytes(text: string): string {
  return /[^\x00-\x7f]/.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}
