/** `/metrics`: the server for Prometheus. Everything is read when it is asked for; see docs/reference/metrics.md. */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Registry } from 'prom-client';
import type { JetStream } from '../jetstream/jetstream.js';
import type { CommitFigures } from '../jetstream/store/group-commit.js';
import type { StoreMemory } from '../jetstream/store/message-block-cache.js';
import { natsVersion, weftVersion } from '../version.js';
import { subscriptionCount } from './varz.js';
import { type Answer, accountTraffic, type MonitorView } from './view.js';

/** How often the event loop's delay is measured, in milliseconds. */
const DELAY_RESOLUTION = 20;
/** With figures of their own: each makes a line per metric, and a time series in what collects them. */
const MAX_ACCOUNTS = 1000;

type Values = Iterable<readonly [labels: Record<string, string>, value: number]>;

/** A name without labels has one value. */
type Read = (view: MonitorView) => number | Values;

interface Metric {
  kind: 'counter' | 'gauge';
  name: string;
  help: string;
  labels?: string[];
  read: Read;
}

export class Metrics {
  readonly #registry = new Registry();
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION });

  constructor(view: MonitorView) {
    this.#delay.enable();
    for (const metric of [
      ...serverMetrics,
      ...accountMetrics,
      ...jetStreamMetrics,
      ...processMetrics,
      ...this.#delayMetrics(),
    ]) {
      this.#register(metric, view);
    }
  }

  async answer(): Promise<Answer> {
    const body = await this.#registry.metrics();
    // Each scrape shows the delays since the one before.
    this.#delay.reset();
    return { status: 200, contentType: this.#registry.contentType, body };
  }

  /** Stops measuring. */
  close(): void {
    this.#delay.disable();
    this.#registry.clear();
  }

  #register({ kind, name, help, labels = [], read }: Metric, view: MonitorView): void {
    const registers = [this.#registry];
    const values = (): Values => {
      const value = read(view);
      return typeof value === 'number' ? [[{}, value]] : value;
    };
    if (kind === 'gauge') {
      new Gauge({
        name,
        help,
        labelNames: labels,
        registers,
        collect() {
          this.reset();
          for (const [label, value] of values()) this.set(label, value);
        },
      });
      return;
    }
    new Counter({
      name,
      help,
      labelNames: labels,
      registers,
      collect() {
        this.reset();
        for (const [label, value] of values()) this.inc(label, value);
      },
    });
  }

  #delayMetrics(): Metric[] {
    const seconds = (read: (delay: IntervalHistogram) => number) => (): number =>
      this.#delay.count === 0 ? 0 : Math.max(read(this.#delay) / 1e9 - DELAY_RESOLUTION / 1000, 0);
    const name = (part: string) => `nodejs_eventloop_lag_${part}_seconds`;
    const since = 'of the event loop since the last scrape, in seconds.';
    return [
      gauge(
        name('mean'),
        `Mean delay ${since}`,
        seconds(({ mean }) => mean),
      ),
      gauge(
        name('p50'),
        `Median delay ${since}`,
        seconds((delay) => delay.percentile(50)),
      ),
      gauge(
        name('p99'),
        `99th percentile of the delay ${since}`,
        seconds((delay) => delay.percentile(99)),
      ),
      gauge(
        name('max'),
        `Longest delay ${since}`,
        seconds(({ max }) => max),
      ),
    ];
  }
}

function gauge(name: string, help: string, read: Read, labels?: string[]): Metric {
  return { kind: 'gauge', name, help, read, labels };
}

function counter(name: string, help: string, read: Read, labels?: string[]): Metric {
  return { kind: 'counter', name, help, read, labels };
}

/** The sum of a figure over all accounts. */
function overAccounts(read: (account: Account) => number): Read {
  return (view) => {
    let sum = 0;
    for (const account of accountsOf(view)) sum += read(account);
    return sum;
  };
}

/** Those that came first keep their lines, whatever comes later, so that no counter ever goes back; the rest is one line. */
function perAccount(read: (account: Account) => number): Read {
  return function* (view) {
    let shown = 0;
    let rest = 0;
    for (const account of accountsOf(view)) {
      if (shown++ < MAX_ACCOUNTS) yield [{ account: account.name }, read(account)] as const;
      else rest += read(account);
    }
    // Prometheus takes an empty label for one that is not there. No account has an empty name.
    if (shown > MAX_ACCOUNTS) yield [{ account: '' }, rest] as const;
  };
}

const accountsOf = ({ server }: MonitorView) => server.broker.accounts.values();
type Account = ReturnType<typeof accountsOf> extends Iterable<infer A> ? A : never;
const broker = ({ server }: MonitorView) => server.broker;

const serverMetrics: readonly Metric[] = [
  gauge(
    'nats_server_info',
    'Who the server is; the value is always 1.',
    (view) => [
      [
        {
          server_id: broker(view).identity.id,
          server_name: broker(view).serverName,
          version: natsVersion,
          weft_version: weftVersion,
        },
        1,
      ],
    ],
    ['server_id', 'server_name', 'version', 'weft_version'],
  ),
  gauge('nats_server_start_time_seconds', 'When the server started, in seconds since 1970.', (view) => {
    return view.server.startTime / 1000;
  }),
  gauge('nats_server_up', '1 while clients can connect, 0 otherwise.', (view) => (view.ready() ? 1 : 0)),
  gauge('nats_server_connections', 'Open client connections.', (view) => broker(view).connections.size),
  gauge('nats_server_max_connections', 'Client connections allowed.', (view) => {
    return broker(view).options.maxConnections;
  }),
  counter('nats_server_connections_total', 'Client connections accepted since the start.', (view) => {
    return broker(view).totalConnections;
  }),
  gauge('nats_server_subscriptions', 'Subscriptions of all accounts.', subscriptionCount),
  counter('nats_server_received_messages_total', 'Messages received from clients.', (view) => {
    return broker(view).traffic().inMsgs;
  }),
  counter('nats_server_received_bytes_total', 'Bytes of messages received from clients.', (view) => {
    return broker(view).traffic().inBytes;
  }),
  counter('nats_server_sent_messages_total', 'Messages sent to clients.', (view) => {
    return broker(view).traffic().outMsgs;
  }),
  counter('nats_server_sent_bytes_total', 'Bytes of messages sent to clients.', (view) => {
    return broker(view).traffic().outBytes;
  }),
  gauge('nats_server_pending_bytes', 'Bytes that wait to be sent to clients.', (view) => {
    let sum = 0;
    for (const { out } of broker(view).connections.values()) sum += out.pending;
    return sum;
  }),
  counter('nats_server_slow_consumers_total', 'Connections closed for being too slow.', (view) => {
    return broker(view).slowConsumers;
  }),
  counter('nats_server_stale_connections_total', 'Connections closed for not answering PING.', (view) => {
    return broker(view).staleConnections;
  }),
  counter('nats_server_stalled_clients_total', 'Times a publisher had to wait for a receiver.', (view) => {
    return broker(view).stalledClients;
  }),
  gauge(
    'nats_server_match_cache_entries',
    'Subjects in the match caches.',
    overAccounts(({ cache }) => cache.size),
  ),
  gauge(
    'nats_server_match_cache_bytes',
    'Bytes of subjects and message heads in the match caches.',
    overAccounts(({ cache }) => cache.pageBytes),
  ),
  counter(
    'nats_server_match_cache_hits_total',
    'Published messages whose subject was in the match cache.',
    overAccounts(({ cache }) => cache.hits),
  ),
  counter(
    'nats_server_match_cache_misses_total',
    'Published messages whose subject had to be matched.',
    overAccounts(({ cache }) => cache.misses),
  ),
  gauge('nats_server_output_chunks_in_use', 'Output chunks of 64 KiB that connections hold.', (view) => {
    return broker(view).arena.chunksInUse;
  }),
  gauge('nats_server_closed_connections', 'Closed connections remembered for /connz.', (view) => {
    return broker(view).closedConnections.length;
  }),
  counter(
    'nats_server_http_requests_total',
    'Requests answered by monitoring, as in http_req_stats of /varz.',
    (view) => [...view.requests].map(([path, count]) => [{ path }, count] as const),
    ['path'],
  ),
];

/** A figure of JetStream; 0 where it is off. */
function ofJetStream(read: (jetstream: JetStream) => number): Read {
  return ({ server: { jetstream } }) => (jetstream === null ? 0 : read(jetstream));
}

const ofStores = (read: (stores: StoreMemory) => number) =>
  ofJetStream(({ stores }) => (stores === null ? 0 : read(stores)));
const ofCommit = (read: (figures: CommitFigures) => number) =>
  ofJetStream(({ storage }) => read(storage.commit.figures));

const jetStreamMetrics: readonly Metric[] = [
  gauge(
    'nats_jetstream_streams',
    'Streams of all accounts.',
    ofJetStream(({ totals }) => totals.streams),
  ),
  gauge(
    'nats_jetstream_consumers',
    'Consumers of all streams.',
    ofJetStream(({ totals }) => totals.consumers),
  ),
  gauge(
    'nats_jetstream_messages',
    'Messages in all streams.',
    ofJetStream(({ totals }) => totals.messages),
  ),
  gauge(
    'nats_jetstream_memory_bytes',
    'Bytes of streams in memory.',
    ofJetStream(({ memory }) => memory),
  ),
  gauge(
    'nats_jetstream_storage_bytes',
    'Bytes of streams in files.',
    ofJetStream(({ store }) => store),
  ),
  counter(
    'nats_jetstream_api_requests_total',
    'Requests of the API.',
    ofJetStream(({ stats }) => stats.api.total),
  ),
  counter(
    'nats_jetstream_api_errors_total',
    'Requests of the API that were answered with an error.',
    ofJetStream(({ stats }) => stats.api.errors),
  ),
  gauge(
    'nats_jetstream_api_inflight',
    'Requests of the API that are being served: those that wait, and those whose answer waits for the disk.',
    ofJetStream(({ requests }) => requests.inflight),
  ),
  gauge(
    'nats_jetstream_api_pending',
    'Requests of the API that wait.',
    ofJetStream(({ requests }) => requests.pending),
  ),
  counter(
    'nats_jetstream_api_dropped_total',
    'Requests of the API that were dropped, as too many waited.',
    ofJetStream(({ requests }) => requests.dropped),
  ),
  counter(
    'nats_jetstream_commit_cycles_total',
    'Group commits: each makes all durable that was stored since the last one.',
    ofCommit(({ cycles }) => cycles),
  ),
  counter(
    'nats_jetstream_commit_syncs_total',
    'Files and directories that were synced.',
    ofCommit(({ syncs }) => syncs),
  ),
  counter(
    'nats_jetstream_commit_failures_total',
    'Writes and syncs that the disk refused.',
    ofCommit(({ failures }) => failures),
  ),
  gauge(
    'nats_jetstream_cache_bytes',
    'Contents of blocks that are cached.',
    ofStores(({ contents }) => contents.used),
  ),
  gauge(
    'nats_jetstream_cache_limit_bytes',
    'The most that is cached.',
    ofStores(({ contents }) => contents.limit),
  ),
  counter(
    'nats_jetstream_cache_evictions_total',
    'Blocks that were dropped from the cache.',
    ofStores(({ contents }) => contents.evictions),
  ),
  gauge(
    'nats_jetstream_index_bytes',
    'Indexes of blocks in memory.',
    ofStores(({ indexes }) => indexes.used),
  ),
  gauge(
    'nats_jetstream_subjects_bytes',
    'Memory for the subjects of all streams.',
    ofStores(({ subjectsUsed }) => subjectsUsed),
  ),
  gauge(
    'nats_jetstream_subjects_limit_bytes',
    'Beyond it no new subjects are taken.',
    ofStores(({ subjectsLimit }) => subjectsLimit),
  ),
  gauge(
    'nats_jetstream_problems',
    'Streams, consumers, blocks and files that could not be opened or were damaged.',
    ofJetStream(({ storage }) => storage.problems.length),
  ),
];

const accountMetrics: readonly Metric[] = [
  gauge(
    'nats_server_account_connections',
    'Open client connections of the account.',
    perAccount(({ connections }) => connections.size),
    ['account'],
  ),
  counter(
    'nats_server_account_connections_total',
    'Client connections bound to the account since the start.',
    perAccount(({ totalConnections }) => totalConnections),
    ['account'],
  ),
  gauge(
    'nats_server_account_subscriptions',
    'Subscriptions of the account.',
    perAccount(({ interest }) => interest.count),
    ['account'],
  ),
  counter(
    'nats_server_account_received_messages_total',
    'Messages received from clients of the account.',
    perAccount((account) => accountTraffic(account).inMsgs),
    ['account'],
  ),
  counter(
    'nats_server_account_received_bytes_total',
    'Bytes of messages received from clients of the account.',
    perAccount((account) => accountTraffic(account).inBytes),
    ['account'],
  ),
  counter(
    'nats_server_account_sent_messages_total',
    'Messages sent to clients of the account.',
    perAccount((account) => accountTraffic(account).outMsgs),
    ['account'],
  ),
  counter(
    'nats_server_account_sent_bytes_total',
    'Bytes of messages sent to clients of the account.',
    perAccount((account) => accountTraffic(account).outBytes),
    ['account'],
  ),
  counter(
    'nats_server_account_slow_consumers_total',
    'Connections of the account closed for being too slow.',
    perAccount(({ slowConsumers }) => slowConsumers),
    ['account'],
  ),
];

const processMetrics: readonly Metric[] = [
  counter('process_cpu_seconds_total', 'Processor time of the process, in seconds.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  }),
  gauge('process_resident_memory_bytes', 'Resident memory of the process.', () => process.memoryUsage.rss()),
  gauge('process_start_time_seconds', 'When the process started, in seconds since 1970.', () => {
    return performance.timeOrigin / 1000;
  }),
  gauge('nodejs_heap_size_total_bytes', 'Size of the JavaScript heap.', () => {
    return process.memoryUsage().heapTotal;
  }),
  gauge('nodejs_heap_size_used_bytes', 'Used part of the JavaScript heap.', () => {
    return process.memoryUsage().heapUsed;
  }),
  gauge('nodejs_external_memory_bytes', 'Memory outside the JavaScript heap.', () => {
    return process.memoryUsage().external;
  }),
];
