/**
 * The way of one message from a PUB to the outbound bytes of everybody interested: permission, plan, copies. The common case
 * touches no string and allocates nothing.
 */

import { SYSTEM_ACCOUNT } from '../accounts/account.js';
import type { MappedSubject, MappingTarget } from '../accounts/mappings.js';
import { digitsOf, hashBytes, readText, startsWith, toUtf8, writeText } from '../protocol/bytes.js';
import type { PublishOperation } from '../protocol/client-parser.js';
import { quote } from '../protocol/errors.js';
import { type Arena, COPY_SLACK, Memory } from '../runtime/arena.js';
import type { Log } from '../runtime/log.js';
import type { Random } from '../runtime/random.js';
import { writeAnswer, writeAnswerWith, writeStored } from './answer-frame.js';
import { AnswerListeners } from './answer-listeners.js';
import type { AckRoute, BrokerAccount } from './broker-account.js';
import { Composer } from './composer.js';
import type { ClientConnection } from './connection.js';
import { Delivery, DeliveryPlan } from './delivery-plan.js';
import type { FlushQueue } from './flush-queue.js';
import type { InternalMessage } from './internal-client.js';
import { beginTrace, type MessageTrace, notDelivered } from './message-trace.js';
import { isInbox, OneTimePlans } from './one-time-plans.js';
import { RESPONSE_PREFIX } from './responses.js';
import type { Route } from './route.js';
import { type LyingMessage, type LyingPayload, type Scratch, StoredFrame } from './stored-frame.js';
import type { InternalHandler, Passage, RawHandler, Subscription } from './subscription.js';
import { mayAskForTrace } from './trace-headers.js';

const GATEWAY_REPLY = /^(_GR_\.|\$GR\.)./;
const RAFT_SUBJECT = /^\$NRG\./;
/** Replies that clients may not choose: service replies, JetStream acks, gateway replies. */
const RESERVED_REPLY = /^(_R_\.|\$JS\.ACK\.|_GR_\..|\$GR\..)/;
/** Subjects that each delivery of a stream has one of: none is used again. */
const ACK_SUBJECT = /^\$JS\.(ACK|FC)\./;
const ACKS = '$JS.ACK.';
const ACK_PREFIX = Buffer.from(ACKS);
const INBOX = Buffer.from('_INBOX.');
const UNDERSCORE = 95;
const DOLLAR = 36;
const CAPITAL_G = 71;
const CAPITAL_J = 74;
const CAPITAL_R = 82;

/** A plan, or a subject that stands for it. */
type Shown = Pick<DeliveryPlan, 'subject'>;

export class Publisher {
  readonly #composer = new Composer();
  readonly #frame = new StoredFrame();
  readonly #listeners = new AnswerListeners();
  readonly #flushes: FlushQueue;
  readonly #random: Random;
  /** Handlers that are running and passages to other accounts, one inside the other. */
  #nested = 0;
  /** Accounts whose cache is to be cleared at the end of the turn. */
  readonly #full = new Set<BrokerAccount>();
  readonly #oneTime: OneTimePlans;
  readonly #log: Log;

  constructor(arena: Arena, flushes: FlushQueue, random: Random, log: Log) {
    this.#oneTime = new OneTimePlans(arena);
    this.#flushes = flushes;
    this.#random = random;
    this.#log = log;
  }

  /** Handles the PUB of a client. Its headers may ask for a trace, unless that is known already. */
  publish(from: ClientConnection, operation: PublishOperation, known = false): void {
    if (operation.headerSize !== 0 && !known && mayAskForTrace(operation)) {
      this.#publishTraced(from, operation);
      return;
    }
    from.inMsgs++;
    from.inBytes += operation.size;
    const account = from.account;
    const { bytes } = operation.memory;
    let plan = account.cache.find(bytes, operation.subjectStart, operation.subjectEnd, operation.hash);
    if (plan === null) {
      if (account.ackRoute !== null && this.#takeAck(account.ackRoute, from, operation)) return;
      plan = this.#plan(account, operation);
    } else account.cache.hits++;
    if (plan.special || from.traced || (from.permissions !== null && plan.allowedFor !== from.permissions)) {
      const admitted = this.#admit(from, plan, operation);
      if (admitted === null) return;
      plan = admitted;
    }
    if (operation.replyStart !== 0 && mayBeReserved(bytes, operation.replyStart)) {
      if (this.#replyRefused(from, operation)) return;
    }
    if (from.verbose) from.sendOk();
    const delivered = this.#deliver(plan, operation, from);
    if (!delivered && operation.replyStart !== 0 && from.noResponders)
      this.#noResponders(from, plan, operation);
  }

  /** An ack that is meant for the server alone, from a client that wants no answer, goes to JetStream as it lies here. */
  #takeAck(route: AckRoute, from: ClientConnection, operation: PublishOperation): boolean {
    const { account, permissions } = from;
    if (account.ackListeners !== 1 || operation.replyStart !== 0 || operation.headerSize !== 0) return false;
    const { memory, subjectStart, subjectEnd, payloadStart, size } = operation;
    const { bytes } = memory;
    if (!startsWith(ACK_PREFIX, bytes, subjectStart, subjectEnd)) return false;
    if (
      from.verbose ||
      from.traced ||
      account.mappings?.mayConcern(ACKS) ||
      (permissions !== null && !permissions.mayPublish(readText(bytes, subjectStart, subjectEnd)))
    )
      return false;
    this.#nested++;
    try {
      return route.receive(bytes, subjectStart, subjectEnd, payloadStart, payloadStart + size);
    } catch (error) {
      this.#logFault(readText(bytes, subjectStart, subjectEnd), error);
      return true;
    } finally {
      this.#nested--;
    }
  }

  #publishTraced(from: ClientConnection, operation: PublishOperation): void {
    const { operation: message, trace } = beginTrace(from, operation);
    if (message === null) {
      if (from.traced) from.tracePublish(operation);
      return;
    }
    message.trace = trace;
    try {
      this.publish(from, message, true);
    } finally {
      message.trace = null;
    }
    trace?.end();
  }

  /**
   * Publishes for a room inside the server; true when somebody got the message. Where the room stands for a client, the
   * account's mappings apply.
   */
  publishInternal(account: BrokerAccount, operation: PublishOperation, asClient = false): boolean {
    const { bytes } = operation.memory;
    // This may happen in the middle of a delivery: of an event that it causes, or by a handler.
    this.#nested++;
    const mark = this.#oneTime.mark();
    try {
      let plan = account.cache.find(bytes, operation.subjectStart, operation.subjectEnd, operation.hash);
      plan ??= this.#plan(account, operation);
      if (asClient && plan.mapping !== null) plan = this.#follow(account, plan.mapping.next(this.#random));
      return this.#deliver(plan, operation, null);
    } finally {
      this.#oneTime.release(mark);
      this.#nested--;
    }
  }

  /** Publishes for a room inside the server; texts are latin1. */
  publishText(
    account: BrokerAccount,
    subject: string,
    reply: string,
    header: Uint8Array | null,
    payload: Uint8Array | string,
    asClient = false,
  ): boolean {
    const operation = this.#composer.compose(subject, reply, header, payload, this.#nested > 0);
    return this.publishInternal(account, operation, asClient);
  }

  /**
   * Publishes a short latin1 text, as acknowledgements are. Clients wait for them on `<prefix>.<something new>`, so who listens under the
   * prefix is remembered for the next one.
   */
  answer(account: BrokerAccount, subject: string, body: string): boolean {
    const listener = this.#listeners.find(account, subject);
    const to = listener?.connection ?? null;
    if (to === null || to.special || listener!.special || !isInbox(subject)) {
      return this.publishText(account, subject, '', null, Buffer.from(body, 'latin1'));
    }
    listener!.delivered++;
    to.outMsgs++;
    to.outBytes += body.length;
    to.out.text(`MSG ${subject} ${listener!.sid} ${body.length}\r\n${body}\r\n`);
    if (!to.dirty) this.#flushes.add(to);
    return true;
  }

  /**
   * The same for a short text that ends in a number and `}`; the subject lies in bytes. In the usual case no text is made: the frame is
   * written where it goes out from.
   */
  answerNumber(
    account: BrokerAccount,
    subject: Uint8Array,
    start: number,
    end: number,
    before: Uint8Array,
    value: number,
  ): void {
    const listener = this.#listeners.findBytes(account, subject, start, end);
    const to = listener?.connection ?? null;
    const length = end - start;
    const direct = to !== null && !to.special && !listener!.special && startsWith(INBOX, subject, start, end);
    const size = before.length + digitsOf(value) + 1;
    if (!direct || !writeAnswer(to.out, listener!.sid, subject, start, length, before, value, size)) {
      this.answer(account, readText(subject, start, end), `${readText(before, 0, before.length)}${value}}`);
      return;
    }
    listener!.delivered++;
    to.outMsgs++;
    to.outBytes += size;
    if (!to.dirty) this.#flushes.add(to);
  }

  /** The same for a message with headers, of which all parts lie in bytes. They are copied before anybody else is called. */
  answerWith(
    account: BrokerAccount,
    subject: Uint8Array,
    start: number,
    end: number,
    header: Scratch,
    payload: LyingPayload,
  ): void {
    const listener = this.#listeners.findBytes(account, subject, start, end);
    const to = listener?.connection ?? null;
    const direct =
      to !== null &&
      !to.special &&
      !listener!.special &&
      to.headers &&
      startsWith(INBOX, subject, start, end) &&
      writeAnswerWith(to.out, listener!.sid, subject, start, end - start, header, payload);
    if (!direct) {
      const head = Buffer.from(header.memory.bytes.subarray(0, header.length));
      const body = payload.buffer.subarray(payload.payloadStart, payload.payloadEnd);
      this.publishText(account, readText(subject, start, end), '', head, body);
      return;
    }
    listener!.delivered++;
    to!.outMsgs++;
    to!.outBytes += header.length + payload.payloadEnd - payload.payloadStart;
    if (!to!.dirty) this.#flushes.add(to!);
  }

  /**
   * Delivers to whoever listens at the end of a route a message that shows another subject, as streams deliver what they have
   * stored. Texts are latin1. True when somebody got it.
   */
  deliverTo(
    route: Route,
    shown: string,
    reply: string,
    header: Uint8Array | null,
    payload: Uint8Array,
  ): boolean {
    const operation = this.#composer.compose(shown, reply, header, payload, this.#nested > 0);
    return this.passOnAs(route.plan, shown, operation, null);
  }

  /** The same for a message where it lies. */
  deliverStored(route: Route, message: LyingMessage, reply: Scratch): boolean {
    const { plain, groups } = route.plan;
    const only = plain.length === 1 && groups.length === 0 ? plain[0]! : null;
    const headerSize = message.payloadStart - message.headerStart;
    if (only !== null && isMereCopy(only, headerSize)) {
      const { sub } = only;
      const to = only.connection!;
      if (writeStored(to.out, sub.sid, message, reply)) {
        sub.delivered++;
        to.outMsgs++;
        to.outBytes += message.payloadEnd - message.headerStart;
        if (!to.dirty) this.#flushes.add(to);
        return true;
      }
    }
    const operation = this.#frame.compose(message, reply);
    const busy = this.#frame.busy;
    this.#frame.busy = true;
    try {
      return this.passOnAs(route.plan, message.subject, operation, null);
    } finally {
      this.#frame.busy = busy;
    }
  }

  /** Delivers by a plan what shows another subject than the plan's; true when somebody got it. */
  passOnAs(
    plan: DeliveryPlan,
    shown: string,
    operation: PublishOperation,
    from: ClientConnection | null,
  ): boolean {
    let delivered = false;
    for (const delivery of plan.plain)
      if (this.#deliverShown(delivery, shown, operation, from)) delivered = true;
    for (const members of plan.groups) {
      const first = members.length === 1 ? 0 : this.#random.next() % members.length;
      for (let tries = 0; tries < members.length; tries++) {
        const member = members[(first + tries) % members.length]!;
        if (!this.#deliverShown(member, shown, operation, from)) continue;
        delivered = true;
        break;
      }
    }
    return delivered;
  }

  #deliverShown(
    delivery: Delivery,
    shown: string,
    operation: PublishOperation,
    from: ClientConnection | null,
  ): boolean {
    const { sub } = delivery;
    if (sub.connection === null) return this.#deliverSpecial(delivery, { subject: shown }, operation, from);
    const head = `HMSG ${shown} ${sub.sid} `;
    const memory = new Memory(head.length + COPY_SLACK);
    writeText(head, memory.bytes, 0);
    return this.#deliverTo(new Delivery(sub, memory, 0, head.length), { subject: shown }, operation, from);
  }

  /** The plan for what comes from another account on the subject that these bytes are; the account's mappings apply. */
  planAt(account: BrokerAccount, bytes: Uint8Array, start: number, end: number): DeliveryPlan {
    const plan =
      account.cache.find(bytes, start, end, hashBytes(bytes, start, end)) ??
      this.#planFor(account, readText(bytes, start, end));
    return plan.mapping === null ? plan : this.#follow(account, plan.mapping.next(this.#random));
  }

  /** The same for a subject that is text. */
  planOn(account: BrokerAccount, subject: string): DeliveryPlan {
    const plan = account.cache.findText(subject) ?? this.#planFor(account, subject);
    return plan.mapping === null ? plan : this.#follow(account, plan.mapping.next(this.#random));
  }

  /** Delivers what comes from another account; true when somebody got it. */
  passOn(plan: DeliveryPlan, operation: PublishOperation, from: ClientConnection | null): boolean {
    return this.#deliver(plan, operation, from);
  }

  #plan(account: BrokerAccount, operation: PublishOperation): DeliveryPlan {
    const subject = readText(operation.memory.bytes, operation.subjectStart, operation.subjectEnd);
    return this.#planFor(account, subject);
  }

  #planFor(account: BrokerAccount, subject: string): DeliveryPlan {
    const { cache } = account;
    const found = account.match(subject);
    const mapping = account.mappings?.find<DeliveryPlan>(subject) ?? null;
    const isResponse = subject.startsWith(RESPONSE_PREFIX);
    if (isResponse) {
      const response = account.responses?.find(subject);
      const passage = response ?? account.responses?.late(subject) ?? null;
      // Each of these subjects is used once or twice: not worth a place in the cache, but for others who listen there.
      if (found.length === 0)
        return this.#planOnce(subject, passage === null ? found : [passage], false, mapping);
      if (response !== undefined) response.planned = true;
      if (passage !== null) found.push(passage);
    }
    if (
      (isInbox(subject) && this.#oneTime.isNew(subject)) ||
      (account.ackRoute !== null && ACK_SUBJECT.test(subject))
    )
      return this.#planOnce(subject, found, false, mapping);
    if (cache.full) {
      // Never in the middle of a delivery: what it goes by lies in a cache's memory.
      if (this.#nested === 0) cache.clear();
      else return this.#planMeanwhile(account, subject, found, mapping);
    }
    const reserved = isReserved(subject, account);
    return cache.keep(subject, (allocate) => new DeliveryPlan(subject, found, reserved, mapping, allocate));
  }

  /** A plan for one use; the cache is cleared once nothing is being delivered. */
  #planMeanwhile(
    account: BrokerAccount,
    subject: string,
    found: Subscription[],
    mapping: MappedSubject<DeliveryPlan> | null,
  ): DeliveryPlan {
    if (!this.#full.has(account)) {
      this.#full.add(account);
      setImmediate(() => {
        this.#full.delete(account);
        if (account.cache.full) account.cache.clear();
      });
    }
    return this.#planOnce(subject, found, isReserved(subject, account), mapping);
  }

  #planOnce(
    subject: string,
    found: Subscription[],
    reserved: boolean,
    mapping: MappedSubject<DeliveryPlan> | null,
  ): DeliveryPlan {
    if (this.#nested === 0) this.#oneTime.release(0);
    return this.#oneTime.plan(subject, found, reserved, mapping);
  }

  /** Traces, mapping, permission: the plan by which the message is delivered, or null when it must not be. */
  #admit(from: ClientConnection, plan: DeliveryPlan, operation: PublishOperation): DeliveryPlan | null {
    if (from.traced) from.tracePublish(operation);
    const trace = operation.trace as MessageTrace | null;
    const target = plan.mapping === null ? plan : this.#mapped(from, plan, plan.mapping, trace);
    if (from.traced) from.tracePayload(operation);
    return this.#mayPublish(from, target, trace) ? target : null;
  }

  #mapped(
    from: ClientConnection,
    plan: DeliveryPlan,
    mapping: MappedSubject<DeliveryPlan>,
    trace: MessageTrace | null,
  ): DeliveryPlan {
    const target = mapping.next(this.#random);
    const { subject } = target;
    trace?.mapped(subject);
    if (from.traced) from.logTrace(`<<- [MAPPING ${toUtf8(`${plan.subject} -> ${subject}`)}]`);
    return this.#follow(from.account, target);
  }

  #follow(account: BrokerAccount, target: MappingTarget<DeliveryPlan>): DeliveryPlan {
    const { cache } = account;
    const known = target.entry === null ? null : cache.current(target.entry);
    if (known !== null) {
      cache.hits++;
      return known;
    }
    const plan = cache.findText(target.subject) ?? this.#planFor(account, target.subject);
    target.entry = cache.entry(target.subject);
    return plan;
  }

  #mayPublish(from: ClientConnection, plan: DeliveryPlan, trace: MessageTrace | null): boolean {
    const { permissions } = from;
    if (!plan.reserved && (permissions === null || plan.allowedFor === permissions)) return true;
    let allowed = !plan.reserved;
    if (allowed && permissions !== null) {
      if (permissions.mayPublish(plan.subject)) plan.allowedFor = permissions;
      else allowed = from.responses?.allow(plan.subject) ?? false;
    }
    if (allowed) return true;
    trace?.refused(`Permissions Violation for Publish to ${quote(plan.subject)}`);
    from.refusePublish(plan.subject);
    return false;
  }

  #replyRefused(from: ClientConnection, operation: PublishOperation): boolean {
    const reply = readText(operation.memory.bytes, operation.replyStart, operation.replyEnd);
    if (!RESERVED_REPLY.test(reply)) return false;
    const error = `Permissions Violation for Publish with Reply of ${quote(reply)}`;
    (operation.trace as MessageTrace | null)?.refused(error);
    from.sendError(error);
    from.logError(`Publish Violation - Reply ${quote(reply)}`);
    return true;
  }

  #deliver(plan: DeliveryPlan, operation: PublishOperation, from: ClientConnection | null): boolean {
    const { plain, groups } = plan;
    let delivered = false;
    for (let i = 0; i < plain.length; i++) {
      if (this.#deliverTo(plain[i]!, plan, operation, from)) delivered = true;
    }
    for (let i = 0; i < groups.length; i++) {
      const members = groups[i]!;
      const count = members.length;
      let pick = count === 1 ? 0 : this.#random.next() % count;
      // A member that cannot take the message leaves it to the next one.
      for (let tries = 0; tries < count; tries++) {
        if (this.#deliverTo(members[pick]!, plan, operation, from)) {
          delivered = true;
          break;
        }
        if (++pick === count) pick = 0;
      }
    }
    return delivered;
  }

  #deliverTo(
    delivery: Delivery,
    plan: Shown,
    operation: PublishOperation,
    from: ClientConnection | null,
  ): boolean {
    const to = delivery.connection;
    const { sub } = delivery;
    const { headerSize } = operation;
    if (
      sub.special ||
      to === null ||
      to.special ||
      (headerSize !== 0 && (!to.headers || operation.trace !== null))
    ) {
      return this.#deliverSpecial(delivery, plan, operation, from);
    }
    if (to === from && !to.echo) return false;
    this.#append(sub, to, operation, delivery.memory, delivery.headStart, delivery.headLength);
    return true;
  }

  /** A mere copy: head and tail. */
  #append(
    sub: Subscription,
    to: ClientConnection,
    operation: PublishOperation,
    memory: Memory,
    headStart: number,
    headLength: number,
  ): void {
    sub.delivered++;
    to.outMsgs++;
    to.outBytes += operation.size;
    // The head is that of an HMSG; a MSG's begins at its second byte.
    const cut = operation.headerSize === 0 ? 1 : 0;
    to.out.append(
      memory,
      headStart + cut,
      headLength - cut,
      operation.memory,
      operation.tailStart,
      operation.tailEnd - operation.tailStart,
    );
    if (!to.dirty) this.#flushes.add(to);
  }

  /** Everything that is not a mere copy: handlers, filters, maxima, headers to be cut off, slow receivers, traces. */
  #deliverSpecial(
    delivery: Delivery,
    plan: Shown,
    operation: PublishOperation,
    from: ClientConnection | null,
  ): boolean {
    const to = delivery.connection;
    const { sub } = delivery;
    const { main } = sub;
    // What came by a service does not go on by a stream.
    if (main !== sub && operation.crossing !== null) return false;
    if (to === null) {
      if (sub.closed) return false;
      sub.delivered++;
      return this.#deliverInside(delivery, plan, operation, from);
    }
    let trace = operation.trace as MessageTrace | null;
    if (trace !== null && main !== sub) {
      trace.streamExport(to.account, sub.subjectFor(plan.subject));
      if (!sub.allowsTrace) {
        if (trace.only) return true;
        trace = null;
      }
    }
    const reason = reasonAgainst(delivery, plan, from);
    if (reason !== null) {
      trace?.egress(to, sub, reason);
      return false;
    }
    if (trace?.only) {
      trace.egress(to, sub);
      return true;
    }
    if (main.max > 0 && to.deliveredTo(main) >= main.max) {
      to.removeSubscription(main);
      trace?.egress(to, sub, notDelivered.maximum);
      return false;
    }
    sub.delivered++;
    const last = main.max > 0 && to.deliveredTo(main) === main.max;
    if (last) to.logDebug(`Auto-unsubscribe limit of ${main.max} reached for sid '${sub.sid}'`);
    if (to.stalled && from !== null && !from.waitFor(to)) {
      trace?.egress(to, sub, notDelivered.slow);
      if (last) to.removeSubscription(main);
      return false;
    }
    trace?.egress(to, sub);
    const withoutHeader = operation.headerSize !== 0 && !to.headers;
    to.outMsgs++;
    to.outBytes += operation.size - (withoutHeader ? operation.headerSize : 0);
    if (withoutHeader || main !== sub)
      countCrossing(sub, to, operation.size, withoutHeader ? operation.headerSize : 0);
    const cut = operation.headerSize === 0 || withoutHeader ? 1 : 0;
    const { memory, headStart, headLength } = delivery;
    if (withoutHeader) {
      this.#appendWithoutHeader(delivery, operation, to);
    } else {
      const { tailStart, tailEnd } = operation;
      to.out.append(
        memory,
        headStart + cut,
        headLength - cut,
        operation.memory,
        tailStart,
        tailEnd - tailStart,
      );
    }
    if (to.responses !== null && operation.replyStart !== 0) this.#trackReply(to, operation);
    if (to.traced) {
      to.traceDelivery(
        readText(memory.bytes, headStart + cut, headStart + headLength),
        operation,
        withoutHeader,
      );
    }
    if (!to.dirty) this.#flushes.add(to);
    if (last) to.removeSubscription(main);
    return true;
  }

  /** Delivers to a room inside the server, or to another account. */
  #deliverInside(
    delivery: Delivery,
    plan: Shown,
    operation: PublishOperation,
    from: ClientConnection | null,
  ): boolean {
    const { sub } = delivery;
    const trace = operation.trace as MessageTrace | null;
    const isPassage = sub.raw === null && sub.handler === null;
    if (trace?.only && !isPassage && !sub.main.heedsTraces) return true;
    if (sub.raw !== null) return this.#handleRaw(sub.raw, sub.subjectFor(plan.subject), operation, from);
    if (sub.handler !== null) {
      return this.#handle(sub.handler, messageOf(sub.subjectFor(plan.subject), operation, from));
    }
    this.#nested++;
    const mark = this.#oneTime.mark();
    try {
      return (sub as Passage).pass(delivery, operation, from, plan.subject);
    } finally {
      this.#oneTime.release(mark);
      this.#nested--;
    }
  }

  /** A fault in one room must not cut off the delivery to others. False when the message was not for the handler. */
  #handle(handler: InternalHandler, message: InternalMessage): boolean {
    this.#nested++;
    try {
      return handler(message) !== false;
    } catch (error) {
      this.#logFault(message.subject, error);
      return true;
    } finally {
      this.#nested--;
    }
  }

  #handleRaw(
    handler: RawHandler,
    subject: string,
    operation: PublishOperation,
    from: ClientConnection | null,
  ): boolean {
    this.#nested++;
    try {
      return handler(subject, operation, from) !== false;
    } catch (error) {
      this.#logFault(subject, error);
      return true;
    } finally {
      this.#nested--;
    }
  }

  #logFault(subject: string, error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#log.error(`Handler of a message on ${toUtf8(quote(subject))} failed: ${text}`);
  }

  #appendWithoutHeader(delivery: Delivery, operation: PublishOperation, to: ClientConnection): void {
    const { memory, headStart, headLength } = delivery;
    const { bytes } = operation.memory;
    const reply =
      operation.replyStart === 0 ? '' : `${readText(bytes, operation.replyStart, operation.replyEnd)} `;
    const head = readText(memory.bytes, headStart + 1, headStart + headLength);
    to.out.text(`${head}${reply}${operation.size - operation.headerSize}\r\n`);
    const start = operation.payloadStart + operation.headerSize;
    to.out.append(operation.memory, start, 0, operation.memory, start, operation.tailEnd - start);
  }

  #trackReply(to: ClientConnection, operation: PublishOperation): void {
    const reply = readText(operation.memory.bytes, operation.replyStart, operation.replyEnd);
    if (!to.permissions?.mayPublish(reply)) to.responses!.track(reply);
  }

  /** Tells a requester that nobody listens, through its own subscription to the reply subject. */
  #noResponders(from: ClientConnection, plan: DeliveryPlan, operation: PublishOperation): void {
    const reply = readText(operation.memory.bytes, operation.replyStart, operation.replyEnd);
    const sub = from.account.interest
      .match(reply)
      .find((each) => each.connection === from && each.queue === null);
    if (sub === undefined) return;
    const length = 32 + plan.subject.length;
    from.send(
      `HMSG ${reply} ${sub.sid} ${length} ${length}\r\nNATS/1.0 503\r\nNats-Subject: ${plan.subject}\r\n\r\n\r\n`,
    );
  }
}

/** Whether nothing but a copy is to be done for this receiver. */
function isMereCopy({ sub, connection }: Delivery, headerSize: number): boolean {
  return (
    connection !== null && !sub.special && !connection.special && (headerSize === 0 || connection.headers)
  );
}

/** Why the client does not get the message, or null. */
function reasonAgainst(
  { sub, connection: to }: Delivery,
  plan: Shown,
  from: ClientConnection | null,
): string | null {
  if (to === from && !to!.echo) return notDelivered.noEcho;
  // The subject as an importer has it is made where a filter asks for it, not for each message.
  if (sub.main.filter?.denies(sub.subjectFor(plan.subject))) return notDelivered.denied;
  if (sub.closed) return notDelivered.subscriptionClosed;
  return to!.closed ? notDelivered.clientClosed : null;
}

/** A message with bytes of its own, for a handler. */
export function messageOf(
  subject: string,
  operation: PublishOperation,
  from: ClientConnection | null,
): InternalMessage {
  const { memory, payloadStart, headerSize, size, replyStart, replyEnd } = operation;
  const body = Buffer.from(memory.bytes.subarray(payloadStart, payloadStart + size));
  return {
    subject,
    reply: replyStart === 0 ? '' : readText(memory.bytes, replyStart, replyEnd),
    header: headerSize === 0 ? null : body.subarray(0, headerSize),
    payload: body.subarray(headerSize),
    from,
    trace: operation.trace as MessageTrace | null,
  };
}

/** Whether bytes begin as `RESERVED_REPLY` does; those of most inboxes do not, and need not become text. */
function mayBeReserved(bytes: Uint8Array, start: number): boolean {
  const first = bytes[start]!;
  if (first !== UNDERSCORE && first !== DOLLAR) return false;
  const second = bytes[start + 1]!;
  return second === CAPITAL_G || second === (first === DOLLAR ? CAPITAL_J : CAPITAL_R);
}

/** Clients may not publish there. */
function isReserved(subject: string, account: BrokerAccount): boolean {
  return GATEWAY_REPLY.test(subject) || (RAFT_SUBJECT.test(subject) && account.name !== SYSTEM_ACCOUNT);
}

/**
 * The official server counts what goes out for the account that a message is published in, with the header also where the receiver
 * cannot have it; the connections' own counters, which are added up for their accounts, know nothing of that.
 */
function countCrossing(sub: Subscription, to: ClientConnection, size: number, cutOff: number): void {
  to.broker.closedTraffic.outBytes += cutOff;
  const { exporter } = sub;
  if (exporter === null) {
    to.account.closedTraffic.outBytes += cutOff;
    return;
  }
  to.account.closedTraffic.outMsgs--;
  to.account.closedTraffic.outBytes -= size - cutOff;
  exporter.closedTraffic.outMsgs++;
  exporter.closedTraffic.outBytes += size;
}
