/**
 * The trace of one message through the server: where it came in, where it was mapped to, which accounts it crossed, who got it or
 * why not. Collected while the message is delivered; what it becomes on the wire, and sending it, is the system room's.
 */
import { readText, toUtf8 } from '../protocol/bytes.js';
import { layOut, type PublishOperation } from '../protocol/client-parser.js';
import { quote } from '../protocol/errors.js';
import { isValidLiteral, isValidPattern } from '../subjects/subject.js';
import type { BrokerAccount } from './broker-account.js';
import type { ClientConnection } from './connection.js';
import type { Subscription } from './subscription.js';
import {
  mayAskForTrace,
  readTraceRequest,
  TRACE_DESTINATION,
  TRACE_DISABLED,
  type TraceRequest,
} from './trace-headers.js';

/** Why somebody did not get the message: official texts. */
export const notDelivered = {
  noEcho: 'Not delivered because of no echo',
  denied: 'Not delivered because subscription denies this subject',
  subscriptionClosed: 'Not delivered because subscription is closed',
  clientClosed: 'Not delivered because client is closed',
  maximum: 'Not delivered because auto-unsubscribe exceeded',
  slow: 'Not delivered because fast producer not stalled and consumer is slow',
} as const;

/** One thing that happened, with the names and the order of fields that it has on the wire. */
export type TraceEvent = {
  type: 'in' | 'sm' | 'se' | 'si' | 'js' | 'eg';
  /** Milliseconds since 1970. */
  ts: number;
} & Record<string, string | number | boolean | undefined>;

/** Of connections of clients, in the official server's numbering. */
const CLIENT = 0;

export class MessageTrace {
  /** In which it is published. */
  readonly account: BrokerAccount;
  readonly destination: string;
  /** The message goes to nobody, the trace tells who would have got it. */
  readonly only: boolean;
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** Bytes of the message, headers included. */
  readonly size: number;
  readonly events: TraceEvent[] = [];
  readonly #ingress: TraceEvent;
  readonly #now: () => number;
  readonly #sink: ((trace: MessageTrace) => void) | null;
  /** What is still to come: the delivery, and streams that store the message later. */
  #awaited = 1;

  constructor(from: ClientConnection, operation: PublishOperation, request: TraceRequest, goal: Goal) {
    const { clock, traceSink } = from.broker;
    this.#sink = traceSink;
    this.account = from.account;
    this.destination = goal.destination;
    this.only = goal.only;
    this.headers = request.headers;
    this.size = operation.size;
    this.#now = () => clock.now();
    this.#ingress = this.#add({
      type: 'in',
      kind: CLIENT,
      cid: from.cid,
      name: from.options.name || undefined,
      acc: from.account.name,
      subj: toUtf8(readText(operation.memory.bytes, operation.subjectStart, operation.subjectEnd)),
      error: undefined,
    });
  }

  /** The first of a header's values; empty when there is none. */
  header(name: string): string {
    return this.headers.get(name)?.[0] ?? '';
  }

  /** The server does not take the message; the reason is latin1 text, as all that follows. */
  refused(error: string): void {
    this.#ingress.error = toUtf8(error);
  }

  mapped(subject: string): void {
    this.#add({ type: 'sm', to: toUtf8(subject) });
  }

  /** The message goes to a client of another account that imports it; its subject there. */
  streamExport(to: BrokerAccount, subject: string): void {
    this.#add({ type: 'se', acc: to.name, to: toUtf8(subject) });
  }

  /** The message goes through an import into another account. */
  serviceImport(to: BrokerAccount, from: string, subject: string): void {
    this.#add({ type: 'si', acc: to.name, from: toUtf8(from), to: toUtf8(subject) });
  }

  /** A client gets the message, or does not for this reason. */
  egress(to: ClientConnection, sub: Subscription, error?: string): void {
    this.#add({
      type: 'eg',
      kind: CLIENT,
      cid: to.cid,
      name: to.options.name || undefined,
      acc: to.account.name === this.#ingress.acc ? undefined : to.account.name,
      sub: toUtf8(sub.subject),
      queue: sub.queue ? toUtf8(sub.queue) : undefined,
      error,
    });
  }

  /** The stream of this name takes the message; the trace waits for it. */
  jetStream(stream: string): StreamTrace {
    this.#awaited++;
    const event = this.#add({ type: 'js', stream });
    return {
      stored: (subject, noInterest) => {
        event.subject = toUtf8(subject) || undefined;
        event.nointerest = noInterest || undefined;
        event.ts = this.#now();
      },
      end: (error) => {
        event.error = error;
        this.end();
      },
    };
  }

  /** Nothing more comes: the trace is sent, unless a stream is still at work. */
  end(): void {
    if (--this.#awaited === 0) this.#sink?.(this);
  }

  #add(event: Omit<TraceEvent, 'ts'>): TraceEvent {
    // The type comes first and the time second.
    const { type, ...rest } = event;
    const timed = { type, ts: this.#now(), ...rest } as TraceEvent;
    this.events.push(timed);
    return timed;
  }
}

/** What a stream tells of a message. */
export interface StreamTrace {
  /** The subject under which it is stored. Without interest it is not kept. */
  stored(subject: string, noInterest: boolean): void;
  /** To be called once. */
  end(error?: string): void;
}

interface Goal {
  destination: string;
  only: boolean;
}

/** How a message whose headers may ask for a trace goes on. */
export interface TracedMessage {
  /** The message as it is to be delivered; null when it is not. */
  operation: PublishOperation | null;
  trace: MessageTrace | null;
}

/**
 * Looks at the headers and at what the client may do. Of a message that is too large maybe only the beginning is there, and it is
 * not delivered.
 */
export function beginTrace(
  from: ClientConnection,
  operation: PublishOperation,
  tooLarge = false,
): TracedMessage {
  const request = readTraceRequest(headerText(operation));
  if (request === null) return { operation, trace: null };
  const value = (name: string) => request.headers.get(name)?.[0] ?? '';
  const only = !request.external && /^(1|true|on)$/i.test(value('Nats-Trace-Only'));
  const untraced = { operation: only ? null : operation, trace: null };
  const origin = value('Nats-Trace-Origin-Account');
  if (origin !== '') {
    from.logError(
      `Message tracing disabled because of header "Nats-Trace-Origin-Account" with value=${quote(origin)}`,
    );
    return { operation: only || tooLarge ? null : withDestination(operation, TRACE_DISABLED), trace: null };
  }
  const destination = request.external
    ? externalDestination(from, operation, tooLarge)
    : value(TRACE_DESTINATION);
  if (typeof destination !== 'string') return { operation: destination, trace: null };
  if (!isValidPattern(destination) || !isValidLiteral(destination)) {
    from.logError(`Destination ${quote(destination)} is not valid, won't be able to trace events`);
    return untraced;
  }
  if (!mayTraceTo(from, destination)) {
    from.refusePublish(destination);
    return { operation: null, trace: null };
  }
  return { operation, trace: new MessageTrace(from, operation, request, { destination, only }) };
}

/** A message that is too large to be taken has a trace, too, if the bytes up to `end` ask for one. */
export function traceTooLarge(from: ClientConnection, operation: PublishOperation, end: number): void {
  const headerSize = Math.min(operation.headerSize, end - operation.payloadStart);
  if (headerSize <= 0) return;
  const part: PublishOperation = { ...operation, headerSize };
  const trace = mayAskForTrace(part) ? beginTrace(from, part, true).trace : null;
  trace?.refused('maximum payload exceeded');
  trace?.end();
}

/** Where the account has its traces sent; else the message as it goes on without one. */
function externalDestination(
  from: ClientConnection,
  operation: PublishOperation,
  tooLarge: boolean,
): string | PublishOperation {
  const { trace } = from.account;
  if (trace === null) return operation;
  // "At most" rather than "less", as officially.
  const sampled = trace.sampling >= 100 || from.broker.random.next() % 100 <= trace.sampling;
  if (tooLarge && !sampled) return operation;
  return sampled ? trace.destination : withDestination(operation, TRACE_DISABLED);
}

function mayTraceTo({ permissions, account }: ClientConnection, destination: string): boolean {
  if (/^(_GR_\.|\$GR\.)./.test(destination)) return false;
  if (destination.startsWith('$NRG.') && !account.isSystem) return false;
  return permissions === null || permissions.mayPublish(destination);
}

/** The message with another destination in its header. */
export function withDestination(operation: PublishOperation, destination: string): PublishOperation {
  const { memory, subjectStart, subjectEnd, replyStart, replyEnd, payloadStart, headerSize, size } =
    operation;
  const { bytes } = memory;
  const header = Buffer.from(withHeader(headerText(operation), TRACE_DESTINATION, destination), 'latin1');
  const payload = bytes.subarray(payloadStart + headerSize, payloadStart + size);
  const whole = Buffer.concat([header, payload]);
  const reply = replyStart === 0 ? '' : readText(bytes, replyStart, replyEnd);
  const sizes = `${header.length} ${whole.length}`;
  return layOut(readText(bytes, subjectStart, subjectEnd), reply, sizes, header.length, whole);
}

/** A header block in which the field has this value and no other. */
function withHeader(block: string, name: string, value: string): string {
  const lines = block.slice(0, -2).replace(new RegExp(`(?<=\\n)${name}:[^]*?\\r\\n`, 'g'), '');
  return `${lines}${name}: ${value}\r\n\r\n`;
}

function headerText({ memory, payloadStart, headerSize }: PublishOperation): string {
  return readText(memory.bytes, payloadStart, payloadStart + headerSize);
}
