/**
 * `linger`: the other side gets a moment to take it; input that comes meanwhile is read and dropped, for a socket closed with unread
 * input takes back what it sent. `reset`: the other side is told that the connection was broken off, where the transport can tell
 * that from an end and nothing is left to be sent.
 */
export type Ending = 'now' | 'linger' | 'reset';

/** What carries a connection's bytes: a TCP or TLS socket, a pair of streams in the process. */
export interface Transport {
  /** Bytes handed over that the transport has not got rid of yet. */
  readonly backlog: number;
  /** Like `backlog`, but goes down also while a write is under way, where the transport can tell. */
  readonly unsent?: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /**
   * Hands over bytes. They stay the caller's: it leaves them alone until `backlog` is 0 again, and is told by `onWritten` when
   * that may have happened.
   */
  write(pieces: Buffer[]): void;
  onWritten: (() => void) | null;
  /** Stops and continues the flow of input. */
  pause(): void;
  resume(): void;
  /** Sends what was handed over, then closes. */
  end(how: Ending): void;
  /** Closes at once. */
  destroy(): void;
}
