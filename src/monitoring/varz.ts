/** `/varz`: the server in numbers. */
import { availableParallelism } from 'node:os';
import { featureFlags } from '../config/feature-flags.js';
import type { ServerOptions } from '../config/options.js';
import { systemAccountOf } from '../config/validate.js';
import { versionFields } from '../protocol/info.js';
import { nanoseconds, utcTime } from '../protocol/json.js';
import { weftVersion } from '../version.js';
import { uptimeText } from './go-json.js';
import type { MonitorView } from './view.js';

/** The fields in the order they have on the wire; `undefined` is left out. */
export function varz(view: MonitorView) {
  const { broker, startTime, configLoadTime } = view.server;
  const { options } = broker;
  const now = broker.clock.now();
  const cores = availableParallelism();
  const traffic = broker.traffic();
  const certificate = view.server.tls?.certificates[0];
  return {
    server_id: broker.identity.id,
    server_name: broker.serverName,
    version: versionFields.version,
    proto: versionFields.proto,
    go: versionFields.go,
    host: broker.address.host,
    port: broker.address.port,
    ...security(view),
    connect_urls: nonEmpty(broker.connectUrls),
    max_connections: options.maxConnections,
    max_subscriptions: options.maxSubscriptions || undefined,
    ping_interval: nanoseconds(options.pingInterval),
    ping_max: options.pingMax,
    http_host: monitoringHost(options),
    http_port: options.httpPort,
    http_base_path: options.httpBasePath,
    https_port: options.httpsPort,
    auth_timeout: broker.authTimeout / 1000,
    max_control_line: options.maxControlLine,
    max_payload: options.maxPayload,
    max_pending: options.maxPending,
    cluster: {},
    gateway: {},
    leaf: {},
    mqtt: {},
    websocket: {},
    jetstream: jetStreamInfo(view),
    tls_timeout: (options.tls?.timeout ?? 2000) / 1000,
    write_deadline: nanoseconds(options.writeDeadline),
    write_timeout: options.writeTimeout === 'default' ? undefined : options.writeTimeout,
    start: utcTime(startTime),
    now: utcTime(now),
    uptime: uptimeText(now - startTime),
    mem: process.memoryUsage.rss(),
    cores,
    gomaxprocs: cores,
    cpu: view.cpu.percent(),
    connections: broker.connections.size,
    total_connections: broker.totalConnections,
    routes: 0,
    remotes: 0,
    leafnodes: 0,
    // Without routes, gateways and leaf nodes everything comes from clients.
    in_msgs: traffic.inMsgs,
    in_bytes: traffic.inBytes,
    in_client_msgs: traffic.inMsgs,
    in_client_bytes: traffic.inBytes,
    out_msgs: traffic.outMsgs,
    out_bytes: traffic.outBytes,
    out_client_msgs: traffic.outMsgs,
    out_client_bytes: traffic.outBytes,
    slow_consumers: broker.slowConsumers,
    stale_connections: broker.staleConnections,
    stalled_clients: broker.stalledClients,
    subscriptions: subscriptionCount(view),
    http_req_stats: sorted(Object.fromEntries(view.requests)),
    config_load_time: utcTime(configLoadTime),
    config_digest: options.configDigest,
    tags: nonEmpty(options.serverTags),
    metadata: Object.keys(options.serverMetadata).length > 0 ? sorted(options.serverMetadata) : undefined,
    feature_flags: featureFlags(options.featureFlags),
    system_account: systemAccountOf(options),
    slow_consumer_stats: byKind(broker.slowConsumers),
    stale_connection_stats: byKind(broker.staleConnections),
    disk_io_wait_stats: { waiters: 0, waits: 0, wait_time: 0, max_wait_time: 0 },
    proxies:
      options.trustedProxies.length > 0
        ? { trusted: options.trustedProxies.map((key) => ({ key })) }
        : undefined,
    tls_cert_not_after: certificate === undefined ? undefined : utcTime(certificate.notAfter.getTime()),
    weft_version: weftVersion,
  };
}

/** Where monitoring listens: with the clients unless told otherwise. */
export function monitoringHost(options: ServerOptions): string {
  return options.httpHost || options.host;
}

export function subscriptionCount({ server }: MonitorView): number {
  let count = 0;
  for (const account of server.broker.accounts.values()) count += account.subscriptionCount;
  return count;
}

function security({ server }: MonitorView) {
  const { options, authenticator } = server.broker;
  const { tls } = options;
  return {
    auth_required: authenticator.authRequired || undefined,
    tls_required: (tls !== undefined && !options.allowNonTls) || undefined,
    tls_verify: (tls !== undefined && (tls.verify || tls.verifyAndMap)) || undefined,
  };
}

function byKind(clients: number) {
  return { clients, routes: 0, gateways: 0, leafs: 0 };
}

function nonEmpty<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

/** Go writes maps with their keys in order. */
function sorted<T>(map: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function jetStreamInfo({ server: { jetstream } }: MonitorView): object {
  if (jetstream === null) return {};
  return { config: jetstream.config, stats: jetstream.stats, limits: jetstream.limits };
}
