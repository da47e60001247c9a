/**
 * Compares the options of a running server with new ones: what changed, what to log about it, and whether it can
 * change at all while the server runs. Texts, field names and their order are the official server's.
 */
import { isDeepStrictEqual } from 'node:util';
import { friendlyBytes, goDuration, goFloat, goMap, goQuoteList } from './go-format.js';
import { type JetStreamOptions, OFFICIAL_SYNC_INTERVAL } from './jetstream-options.js';
import type { AuthCalloutOptions, AuthorizationOptions, ServerOptions } from './options.js';
import { authTimeout } from './validate.js';

export interface OptionChange {
  /** The key of the configuration, as in the table. */
  key: string;
  from: unknown;
  to: unknown;
  /** What the log says once the change is made; empty where the official server says nothing. */
  notice: string;
}

export interface OptionsDiff {
  /** In the order in which to apply and log them. Empty when refused. */
  changes: OptionChange[];
  /** Why the server has to be restarted for this, or null. */
  refused: string | null;
}

/** One thing that is compared. */
export interface ReloadRule {
  key: string;
  /** The name that official error texts have for it. */
  goName: string;
  value(options: ServerOptions, role: 'current' | 'next'): unknown;
  /** The log line; a rule without cannot be changed while the server runs. */
  notice?: (next: ServerOptions, current: ServerOptions) => string;
  /** How the value is printed in a refusal. */
  show?: (value: never) => string;
}

/** A value that is logged as `Reloaded: <name> = <value>`. */
function reloadable<F extends keyof ServerOptions>(
  key: string,
  goName: string,
  field: F,
  print: (value: ServerOptions[F]) => string = (value) => String(value ?? ''),
): ReloadRule {
  return {
    key,
    goName,
    value: (options) => options[field],
    notice: (next) => `Reloaded: ${key} = ${print(next[field])}`,
  };
}

function fixed<F extends keyof ServerOptions>(
  key: string,
  goName: string,
  field: F,
  show?: (value: never) => string,
): ReloadRule {
  return { key, goName, value: (options) => options[field], ...(show === undefined ? {} : { show }) };
}

function credential(key: keyof AuthorizationOptions, path: string, goName: string, what: string): ReloadRule {
  return {
    key: path,
    goName,
    value: (options) => options.authorization[key],
    notice: () => `Reloaded: authorization ${what}`,
  };
}

/** Users and accounts are always taken anew, as officially: comparing them would be more work than that. */
const always = Symbol('always');

function sortedUsers(options: ServerOptions, withNkey: boolean): unknown {
  const users = options.authorization.users.filter((user) => (user.nkey !== undefined) === withNkey);
  return users.sort((a, b) => ((a.nkey ?? a.username)! < (b.nkey ?? b.username)! ? -1 : 1));
}

const CIPHERS = { chacha: 'ChaCha20-Poly1305', aes: 'AES-GCM' };

/** JetStream that is running keeps its directory, and its limits only grow. */
const jetStreamRules: readonly ReloadRule[] = [
  {
    key: 'jetstream',
    goName: 'JetStream',
    value: ({ jetstream }) => jetstream.enabled,
    notice: () => 'Reloaded: JetStream',
  },
  {
    key: 'jetstream.limits',
    goName: 'JetStreamLimits',
    value: ({ jetstream }) => jetstream.limits,
    notice: () => 'Reloaded: JetStream limits',
  },
  {
    key: 'jetstream.max_memory_store',
    goName: 'JetStreamMaxMemory',
    value: limitsOf,
    notice: jetStreamLimitsNotice,
  },
  ...(
    [
      ['jetstream.strict', 'NoJetStreamStrict', ({ strict }) => !strict],
      ['jetstream.domain', 'JetStreamDomain', ({ domain }) => domain],
      // Officially `always` is a field of its own, beside an interval that is the default then.
      [
        'jetstream.sync_interval',
        'SyncInterval',
        ({ syncInterval: time }) => goDuration(time || OFFICIAL_SYNC_INTERVAL),
      ],
      ['jetstream.sync_interval', 'SyncAlways', ({ syncInterval }) => syncInterval === 0],
      ['jetstream.unique_tag', 'JetStreamUniqueTag', ({ uniqueTag }) => uniqueTag],
      ['jetstream.request_queue_limit', 'JetStreamRequestQueueLimit', (own) => own.requestQueueLimit],
      ['jetstream.info_queue_limit', 'JetStreamInfoQueueLimit', (own) => own.infoQueueLimit],
      ['jetstream.max_buffered_msgs', 'StreamMaxBufferedMsgs', (own) => own.maxBufferedMessages],
      ['jetstream.max_buffered_size', 'StreamMaxBufferedSize', (own) => own.maxBufferedSize],
      ['jetstream.max_concurrent_io', 'JetStreamConcurrentIOs', (own) => own.maxConcurrentIo],
      ['jetstream.tpm', 'JetStreamTpm', (own) => own.tpmKeysFile],
      ['jetstream.cipher', 'JetStreamCipher', ({ encryption }) => CIPHERS[encryption?.cipher ?? 'chacha']],
    ] satisfies [string, string, (options: JetStreamOptions) => unknown][]
  ).map(
    ([key, goName, of]): ReloadRule => ({
      key,
      goName,
      // A block that went with JetStream takes its other keys along.
      value: ({ jetstream }) => (jetstream.enabled ? of(jetstream) : always),
    }),
  ),
  ...(
    [
      ['jetstream.key', 'JetStreamKey', 'key'],
      ['jetstream.prev_key', 'JetStreamOldKey', 'previousKey'],
    ] as const
  ).map(
    ([key, goName, field]): ReloadRule => ({
      key,
      goName,
      value: ({ jetstream }) => (jetstream.enabled ? (jetstream.encryption?.[field] ?? '') : always),
      show: (value: string) => (value === '' ? '' : '[REDACTED]'),
    }),
  ),
];

/** What is running has limits of its own once they were not set. */
function limitsOf({ jetstream }: ServerOptions): unknown {
  return jetstream.enabled ? [jetstream.maxMemory, jetstream.maxStore] : undefined;
}

function jetStreamLimitsNotice(
  { jetstream: next }: ServerOptions,
  { jetstream: current }: ServerOptions,
): string {
  if (!next.enabled || !current.enabled) return '';
  const lines: string[] = [];
  const add = (name: string, before: number | undefined, after: number | undefined) => {
    if (after !== undefined && before !== after)
      lines.push(`Reloaded: JetStream ${name} = ${friendlyBytes(after)}`);
  };
  add('max_mem_store', current.maxMemory, next.maxMemory);
  add('max_file_store', current.maxStore, next.maxStore);
  return lines.join('\n');
}

/** Why JetStream cannot change over while it is running; null if it can. */
function jetStreamRefusal(
  { jetstream: current }: ServerOptions,
  { jetstream: next }: ServerOptions,
): string | null {
  if (!current.enabled || !next.enabled) return null;
  if (current.storeDir !== next.storeDir)
    return `config reload not supported for jetstream storage dir${next.storeDir === undefined ? '' : 'ectory'}`;
  const limits = [
    [current.maxMemory, next.maxMemory],
    [current.maxStore, next.maxStore],
  ] as const;
  for (const [before, after] of limits) {
    if (before === undefined && after !== undefined)
      return 'config reload not supported for jetstream dynamic max memory and store';
    if (before !== undefined && after !== undefined && after < before)
      return 'config reload not supported for decreasing jetstream max memory and store';
  }
  return limits.some(([before, after]) => before !== undefined && after === undefined)
    ? 'config reload not supported for jetstream max memory and max store'
    : null;
}

/** In the order of the fields of the official options. */
export const reloadRules: readonly ReloadRule[] = [
  fixed('server_name', 'ServerName', 'serverName'),
  fixed('host', 'Host', 'host'),
  fixed('port', 'Port', 'port'),
  {
    ...reloadable('client_advertise', 'ClientAdvertise', 'clientAdvertise'),
    // Without the "ed" in the official server, too.
    notice: (next) => `Reload: client_advertise = ${next.clientAdvertise ?? ''}`,
  },
  reloadable('trace', 'Trace', 'trace'),
  reloadable('debug', 'Debug', 'debug'),
  reloadable('trace_verbose', 'TraceVerbose', 'traceVerbose'),
  reloadable('trace_headers', 'TraceHeaders', 'traceHeaders'),
  fixed('disable_sublist_cache', 'NoSublistCache', 'disableSublistCache'),
  fixed('no_header_support', 'NoHeaderSupport', 'noHeaderSupport'),
  reloadable('logtime', 'Logtime', 'logtime'),
  reloadable('logtime_utc', 'LogtimeUTC', 'logtimeUtc'),
  reloadable('max_connections', 'MaxConn', 'maxConnections'),
  fixed('max_subscriptions', 'MaxSubs', 'maxSubscriptions'),
  fixed('max_subscription_tokens', 'MaxSubTokens', 'maxSubscriptionTokens'),
  {
    key: 'authorization.users',
    goName: 'Nkeys',
    value: (options) => sortedUsers(options, true),
    notice: () => 'Reloaded: authorization nkey users',
  },
  {
    key: 'authorization.users',
    goName: 'Users',
    value: () => always,
    notice: () => 'Reloaded: authorization users',
  },
  { key: 'accounts', goName: 'Accounts', value: () => always, notice: () => 'Reloaded: accounts' },
  fixed('no_auth_user', 'NoAuthUser', 'noAuthUser'),
  {
    key: 'system_account',
    goName: 'SystemAccount',
    // A running server that has an account of that name has taken it.
    value: ({ systemAccount, accounts }, role) =>
      systemAccount ?? (role === 'current' && accounts.some(({ name }) => name === '$SYS') ? '$SYS' : ''),
  },
  fixed('no_system_account', 'NoSystemAccount', 'noSystemAccount'),
  credential('username', 'authorization.user', 'Username', 'username'),
  credential('password', 'authorization.pass', 'Password', 'password'),
  {
    key: 'authorization.proxy_required',
    goName: 'ProxyRequired',
    value: (options) => options.authorization.proxyRequired,
  },
  fixed('proxy_protocol', 'ProxyProtocol', 'proxyProtocol'),
  credential('token', 'authorization.token', 'Authorization', 'token'),
  {
    key: 'authorization.auth_callout',
    goName: 'AuthCallout',
    value: ({ authorization }) => authorization.callout ?? null,
    show: showCallout,
  },
  reloadable('ping_interval', 'PingInterval', 'pingInterval', goDuration),
  reloadable('ping_max', 'MaxPingsOut', 'pingMax'),
  fixed('http', 'HTTPHost', 'httpHost'),
  fixed('http_port', 'HTTPPort', 'httpPort'),
  fixed('http_base_path', 'HTTPBasePath', 'httpBasePath'),
  fixed('https_port', 'HTTPSPort', 'httpsPort'),
  {
    key: 'authorization.timeout',
    goName: 'AuthTimeout',
    value: authTimeout,
    notice: (next) => `Reloaded: authorization timeout = ${goFloat(authTimeout(next) / 1000)}`,
  },
  reloadable('max_control_line', 'MaxControlLine', 'maxControlLine'),
  reloadable('max_payload', 'MaxPayload', 'maxPayload'),
  fixed('max_pending', 'MaxPending', 'maxPending'),
  {
    ...reloadable('no_fast_producer_stall', 'NoFastProducerStall', 'noFastProducerStall'),
    notice: (next) => `Reloaded: fast producers will ${next.noFastProducerStall ? 'not ' : ''}be stalled`,
  },
  fixed('prof_port', 'ProfPort', 'profPort'),
  {
    ...reloadable('pid_file', 'PidFile', 'pidFile'),
    notice: ({ pidFile }) => (pidFile === undefined ? '' : `Reloaded: pid_file = ${pidFile}`),
  },
  reloadable('ports_file_dir', 'PortsFileDir', 'portsFileDir'),
  reloadable('log_file', 'LogFile', 'logFile'),
  fixed('logfile_size_limit', 'LogSizeLimit', 'logSizeLimit'),
  fixed('logfile_max_num', 'LogMaxFiles', 'logMaxNum'),
  reloadable('syslog', 'Syslog', 'syslog'),
  reloadable('remote_syslog', 'RemoteSyslog', 'remoteSyslog'),
  {
    key: 'tls.timeout',
    goName: 'TLSTimeout',
    value: (options) => options.tls?.timeout ?? 2000,
    notice: (next) => `Reloaded: tls timeout = ${goFloat((next.tls?.timeout ?? 2000) / 1000)}`,
  },
  {
    key: 'tls.verify_and_map',
    goName: 'TLSMap',
    value: (options) => options.tls?.verifyAndMap ?? false,
  },
  {
    key: 'tls',
    goName: 'TLSConfig',
    value: tlsMaterial,
    notice: (next) => `Reloaded: tls = ${next.tls === undefined ? 'disabled' : 'enabled'}`,
  },
  {
    key: 'tls.pinned_certs',
    goName: 'TLSPinnedCerts',
    value: (options) => [...(options.tls?.pinnedCerts ?? [])].sort(),
    notice: (next) => `Reloaded: ${next.tls?.pinnedCerts.length ?? 0} pinned_certs`,
  },
  {
    key: 'tls.connection_rate_limit',
    goName: 'TLSRateLimit',
    value: (options) => options.tls?.connectionRateLimit ?? 0,
  },
  {
    key: 'tls.handshake_first',
    goName: 'TLSHandshakeFirst',
    value: (options) => options.tls?.handshakeFirst ?? false,
    notice: (next) => `Reloaded: Client TLS handshake first: ${next.tls?.handshakeFirst ?? false}`,
  },
  {
    key: 'tls.handshake_first',
    goName: 'TLSHandshakeFirstFallback',
    value: (options) => options.tls?.handshakeFirstFallback ?? 0,
    notice: (next) =>
      `Reloaded: Client TLS handshake first fallback delay: ${goDuration(next.tls?.handshakeFirstFallback ?? 0)}`,
  },
  fixed('allow_non_tls', 'AllowNonTLS', 'allowNonTls'),
  reloadable('write_deadline', 'WriteDeadline', 'writeDeadline', goDuration),
  fixed('write_timeout', 'WriteTimeout', 'writeTimeout', (value: string) =>
    value === 'default' ? '' : value,
  ),
  fixed('max_closed_clients', 'MaxClosedClients', 'maxClosedClients'),
  fixed('lame_duck_duration', 'LameDuckDuration', 'lameDuckDuration', goDuration),
  fixed('lame_duck_grace_period', 'LameDuckGracePeriod', 'lameDuckGracePeriod', goDuration),
  reloadable('max_traced_msg_len', 'MaxTracedMsgLen', 'maxTracedMsgLen'),
  reloadable('connect_error_reports', 'ConnectErrorReports', 'connectErrorReports'),
  reloadable('reconnect_error_reports', 'ReconnectErrorReports', 'reconnectErrorReports'),
  {
    key: 'server_tags',
    goName: 'Tags',
    value: (options) => options.serverTags,
    notice: () => 'Reloaded: tags',
  },
  {
    key: 'server_metadata',
    goName: 'Metadata',
    value: (options) => options.serverMetadata,
    notice: () => 'Reloaded: metadata',
  },
  ...jetStreamRules,
  fixed('feature_flags', 'FeatureFlags', 'featureFlags', goMap),
  fixed('default_js_domain', 'JsAccDefaultDomain', 'defaultJsDomains', goMap),
  {
    key: 'proxies',
    goName: 'Proxies',
    value: (options) => [...options.trustedProxies].sort(),
    notice: proxiesNotice,
  },
];

/** As Go prints the pointer to its structure. */
function showCallout(callout: AuthCalloutOptions | null): string {
  if (callout === null) return '<nil>';
  const { issuer, account, authUsers, xkey = '', allowedAccounts } = callout;
  return `&{${issuer} ${account} [${authUsers.join(' ')}] ${xkey} [${allowedAccounts.join(' ')}]}`;
}

/** What goes into the TLS context; the rest of the block has rules of its own. */
function tlsMaterial(options: ServerOptions): unknown {
  if (options.tls === undefined) return undefined;
  const { timeout, verifyAndMap, pinnedCerts, connectionRateLimit, handshakeFirst, ...rest } = options.tls;
  return { ...rest, handshakeFirstFallback: 0 };
}

function proxiesNotice(next: ServerOptions, current: ServerOptions): string {
  const missing = (from: ServerOptions, other: ServerOptions) =>
    from.trustedProxies.filter((key) => !other.trustedProxies.includes(key));
  const lines: string[] = [];
  const removed = missing(current, next);
  const added = missing(next, current);
  if (removed.length > 0) lines.push(`Reloaded: proxies trusted keys ${goQuoteList(removed)} were removed`);
  if (added.length > 0) lines.push(`Reloaded: proxies trusted keys ${goQuoteList(added)} were added`);
  return lines.join('\n');
}

/**
 * What changes from the options of a running server to new ones. A free port (-1) in the new ones stays the port that
 * was found. Where several lines are to be logged for one change, its notice has several lines.
 */
export function diffOptions(current: ServerOptions, next: ServerOptions): OptionsDiff {
  const changes: OptionChange[] = [];
  for (const rule of reloadRules) {
    const from = rule.value(current, 'current');
    const to = rule.value(next, 'next');
    if (from !== always && isDeepStrictEqual(from, to)) continue;
    if (rule.notice === undefined && (from === always || to === always)) continue;
    if (rule.notice !== undefined) {
      const shown = from === always ? { from: undefined, to: undefined } : { from, to };
      changes.push({ key: rule.key, ...shown, notice: rule.notice(next, current) });
    } else if (!isForgiven(rule.key, current, next)) {
      return { changes: [], refused: refusal(rule, from, to) };
    } else if (rule.key !== 'port' && rule.key !== 'system_account') {
      changes.push({ key: rule.key, from, to, notice: '' });
    }
  }
  const refused = jetStreamRefusal(current, next);
  return refused === null ? { changes, refused } : { changes: [], refused };
}

/** Changes that go through although their keys cannot be changed in general. */
function isForgiven(key: string, current: ServerOptions, next: ServerOptions): boolean {
  if (key === 'port') return next.port === -1;
  if (key === 'system_account') {
    return next.systemAccount === undefined && (current.systemAccount ?? '$SYS') === '$SYS';
  }
  if (key === 'no_auth_user') {
    if (current.noAuthUser === undefined || next.noAuthUser !== undefined) return false;
    return !next.authorization.users.some((user) => user.username === current.noAuthUser);
  }
  return false;
}

function refusal(rule: ReloadRule, from: unknown, to: unknown): string {
  const show = (value: unknown) => {
    if (value === undefined) return '';
    return rule.show === undefined ? String(value) : rule.show(value as never);
  };
  return `config reload not supported for ${rule.goName}: old=${show(from)}, new=${show(to)}`;
}
