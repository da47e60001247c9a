/**
 * Whether the other side is still there: the time it has for its CONNECT, PINGs when nothing comes, and the round-trip time they
 * measure (client protocol, section 8).
 */
import { clientErrors } from '../protocol/errors.js';
import type { WheelTimer } from '../runtime/timer-wheel.js';
import type { ClientConnection } from './connection.js';

/** A client is asked for a sign of life this soon after CONNECT, to learn its round-trip time. */
const FIRST_PING = 2000;
/** The round-trip time is measured again when it is older. */
const RTT_AGE = 3_600_000;
/** A round trip was measured, however short it was. */
const SHORTEST_RTT = 0.000001;

export class Liveness {
  /** Round-trip time in milliseconds; 0 while unknown. */
  rtt = 0;
  readonly #connection: ClientConnection;
  readonly #timer: WheelTimer;
  #rttStart: number;
  #pingsOut = 0;
  /** Of a message, a subscription or a PING; by the monotonic clock. */
  #lastInput = 0;

  constructor(connection: ClientConnection) {
    const { broker } = connection;
    this.#connection = connection;
    this.#rttStart = broker.clock.monotonic();
    this.#timer = broker.wheel.timer(() => this.#onTimer());
  }

  /** The first byte of the protocol may come. */
  begin(): void {
    const { broker, expectConnect } = this.#connection;
    this.#timer.arm(expectConnect ? broker.authTimeout : broker.options.pingInterval);
  }

  /** CONNECT came, or the client may go on without. */
  connected(measure: boolean): void {
    if (measure) this.#measure();
    const { broker } = this.#connection;
    const interval = Math.min(broker.options.pingInterval, FIRST_PING);
    // Spread, so that clients that came together are not asked together.
    this.#timer.arm(interval + (interval / 5) * (broker.random.next() / 0x1_0000_0000));
  }

  /** `at` is a time of the monotonic clock. */
  onInput(at: number): void {
    this.#lastInput = at;
  }

  onPong(): void {
    this.#pingsOut = 0;
    this.#measure();
  }

  cancel(): void {
    this.#timer.cancel();
  }

  #measure(): void {
    const elapsed = this.#connection.broker.clock.monotonic() - this.#rttStart;
    this.rtt = Math.max(elapsed, SHORTEST_RTT);
  }

  #onTimer(): void {
    const connection = this.#connection;
    if (connection.expectConnect && !connection.authPending) {
      connection.logDebug(clientErrors.authTimeout);
      connection.closeWith(clientErrors.authTimeout, 'Authentication Timeout');
      return;
    }
    const { broker } = connection;
    const { pingInterval, pingMax } = broker.options;
    const now = broker.clock.monotonic();
    const rttKnown = this.rtt !== 0 && now - this.#rttStart < RTT_AGE;
    if (now - this.#lastInput >= pingInterval || !rttKnown) {
      if (this.#pingsOut + 1 > pingMax) {
        connection.logDebug('Stale Client Connection - Closing');
        broker.staleConnections++;
        connection.closeWith(clientErrors.stale, 'Stale Connection');
        return;
      }
      this.#rttStart = now;
      this.#pingsOut++;
      connection.sendPing();
    }
    this.#timer.arm(pingInterval);
  }
}
