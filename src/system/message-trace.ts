/** What a message's trace looks like on the wire, and sending it. Loaded with the first message that is traced. */
import { gzipSync } from 'node:zlib';
import type { MessageTrace, TraceEvent } from '../broker/message-trace.js';
import { toUtf8 } from '../protocol/bytes.js';
import { goJson, localTime } from '../protocol/json.js';
import { crc32c } from '../runtime/crc32c.js';
import type { Sender } from './sender.js';

/** Publishes a trace in the account that it belongs to, compressed where the message's headers accept that. */
export function sendTrace(sender: Sender, trace: MessageTrace): void {
  const json = traceJson(sender.serverInfo(), trace);
  const { header, body } = encode(Buffer.from(json), trace.header('Accept-Encoding'));
  sender.broker.publisher.publishText(trace.account, trace.destination, '', header, body);
}

function traceJson(server: object, { headers, size, events }: MessageTrace): string {
  // Go writes maps in the order of their keys' bytes.
  const sorted = [...headers].sort(([a], [b]) => (a < b ? -1 : 1));
  const header = sorted.map(([name, values]) => `${text(name)}:[${values.map(text).join(',')}]`).join(',');
  const request = `{"header":{${header}},"msgsize":${size}}`;
  const json = `{"server":${goJson(server, 0)},"request":${request},"events":[${events.map(eventJson).join(',')}]}`;
  // What is no UTF-8 Go writes as an escape.
  return json.replaceAll('\ufffd', '\\ufffd');
}

/** Latin1 text as JSON. */
function text(latin1: string): string {
  return goJson(toUtf8(latin1), 0);
}

function eventJson(event: TraceEvent): string {
  return goJson({ ...event, ts: localTime(event.ts) }, 0);
}

interface Encoded {
  header: Buffer | null;
  body: Buffer;
}

/** Not a negotiation: the first of these that is named is taken. */
function encode(body: Buffer, accepted: string): Encoded {
  const names = accepted.toLowerCase();
  if (names === '') return { header: null, body };
  if (names.includes('snappy') || names.includes('s2')) return encoded('snappy', snappyStream(body));
  if (names.includes('gzip')) return encoded('gzip', gzipSync(body));
  return encoded('identity', body);
}

function encoded(name: string, body: Buffer): Encoded {
  return { header: Buffer.from(`NATS/1.0\r\nContent-Encoding: ${name}\r\n\r\n`), body };
}

const SNAPPY_IDENTIFIER = Buffer.from('\xff\x06\x00\x00sNaPpY', 'latin1');
const SNAPPY_PLAIN = 0x01;
const SNAPPY_CHUNK = 65_536;

/** Snappy's framing format, with plain chunks: a trace is too small to be worth more. */
function snappyStream(content: Buffer): Buffer {
  const pieces: Buffer[] = [SNAPPY_IDENTIFIER];
  for (let at = 0; at < content.length; at += SNAPPY_CHUNK) {
    const chunk = content.subarray(at, at + SNAPPY_CHUNK);
    const crc = crc32c(chunk, 0, chunk.length);
    const head = Buffer.alloc(8);
    head[0] = SNAPPY_PLAIN;
    head.writeUIntLE(chunk.length + 4, 1, 3);
    head.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0, 4);
    pieces.push(head, chunk);
  }
  return Buffer.concat(pieces);
}
