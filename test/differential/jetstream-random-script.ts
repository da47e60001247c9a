// What a random script of JetStream is made of. Operations are plain data: a script can be printed, shrunken and played again.

export type Operation =
  /** A message, and what is answered to it. A body that is no text goes as JSON. `reply` goes behind the inbox: fast batches say there what they want. */
  | {
      op: 'ask';
      subject: string;
      body: unknown;
      headers?: [string, string][];
      reply?: string;
      silent?: boolean;
    }
  /** A pull request; what it brings comes on a subject of its own. Then `wait` milliseconds. */
  | { op: 'pull'; stream: string; consumer: string; body: unknown; wait?: number }
  /** To one of the messages that a consumer has delivered: the n-th from the end, from 0. Then `wait` milliseconds. */
  | {
      op: 'ack';
      stream: string;
      consumer: string;
      back: number;
      verb: string;
      confirmed: boolean;
      wait?: number;
    }
  /** An ack of a message that nobody has delivered: the tokens behind the consumer. */
  | { op: 'forged'; stream: string; consumer: string; tokens: string; verb: string }
  | { op: 'listen'; subject: string; queue?: string }
  | { op: 'deaf'; subject: string }
  /** What the given streams, and their consumers, say of themselves. */
  | { op: 'look'; streams: string[] }
  /** Every message of the given streams. */
  | { op: 'dump'; streams: string[] }
  | { op: 'wait'; milliseconds: number }
  | { op: 'restart' };

export interface RandomScript {
  seed: number;
  /** Things that streams do on their own are part of it, copies for one: answers are given more time. */
  patient: boolean;
  streams: string[];
  operations: Operation[];
}

/** The body of a message: text as it is, anything else as JSON. */
export const bodyText = (body: unknown): string => (typeof body === 'string' ? body : JSON.stringify(body));
