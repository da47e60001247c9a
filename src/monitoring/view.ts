/** What the endpoints see of the server, and what they answer. */
import type { Broker, BrokerAccount } from '../broker/broker.js';
import type { JetStream } from '../jetstream/jetstream.js';
import type { Log } from '../runtime/log.js';
import type { LoadedTls } from '../security/tls.js';
import type { CpuMeter } from './cpu-meter.js';

/** The server as monitoring looks at it. */
export interface MonitoredServer {
  readonly broker: Broker;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly startTime: number;
  readonly configLoadTime: number;
  /** The certificates of the client listener; null without TLS. */
  readonly tls: LoadedTls | null;
  /** Null where it is off. */
  readonly jetstream: JetStream | null;
}

export interface MonitorView {
  readonly server: MonitoredServer;
  readonly cpu: CpuMeter;
  /** Requests answered so far, by the endpoint's path. */
  readonly requests: Map<string, number>;
  /** Whether clients can connect. */
  readonly ready: () => boolean;
}

export interface Answer {
  status: number;
  contentType: string;
  /** Pieces are made one at a time, so that a long answer leaves other work its turns. */
  body: string | Iterable<string>;
}

export const JSON_TYPE = 'application/json';
export const TEXT_TYPE = 'text/plain; charset=utf-8';

export function jsonAnswer(body: string | Iterable<string>, status = 200): Answer {
  return { status, contentType: JSON_TYPE, body };
}

export function textAnswer(status: number, body: string): Answer {
  return { status, contentType: TEXT_TYPE, body };
}

/** Messages and bytes of an account's connections, open and closed. */
export function accountTraffic(account: BrokerAccount) {
  const { inMsgs, inBytes, outMsgs, outBytes } = account.closedTraffic;
  const sum = { inMsgs, inBytes, outMsgs, outBytes };
  for (const each of account.connections) {
    sum.inMsgs += each.inMsgs;
    sum.inBytes += each.inBytes;
    sum.outMsgs += each.outMsgs;
    sum.outBytes += each.outBytes;
  }
  return sum;
}
