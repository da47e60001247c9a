/**
 * The header block of a message as JetStream reads and changes it. Names are case-sensitive here, as officially. Blocks are small,
 * so they are looked at as latin1 text.
 */

const VERSION_LINE = 'NATS/1.0\r\n';
const CR = 13;
const LF = 10;

/** Text of a block, for the functions below; '' without headers. */
export function headerText(header: Uint8Array | null): string {
  if (header === null) return '';
  return Buffer.from(header.buffer, header.byteOffset, header.byteLength).toString('latin1');
}

/** The first value of a name with white space around it taken away; undefined when the name is not there. */
export function headerValue(text: string, name: string): string | undefined {
  for (let at = text.indexOf(name); at !== -1; at = text.indexOf(name, at + 1)) {
    const colon = at + name.length;
    if (at < 2 || text[at - 1] !== '\n' || text[at - 2] !== '\r' || text[colon] !== ':') continue;
    const end = text.indexOf('\r', colon);
    return text.slice(colon + 1, end === -1 ? text.length : end).trim();
  }
  return undefined;
}

/**
 * The same for a block that lies from `start` to before `end`, where there are very many: gives the place of the value to `found`, from and
 * to. False when the name (as bytes, with its colon) is not there.
 */
export function findHeader(
  bytes: Uint8Array,
  start: number,
  end: number,
  name: Uint8Array,
  found: { start: number; end: number },
): boolean {
  for (let at = start + 2; at + name.length <= end; at++) {
    if (bytes[at - 1] !== LF || bytes[at - 2] !== CR) continue;
    let same = 0;
    while (same < name.length && bytes[at + same] === name[same]) same++;
    if (same < name.length) continue;
    let from = at + name.length;
    let to = from;
    while (to < end && bytes[to] !== CR) to++;
    while (from < to && isSpace(bytes[from]!)) from++;
    while (to > from && isSpace(bytes[to - 1]!)) to--;
    found.start = from;
    found.end = to;
    return true;
  }
  return false;
}

/** What `trim` takes away, of latin1. */
function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d) || byte === 0xa0;
}

/** The block without the lines of a name; '' when no header is left. */
export function withoutHeader(text: string, name: string): string {
  if (!text.includes(`\r\n${name}:`)) return text;
  const lines = text.split('\r\n').filter((line, at) => at === 0 || !line.startsWith(`${name}:`));
  // What is left of a block without headers: the version, the end of the last line, the end of the block.
  return lines.length <= 3 ? '' : lines.join('\r\n');
}

/** The block without the lines whose names begin so; '' when no header is left. */
export function withoutHeaders(text: string, prefix: string): string {
  if (!text.includes(`\r\n${prefix}`)) return text;
  const lines = text.split('\r\n').filter((line, at) => at === 0 || !line.startsWith(prefix));
  return lines.length <= 3 ? '' : lines.join('\r\n');
}

/** The block with one more line; what is there stays. */
export function withHeader(text: string, name: string, value: string): string {
  const begin = text === '' ? VERSION_LINE : text.slice(0, -2);
  return `${begin}${name}: ${value}\r\n\r\n`;
}

/** The block with a line in the place of those that the name has had. */
export function withHeaderSet(text: string, name: string, value: string): string {
  return withHeader(withoutHeader(text, name), name, value);
}

/** The same, but a line that is there keeps its place; further ones of the name stay. */
export function withHeaderInPlace(text: string, name: string, value: string): string {
  const at = text.indexOf(`\r\n${name}:`);
  if (at === -1) return withHeader(text, name, value);
  const end = text.indexOf('\r\n', at + 2);
  return `${text.slice(0, at + 2)}${name}: ${value}${text.slice(end)}`;
}

/** A block of one or more headers. */
export function headerBlock(headers: Readonly<Record<string, string | number>>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${VERSION_LINE}${lines.join('')}\r\n`;
}

/** A block that is a status and nothing else, or a few headers with it. */
export function statusBlock(
  status: number,
  description = '',
  headers: Readonly<Record<string, string | number>> = {},
): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `NATS/1.0 ${status}${description === '' ? '' : ` ${description}`}\r\n${lines.join('')}\r\n`;
}

export function headerBytes(text: string): Buffer | null {
  return text === '' ? null : Buffer.from(text, 'latin1');
}
