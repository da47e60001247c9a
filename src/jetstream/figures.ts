/** What monitoring shows of JetStream: figures of the server and of its accounts, in the fields of `/jsz`. Made when they are asked for. */
import { OFFICIAL_SYNC_INTERVAL } from '../config/jetstream-options.js';
import { nanoseconds } from '../protocol/json.js';
import type { AccountJetStream } from './account-jetstream.js';
import type { Consumer } from './consumer.js';
import { consumerInfoFields } from './consumer-info.js';
import { jsonObject, stateJson } from './info.js';
import type { JetStream } from './jetstream.js';
import { API_LEVEL } from './levels.js';
import type { Stream } from './stream.js';
import { streamConfig } from './stream-config.js';

/** Go shows a limit of -1 as an unsigned number. `goJson` writes all of its digits. */
const UNLIMITED = 2 ** 64;

export interface AccountDetailOptions {
  streams: boolean;
  consumers: boolean;
  directConsumers: boolean;
  config: boolean;
}

export function serverConfig({ maxMemory, maxStore, directory, options }: JetStream): object {
  const { syncInterval, domain, strict, uniqueTag } = options;
  return {
    max_memory: maxMemory,
    max_storage: maxStore,
    store_dir: directory || undefined,
    sync_interval: nanoseconds(syncInterval || OFFICIAL_SYNC_INTERVAL),
    sync_always: syncInterval === 0 || undefined,
    domain: domain || undefined,
    compress_ok: true,
    unique_tag: uniqueTag || undefined,
    strict: strict || undefined,
  };
}

export function serverStats(jetstream: JetStream) {
  const accounts = [...jetstream.accounts.values()];
  return {
    memory: jetstream.memory,
    storage: jetstream.store,
    reserved_memory: jetstream.reserved(true),
    reserved_storage: jetstream.reserved(false),
    accounts: accounts.length,
    ha_assets: 0,
    api: {
      level: API_LEVEL,
      total: accounts.reduce((sum, { api }) => sum + api.total, 0),
      errors: accounts.reduce((sum, { api }) => sum + api.errors, 0),
      inflight: jetstream.requests.inflight || undefined,
    },
  };
}

export function serverLimits({ options: { limits } }: JetStream): object {
  const { batch } = limits;
  return {
    max_request_batch: limits.maxRequestBatch || undefined,
    max_ack_pending: limits.maxAckPending || undefined,
    max_ha_assets: limits.maxHaAssets || undefined,
    max_duplicate_window: nanoseconds(limits.duplicateWindow) || undefined,
    max_batch_inflight_per_stream: batch.maxInflightPerStream || undefined,
    max_batch_inflight_total: batch.maxInflightTotal || undefined,
    max_batch_size: batch.maxMessages || undefined,
    max_batch_timeout: batch.timeout === undefined ? undefined : nanoseconds(batch.timeout) || undefined,
    default_max_consumers: limits.defaultMaxConsumers || undefined,
  };
}

/** Sums over all streams. */
export function serverTotals({ accounts }: JetStream) {
  const totals = { streams: 0, consumers: 0, messages: 0, bytes: 0 };
  for (const account of accounts.values()) {
    for (const { store, consumers } of account.streams.values()) {
      totals.streams++;
      totals.consumers += consumers.shown;
      totals.messages += store.state.messages;
      totals.bytes += store.state.bytes;
    }
  }
  return totals;
}

export function accountDetail(account: AccountJetStream, options: AccountDetailOptions): object {
  const { name, memory, store, limits, tiers, api } = account;
  const unsigned = (limit: number) => (limit < 0 ? UNLIMITED : limit);
  const streams = options.streams
    ? [...account.streams.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
    : [];
  return {
    name,
    id: name,
    memory,
    storage: store,
    // As officially, nothing of tiers.
    reserved_memory: tiers === null ? unsigned(limits.maxMemory) : 0,
    reserved_storage: tiers === null ? unsigned(limits.maxStore) : 0,
    accounts: 0,
    ha_assets: 0,
    api: { level: 0, total: api.total, errors: api.errors },
    stream_detail: streams.length === 0 ? undefined : streams.map((stream) => streamDetail(stream, options)),
  };
}

/** As officially, streams lead themselves. */
function streamDetail(stream: Stream, options: AccountDetailOptions): object {
  const { name, created, store, consumers, account } = stream;
  const all = [...consumers.all()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const infos = (wanted: boolean, direct: boolean) => {
    const found = wanted ? all.filter(({ config }) => config.direct === direct) : [];
    return found.length === 0 ? undefined : found.map((each) => consumerDetail(each, options.config));
  };
  const copied = new Map(stream.infoFields());
  const field = (of: string) => (copied.get(of) === undefined ? undefined : JSON.parse(copied.get(of)!));
  return {
    name,
    created,
    cluster: { leader: account.jetstream.broker.serverName },
    config: options.config ? JSON.parse(streamConfig.write(stream.config)) : undefined,
    state: JSON.parse(stateJson(store.state, { consumers: consumers.shown })),
    consumer_detail: infos(options.consumers, false),
    direct_consumer_detail: infos(options.consumers && options.directConsumers, true),
    mirror: field('mirror'),
    sources: field('sources'),
  };
}

function consumerDetail(consumer: Consumer, withConfig: boolean): object {
  const fields = consumerInfoFields(consumer, false).filter(([field]) => withConfig || field !== 'config');
  return JSON.parse(jsonObject(fields));
}
