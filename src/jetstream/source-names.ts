/**
 * Names by which streams that copy from each other know each other: what a source is called in headers and in `sources.db`, the consumer
 * that a copying stream has at its origin, the identity of a stream, and the header `Nats-Stream-Source` of what was copied.
 */
import { fromUtf8 } from '../protocol/bytes.js';
import { nanosecondsToTime, timeToNanoseconds } from '../protocol/rfc3339.js';
import { shortHash } from './store/layout.js';
import type { StreamSource } from './stream-config.js';

export const SOURCE_HEADER = 'Nats-Stream-Source';
export const IDENTITY_HEADER = 'Nats-Stream-Identity';

/** What joins the filters of a source that has several. */
const LIST_SEPARATOR = '\f';

/**
 * What tells one source of a stream from another, latin1: `<stream>[:<hash of the API's prefix>][:C=<hash of the consumer>] <filters>
 * <destinations>`.
 */
export function indexName(source: StreamSource): string {
  const { name, external, consumer, filter_subject: filter, subject_transforms: transforms } = source;
  let origin = name;
  if (external !== undefined) origin += `:${shortHash(external.api)}`;
  if (consumer !== undefined) origin += `:C=${shortHash(consumer.name)}`;
  const pairs = transforms?.length
    ? transforms.map(({ src, dest }) => [src || '>', dest || '>'])
    : [[filter || '>', '>']];
  const part = (at: 0 | 1) => pairs.map((pair) => pair[at]).join(LIST_SEPARATOR);
  return fromUtf8(`${origin} ${part(0)} ${part(1)}`);
}

/** The consumer of a mirror at its origin, without what stands before it. */
export function mirrorConsumerHash(stream: string, account: string, domain: string): string {
  return shortHash(domain === '' ? `${stream} ${account}` : `${stream} ${account} ${domain}`);
}

/** The same for a source: streams that are copied more than once need more to be told apart. */
export function sourceConsumerHash(
  stream: string,
  account: string,
  domain: string,
  source: StreamSource,
  all: readonly StreamSource[],
): string {
  const id = mirrorConsumerHash(stream, account, domain);
  const several = all.filter(({ name }) => name === source.name).length > 1;
  return shortHash(several ? `${id} ${Buffer.from(indexName(source), 'latin1').toString('utf8')}` : id);
}

/** Changes when a stream is deleted and created anew. `created` is RFC 3339. */
export function streamIdentity(created: string): string {
  return shortHash(nanosecondsToTime(timeToNanoseconds(created)));
}

/** Where a copied message comes from. */
export interface SourceMark {
  /** Origin with its hashes: the first word of its index name. */
  origin: string;
  /** The sequence there. */
  sequence: number;
  /** '' in headers of servers before 2.10. */
  indexName: string;
  /** '' where it is not known. */
  identity: string;
}

/** The value of the header; `subject` is that of the message at its origin. All latin1. */
export function writeSourceMark(index: string, sequence: number, subject: string, identity: string): string {
  const [origin, filters, destinations] = index.split(' ');
  const value = `${origin} ${sequence} ${filters} ${destinations} ${subject}`;
  return identity === '' ? value : `${value} ${identity}`;
}

/** Null for what no server has written. */
export function readSourceMark(value: string): SourceMark | null {
  if (value.startsWith('$JS.ACK.')) return readAckMark(value);
  const [origin = '', digits = '', filters, destinations, , identity = ''] = value.split(' ');
  const sequence = wholeNumber(digits);
  if (sequence === -1) return null;
  if (filters === undefined) return { origin, sequence, indexName: '', identity: '' };
  if (destinations === undefined) return null;
  return { origin, sequence, indexName: `${origin} ${filters} ${destinations}`, identity };
}

/** The oldest form: the subject that an ack would have gone to. */
function readAckMark(subject: string): SourceMark | null {
  const tokens = subject.split('.');
  const at = tokens.length === 9 ? 2 : tokens.length >= 11 ? 4 : 0;
  if (at === 0) return null;
  const sequence = wholeNumber(tokens[at + 3]!);
  return sequence === -1 ? null : { origin: tokens[at]!, sequence, indexName: '', identity: '' };
}

function wholeNumber(digits: string): number {
  return /^[0-9]{1,16}$/.test(digits) ? Number(digits) : -1;
}

/** What a delivered message says of itself by the subject of its ack. Null for other subjects. */
export interface Delivery {
  consumer: string;
  deliveries: number;
  sequence: number;
  consumerSequence: number;
  /** When it was stored at the origin, nanoseconds. */
  time: bigint;
  /** Messages that are still to come. */
  pending: number;
}

export function readDelivery(reply: string): Delivery | null {
  const tokens = reply.split('.');
  if (tokens[0] !== '$JS' || tokens[1] !== 'ACK') return null;
  const at = tokens.length === 9 ? 3 : tokens.length >= 11 ? 5 : 0;
  if (at === 0) return null;
  const [deliveries, sequence, consumerSequence] = [at + 1, at + 2, at + 3].map((i) =>
    wholeNumber(tokens[i]!),
  );
  const time = tokens[at + 4]!;
  if (deliveries === -1 || sequence === -1 || consumerSequence === -1 || !/^-?[0-9]{1,19}$/.test(time))
    return null;
  return {
    consumer: tokens[at]!,
    deliveries: deliveries!,
    sequence: sequence!,
    consumerSequence: consumerSequence!,
    time: BigInt(time),
    pending: Math.max(0, wholeNumber(tokens[at + 5]!)),
  };
}
