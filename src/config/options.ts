/**
 * The options a server runs with, after flags, configuration text and defaults have been put together.
 *
 * Every duration is in milliseconds (fractions allowed), every size in bytes. `-1` in a limit means "none" where the
 * official server has it so. The table in `keys.ts` says which key of the configuration language sets which field.
 */
import {
  defaultJetStreamOptions,
  type JetStreamAccountLimits,
  type JetStreamOptions,
} from './jetstream-options.js';
import type { TlsOptions } from './tls-options.js';

/**
 * What a user may publish to and subscribe to. An absent list allows everything; deny wins over allow. Subjects are in
 * the form they have inside the server, one char per byte.
 */
export interface SubjectPermission {
  allow?: string[];
  deny?: string[];
}

/** How long, and for how many messages, the reply subject of a delivered message may be published to. */
export interface ResponsePermission {
  /** Messages; -1 is unlimited. */
  maxMsgs: number;
  /** Milliseconds; -1 is for ever. */
  expires: number;
}

export interface PermissionsOptions {
  publish?: SubjectPermission;
  /** Entries may be "subject queue". */
  subscribe?: SubjectPermission;
  responses?: ResponsePermission;
}

/** Kinds of connections as `allowed_connection_types` names them. */
export type ConnectionType =
  | 'STANDARD'
  | 'WEBSOCKET'
  | 'LEAFNODE'
  | 'LEAFNODE_WS'
  | 'MQTT'
  | 'MQTT_WS'
  | 'IN_PROCESS';

/** A user with a name and a password, or with the public nkey alone. */
export interface UserOptions {
  username?: string;
  /** Plain, or a bcrypt hash. */
  password?: string;
  /** Public user nkey, `U...`. */
  nkey?: string;
  permissions?: PermissionsOptions;
  /** Account name; absent means the global account. */
  account?: string;
  allowedConnectionTypes?: ConnectionType[];
  proxyRequired?: boolean;
}

/** A service that decides who may connect. */
export interface AuthCalloutOptions {
  /** Public account nkey, `A...`, that signs what the service answers. */
  issuer: string;
  /** Name of the account that the service is in. */
  account: string;
  /** Users about whom the service is not asked: names or public nkeys. */
  authUsers: string[];
  /** Public curve nkey, `X...`; requests are encrypted when it is there. */
  xkey?: string;
  /** Accounts whose users are decided about; empty means all. */
  allowedAccounts: string[];
}

export interface AuthorizationOptions {
  username?: string;
  password?: string;
  token?: string;
  /** Milliseconds; absent means the default (2 s, TLS timeout + 1 s where TLS is on). */
  timeout?: number;
  /** Of the authorization block and of all accounts, with their default permissions. */
  users: UserOptions[];
  defaultPermissions?: PermissionsOptions;
  proxyRequired: boolean;
  callout?: AuthCalloutOptions;
}

/** Limits of an account's connections; -1 is none. */
export interface AccountLimits {
  maxConnections: number;
  /** Per connection. */
  maxSubscriptions: number;
  /** Bytes. */
  maxPayload: number;
  /** Leaf nodes' connections; there are none yet that could reach it. */
  maxLeafnodes: number;
}

export const noAccountLimits: Readonly<AccountLimits> = {
  maxConnections: -1,
  maxSubscriptions: -1,
  maxPayload: -1,
  maxLeafnodes: -1,
};

/** `singleton` answers once, `stream` and `chunked` until an empty message. */
export type ServiceResponseType = 'singleton' | 'stream' | 'chunked';

/** When the time that a service takes is measured, and where it is told. */
export interface LatencyOptions {
  /** Percent of requests; 0 is those whose headers ask for it. */
  sampling: number;
  /** Subject in the exporting account. */
  subject: string;
}

/** What an account lets others have. Subjects are latin1 text, as everywhere inside. */
export interface ExportOptions {
  kind: 'stream' | 'service';
  subject: string;
  /** Who may import it; absent means everybody. */
  accounts?: string[];
  /** Token of the subject, from 1, that has to be the importing account's name; absent means none. */
  tokenPosition?: number;
  /** Services only. */
  responseType?: ServiceResponseType;
  /** Milliseconds that a responder has; services only, absent means the default of two minutes. */
  responseThreshold?: number;
  latency?: LatencyOptions;
  allowTrace: boolean;
}

/** What an account has from another one. */
export interface ImportOptions {
  kind: 'stream' | 'service';
  /** Name of the exporting account. */
  account: string;
  /** Subject in the exporting account. */
  subject: string;
  /** Subject in the importing account, maybe a transform; absent means the same. */
  to?: string;
  /** Streams only, the older form of `to`: goes in front of the subject. */
  prefix?: string;
  /** Services only: the responder may know who asks. */
  share: boolean;
  allowTrace: boolean;
}

/** One of the places where messages on a mapped subject go. */
export interface MappingDestination {
  /** Maybe a transform. */
  subject: string;
  /** Percent of the messages. */
  weight: number;
  /** Only on servers of this cluster. */
  cluster?: string;
}

export interface MappingOptions {
  subject: string;
  destinations: MappingDestination[];
}

/** An account as the configuration declares it. */
export interface AccountOptions {
  name: string;
  limits?: AccountLimits;
  /** What it may have of JetStream; absent where it has none. */
  jetstream?: JetStreamAccountLimits;
  exports?: ExportOptions[];
  imports?: ImportOptions[];
  mappings?: MappingOptions[];
  /** Where `traceparent` headers let messages be traced to. */
  trace?: { destination: string; sampling: number };
  /** Public account nkey, `A...`. */
  nkey?: string;
  /** For its users without their own; already given to those in `authorization.users`. */
  defaultPermissions?: PermissionsOptions;
}

export type WriteTimeoutPolicy = 'default' | 'close' | 'retry';

export interface ServerOptions {
  // Where the options came from.
  /** Path as given with `-c`; empty when there is none. */
  configFile: string;
  /** `sha256:<hex>`; empty without a configuration. */
  configDigest: string;

  // Identity.
  serverName?: string;
  serverTags: string[];
  serverMetadata: Record<string, string>;
  featureFlags: Record<string, boolean>;
  /** Domains by account, for those that ask JetStream without a domain. */
  defaultJsDomains: Record<string, string>;

  // Client listener.
  host: string;
  /** -1 picks a free port. */
  port: number;
  clientAdvertise?: string;
  proxyProtocol: boolean;
  trustedProxies: string[];
  allowNonTls: boolean;
  tls?: TlsOptions;

  // Who may connect.
  authorization: AuthorizationOptions;
  noAuthUser?: string;
  accounts: AccountOptions[];
  systemAccount?: string;
  noSystemAccount: boolean;
  /** Nonce in every INFO even when no nkey is configured. */
  alwaysEnableNonce: boolean;

  // Limits.
  maxConnections: number;
  maxSubscriptions: number;
  maxSubscriptionTokens: number;
  maxControlLine: number;
  maxPayload: number;
  maxPending: number;
  maxClosedClients: number;
  maxTracedMsgLen: number;

  jetstream: JetStreamOptions;

  // Liveness.
  pingInterval: number;
  pingMax: number;
  writeDeadline: number;
  writeTimeout: WriteTimeoutPolicy;
  noFastProducerStall: boolean;
  lameDuckDuration: number;
  lameDuckGracePeriod: number;

  // Protocol switches.
  noHeaderSupport: boolean;
  disableSublistCache: boolean;
  connectErrorReports: number;
  reconnectErrorReports: number;

  // Logging.
  debug: boolean;
  trace: boolean;
  traceVerbose: boolean;
  traceHeaders: boolean;
  logtime: boolean;
  logtimeUtc: boolean;
  logFile?: string;
  logSizeLimit: number;
  logMaxNum: number;
  syslog: boolean;
  remoteSyslog?: string;

  // Files that tell others about this process.
  pidFile?: string;
  portsFileDir?: string;

  // Monitoring.
  httpHost: string;
  /** 0 is off, -1 picks a free port. */
  httpPort: number;
  httpsPort: number;
  httpBasePath: string;
  /** 0 is off. */
  profPort: number;
}

/** The defaults of the official server. */
export function defaultOptions(): ServerOptions {
  return {
    configFile: '',
    configDigest: '',
    serverTags: [],
    serverMetadata: {},
    featureFlags: {},
    defaultJsDomains: {},
    host: '0.0.0.0',
    port: 4222,
    proxyProtocol: false,
    trustedProxies: [],
    allowNonTls: false,
    authorization: { users: [], proxyRequired: false },
    accounts: [],
    noSystemAccount: false,
    alwaysEnableNonce: false,
    maxConnections: 65536,
    maxSubscriptions: 0,
    maxSubscriptionTokens: 0,
    maxControlLine: 4096,
    maxPayload: 1048576,
    maxPending: 67108864,
    maxClosedClients: 10000,
    maxTracedMsgLen: 0,
    jetstream: defaultJetStreamOptions(),
    pingInterval: 120_000,
    pingMax: 2,
    writeDeadline: 10_000,
    writeTimeout: 'default',
    noFastProducerStall: false,
    lameDuckDuration: 120_000,
    lameDuckGracePeriod: 10_000,
    noHeaderSupport: false,
    disableSublistCache: false,
    connectErrorReports: 3600,
    reconnectErrorReports: 1,
    debug: false,
    trace: false,
    traceVerbose: false,
    traceHeaders: false,
    logtime: true,
    logtimeUtc: false,
    logSizeLimit: 0,
    logMaxNum: 0,
    syslog: false,
    httpHost: '',
    httpPort: 0,
    httpsPort: 0,
    httpBasePath: '',
    profPort: 0,
  };
}
