/** The server's figures, on request and from time to time: `$SYS.SERVER.<id>.STATSZ`. */
import { availableParallelism } from 'node:os';
import type { JetStream } from '../jetstream/jetstream.js';
import type { CpuMeter } from '../monitoring/cpu-meter.js';
import type { MonitoredServer } from '../monitoring/view.js';
import { utcTime } from '../protocol/json.js';
import type { Timer } from '../runtime/clock.js';
import type { Sender } from './sender.js';

/** Sent more often at first, when everything changes. */
const FIRST_INTERVAL = 250;
const INTERVAL = 10_000;
/** Not sent to everybody more often than this. */
const SHORTEST_INTERVAL = 1000;

export interface StatszParts {
  sender: Sender;
  cpu: CpuMeter;
  server: MonitoredServer;
}

export class Statsz {
  readonly #sender: Sender;
  readonly #parts: StatszParts;
  #interval = FIRST_INTERVAL;
  /** By the monotonic clock. */
  #lastSent = Number.NEGATIVE_INFINITY;
  #timer: Timer | null = null;

  constructor(parts: StatszParts) {
    this.#sender = parts.sender;
    this.#parts = parts;
  }

  start(): void {
    this.#arm(this.#interval);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Sends the figures to whoever listens to them, even if that was done only now. */
  broadcastNow(): void {
    this.#lastSent = Number.NEGATIVE_INFINITY;
    this.#broadcast();
  }

  /** The figures, with who sends them. */
  message(): object {
    return { server: this.#sender.serverInfo(), statsz: this.#figures() };
  }

  #arm(delay: number): void {
    this.#timer?.cancel();
    this.#timer = this.#sender.broker.clock.after(delay, () => {
      this.#interval = Math.min(this.#interval * 2, INTERVAL);
      this.#arm(this.#interval);
      this.#broadcast();
    });
  }

  #broadcast(): void {
    const { broker } = this.#sender;
    const now = broker.clock.monotonic();
    const next = this.#lastSent + Math.min(SHORTEST_INTERVAL, this.#interval);
    if (now < next) {
      this.#arm(next - now);
      return;
    }
    this.#lastSent = now;
    const subject = `$SYS.SERVER.${broker.identity.id}.STATSZ`;
    if (this.#sender.isHeard(subject)) this.#sender.send(subject, this.message());
  }

  #figures() {
    const { broker } = this.#sender;
    const { cpu, server } = this.#parts;
    const { jetstream } = server;
    const cores = availableParallelism();
    const accounts = [...broker.accounts.values()];
    const traffic = broker.traffic();
    const sent = { msgs: traffic.outMsgs, bytes: traffic.outBytes };
    const received = { msgs: traffic.inMsgs, bytes: traffic.inBytes };
    return {
      start: utcTime(server.startTime),
      mem: process.memoryUsage.rss(),
      cores,
      cpu: cpu.percent(),
      connections: broker.connections.size,
      total_connections: broker.totalConnections,
      active_accounts: accounts.filter(
        (each) => each.connections.size > 0 || hasStreams(each.name, jetstream),
      ).length,
      subscriptions: accounts.reduce((sum, { subscriptionCount }) => sum + subscriptionCount, 0),
      sent,
      sent_to_clients: sent,
      received,
      received_from_clients: received,
      slow_consumers: broker.slowConsumers,
      slow_consumer_stats: byKind(broker.slowConsumers),
      stale_connections: broker.staleConnections || undefined,
      stale_connection_stats: byKind(broker.staleConnections),
      stalled_clients: broker.stalledClients || undefined,
      active_servers: 1,
      jetstream: jetstream === null ? undefined : jetStreamFigures(jetstream),
      gomaxprocs: cores,
    };
  }
}

/** Officially a stream is a client of its account. */
function hasStreams(account: string, jetstream: JetStream | null): boolean {
  return (jetstream?.accounts.get(account)?.streams.size ?? 0) > 0;
}

/** Everybody may know these, so without the store directory. */
function jetStreamFigures({ config, stats, limits }: JetStream): object {
  return { config: { ...config, store_dir: undefined }, stats, limits };
}

/** Left out while there are none. */
function byKind(clients: number) {
  return clients === 0 ? undefined : { clients, routes: 0, gateways: 0, leafs: 0 };
}
