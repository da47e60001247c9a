/** How a pull consumer delivers: to the requests that wait, each until it has what it asked for. */
import type { InternalMessage } from '../broker/internal-client.js';
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

export class PullDelivery implements DeliveryMode {
  readonly #consumer: Consumer;
  readonly queue: PullQueue;
  readonly pins: PriorityPin;
  #timer: Timer | null = null;
  #inactive: Timer | null = null;
  /** Of the last request, delivery or timeout; milliseconds since 1970. */
  #lastActivity = 0;
  /** The request that the message at hand goes to. */
  #current: PullRequest | null = null;

  constructor(consumer: Consumer) {
    this.#consumer = consumer;
    this.queue = new PullQueue(consumer.config.max_waiting);
    this.pins = new PriorityPin(consumer, () => this.#unpinned());
    const { stream, name, account } = consumer;
    const subject = `CONSUMER.MSG.NEXT.${stream.name}.${name}`;
    const receive = (message: InternalMessage) => this.#receive(message);
    consumer.listen(`$JS.API.${subject}`, receive);
    const { domain } = account.jetstream.options;
    if (domain !== '') consumer.listen(`$JS.${domain}.API.${subject}`, receive);
    this.#active();
  }

  get ready(): boolean {
    return this.queue.size > 0;
  }

  get pin(): string {
    return this.#consumer.config.priority_policy === 'pinned_client' ? this.pins.current : '';
  }

  /** Requests that wait, those left out that are over. */
  waiting(): number {
    this.#expire(false);
    return this.queue.size;
  }

  get #now(): number {
    return this.#consumer.clock.now();
  }

  get #prioritized(): boolean {
    return this.#consumer.config.priority_policy === 'prioritized';
  }

  update(): void {
    this.queue.maxWaiting = this.#consumer.config.max_waiting;
    this.#armInactive();
  }

  #receive({ reply, header, payload }: InternalMessage): void {
    if (reply === '') return;
    if (needsHigherLevel(header)) this.#tell(reply, statusBlock(412, 'Required Api Level'));
    else this.request(reply, payload);
  }

  /** A request for messages. */
  request(reply: string, body: Buffer): void {
    if (this.#consumer.closed || reply === '') return;
    try {
      this.#add(reply, body);
    } catch (error) {
      if (!(error instanceof PullStatus)) throw error;
      this.#tell(reply, error.block);
    }
  }

  #add(reply: string, body: Buffer): void {
    const { config, acks } = this.#consumer;
    const wanted = readPullRequest(body);
    checkPullRequest(wanted, config, this.pins.current);
    const { priority } = wanted;
    if (priority !== null && priority.id !== '' && priority.id === this.pins.current) this.pins.keep();
    this.#active();
    if (this.queue.isFull) this.#expire(false);
    if (wanted.noWait) {
      const there = this.#consumer.numPending + acks.redeliveries;
      if (there === 0 && wanted.expires === 0) throw new PullStatus(404, 'No Messages');
      if (there > 0) {
        this.#expire(false);
        if (there < this.queue.wanted) throw new PullStatus(408, 'Requests Pending');
      }
    }
    if (this.queue.isFull) {
      // A client with a heartbeat would only ask again at once.
      if (wanted.heartbeat === 0) throw new PullStatus(409, 'Exceeded MaxWaiting');
      return;
    }
    this.queue.add(new PullRequest(reply, wanted, this.#now), this.#prioritized);
    this.#consumer.pump();
  }

  #tell(reply: string, block: string): void {
    this.#consumer.account.client.deliver(reply, reply, '', headerBytes(block), EMPTY);
  }

  /** Ends a request with a status that tells what was left of it. */
  #end(request: PullRequest, code: number, description: string): void {
    this.queue.remove(request);
    this.#tell(request.reply, statusBlock(code, description, leftOf(request)));
  }

  // --- Delivery -----------------------------------------------------------------------------------------------------

  target(size: number): string | null {
    const now = this.#now;
    // Each request is looked at once: those that may not have this message keep their place.
    for (const request of [...this.queue.requests]) {
      if (request.expires !== 0 && now >= request.expires) {
        this.#active();
        this.#end(request, 408, 'Request Timeout');
        continue;
      }
      const claimed = this.#pinFor(request);
      if (claimed === 'no') continue;
      if (!this.#belowThresholds(request)) continue;
      if (request.limited) {
        if (size > request.bytes) {
          if (claimed === 'new') this.pins.release();
          this.#end(request, 409, 'Message Size Exceeds MaxBytes');
          continue;
        }
        request.bytes -= size;
        if (request.bytes === 0) request.batch = 1;
      }
      if (!this.#consumer.account.hasInterest(request.reply)) {
        this.queue.remove(request);
        continue;
      }
      request.batch--;
      request.delivered++;
      if (request.batch <= 0) this.queue.remove(request);
      else this.queue.served(request, this.#prioritized);
      if (request.heartbeat > 0) request.nextHeartbeat = now + request.heartbeat;
      this.#current = request;
      return request.reply;
    }
    return null;
  }

  /** With pinned clients: whether the request has the pin, gets it now, or has to wait. */
  #pinFor(request: PullRequest): 'yes' | 'new' | 'no' {
    if (this.#consumer.config.priority_policy !== 'pinned_client') return 'yes';
    const { current } = this.pins;
    const id = request.priority?.id ?? '';
    if (current === '' && id === '') {
      this.pins.assign();
      if (request.priority !== null) request.priority.id = this.pins.current;
      return 'new';
    }
    if (current !== '' && id === current) return 'yes';
    if (id === '') return 'no';
    this.#end(request, 423, 'Nats-Wrong-Pin-Id');
    return 'no';
  }

  /** With overflow: whether enough is waiting, or not acknowledged, that this request gets its share. */
  #belowThresholds({ priority }: PullRequest): boolean {
    if (this.#consumer.config.priority_policy !== 'overflow' || priority === null) return true;
    const { minPending, minAckPending } = priority;
    if (minPending <= 0 && minAckPending <= 0) return true;
    const enoughWaits = minPending > 0 && minPending <= this.#consumer.numPending;
    return enoughWaits || (minAckPending > 0 && minAckPending <= this.#consumer.acks.pending.size);
  }

  sent(_size: number): void {
    const request = this.#current;
    this.#current = null;
    this.#lastActivity = this.#now;
    if (request === null || request.batch > 0 || request.bytes <= 0) return;
    // The batch is complete with bytes to spare.
    this.#tell(request.reply, statusBlock(409, 'Batch Completed', leftOf(request)));
  }

  idle(blocked: boolean): void {
    if (this.queue.size > 0) this.#expire(!blocked);
    this.#armTimer();
  }

  /** Ends requests that are over; `ended` says that there is nothing to deliver, which ends those that do not wait. */
  #expire(ended: boolean): void {
    const now = this.#now;
    for (const request of [...this.queue.requests]) {
      if (request.expires !== 0 && now >= request.expires) {
        this.#active();
        this.#end(request, 408, 'Request Timeout');
      } else if (ended && request.noWait && (request.expires === 0 || request.delivered > 0)) {
        this.#active();
        this.queue.remove(request);
        this.#tell(request.reply, statusBlock(404, 'No Messages'));
      } else if (!this.#consumer.account.hasInterest(request.reply)) {
        this.queue.remove(request);
      } else if (request.nextHeartbeat !== 0 && now >= request.nextHeartbeat) {
        request.nextHeartbeat = now + request.heartbeat;
        this.#tell(request.reply, heartbeatBlock(this.#consumer));
      }
    }
  }

  /** When the next request ends or wants a heartbeat. */
  #armTimer(): void {
    this.#timer?.cancel();
    this.#timer = null;
    let next = Number.POSITIVE_INFINITY;
    for (const { expires, nextHeartbeat } of this.queue.requests) {
      if (expires !== 0) next = Math.min(next, expires);
      if (nextHeartbeat !== 0) next = Math.min(next, nextHeartbeat);
    }
    if (next === Number.POSITIVE_INFINITY || this.#consumer.closed) return;
    this.#timer = this.#consumer.clock.after(Math.max(1, next - this.#now), () => {
      this.#timer = null;
      this.#expire(false);
      this.#armTimer();
    });
  }

  #unpinned(): void {
    this.#consumer.pump();
  }

  // --- Nobody asks any more -----------------------------------------------------------------------------------------

  #active(): void {
    this.#lastActivity = this.#now;
    if (this.#inactive === null) this.#armInactive();
  }

  #armInactive(): void {
    this.#inactive?.cancel();
    this.#inactive = null;
    const threshold = this.#consumer.config.inactive_threshold / NANOSECONDS;
    if (threshold <= 0 || this.#consumer.closed) return;
    const left = this.#lastActivity + threshold - this.#now;
    this.#inactive = this.#consumer.clock.after(Math.max(1, left), () => {
      this.#inactive = null;
      this.#expire(false);
      const quiet = this.#now - this.#lastActivity >= threshold;
      const alive = this.queue.size > 0 || this.#consumer.acks.pending.size > 0;
      if (quiet && !alive) this.#consumer.stream.consumerInactive(this.#consumer);
      else if (quiet) {
        this.#lastActivity = this.#now;
        this.#armInactive();
      } else this.#armInactive();
    });
  }

  close(reason: 'deleted' | 'shutdown'): void {
    for (const timer of [this.#timer, this.#inactive]) timer?.cancel();
    this.#timer = null;
    this.#inactive = null;
    this.pins.close();
    const description = reason === 'deleted' ? 'Consumer Deleted' : 'Server Shutdown';
    for (const request of this.queue.clear())
      this.#tell(request.reply, statusBlock(409, description, reason === 'deleted' ? {} : leftOf(request)));
  }
}

const EMPTY = Buffer.alloc(0);

/** Tells a client that nothing has come, and how far the consumer is. */
export function heartbeatBlock(consumer: Consumer, stalledOn = ''): string {
  const { deliveredConsumer, deliveredStream } = consumer.acks;
  return statusBlock(100, 'Idle Heartbeat', {
    'Nats-Last-Consumer': deliveredConsumer,
    'Nats-Last-Stream': deliveredStream,
    ...(stalledOn === '' ? {} : { 'Nats-Consumer-Stalled': stalledOn }),
  });
}
