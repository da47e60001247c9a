/** The block `jetstream`: durations in milliseconds, sizes in bytes. */

/** The official default of `sync_interval`. It is also what the official server has, and shows, beside `always`. */
export const OFFICIAL_SYNC_INTERVAL = 120_000;

export interface JetStreamEncryption {
  key: string;
  /** The key before a change of keys. */
  previousKey?: string;
  cipher: 'chacha' | 'aes';
}

/** Limits of the server for all its accounts; 0 is none. */
export interface JetStreamServerLimits {
  /** Cap and default of consumers. */
  maxAckPending: number;
  /** Cap and default of pull consumers. */
  maxRequestBatch: number;
  /** Per stream that says nothing of it; -1 is none. */
  defaultMaxConsumers: number;
  /** Cap and default of streams. */
  duplicateWindow: number;
  /** Replicated streams and consumers; for clusters. */
  maxHaAssets: number;
  batch: JetStreamBatchLimits;
}

/** Of batches that are under way; absent takes the default, which differs between atomic and fast batches. */
export interface JetStreamBatchLimits {
  maxInflightPerStream?: number;
  maxInflightTotal?: number;
  maxMessages?: number;
  timeout?: number;
}

/** What matters once servers form a cluster; a single server, this one or the official one, makes no use of it. */
export interface JetStreamClusterOptions {
  extensionHint?: string;
  maxOutstandingCatchup?: number;
  metaCompact?: number;
  metaCompactSize?: number;
  metaCompactSync?: boolean;
}

export interface JetStreamOptions {
  enabled: boolean;
  /** Absent is `nats` in the folder for temporary files. `/jetstream` goes behind it. */
  storeDir?: string;
  /** Absent is what the machine has: three quarters of it. */
  maxMemory?: number;
  maxStore?: number;
  domain: string;
  /** Whether requests with unknown fields are refused. */
  strict: boolean;
  /** 0 is "always": nothing is acknowledged before it is synced. */
  syncInterval: number;
  encryption?: JetStreamEncryption;
  /** Messages, and bytes, that may wait for one stream. */
  maxBufferedMessages: number;
  maxBufferedSize: number;
  /** Requests of the API that may wait: never as many as this. */
  requestQueueLimit: number;
  /** The same for those that only ask; 0 is `requestQueueLimit`. */
  infoQueueLimit: number;
  /** Operations of the disk that may be under way at a time. */
  maxConcurrentIo: number;
  /** Path of the file with keys that a TPM has sealed; '' for none. */
  tpmKeysFile: string;
  /** For clusters: replicas are spread over servers with different tags of this prefix. */
  uniqueTag: string;
  /** For clusters, see `cluster`. */
  cluster: JetStreamClusterOptions;
  limits: JetStreamServerLimits;
}

/** What an account may have of JetStream; -1 is none. */
export interface JetStreamAccountLimits {
  maxMemory: number;
  maxStore: number;
  maxStreams: number;
  maxConsumers: number;
  maxAckPending: number;
  memoryMaxStreamBytes: number;
  storeMaxStreamBytes: number;
  maxBytesRequired: boolean;
}

/**
 * Limits by the number of replicas of streams and consumers: `R1`, `R3` and so on. Account JWTs can give them instead of one set of limits;
 * configuration files know none.
 */
export interface JetStreamTiers {
  tiers: Readonly<Record<string, JetStreamAccountLimits>>;
}

export const noJetStreamLimits: Readonly<JetStreamAccountLimits> = {
  maxMemory: -1,
  maxStore: -1,
  maxStreams: -1,
  maxConsumers: -1,
  maxAckPending: -1,
  memoryMaxStreamBytes: -1,
  storeMaxStreamBytes: -1,
  maxBytesRequired: false,
};

export function defaultJetStreamOptions(): JetStreamOptions {
  return {
    enabled: false,
    domain: '',
    strict: true,
    syncInterval: 0,
    maxBufferedMessages: 100_000,
    maxBufferedSize: 128 * 1024 * 1024,
    requestQueueLimit: 10_000,
    infoQueueLimit: 0,
    maxConcurrentIo: 4096,
    tpmKeysFile: '',
    uniqueTag: '',
    cluster: {},
    limits: {
      maxAckPending: 0,
      maxRequestBatch: 0,
      defaultMaxConsumers: 1000,
      duplicateWindow: 0,
      maxHaAssets: 0,
      batch: {},
    },
  };
}
