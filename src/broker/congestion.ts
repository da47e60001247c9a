/**
 * A receiver that does not take what it is sent: how long a write may take, how much may wait, and when it is cut off (client
 * protocol, section 11).
 */
import { goDuration } from '../config/go-format.js';
import type { ClosedReason } from '../protocol/errors.js';
import type { WheelTimer } from '../runtime/timer-wheel.js';
import type { ClientConnection } from './connection.js';
import type { OutboundEvents } from './outbound.js';

export class Congestion implements OutboundEvents {
  readonly #connection: ClientConnection;
  #writeTimer: WheelTimer | null = null;
  /** What the transport had not sent when the write timer was armed. */
  #unsent = 0;
  /** A write deadline has passed before. */
  #knownSlow = false;

  constructor(connection: ClientConnection) {
    this.#connection = connection;
  }

  /** A write has begun that has to end in time. */
  watchWrite(): void {
    const { broker, transport } = this.#connection;
    this.#writeTimer ??= broker.wheel.timer(() => this.#onWriteDeadline());
    this.#writeTimer.arm(broker.options.writeDeadline);
    this.#unsent = transport.unsent ?? transport.backlog;
  }

  cancel(): void {
    this.#writeTimer?.cancel();
  }

  onPendingExceeded(): void {
    const connection = this.#connection;
    if (connection.closed) return;
    const { maxPending } = connection.broker.options;
    this.#cutOff(
      'Slow Consumer (Pending Bytes)',
      `Slow Consumer Detected: MaxPending of ${maxPending} Exceeded`,
    );
  }

  onBlocked(blocked: boolean): void {
    if (!blocked) this.cancel();
    if (this.#connection.closed) return;
    if (blocked) this.watchWrite();
    this.refresh();
  }

  onBacklog(): void {
    if (!this.#connection.stalled) this.refresh();
  }

  /** Producers wait for a connection that is far behind, and for any that is behind when memory is short. */
  refresh(): void {
    const connection = this.#connection;
    const { broker, out } = connection;
    const behind = broker.outboundShort || out.pending > (broker.options.maxPending / 4) * 3;
    const stalled = out.blocked && behind;
    if (stalled === connection.stalled) return;
    connection.stalled = stalled;
    connection.refreshSpecial();
  }

  #onWriteDeadline(): void {
    const connection = this.#connection;
    const { broker, transport, out } = connection;
    if (connection.closed) {
      transport.destroy();
      return;
    }
    const reason = 'Slow Consumer (Write Deadline)';
    if (connection.expectConnect && !connection.connectReceived) {
      connection.close(reason);
      return;
    }
    const { chunks, bytes } = out.inFlight;
    const state = this.#knownSlow ? 'State' : 'Detected';
    const deadline = goDuration(broker.options.writeDeadline);
    const text = `Slow Consumer ${state}: WriteDeadline of ${deadline} exceeded with ${chunks} chunks of ${bytes} total bytes.`;
    const progress = (transport.unsent ?? transport.backlog) !== this.#unsent;
    // Patience is for those who take something, and needs memory.
    if (broker.options.writeTimeout === 'retry' && progress && !broker.outboundShort) {
      this.#count(reason, text);
      this.#knownSlow = true;
      this.watchWrite();
    } else {
      this.#cutOff(reason, text);
    }
  }

  #cutOff(reason: ClosedReason, text: string): void {
    this.#count(reason, text);
    this.#connection.close(reason);
  }

  #count(reason: ClosedReason, text: string): void {
    const connection = this.#connection;
    connection.broker.slowConsumers++;
    connection.account.slowConsumers++;
    connection.logNotice(text);
    connection.broker.events.slowConsumer(connection, reason);
  }
}
