/**
 * Services of other accounts: what is published on an import's subject goes on into the exporting account, with a reply subject of
 * its own there, by which the answers come back (system services, section 3).
 */
import type { ImportOptions, LatencyOptions } from '../config/options.js';
import { endsWith, readText } from '../protocol/bytes.js';
import type { PublishOperation } from '../protocol/client-parser.js';
import { hasWildcard } from '../subjects/subject.js';
import { placeholdersToWildcards, SubjectTransform, wildcardsToPlaceholders } from '../subjects/transform.js';
import type { Broker } from './broker.js';
import type { BrokerAccount } from './broker-account.js';
import type { ClientConnection } from './connection.js';
import { CrossingMessage } from './crossing-message.js';
import type { Delivery } from './delivery-plan.js';
import { type MessageTrace, withDestination } from './message-trace.js';
import { type RequestInfo, requestInfo } from './request-info.js';
import {
  AwaitedReplies,
  type Measured,
  NameSource,
  type PassResponse,
  PendingResponses,
  Response,
  type ResponseEnd,
  ResponseTable,
} from './responses.js';
import type { ServiceExport } from './service-exports.js';
import { Passage } from './subscription.js';
import { TRACE_DISABLED } from './trace-headers.js';

const JETSTREAM_ACK = '$JS.ACK.';
const TELLING = Buffer.from('.$FI');

export class ServiceImport {
  readonly options: ImportOptions;
  readonly importer: BrokerAccount;
  readonly exporter: BrokerAccount;
  readonly export: ServiceExport;
  /** Subject in the importing account, wildcards for placeholders. */
  readonly subject: string;
  /** Subject in the exporting account. */
  readonly target: string;
  readonly #transform: SubjectTransform | null = null;

  /** The options have been validated. */
  constructor(
    options: ImportOptions,
    importer: BrokerAccount,
    exporter: BrokerAccount,
    source: ServiceExport,
  ) {
    this.options = options;
    this.importer = importer;
    this.exporter = exporter;
    this.export = source;
    this.target = options.subject;
    const local = options.to || options.subject;
    this.subject = placeholdersToWildcards(local).pattern;
    if (hasWildcard(this.target) && local !== this.target) {
      // Made the other way round, as placeholders stand in the local subject.
      const back = SubjectTransform.create(this.target, wildcardsToPlaceholders(local), { strict: true });
      this.#transform = back.reverse();
    }
  }

  get share(): boolean {
    return this.options.share;
  }

  /** A subject of the importing account as the exporting one has it. */
  targetOf(subject: string): string {
    if (this.#transform !== null) return this.#transform.transform(subject);
    return hasWildcard(this.target) ? subject : this.target;
  }
}

/** A service import in the interest of its account. */
export class ServicePassage extends Passage {
  readonly service: ServiceImport;
  readonly #passages: ServicePassages;

  constructor(service: ServiceImport, sid: number, passages: ServicePassages) {
    super(service.subject, sid);
    this.service = service;
    this.#passages = passages;
  }

  override subjectFor(subject: string): string {
    return this.service.targetOf(subject);
  }

  override pass(
    delivery: Delivery,
    operation: PublishOperation,
    from: ClientConnection | null,
    subject: string,
  ): boolean {
    return this.#passages.request(this.service, delivery, operation, from, subject);
  }
}

/** How a message came into the account it is in. */
export interface Crossing {
  readonly service: ServiceImport;
  /** Null for answers and for what rooms inside the server ask. */
  readonly requestor: RequestInfo | null;
  /** The crossing before this one. */
  readonly outer: Crossing | null;
}

/** Measures services; loaded where an export asks for it. */
export interface LatencyProbe {
  /** Whether to measure this request, and the headers that asked for it. */
  sample(latency: LatencyOptions, operation: PublishOperation): { header: Measured['header'] } | null;
  /** The first answer comes. */
  answered(response: Response, responder: ClientConnection | null): void;
  failed(response: Response, reason: ResponseEnd): void;
  /** A request came without a reply subject. */
  badRequest(service: ServiceImport, requestor: ClientConnection | null, header: Measured['header']): void;
  /** Stands behind the reply subjects of requests that are measured. */
  readonly replySuffix: string;
}

export class ServicePassages {
  latency: LatencyProbe | null = null;
  readonly #broker: Broker;
  /** Null until a request asks for an answer. */
  #names: NameSource | null = null;
  /** Messages under way, one inside the other. */
  readonly #messages: CrossingMessage[] = [];
  #depth = 0;
  readonly #now: () => number;

  constructor(broker: Broker) {
    this.#broker = broker;
    this.#now = () => broker.clock.monotonic();
  }

  /** Takes a message that was published on the subject through an import; true when somebody got it. */
  request(
    service: ServiceImport,
    delivery: Delivery,
    operation: PublishOperation,
    from: ClientConnection | null,
    subject: string,
  ): boolean {
    const outer = operation.crossing as Crossing | null;
    if (hasPassed(outer, service)) return false;
    const response = operation.replyStart === 0 ? null : this.#expectAnswer(service, operation, from);
    if (operation.replyStart === 0) this.#measureBadRequest(service, operation, from);
    const reply = response?.subject ?? replyOf(operation);
    const requestor = from === null ? null : requestInfo(from, service, outer, tellingReply(operation));
    const message = this.#enter();
    message.crossing = { service, requestor, outer };
    message.layOut(operation, reply, requestor);
    const { memory, headStart, headLength } = delivery;
    const { publisher } = this.#broker;
    const plan = publisher.planAt(service.exporter, memory.bytes, headStart, headStart + headLength);
    const trace = operation.trace as MessageTrace | null;
    trace?.serviceImport(service.exporter, subject, plan.subject);
    const sent = trace === null ? message : this.#traceOn(trace, message, service);
    const delivered = sent !== null && publisher.passOn(plan, sent, from);
    this.#leave(message);
    // Nobody answers where the message was not really delivered.
    if (trace?.only && response !== null) this.end(response, 'undelivered');
    if (!delivered && response !== null) this.end(response, 'undelivered');
    return delivered;
  }

  /** Takes an answer back. What streams deliver shows a subject of its own, and is acknowledged where it comes from. */
  respond(
    response: Response,
    operation: PublishOperation,
    from: ClientConnection | null,
    subject: string,
  ): void {
    const { request, measured } = response;
    const outer = operation.crossing as Crossing | null;
    if (hasPassed(outer, request)) return;
    if (measured !== null && !measured.answered) {
      measured.answered = true;
      this.latency?.answered(response, from);
    }
    // An answer that asks back gets a way of its own in the other direction.
    const reply = replyOf(operation);
    const back =
      reply === '' || reply.startsWith(JETSTREAM_ACK)
        ? null
        : this.#open(response.to, response.owner, reply, request, '');
    const message = this.#enter();
    message.crossing = { service: request, requestor: null, outer };
    if (back === null) message.borrow(operation);
    else message.layOut(operation, back.subject, null);
    const { publisher } = this.#broker;
    const plan = publisher.planOn(response.to, response.reply);
    const trace = operation.trace as MessageTrace | null;
    trace?.serviceImport(response.to, response.subject, plan.subject);
    const sent = trace === null ? message : this.#traceOn(trace, message, null);
    const delivered =
      sent !== null &&
      (subject === response.subject
        ? publisher.passOn(plan, sent, from)
        : publisher.passOnAs(plan, subject, sent, from));
    this.#leave(message);
    if (!delivered && back !== null) this.end(back, 'undelivered');
    const { responseType } = request.export;
    if (!delivered) this.end(response, 'undelivered');
    else if (responseType === 'singleton' || operation.size === 0) this.end(response, 'answered');
    else if (!response.closed) request.export.pending?.touch(response);
  }

  /** Gives an answer up. */
  end(response: Response, reason: ResponseEnd): void {
    const { owner, to, measured } = response;
    if (!owner.responses?.delete(response)) return;
    response.closed = true;
    if (response.planned) owner.cache.invalidate(response.subject, false);
    response.request.export.pending?.remove(response);
    to.awaited?.delete(response);
    if (measured !== null && !measured.answered) this.latency?.failed(response, reason);
    // What was to be answered through this one has nobody left who waits.
    for (const inner of owner.awaited?.of(response.subject) ?? []) this.end(inner, 'lost');
  }

  /** The account goes away. */
  forget(account: BrokerAccount): void {
    for (const response of [...(account.responses?.values() ?? [])]) this.end(response, 'closed');
    for (const response of account.awaited?.all() ?? []) this.end(response, 'closed');
  }

  /**
   * A traced message as it goes on: traced there, too, where the service allows that, with a destination of its own for that account;
   * else with tracing switched off, or not at all when it is only there to be traced.
   */
  #traceOn(
    trace: MessageTrace,
    message: CrossingMessage,
    service: ServiceImport | null,
  ): PublishOperation | null {
    const allowed = service?.export.options.allowTrace ?? false;
    if (!allowed && trace.only) return null;
    const sent = withDestination(
      message,
      allowed ? this.#responsesOf(service!.exporter).newSubject('') : TRACE_DISABLED,
    );
    sent.crossing = message.crossing;
    sent.trace = allowed ? trace : null;
    return sent;
  }

  #responsesOf(account: BrokerAccount): ResponseTable {
    this.#names ??= new NameSource();
    return (account.responses ??= new ResponseTable(this.#names));
  }

  #expectAnswer(
    service: ServiceImport,
    operation: PublishOperation,
    from: ClientConnection | null,
  ): Response | null {
    const reply = replyOf(operation);
    if (reply.startsWith(JETSTREAM_ACK)) return null;
    const { latency } = service.export;
    const sampled = latency === null ? null : (this.latency?.sample(latency, operation) ?? null);
    const suffix = sampled === null ? '' : this.latency!.replySuffix;
    const response = this.#open(service.exporter, service.importer, reply, service, suffix);
    if (sampled !== null && service.export.responseType === 'singleton') {
      const { clock } = this.#broker;
      response.measured = {
        header: sampled.header,
        requestor: from,
        start: clock.now(),
        monotonic: clock.monotonic(),
        answered: false,
      };
    }
    return response;
  }

  #measureBadRequest(
    service: ServiceImport,
    operation: PublishOperation,
    from: ClientConnection | null,
  ): void {
    const { latency } = service.export;
    if (latency === null) return;
    const sampled = this.latency?.sample(latency, operation) ?? null;
    if (sampled !== null) this.latency!.badRequest(service, from, sampled.header);
  }

  #open(
    owner: BrokerAccount,
    to: BrokerAccount,
    reply: string,
    request: ServiceImport,
    suffix: string,
  ): Response {
    const table = this.#responsesOf(owner);
    const { excess } = table;
    if (excess !== null) this.end(excess, 'timeout');
    const response = new Response(table.newSubject(suffix), owner, to, reply, request, this.#respond);
    table.add(response);
    this.#pendingOf(request.export).add(response);
    to.awaited ??= new AwaitedReplies(to, this.#now, this.#timer, (lost) => this.end(lost, 'lost'));
    to.awaited.add(response);
    return response;
  }

  readonly #respond: PassResponse = (response, operation, from, subject) =>
    this.respond(response, operation, from, subject);

  readonly #timer = (callback: () => void) => this.#broker.wheel.timer(callback);

  #pendingOf(source: ServiceExport): PendingResponses {
    source.pending ??= new PendingResponses(source.threshold, this.#now, this.#timer, (expired) =>
      this.end(expired, 'timeout'),
    );
    return source.pending;
  }

  #enter(): CrossingMessage {
    const depth = this.#depth++;
    return (this.#messages[depth] ??= new CrossingMessage(this.#broker.arena));
  }

  #leave(message: CrossingMessage): void {
    this.#depth--;
    message.release();
  }
}

/** A message that has passed an export does not do so again. */
function hasPassed(crossing: Crossing | null, service: ServiceImport): boolean {
  for (let at = crossing; at !== null; at = at.outer) if (at.service.export === service.export) return true;
  return false;
}

/** The reply subject where that tells the receiver something, as those of fast batches do: it gets another one. Else ''. */
function tellingReply(operation: PublishOperation): string {
  const { memory, replyStart, replyEnd } = operation;
  const tells = replyStart !== 0 && endsWith(TELLING, memory.bytes, replyStart, replyEnd);
  return tells ? replyOf(operation) : '';
}

function replyOf({ memory, replyStart, replyEnd }: PublishOperation): string {
  return replyStart === 0 ? '' : readText(memory.bytes, replyStart, replyEnd);
}
