/** Reads the keys outside of any block. */
import { DurationError, goDuration, goQuote, goType, parseGoDuration } from './go-format.js';
import { AddressError, parsePort, splitHostPort } from './host-port.js';
import type { ServerOptions, WriteTimeoutPolicy } from './options.js';
import { asBool, asInteger, asMap, asString, type Problems, Rejected } from './problems.js';
import type { KeyReader, Reading } from './reading.js';
import type { ConfigValue } from './syntax.js';

type FieldOf<T> = {
  [F in keyof ServerOptions]-?: T extends ServerOptions[F] ? F : never;
}[keyof ServerOptions];

const int32Max = 2 ** 31 - 1;

function bool(field: FieldOf<boolean>): KeyReader {
  return (value, { options }) => {
    options[field] = asBool(value);
  };
}

function integer(field: FieldOf<number>): KeyReader {
  return (value, { options }) => {
    options[field] = asInteger(value);
  };
}

function text(field: FieldOf<string>): KeyReader {
  return (value, { options }) => {
    (options as Record<typeof field, string>)[field] = asString(value);
  };
}

/** Bytes that fit 32 bits. */
function smallSize(field: 'maxControlLine' | 'maxPayload'): KeyReader {
  return (value, { options }, name) => {
    const size = asInteger(value);
    if (size > int32Max) throw new Rejected(value, `${name} value is too big`);
    options[field] = size;
  };
}

/** A flag that switches tracing on or off with it. */
function tracing(field: 'traceVerbose' | 'traceHeaders'): KeyReader {
  return (value, { options }) => {
    options[field] = asBool(value);
    options.trace = options[field];
  };
}

function listener(hostField: 'host' | 'httpHost', portField: 'port' | 'httpPort' | 'httpsPort'): KeyReader {
  return (value, { options }) => {
    const { host, port } = readListen(value);
    options[hostField] = host;
    options[portField] = port;
  };
}

/** A duration, or seconds as an integer, which is deprecated. */
function duration(field: 'pingInterval' | 'writeDeadline', name: string): KeyReader {
  return (value, { options, problems }) => {
    options[field] = readDuration(name, value, problems);
  };
}

/** Readers of all top-level keys that work and are not blocks, by name. */
export const generalReaders: Readonly<Record<string, KeyReader>> = {
  listen: listener('host', 'port'),
  host: text('host'),
  port: integer('port'),
  client_advertise: text('clientAdvertise'),
  server_name(value, { options }) {
    const name = asString(value);
    if (name.includes(' ')) throw new Rejected(value, 'server name cannot contain spaces');
    options.serverName = name;
  },
  server_tags: readTags,
  server_metadata: readMetadata,
  feature_flags: readFeatureFlags,
  default_js_domain: readDefaultDomains,
  debug: bool('debug'),
  trace: bool('trace'),
  trace_verbose: tracing('traceVerbose'),
  trace_headers: tracing('traceHeaders'),
  logtime: bool('logtime'),
  logtime_utc: bool('logtimeUtc'),
  log_file: text('logFile'),
  logfile_size_limit: integer('logSizeLimit'),
  logfile_max_num: integer('logMaxNum'),
  pid_file: text('pidFile'),
  ports_file_dir: text('portsFileDir'),
  http: listener('httpHost', 'httpPort'),
  https: listener('httpHost', 'httpsPort'),
  http_port: integer('httpPort'),
  https_port: integer('httpsPort'),
  http_base_path: text('httpBasePath'),
  max_control_line: smallSize('maxControlLine'),
  max_payload: smallSize('maxPayload'),
  max_pending: integer('maxPending'),
  max_connections(value, { options }) {
    options.maxConnections = asInteger(value) || -1;
  },
  max_subscriptions: integer('maxSubscriptions'),
  max_subscription_tokens(value, { options }, name) {
    const tokens = asInteger(value);
    if (tokens > 255) throw new Rejected(value, `${name} value is too big`);
    if (tokens <= 0) throw new Rejected(value, `${name} value can not be negative`);
    options.maxSubscriptionTokens = tokens;
  },
  max_traced_msg_len: integer('maxTracedMsgLen'),
  max_closed_clients: integer('maxClosedClients'),
  ping_interval: duration('pingInterval', 'ping_interval'),
  ping_max: integer('pingMax'),
  write_deadline: duration('writeDeadline', 'write_deadline'),
  write_timeout(value, { options }) {
    const policy = asString(value);
    if (!['default', 'close', 'retry'].includes(policy)) {
      throw new Rejected(value, "write_timeout must be 'default', 'close' or 'retry'");
    }
    options.writeTimeout = policy as WriteTimeoutPolicy;
  },
  no_fast_producer_stall: bool('noFastProducerStall'),
  lame_duck_duration(value, { options }) {
    const time = plainDuration('lame_duck_duration', value);
    if (time < 30_000) {
      const shown = goDuration(time);
      throw new Rejected(value, `invalid lame_duck_duration of ${shown}, minimum is 30 seconds`);
    }
    options.lameDuckDuration = time;
  },
  lame_duck_grace_period(value, { options }) {
    const time = plainDuration('lame_duck_grace_period', value);
    if (time < 0) throw new Rejected(value, 'invalid lame_duck_grace_period, needs to be positive');
    options.lameDuckGracePeriod = time;
  },
  no_header_support: bool('noHeaderSupport'),
  disable_sublist_cache: bool('disableSublistCache'),
  connect_error_reports: integer('connectErrorReports'),
  reconnect_error_reports: integer('reconnectErrorReports'),
  proxy_protocol: bool('proxyProtocol'),
  allow_non_tls: bool('allowNonTls'),
  no_auth_user: text('noAuthUser'),
  no_system_account: bool('noSystemAccount'),
  system_account(value, { options }) {
    if (typeof value.value !== 'string') throw new Rejected(value, 'system account name must be a string');
    options.systemAccount = value.value;
  },
};

/** A port, or `host:port` where the host may be empty or in brackets. */
function readListen(value: ConfigValue): { host: string; port: number } {
  const { value: listen } = value;
  if (typeof listen === 'bigint') return { host: '', port: Number(listen) };
  if (typeof listen !== 'string') {
    throw new Rejected(value, `expected port or host:port, got ${goType(listen)}`);
  }
  let parts: { host: string; port: string };
  try {
    parts = splitHostPort(listen);
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new Rejected(value, `could not parse address string ${goQuote(listen)}`);
  }
  try {
    return { host: parts.host, port: parsePort(parts.port) };
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new Rejected(value, `could not parse port ${goQuote(parts.port)}`);
  }
}

function readDuration(name: string, value: ConfigValue, problems: Problems): number {
  if (typeof value.value === 'string') return plainDuration(name, value);
  problems.warning(value, name, `${name} should be converted to a duration`);
  return asInteger(value) * 1000;
}

function plainDuration(name: string, value: ConfigValue): number {
  return durationOf(value, `error parsing ${name}:`);
}

/** Milliseconds. `prefix` starts the error text. */
export function durationOf(value: ConfigValue, prefix: string): number {
  const written = asString(value);
  try {
    return parseGoDuration(written);
  } catch (error) {
    if (error instanceof DurationError) throw new Rejected(value, `${prefix} ${error.message}`);
    throw error;
  }
}

/** Tags are a set, lower-cased; wrong elements end the list but leave what came before. */
function readTags(value: ConfigValue, { options }: Reading): void {
  const add = (tag: string) => {
    const wanted = tag.trim().toLowerCase();
    if (wanted !== '' && !options.serverTags.includes(wanted)) options.serverTags.push(wanted);
  };
  if (typeof value.value !== 'string' && !Array.isArray(value.value)) {
    throw new Rejected(value, `error parsing tags: unsupported type ${goType(value.value)}`);
  }
  for (const tag of typeof value.value === 'string' ? [value] : value.value) {
    if (typeof tag.value !== 'string') {
      throw new Rejected(value, 'error parsing tags: unsupported type *conf.token where string is expected');
    }
    add(tag.value);
  }
}

function readMetadata(value: ConfigValue, { options }: Reading): void {
  if (!(value.value instanceof Map)) {
    throw new Rejected(value, `error parsing metadata: unsupported type ${goType(value.value)}`);
  }
  for (const [name, item] of asMap(value)) setOwn(options.serverMetadata, name, asString(item));
}

function readFeatureFlags(value: ConfigValue, { options }: Reading): void {
  if (!(value.value instanceof Map)) {
    throw new Rejected(value, `error parsing feature flags: unsupported type ${goType(value.value)}`);
  }
  for (const [name, item] of value.value) {
    if (typeof item.value !== 'boolean') {
      const got = goType(item.value);
      throw new Rejected(item, `error parsing feature flag ${goQuote(name)}: expected bool, got ${got}`);
    }
    setOwn(options.featureFlags, name, item.value);
  }
}

function readDefaultDomains(value: ConfigValue, { options }: Reading): void {
  if (!(value.value instanceof Map)) {
    const text = `error default_js_domain config: unsupported type ${goType(value.value)}`;
    throw new Rejected(value, text);
  }
  for (const [name, item] of value.value) setOwn(options.defaultJsDomains, name, asString(item));
}

/** Sets a property that the user named, `__proto__` included. */
function setOwn<T>(record: Record<string, T>, name: string, value: T): void {
  Object.defineProperty(record, name, { value, writable: true, enumerable: true, configurable: true });
}
