/**
 * The API of one account: requests on `$JS.API.>` go to the function that answers them. An unknown subject gets no answer, as officially.
 * Where the server has a domain, accounts map `$JS.<domain>.API.>` to that.
 */
import type { ClientConnection } from '../../broker/connection.js';
import type { InternalMessage } from '../../broker/internal-client.js';
import { messageOf } from '../../broker/publisher.js';
import { toUtf8 } from '../../protocol/bytes.js';
import type { PublishOperation } from '../../protocol/client-parser.js';
import type { AccountJetStream } from '../account-jetstream.js';
import { DirectHeader, directGet, directGetLast } from '../direct-get.js';
import { ApiError } from '../errors.js';
import { needsHigherLevel } from '../levels.js';
import type { SteppedWork } from '../slices.js';
import type { Stream } from '../stream.js';
import { accountInfo } from './account.js';
import { restoreStream, snapshotStream } from './backup.js';
import { clusterOnly } from './cluster.js';
import {
  consumerInfo,
  consumerNames,
  createConsumer,
  deleteConsumer,
  listConsumers,
  pauseConsumer,
  unpinConsumer,
} from './consumers.js';
import { deleteMessage, getMessage } from './messages.js';
import { ApiRequest, type Fields } from './request.js';
import {
  createStream,
  deleteStream,
  listStreams,
  purgeStream,
  streamInfo,
  streamNames,
  updateStream,
} from './streams.js';

/** How a family of requests is answered. */
export interface Endpoint {
  /** Last part of the answer's type. */
  type: string;
  /** What an answer with an error has beside it. */
  zeros?: Fields;
  /** It only asks: others go first where many wait. */
  asks?: boolean;
  /** Nothing else is looked at where there is no cluster. */
  forCluster?: boolean;
  /** What takes long and can be done in steps beforehand; null where nothing is. `handle` gets it when it is over. */
  prepare?(request: ApiRequest): SteppedWork | null;
  handle(request: ApiRequest, prepared: SteppedWork | null): void;
}

/** Behind `$JS.API.`; `*` is one token. */
const endpoints: Record<string, Endpoint> = {
  INFO: accountInfo,
  'STREAM.CREATE.*': createStream,
  'STREAM.UPDATE.*': updateStream,
  'STREAM.NAMES': streamNames,
  'STREAM.LIST': listStreams,
  'STREAM.INFO.*': streamInfo,
  'STREAM.DELETE.*': deleteStream,
  'STREAM.PURGE.*': purgeStream,
  'STREAM.SNAPSHOT.*': snapshotStream,
  'STREAM.RESTORE.*': restoreStream,
  'STREAM.MSG.GET.*': getMessage,
  'STREAM.MSG.DELETE.*': deleteMessage,
  'STREAM.LEADER.STEPDOWN.*': clusterOnly('stream_leader_stepdown_response'),
  'STREAM.PEER.REMOVE.*': clusterOnly('stream_remove_peer_response'),
  'STREAM.PEER.EVACUATE.*': clusterOnly('stream_evacuate_peer_response'),
  'STREAM.CANCEL_MOVE.*': clusterOnly('stream_cancel_move_response'),
  'CONSUMER.LEADER.STEPDOWN.*.*': clusterOnly('consumer_leader_stepdown_response'),
  'CONSUMER.PEER.REMOVE.*.*': clusterOnly('consumer_remove_peer_response'),
  'CONSUMER.PEER.EVACUATE.*.*': clusterOnly('consumer_evacuate_peer_response'),
  'CONSUMER.CREATE.*': createConsumer,
  'CONSUMER.CREATE.*.>': createConsumer,
  'CONSUMER.DURABLE.CREATE.*.*': createConsumer,
  'CONSUMER.NAMES.*': consumerNames,
  'CONSUMER.LIST.*': listConsumers,
  'CONSUMER.INFO.*.*': consumerInfo,
  'CONSUMER.DELETE.*.*': deleteConsumer,
  'CONSUMER.PAUSE.*.*': pauseConsumer,
  'CONSUMER.UNPIN.*.*': unpinConsumer,
};

export const API_PREFIX = '$JS.API.';

const DIRECT_GET = `${API_PREFIX}DIRECT.GET.`;

export class Api {
  readonly #account: AccountJetStream;
  readonly #header = new DirectHeader();
  #closed = false;

  constructor(account: AccountJetStream) {
    this.#account = account;
  }

  open(): void {
    this.#account.client.subscribeRaw('$JS.API.>', (subject, operation, from) =>
      this.#receive(subject, operation, from),
    );
  }

  /** Requests that wait are not answered any more. */
  close(): void {
    this.#closed = true;
    this.#account.client.close();
  }

  #receive(subject: string, operation: PublishOperation, from: ClientConnection | null): boolean {
    const quick = operation.size === 0 && operation.replyStart !== 0 && operation.trace === null;
    if (quick && subject.startsWith(DIRECT_GET)) {
      const dot = subject.indexOf('.', DIRECT_GET.length);
      const stream = dot === -1 ? undefined : this.#directGetStream(subject, dot);
      if (stream !== undefined && directGetLast(stream, subject.slice(dot + 1), operation, this.#header))
        return true;
    }
    return this.#dispatch(messageOf(subject, operation, from));
  }

  #directGetStream(subject: string, end: number): Stream | undefined {
    return this.#account.directGetStream(toUtf8(subject.slice(DIRECT_GET.length, end)));
  }

  /** False for what consumers answer themselves: where there is none of that name, there is no responder. */
  #dispatch(message: InternalMessage): boolean {
    if (message.subject.startsWith(DIRECT_GET)) return this.#directGet(message);
    const tokens = message.subject.split('.').slice(2);
    if (tokens[0] === 'DIRECT' || (tokens[0] === 'CONSUMER' && tokens[1] === 'MSG')) return false;
    const endpoint = findEndpoint(tokens);
    if (endpoint === undefined) return true;
    const request = new ApiRequest(this.#account, message, tokens);
    this.#account.jetstream.requests.add(
      { handle: () => this.#handle(request, endpoint) },
      endpoint.asks ? 'infos' : 'changes',
    );
    return true;
  }

  #handle(request: ApiRequest, endpoint: Endpoint, prepared: SteppedWork | null = null): void {
    if (this.#closed) return;
    try {
      if (!endpoint.forCluster && needsHigherLevel(request.message.header))
        throw new ApiError('requiredApiLevel');
      const steps = prepared === null ? (endpoint.prepare?.(request) ?? null) : null;
      if (steps !== null) {
        this.#account.jetstream.slices.add(() => this.#prepare(steps, request, endpoint));
        return;
      }
      endpoint.handle(request, prepared);
    } catch (error) {
      if (error instanceof ApiError) request.answerError(endpoint.type, error, endpoint.zeros);
      else this.#logFault(request, error);
    }
  }

  #prepare(steps: SteppedWork, request: ApiRequest, endpoint: Endpoint): boolean {
    try {
      if (!this.#closed && !steps.step()) return false;
    } catch {
      // Whoever handles the request meets it again.
    }
    this.#handle(request, endpoint, steps);
    return true;
  }

  /** A request that waited has nobody above it who would do this. */
  #logFault({ message: { subject } }: ApiRequest, error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#account.jetstream.log.error(`Request on ${JSON.stringify(toUtf8(subject))} failed: ${text}`);
  }

  /** Where no stream answers there is no responder. */
  #directGet(message: InternalMessage): boolean {
    const { subject } = message;
    const dot = subject.indexOf('.', DIRECT_GET.length);
    const stream = this.#directGetStream(subject, dot === -1 ? subject.length : dot);
    if (stream === undefined) return false;
    directGet(stream, message, dot === -1 ? null : subject.slice(dot + 1), this.#header);
    return true;
  }
}

/** By the number of tokens; those that end in `>` come last. */
const patterns = Object.entries(endpoints).map(([pattern, endpoint]) => ({
  tokens: pattern.split('.'),
  endpoint,
}));

export function findEndpoint(tokens: readonly string[]): Endpoint | undefined {
  return patterns.find(({ tokens: pattern }) => matches(tokens, pattern))?.endpoint;
}

function matches(tokens: readonly string[], pattern: readonly string[]): boolean {
  const open = pattern.at(-1) === '>';
  if (open ? tokens.length < pattern.length : tokens.length !== pattern.length) return false;
  const fixed = open ? pattern.slice(0, -1) : pattern;
  return fixed.every((each, at) => each === '*' || each === tokens[at]);
}
