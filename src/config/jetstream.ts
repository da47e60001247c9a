/** Reads `jetstream`, of the server and of an account. */
import { durationOf } from './general.js';
import { goQuote, goType, goValue } from './go-format.js';
import {
  type JetStreamAccountLimits,
  type JetStreamBatchLimits,
  type JetStreamOptions,
  noJetStreamLimits,
  OFFICIAL_SYNC_INTERVAL,
} from './jetstream-options.js';
import { findKey, keyName } from './keys.js';
import { asBool, asInteger, asString, type Problems, Rejected } from './problems.js';
import type { Reading } from './reading.js';
import type { ConfigMap, ConfigValue } from './syntax.js';

/** A word or a boolean that switches JetStream on or off; undefined for anything else. */
function readSwitch(value: ConfigValue): boolean | undefined {
  if (typeof value.value === 'boolean') return value.value;
  if (typeof value.value !== 'string') return undefined;
  const word = value.value.toLowerCase();
  if (['enabled', 'enable'].includes(word)) return true;
  if (['disabled', 'disable'].includes(word)) return false;
  throw new Rejected(value, `Expected 'enabled' or 'disabled' for string value, got '${value.value}'`);
}

function mapOrRejected(value: ConfigValue): ConfigMap {
  if (value.value instanceof Map) return value.value;
  throw new Rejected(value, `Expected map, bool or string to define JetStream, got ${goType(value.value)}`);
}

/** The key `store_dir` outside of the block. */
export function readStoreDir(value: ConfigValue, { options }: Reading): void {
  if (options.jetstream.storeDir !== undefined)
    throw new Rejected(value, "Duplicate 'store_dir' configuration");
  options.jetstream.storeDir = asString(value);
}

/** The block `jetstream` of the server. */
export function readJetStream(value: ConfigValue, reading: Reading): void {
  const { jetstream } = reading.options;
  const enabled = readSwitch(value);
  if (enabled !== undefined) {
    jetstream.enabled = enabled;
    return;
  }
  jetstream.enabled = true;
  for (const [key, item] of mapOrRejected(value)) {
    const spec = reading.problems.known('jetstream', key, item);
    if (spec !== undefined) blockReaders[keyName(spec)]!(item, jetstream, key, reading);
  }
}

const CONCURRENT_IO_LEAST = 4;
const CONCURRENT_IO_MOST = 8192;

type BlockReader = (value: ConfigValue, options: JetStreamOptions, key: string, reading: Reading) => void;

const blockReaders: Readonly<Record<string, BlockReader>> = {
  enabled(value, options) {
    options.enabled = asBool(value);
  },
  strict(value, options) {
    if (typeof value.value !== 'boolean')
      throw new Rejected(value, `Expected 'true' or 'false' for bool value, got '${goValue(value.value)}'`);
    options.strict = value.value;
  },
  store_dir(value, _options, _key, reading) {
    readStoreDir(value, reading);
  },
  max_memory_store(value, options) {
    options.maxMemory = atMost(storageSize(value, 'max_mem_store'));
  },
  max_file_store(value, options) {
    options.maxStore = atMost(storageSize(value, 'max_file_store'));
  },
  domain(value, options) {
    options.domain = asString(value);
  },
  sync_interval(value, options, key, { problems }) {
    if (typeof value.value === 'string' && value.value.toLowerCase() === 'always') options.syncInterval = 0;
    else options.syncInterval = syncInterval(value, key, problems);
  },
  key(value, options) {
    const key = asString(value);
    if (key !== '') options.encryption = { cipher: 'chacha', ...options.encryption, key };
  },
  prev_key(value, options) {
    const previousKey = asString(value);
    if (previousKey !== '')
      options.encryption = { key: '', cipher: 'chacha', ...options.encryption, previousKey };
  },
  tpm: readTpm,
  cipher(value, options) {
    const word = asString(value).toLowerCase();
    const cipher = word === 'aes' ? 'aes' : ['chacha', 'chachapoly'].includes(word) ? 'chacha' : undefined;
    if (cipher === undefined) throw new Rejected(value, `Unknown cipher type: ${goQuote(asString(value))}`);
    options.encryption = { key: '', ...options.encryption, cipher };
  },
  limits: readServerLimits,
  unique_tag(value, options) {
    options.uniqueTag = asString(value).trim().toLowerCase();
  },
  max_buffered_size(value, options, key) {
    options.maxBufferedSize = storageSize(value, key.toLowerCase());
  },
  max_buffered_msgs(value, options, key) {
    options.maxBufferedMessages = parseableSize(value, key);
  },
  request_queue_limit(value, options, key) {
    const limit = parseableSize(value, key);
    if (limit > 0) options.requestQueueLimit = limit;
  },
  info_queue_limit(value, options, key) {
    options.infoQueueLimit = Math.max(0, parseableSize(value, key));
  },
  max_concurrent_io(value, options, key) {
    const limit = typeof value.value === 'bigint' ? Number(value.value) : 0;
    if (limit < CONCURRENT_IO_LEAST || limit > CONCURRENT_IO_MOST) {
      const bounds = `between ${CONCURRENT_IO_LEAST} and ${CONCURRENT_IO_MOST}`;
      throw new Rejected(
        value,
        `Expected an absolute size for ${goQuote(key)} ${bounds}, got ${goValue(value.value)}`,
      );
    }
    options.maxConcurrentIo = limit;
  },
  extension_hint(value, options) {
    options.cluster.extensionHint = asString(value);
  },
  max_outstanding_catchup(value, options, key) {
    options.cluster.maxOutstandingCatchup = storageSize(value, key.toLowerCase());
  },
  meta_compact(value, options, key) {
    if (typeof value.value !== 'bigint' || value.value < 0n) throw absoluteSize(value, key);
    options.cluster.metaCompact = Number(value.value);
  },
  meta_compact_size(value, options, key) {
    const size = storageSize(value, key.toLowerCase());
    if (size < 0) throw absoluteSize(value, key);
    options.cluster.metaCompactSize = size;
  },
  meta_compact_sync(value, options) {
    options.cluster.metaCompactSync = asBool(value);
  },
};

/** Nothing of it has any use without the file: a start then says that there is no TPM to be had. */
function readTpm(value: ConfigValue, options: JetStreamOptions, _key: string, reading: Reading): void {
  if (!(value.value instanceof Map))
    throw new Rejected(value, `Expected a map to define JetStreamLimits, got ${goType(value.value)}`);
  for (const [key, item] of value.value) {
    const spec = reading.problems.known('jetstream.tpm', key, item);
    if (spec === undefined) continue;
    const name = keyName(spec);
    if (name === 'cipher') blockReaders.cipher!(item, options, key, reading);
    else if (name === 'pcr') asInteger(item);
    else if (name === 'keys_file') options.tpmKeysFile = asString(item);
    else asString(item);
  }
}

function absoluteSize(value: ConfigValue, key: string): Rejected {
  return new Rejected(value, `Expected an absolute size for ${goQuote(key)}, got ${goValue(value.value)}`);
}

function parseableSize(value: ConfigValue, key: string): number {
  if (typeof value.value === 'bigint') return Number(value.value);
  throw new Rejected(value, `Expected a parseable size for ${goQuote(key)}, got ${goValue(value.value)}`);
}

/** A duration, or seconds as an integer, which is deprecated. */
function syncInterval(value: ConfigValue, key: string, problems: Problems): number {
  if (typeof value.value === 'string')
    return durationOf(value, `error parsing ${key}:`) || OFFICIAL_SYNC_INTERVAL;
  problems.warning(value, key, `${key} should be converted to a duration`);
  return asInteger(value) * 1000 || OFFICIAL_SYNC_INTERVAL;
}

/** Bytes, as a number or as text such as `10G`. */
function storageSize(value: ConfigValue, name: string): number {
  const { value: size } = value;
  if (typeof size === 'bigint') return Number(size);
  if (typeof size !== 'string') throw new Rejected(value, `${name} must be int64 or string`);
  if (size === '') return 0;
  const number = size.slice(0, -1);
  if (!/^[+-]?[0-9]+$/.test(number))
    throw new Rejected(value, `${name} strconv.ParseInt: parsing ${goQuote(number)}: invalid syntax`);
  const factor = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 }[size.at(-1)!];
  if (factor === undefined)
    throw new Rejected(value, `${name} sizes defined as strings must end in K, M, G, T`);
  return Number(number) * factor;
}

/** What the whole server may store; a negative size leaves it to what the machine has, as if nothing were said. */
function atMost(size: number): number | undefined {
  return size < 0 ? undefined : size;
}

function readServerLimits(
  value: ConfigValue,
  options: JetStreamOptions,
  _key: string,
  { problems }: Reading,
): void {
  if (!(value.value instanceof Map))
    throw new Rejected(value, `Expected a map to define JetStreamLimits, got ${goType(value.value)}`);
  for (const [key, item] of value.value) {
    const spec = problems.known('jetstream.limits', key, item);
    switch (spec && keyName(spec)) {
      case 'max_ack_pending':
        options.limits.maxAckPending = asInteger(item);
        break;
      case 'max_ha_assets':
        options.limits.maxHaAssets = asInteger(item);
        break;
      case 'max_request_batch':
        options.limits.maxRequestBatch = asInteger(item);
        break;
      case 'default_max_consumers':
        options.limits.defaultMaxConsumers = asInteger(item);
        break;
      case 'duplicate_window':
        options.limits.duplicateWindow = durationOf(item, '');
        break;
      case 'batch':
        readBatchLimits(item, options.limits.batch, problems);
    }
  }
}

function readBatchLimits(value: ConfigValue, limits: JetStreamBatchLimits, problems: Problems): void {
  if (!(value.value instanceof Map))
    throw new Rejected(value, `Expected a map to define batch limits, got ${goType(value.value)}`);
  for (const [key, item] of value.value) {
    const spec = problems.known('jetstream.limits.batch', key, item);
    switch (spec && keyName(spec)) {
      case 'max_inflight_per_stream':
        limits.maxInflightPerStream = asInteger(item);
        break;
      case 'max_inflight_total':
        limits.maxInflightTotal = asInteger(item);
        break;
      case 'max_msgs':
        limits.maxMessages = asInteger(item);
        break;
      case 'timeout':
        limits.timeout = durationOf(item, '');
    }
  }
}

const accountFields = {
  max_memory: 'maxMemory',
  max_store: 'maxStore',
  max_streams: 'maxStreams',
  max_consumers: 'maxConsumers',
  memory_max_stream_bytes: 'memoryMaxStreamBytes',
  store_max_stream_bytes: 'storeMaxStreamBytes',
  max_ack_pending: 'maxAckPending',
} as const;

/** The block `jetstream` of an account; undefined where it is off. */
export function readAccountJetStream(
  value: ConfigValue,
  problems: Problems,
): JetStreamAccountLimits | undefined {
  const enabled = readSwitch(value);
  if (enabled !== undefined) return enabled ? { ...noJetStreamLimits } : undefined;
  const limits = { ...noJetStreamLimits };
  for (const [key, item] of mapOrRejected(value)) {
    const spec = findKey('accounts.<name>.jetstream', key);
    if (spec === undefined) {
      if (!item.used) problems.error(item, `unknown field ${goQuote(key)}`);
      continue;
    }
    if (!problems.supported(spec, key, item)) continue;
    const name = keyName(spec);
    if (name === 'max_bytes_required') {
      if (typeof item.value !== 'boolean')
        throw new Rejected(item, `Expected a parseable bool for ${goQuote(key)}, got ${goValue(item.value)}`);
      limits.maxBytesRequired = item.value;
    } else if (name === 'cluster_traffic') {
      checkClusterTraffic(item, key);
    } else {
      limits[accountFields[name as keyof typeof accountFields]] = parseableSize(item, key);
    }
  }
  return limits;
}

/** Which account carries the traffic of replicas: of no consequence for a server alone. */
function checkClusterTraffic(at: ConfigValue, key: string): void {
  const { value } = at;
  if (typeof value !== 'string') {
    const got = goValue(value);
    throw new Rejected(
      at,
      `Expected either 'system' or 'owner' string value for ${goQuote(key)}, got ${got}`,
    );
  }
  if (!['system', 'owner', ''].includes(value))
    throw new Rejected(at, `Expected 'system' or 'owner' string value for ${goQuote(key)}, got ${value}`);
}
