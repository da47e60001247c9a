/**
 * Which connections have bytes to be sent, and when they are: small answers at the end of the read that caused them, the rest
 * once per turn of the event loop, so that one write carries what many reads brought.
 */
import type { ClientConnection } from './connection.js';

/** Reads per turn whose output is sent at once. With more of them, waiting for the turn's end saves writes. */
const EAGER_READS = 2;

export class FlushQueue {
  #dirty: ClientConnection[] = [];
  /** The list that is filled next; null while it is in use. */
  #spare: ClientConnection[] | null = [];
  #reads = 0;
  #scheduled: NodeJS.Immediate | null = null;
  readonly #turn = (): void => this.#endTurn();

  /** The connection has bytes to send. It says so itself by `dirty`. */
  add(connection: ClientConnection): void {
    connection.dirty = true;
    this.#dirty.push(connection);
    this.#schedule();
  }

  /** A read has been handled. */
  afterRead(): void {
    this.#reads++;
    if (this.#dirty.length > 0 && this.#reads <= EAGER_READS) this.flush();
  }

  flush(): void {
    const dirty = this.#dirty;
    if (dirty.length === 0) return;
    // A transport within the process may bring us here again before the loop is through.
    this.#dirty = this.#spare ?? [];
    this.#spare = null;
    for (let i = 0; i < dirty.length; i++) {
      const connection = dirty[i]!;
      connection.dirty = false;
      connection.flush();
    }
    dirty.length = 0;
    this.#spare = dirty;
  }

  close(): void {
    if (this.#scheduled !== null) clearImmediate(this.#scheduled);
    this.#scheduled = null;
    this.#dirty = [];
  }

  #schedule(): void {
    this.#scheduled ??= setImmediate(this.#turn);
  }

  #endTurn(): void {
    this.#scheduled = null;
    this.#reads = 0;
    this.flush();
  }
}
