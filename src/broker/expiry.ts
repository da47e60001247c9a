/** Ends a connection when the credentials of its client expire. */
import { clientErrors } from '../protocol/errors.js';
import type { WheelTimer } from '../runtime/timer-wheel.js';
import type { ClientConnection } from './connection.js';

/** Waited for at once; a timer of more than 24 days would fire at once, and clocks are corrected now and then. */
const LONGEST_WAIT = 86_400_000;

export class Expiry {
  readonly #connection: ClientConnection;
  readonly #timer: WheelTimer;
  /** Milliseconds since 1970. */
  #at = 0;

  constructor(connection: ClientConnection) {
    this.#connection = connection;
    this.#timer = connection.broker.wheel.timer(() => this.#look());
  }

  /** `at` is in milliseconds since 1970; a time set before no longer counts. */
  arm(at: number): void {
    this.#at = at;
    this.#timer.arm(Math.min(Math.max(0, at - this.#connection.broker.clock.now()), LONGEST_WAIT));
  }

  cancel(): void {
    this.#timer.cancel();
  }

  #look(): void {
    const connection = this.#connection;
    if (connection.broker.clock.now() < this.#at) {
      this.arm(this.#at);
      return;
    }
    connection.logDebug(clientErrors.authExpired);
    connection.closeWith(clientErrors.authExpired, 'Authentication Expired');
  }
}
