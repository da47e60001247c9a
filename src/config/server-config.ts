/**
 * The configuration as an object, for programs that embed the server: the keys of a configuration file, as far as they
 * work. Durations are Go durations (`'2m'`, `'1m30s'`), sizes bytes.
 */

/** A subject, a list of subjects, or lists of allowed and denied ones. */
export type SubjectsConfig = string | string[] | { allow?: string | string[]; deny?: string | string[] };

export interface PermissionsConfig {
  publish?: SubjectsConfig;
  /** Entries may be `'subject queue'`. */
  subscribe?: SubjectsConfig;
  /** Allows replies to requests: one within two minutes, or as given. */
  allow_responses?: boolean | { max?: number; expires?: string };
}

/** A user with `user` and `pass`, or with `nkey` alone. */
export interface UserConfig {
  user?: string;
  /** Plain, or a bcrypt hash. */
  pass?: string;
  /** Public user nkey, `U...`. */
  nkey?: string;
  permissions?: PermissionsConfig;
  /** `STANDARD`, `WEBSOCKET`, `LEAFNODE`, `LEAFNODE_WS`, `MQTT`, `MQTT_WS`, `IN_PROCESS`. All when absent. */
  allowed_connection_types?: string | string[];
  /** Only through a trusted proxy. */
  proxy_required?: boolean;
}

/** One user, or a token, or a list of users. */
export interface AuthorizationConfig {
  user?: string;
  pass?: string;
  token?: string;
  /** Seconds, or a duration. */
  timeout?: number | string;
  users?: UserConfig[];
  /** For users without their own. */
  default_permissions?: PermissionsConfig;
  proxy_required?: boolean;
  auth_callout?: AuthCalloutConfig;
}

/** A service that decides who may connect. */
export interface AuthCalloutConfig {
  /** Public account nkey, `A...`, that signs the answers. */
  issuer: string;
  /** The account that the service is in; `$G` when absent. */
  account?: string;
  /** Users about whom it is not asked, such as its own: names or nkeys. */
  auth_users: string[];
  /** Public curve nkey of the service, `X...`: encrypts requests and answers. */
  xkey?: string;
  /** Accounts whose users it decides about; all when absent. */
  allowed_accounts?: string[];
}

/** A stream or a service that other accounts may import. */
export interface ExportConfig {
  stream?: string;
  service?: string;
  /** Who may import it; everybody when absent. */
  accounts?: string[];
  /** Token of the subject, from 1, that has to be the importing account's name. */
  account_token_position?: number;
  /** Services only, as all that follow. */
  response_type?: 'singleton' | 'stream' | 'chunked';
  response_threshold?: string;
  /** The subject that measurements go to, of all requests or of a share of them. */
  latency?: string | { subject: string; sampling?: number | string };
  allow_trace?: boolean;
}

/** What an account has of another one. */
export interface ImportConfig {
  stream?: { account: string; subject: string };
  service?: { account: string; subject: string };
  /** Subject in this account, when another one. */
  to?: string;
  /** Streams only: in front of the subject; not with `to`. */
  prefix?: string;
  /** Services only: who asks is told. */
  share?: boolean;
  /** Streams only. */
  allow_trace?: boolean;
}

/** One place where messages on a mapped subject go. */
export interface MappingDestinationConfig {
  destination: string;
  /** Percent of the messages. */
  weight: number | string;
  /** Only on servers of this cluster. */
  cluster?: string;
}

/** A destination for all messages, or several with weights. */
export type MappingConfig = string | MappingDestinationConfig | MappingDestinationConfig[];

/** What one account may have of JetStream; absent or -1 is no limit. Sizes are bytes. */
export interface AccountJetStreamConfig {
  max_memory?: number;
  max_store?: number;
  max_streams?: number;
  max_consumers?: number;
  max_bytes_required?: boolean;
  memory_max_stream_bytes?: number;
  store_max_stream_bytes?: number;
  max_ack_pending?: number;
}

/** Sizes are bytes or texts such as `'10G'`. */
export interface JetStreamConfig {
  enabled?: boolean;
  /** `jetstream` goes behind it. */
  store_dir?: string;
  max_memory_store?: number | string;
  max_file_store?: number | string;
  domain?: string;
  /** Requests with unknown fields are refused; on unless said otherwise. */
  strict?: boolean;
  /** `'always'`, which is the default here, or the time between syncs. */
  sync_interval?: string;
  /** Encrypts what is stored. */
  key?: string;
  prev_key?: string;
  cipher?: 'chacha' | 'aes';
  max_buffered_msgs?: number;
  max_buffered_size?: number | string;
  request_queue_limit?: number;
  info_queue_limit?: number;
  limits?: {
    max_ack_pending?: number;
    max_request_batch?: number;
    default_max_consumers?: number;
    duplicate_window?: string;
    batch?: {
      max_inflight_per_stream?: number;
      max_inflight_total?: number;
      max_msgs?: number;
      timeout?: string;
    };
  };
}

export interface AccountConfig {
  jetstream?: boolean | 'enabled' | 'disabled' | AccountJetStreamConfig;
  /** Public account nkey, `A...`. */
  nkey?: string;
  users?: UserConfig[];
  /** For its users without their own. */
  default_permissions?: PermissionsConfig;
  limits?: {
    max_connections?: number;
    /** Per connection. */
    max_subscriptions?: number;
    /** Bytes. */
    max_payload?: number;
    max_leafnodes?: number;
  };
  exports?: ExportConfig[];
  imports?: ImportConfig[];
  mappings?: Record<string, MappingConfig>;
  /** Where traces go that `traceparent` headers ask for. */
  msg_trace?: string | { dest: string; sampling?: number | string };
}

export interface TlsConfig {
  /** PEM file, chain included. */
  cert_file?: string;
  key_file?: string;
  /** PEM file that client certificates are checked against. */
  ca_file?: string;
  /** Several pairs; not with `cert_file`. */
  certs?: { cert_file: string; key_file: string }[];
  /** Clients must have a certificate. */
  verify?: boolean;
  /** The client's certificate tells which user it is. */
  verify_and_map?: boolean;
  insecure?: boolean;
  /** Seconds, or a duration, for the handshake. */
  timeout?: number | string;
  /** Go's names. */
  cipher_suites?: string[];
  allow_insecure_cipher_suites?: boolean;
  /** Go's names. */
  curve_preferences?: string[];
  min_version?: '1.2' | '1.3';
  /** Hexadecimal SHA-256 of the public keys (SubjectPublicKeyInfo) that clients may have. */
  pinned_certs?: string[];
  /** Handshakes per second; 0 is unlimited. */
  connection_rate_limit?: number;
  /** TLS before INFO; `'auto'` or a duration waits that long for the client and then sends INFO. */
  handshake_first?: boolean | string;
}

export interface ServerConfig {
  /** A port, or `host:port`. */
  listen?: number | string;
  host?: string;
  /** -1 picks a free one. */
  port?: number;
  client_advertise?: string;
  /** Without spaces. */
  server_name?: string;
  server_tags?: string | string[];
  server_metadata?: Record<string, string>;
  feature_flags?: Record<string, boolean>;
  default_js_domain?: Record<string, string>;

  jetstream?: boolean | 'enabled' | 'disabled' | JetStreamConfig;
  store_dir?: string;

  authorization?: AuthorizationConfig;
  accounts?: string[] | Record<string, AccountConfig>;
  /** Of the global account. */
  mappings?: Record<string, MappingConfig>;
  /** Name of a user, or its nkey, for clients without credentials. */
  no_auth_user?: string;
  system_account?: string;
  no_system_account?: boolean;
  tls?: TlsConfig;
  /** Clients without TLS are welcome as well. */
  allow_non_tls?: boolean;
  /** Expect PROXY protocol headers on the client port. */
  proxy_protocol?: boolean;
  proxies?: { trusted?: { key: string }[] };

  /** Largest protocol line, in bytes. */
  max_control_line?: number;
  /** Largest message, in bytes. */
  max_payload?: number;
  /** Bytes that may wait for a slow client. */
  max_pending?: number;
  max_connections?: number;
  max_subscriptions?: number;
  /** 1 to 255. */
  max_subscription_tokens?: number;
  max_closed_clients?: number;
  max_traced_msg_len?: number;

  ping_interval?: string;
  ping_max?: number;
  write_deadline?: string;
  write_timeout?: 'default' | 'close' | 'retry';
  no_fast_producer_stall?: boolean;
  /** At least 30 seconds. */
  lame_duck_duration?: string;
  /** Shorter than `lame_duck_duration`. */
  lame_duck_grace_period?: string;
  no_header_support?: boolean;
  disable_sublist_cache?: boolean;
  connect_error_reports?: number;
  reconnect_error_reports?: number;

  debug?: boolean;
  trace?: boolean;
  trace_verbose?: boolean;
  trace_headers?: boolean;
  logtime?: boolean;
  logtime_utc?: boolean;
  log_file?: string;
  /** Bytes; 0 never rotates. */
  logfile_size_limit?: number;
  logfile_max_num?: number;
  pid_file?: string;
  ports_file_dir?: string;

  /** A port, or `host:port`, of HTTP monitoring. */
  http?: number | string;
  https?: number | string;
  http_port?: number;
  https_port?: number;
  http_base_path?: string;
}
