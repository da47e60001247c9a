/** The header block of a message, `NATS/1.0`, as names and values (client protocol, section 7; ADR-4). */
import { fromUtf8, toUtf8 } from '../protocol/bytes.js';

const VERSION = 'NATS/1.0';
/** A colon would end the name, a line break the line. */
const BAD_NAME = /[\r\n:]|^\s|\s$|^$/;
const BAD_VALUE = /[\r\n]/;

/** Names as they are to be sent, case included; several values make several lines. */
export type HeadersInit = Readonly<Record<string, string | readonly string[]>>;

export interface ParsedHeaders {
  /** Of the first line, such as 503 for "no responders"; 0 when there is none. */
  status: number;
  /** The text behind the status; empty without one. */
  description: string;
  /** Names with case as sent; values in order. */
  headers: ReadonlyMap<string, readonly string[]>;
}

/** The bytes of a header block. Throws for names and values that would break its lines. */
export function encodeHeaders(init: HeadersInit): Buffer {
  let text = `${VERSION}\r\n`;
  for (const [name, values] of Object.entries(init)) {
    if (BAD_NAME.test(name)) throw new Error(`invalid header name ${JSON.stringify(name)}`);
    for (const value of typeof values === 'string' ? [values] : values) {
      if (BAD_VALUE.test(value)) throw new Error(`invalid value of header ${JSON.stringify(name)}`);
      text += `${name}: ${value}\r\n`;
    }
  }
  return Buffer.from(fromUtf8(`${text}\r\n`), 'latin1');
}

/** Reads what any client may have sent: lines without a colon are passed over. */
export function parseHeaders(block: Uint8Array): ParsedHeaders {
  const [first = '', ...lines] = toUtf8(Buffer.from(block).toString('latin1')).split('\r\n');
  const headers = new Map<string, string[]>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const name = line.slice(0, colon).trim();
    const value = line.slice(colon + 1).trim();
    const values = headers.get(name);
    if (values === undefined) headers.set(name, [value]);
    else values.push(value);
  }
  const status = /^NATS\/\d+\.\d+\s+(\d{3})(?:\s+(.*))?$/.exec(first);
  return { status: Number(status?.[1] ?? 0), description: status?.[2]?.trim() ?? '', headers };
}
