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
  /**
   * Sends what was handed over, then closes. With `linger` the other side gets a moment to take it: input that comes meanwhile is
   * read and dropped, for a socket closed with unread input takes back what it sent.
   */
  end(linger: boolean): void;
  /** Closes at once. */
  destroy(): void;
}
