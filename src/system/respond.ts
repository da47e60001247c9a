/**
 * How requests are answered: options read, the servers meant compared, the answer in its envelope, an error in it, compressed where the
 * requester takes that.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { InternalMessage } from '../broker/internal-client.js';
import { goJson } from '../protocol/json.js';
import { type JsonType, readOneJson } from '../protocol/json-type.js';
import { headerValue } from './headers.js';
import type { Filter } from './request-options.js';
import type { Sender } from './sender.js';

/** An answer's way to say that there is to be none. */
export const SILENCE = Symbol('no answer');

/** JSON of an answer that is made piece by piece, with turns of the event loop for others between them. */
export class Pieces {
  readonly text: string | Iterable<string>;

  constructor(text: string | Iterable<string>) {
    this.text = text;
  }
}

/** Fails without `data` in the envelope; other errors show it as `null`. */
export class CommandError extends Error {}

const BAD_REQUEST = 400;
const FAILED = 500;

/**
 * The options of a request; null when it is not for this server, or cannot be read, of which the requester is told.
 */
export function readRequest<O extends Filter>(
  sender: Sender,
  { reply, payload }: InternalMessage,
  type: JsonType<O>,
): O | null {
  if (payload.length === 0) return type.zero();
  try {
    const options = readOneJson(type, payload);
    return isMeant(sender, options) ? options : null;
  } catch (error) {
    if (reply !== '') sendFailure(sender, reply, BAD_REQUEST, error, undefined);
    return null;
  }
}

/** Reads the options, has the answer made, and sends it. `answer` may throw: the text of the error is sent. */
export async function respond<O extends Filter>(
  sender: Sender,
  message: InternalMessage,
  type: JsonType<O>,
  answer: (options: O) => unknown,
): Promise<void> {
  const { reply, header } = message;
  if (reply === '') return;
  const options = readRequest(sender, message, type);
  if (options === null) return;
  let data: unknown;
  try {
    data = await answer(options);
  } catch (error) {
    sendFailure(sender, reply, FAILED, error, error instanceof CommandError ? undefined : null);
    return;
  }
  if (data === SILENCE) return;
  const text = await envelope(sender, data);
  const encoding = header === null ? 'none' : acceptedEncoding(header);
  if (encoding === 'none') sender.answerBytes(reply, Buffer.from(text));
  else await sendEncoded(sender, reply, text, encoding);
}

async function envelope(sender: Sender, data: unknown): Promise<string> {
  if (!(data instanceof Pieces)) return goJson({ server: sender.serverInfo(), data }, 0);
  let text = '';
  if (typeof data.text === 'string') {
    text = data.text;
  } else {
    for (const piece of data.text) {
      text += piece;
      await nextTurn();
    }
  }
  return `${goJson({ server: sender.serverInfo() }, 0).slice(0, -1)},"data":${text}}`;
}

function sendFailure(
  sender: Sender,
  reply: string,
  code: number,
  error: unknown,
  data: null | undefined,
): void {
  const description = textOf(error);
  sender.answer(reply, { server: sender.serverInfo(), data, error: { code, description } });
}

/** Why something could not be done, for people. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether a request is for this server, too. */
function isMeant({ broker }: Sender, filter: Filter): boolean {
  const { server_name: name, cluster, host, exact_match: exact, tags, domain } = filter;
  const fits = (wanted: string, own: string): boolean =>
    wanted === '' || (exact ? own === wanted : own.includes(wanted));
  return (
    fits(name, broker.serverName) &&
    fits(host, broker.address.host) &&
    // It is in no cluster.
    fits(cluster, '') &&
    (domain === '' || domain === broker.options.jetstream.domain) &&
    (tags ?? []).every((tag) => broker.options.serverTags.includes(tag))
  );
}

type Encoding = 'none' | 'gzip' | 'snappy' | 'identity';

/** Not a negotiation: what is named somewhere in the header is taken. */
function acceptedEncoding(header: Buffer): Encoding {
  const accepted = headerValue(header, 'Accept-Encoding').toLowerCase();
  if (accepted === '') return 'none';
  if (accepted.includes('snappy') || accepted.includes('s2')) return 'snappy';
  return accepted.includes('gzip') ? 'gzip' : 'identity';
}

async function sendEncoded(
  sender: Sender,
  reply: string,
  text: string,
  encoding: Exclude<Encoding, 'none'>,
): Promise<void> {
  const body = await encode(Buffer.from(text), encoding);
  sender.answerBytes(reply, body, Buffer.from(`NATS/1.0\r\nContent-Encoding: ${encoding}\r\n\r\n`));
}

/** What compresses is loaded when it is asked for. */
async function encode(body: Buffer, encoding: Encoding): Promise<Buffer> {
  if (encoding === 'gzip') return (await import('node:zlib')).gzipSync(body);
  return encoding === 'snappy' ? (await import('../runtime/s2.js')).compressSnappy(body) : body;
}
