/** How a pull consumer delivers: to the requests that wait, each until it has what it asked for. */
import type { InternalMessage } from '../broker/internal-client.js';
import type { Route } from '../broker/route.js';
import type { Timer } from '../runtime/clock.js';
import type { Consumer, DeliveryMode } from './consumer.js';
import { headerBytes, statusBlock } from './headers.js';
import { needsHigherLevel } from './levels.js';
import { PriorityPin } from './priority-pin.js';
import {
  checkPullRequest,
  leftOf,
  PullQueue,
  PullRequest,
  PullStatus,
  readPullRequest,
} from './pull-requests.js';

const NANOSECONDS = 1e6;
/** The inactive threshold of pull consumers is made longer by so much, by chance, as officially. */
const LEAST_JITTER = 100;
const JITTERS = 900;
/** A full queue is looked through at most so often for requests that are over. Milliseconds. */
const FULL_CHECK = 1000;

export class PullDelivery implements DeliveryMode {
  readonly #consumer: Consumer;
  readonly queue: PullQueue;
  readonly pins: PriorityPin;
  #timer: Timer | null = null;
  /** When the timer fires; Infinity without one. */
  #timerAt = Number.POSITIVE_INFINITY;
  #inactive: Timer | null = null;
  /** The inactive threshold in milliseconds, with its jitter; 0 for none. */
  #threshold = 0;
  #thresholdOf = -1;
  /** Of the last request, delivery or timeout; milliseconds since 1970. */
  #lastActivity = 0;
  #lastFullCheck = 0;
  /** The request that the message at hand goes to. */
  #current: PullRequest | null = null;

  constructor(consumer: Consumer) {
    this.#consumer = consumer;
    this.queue = new PullQueue(consumer.config.max_waiting);
    this.pins = new PriorityPin(consumer, () => consumer.pump());
    this.#lastActivity = this.#now;
  }

  start(): void {
    this.update();
  }

  get ready(): boolean {
    return this.queue.size > 0;
  }

  get pin(): string | null {
    return this.#consumer.config.priority_policy === 'pinned_client' ? this.pins.current : null;
  }

  /** Requests that wait, those left out that are over. */
  waiting(): number {
    this.#review(false);
    return this.queue.size;
  }

  get #now(): number {
    return this.#consumer.clock.now();
  }

  get #prioritized(): boolean {
    return this.#consumer.config.priority_policy === 'prioritized';
  }

  update(): void {
    const { max_waiting: maxWaiting, inactive_threshold: threshold } = this.#consumer.config;
    this.queue.maxWaiting = maxWaiting;
    if (threshold === this.#thresholdOf) return;
    this.#thresholdOf = threshold;
    const { random } = this.#consumer.account.jetstream.broker;
    this.#threshold = threshold <= 0 ? 0 : threshold / NANOSECONDS + LEAST_JITTER + (random.next() % JITTERS);
    this.#armInactive(this.#threshold);
  }

  receive({ reply, header, payload }: InternalMessage): void {
    if (reply === '') return;
    if (needsHigherLevel(header)) this.#refuse(reply, statusBlock(412, 'Required Api Level'));
    else this.request(reply, payload);
  }

  /** A request for messages. */
  request(reply: string, body: Buffer): void {
    if (this.#consumer.closed || reply === '') return;
    try {
      this.#add(reply, body);
    } catch (error) {
      if (!(error instanceof PullStatus)) throw error;
      this.#refuse(reply, error.block);
    }
  }

  #add(reply: string, body: Buffer): void {
    const { config, acks } = this.#consumer;
    const wanted = readPullRequest(body);
    checkPullRequest(wanted, config, this.pins.current);
    const { priority } = wanted;
    if (priority !== null && priority.id !== '' && priority.id === this.pins.current) this.pins.keep();
    const now = this.#now;
    if (this.queue.isFull && now - this.#lastFullCheck > FULL_CHECK) {
      this.#lastFullCheck = now;
      this.#review(false);
    }
    if (wanted.noWait && !this.#consumer.counting) {
      const there = this.#consumer.numPending + acks.redeliveries;
      if (there === 0 && wanted.expires === 0) {
        this.#lastActivity = now;
        throw new PullStatus(404, 'No Messages');
      }
      if (there > 0 && there < this.#review(false)) {
        this.#lastActivity = now;
        throw new PullStatus(408, 'Requests Pending');
      }
    }
    if (this.queue.isFull) {
      // A client with a heartbeat would only ask again at once.
      if (wanted.heartbeat === 0) throw new PullStatus(409, 'Exceeded MaxWaiting');
      return;
    }
    this.#lastActivity = now;
    const request = new PullRequest(reply, wanted, now, this.#consumer.account.client.route(reply));
    this.queue.add(request, this.#prioritized);
    this.#armTimerFor(request);
    // Of those that come together the one with the highest priority is first.
    if (this.#prioritized) this.#consumer.pumpLater();
    else this.#consumer.pump();
  }

  #refuse(reply: string, block: string): void {
    const { client } = this.#consumer.account;
    this.#tell(client.route(reply), block);
  }

  #tell(route: Route, block: string): void {
    this.#consumer.account.client.send(route, route.subject, '', headerBytes(block), EMPTY);
  }

  /** Ends a request with a status that tells what was left of it. */
  #end(request: PullRequest, code: number, description: string): void {
    this.queue.remove(request);
    this.#tell(request.route, statusBlock(code, description, leftOf(request)));
  }

  #timeOut(request: PullRequest): void {
    this.#lastActivity = Math.max(this.#lastActivity, request.expires);
    this.#end(request, 408, 'Request Timeout');
  }

  // --- Delivery -----------------------------------------------------------------------------------------------------

  target(size: number): Route | null {
    const needsPin = this.#consumer.config.priority_policy === 'pinned_client' && this.pins.current === '';
    let passedOver = 0;
    for (let request = this.queue.first; request !== null; request = this.queue.first) {
      if (request.expires !== 0 && this.#consumer.now >= request.expires) {
        this.#timeOut(request);
        continue;
      }
      let claimed = false;
      if (needsPin || this.pins.current !== '') {
        const id = request.priority?.id ?? '';
        if (needsPin && id === '') {
          claimed = true;
          this.pins.assign(request);
        } else if (needsPin || (id !== '' && id !== this.pins.current)) {
          this.#end(request, 423, 'Nats-Wrong-Pin-Id');
          continue;
        } else if (id === '') {
          if (this.#passOver(request, ++passedOver)) return null;
          continue;
        }
      }
      if (!this.#mayOverflow(request)) {
        if (this.#passOver(request, ++passedOver)) return null;
        continue;
      }
      if (request.bytes > 0) {
        if (size > request.bytes) {
          this.#end(request, 409, 'Message Size Exceeds MaxBytes');
          if (claimed) this.pins.release();
          continue;
        }
        request.bytes -= size;
        // This one goes out still.
        if (request.bytes === 0) request.batch = 1;
      }
      if (request.route.hasInterest) return this.#serve(request);
      this.#dropUnheard(request);
    }
    return null;
  }

  /** The request keeps waiting behind the others; true when all of them have been looked at. */
  #passOver(request: PullRequest, passedOver: number): boolean {
    this.queue.requeue(request, false);
    return passedOver >= this.queue.size;
  }

  #serve(request: PullRequest): Route {
    request.batch--;
    request.delivered++;
    if (request.batch <= 0) this.queue.remove(request);
    else if (this.queue.size > 1) this.queue.requeue(request, this.#prioritized);
    if (request.heartbeat > 0) request.nextHeartbeat = this.#consumer.now + request.heartbeat;
    this.#current = request;
    return request.route;
  }

  /** Nobody listens on its reply subject any more. */
  #dropUnheard(request: PullRequest): void {
    this.queue.remove(request);
    // The reply subject of a request from another account is there for as long as that account may want to know.
    if (request.route.isResponse)
      this.#tell(request.route, statusBlock(408, 'Interest Expired', leftOf(request)));
  }

  /** With overflow: whether enough is waiting, or not acknowledged, that this request gets its share. */
  #mayOverflow({ priority }: PullRequest): boolean {
    if (priority === null || this.#consumer.config.priority_policy !== 'overflow') return true;
    const { minPending, minAckPending } = priority;
    if (minPending <= 0 && minAckPending <= 0) return true;
    const { numPending, acks } = this.#consumer;
    // The message at hand is pending still.
    if (minPending > 0 && minPending <= numPending) return true;
    return minAckPending > 0 && minAckPending <= acks.pending.size;
  }

  sent(_size: number): void {
    const request = this.#current!;
    this.#current = null;
    this.#lastActivity = this.#consumer.now;
    // The batch is complete with bytes to spare.
    if (request.batch <= 0 && request.bytes > 0)
      this.#tell(request.route, statusBlock(409, 'Batch Completed', leftOf(request)));
  }

  failed(): void {
    // Whoever asked cannot be reached.
    this.queue.remove(this.#current!);
    this.#current = null;
  }

  idle(blocked: boolean): void {
    if (!blocked && this.queue.hasty > 0) this.#review(true);
  }

  /**
   * Ends requests that are over, and sends heartbeats; `ended` says that there is nothing to deliver, which ends those that do not
   * wait. Returns how many messages the others still want.
   */
  #review(ended: boolean): number {
    const now = this.#now;
    let wanted = 0;
    let over: PullRequest[] | null = null;
    for (const request of this.queue) {
      if (request.expires !== 0 && now >= request.expires) {
        (over ??= []).push(request);
      } else if (ended && request.noWait && (request.expires === 0 || request.delivered > 0)) {
        this.#lastActivity = now;
        this.queue.remove(request);
        this.#tell(request.route, statusBlock(404, 'No Messages'));
      } else if (!request.route.hasInterest) {
        this.queue.remove(request);
      } else {
        wanted += request.batch;
        if (request.nextHeartbeat === 0 || now < request.nextHeartbeat) continue;
        request.nextHeartbeat = now + request.heartbeat;
        this.#tell(request.route, heartbeatBlock(this.#consumer));
      }
    }
    // In the order in which their time was over, whatever their turn was.
    over?.sort((a, b) => a.expires - b.expires);
    for (const request of over ?? []) this.#timeOut(request);
    return wanted;
  }

  // --- Time ---------------------------------------------------------------------------------------------------------

  #armTimerFor({ expires, nextHeartbeat }: PullRequest): void {
    const due = Math.min(expires || Number.POSITIVE_INFINITY, nextHeartbeat || Number.POSITIVE_INFINITY);
    if (due < this.#timerAt) this.#setTimer(due);
  }

  #setTimer(due: number): void {
    this.#timer?.cancel();
    this.#timerAt = due;
    this.#timer = this.#consumer.clock.after(Math.max(1, due - this.#now), () => {
      this.#timer = null;
      this.#timerAt = Number.POSITIVE_INFINITY;
      // Whatever holds messages back, requests that do not wait end now: with the next heartbeat or timeout of any request.
      this.#review(!this.#consumer.delivering);
      this.#armTimer();
    });
  }

  /** When the next request ends or wants a heartbeat. */
  #armTimer(): void {
    let next = Number.POSITIVE_INFINITY;
    for (const { expires, nextHeartbeat } of this.queue) {
      if (expires !== 0 && expires < next) next = expires;
      if (nextHeartbeat !== 0 && nextHeartbeat < next) next = nextHeartbeat;
    }
    if (next !== Number.POSITIVE_INFINITY && !this.#consumer.closed) this.#setTimer(next);
  }

  /** Nobody asks any more: after a while the consumer goes, when it is one that goes. */
  #armInactive(wait: number): void {
    this.#inactive?.cancel();
    this.#inactive = null;
    if (this.#threshold <= 0 || this.#consumer.closed) return;
    this.#inactive = this.#consumer.clock.after(Math.max(1, wait), () => {
      this.#inactive = null;
      this.#checkInactive();
    });
  }

  #checkInactive(): void {
    this.#review(true);
    const now = this.#now;
    const left = this.#lastActivity + this.#threshold - now;
    // Whoever has messages may still be at work on them.
    const due = this.#consumer.acks.lastDue();
    if (this.queue.size > 0) this.#armInactive(this.#threshold);
    else if (left > 0) this.#armInactive(left);
    else if (due > 0 && due + this.#threshold > now) this.#armInactive(due + this.#threshold - now);
    else this.#consumer.stream.consumerInactive(this.#consumer);
  }

  /** An ack is a sign of life. */
  acknowledged(): void {
    if (this.#threshold > 0) this.#lastActivity = this.#now;
  }

  close(reason: 'deleted' | 'shutdown'): void {
    for (const timer of [this.#timer, this.#inactive]) timer?.cancel();
    this.#timer = null;
    this.#inactive = null;
    this.pins.close();
    for (const request of this.queue.clear()) {
      if (reason === 'deleted') this.#tell(request.route, statusBlock(409, 'Consumer Deleted'));
      else this.#tell(request.route, statusBlock(409, 'Server Shutdown', leftOf(request)));
    }
  }
}

const EMPTY = Buffer.alloc(0);

/** Tells a client that nothing has come, and how far the consumer is. */
export function heartbeatBlock(consumer: Consumer, stalledOn = ''): string {
  const { deliveredConsumer, next } = consumer.acks;
  return statusBlock(100, 'Idle Heartbeat', {
    'Nats-Last-Consumer': deliveredConsumer,
    'Nats-Last-Stream': next - 1,
    ...(stalledOn === '' ? {} : { 'Nats-Consumer-Stalled': stalledOn }),
  });
}
