/** `/jsz`: the answer of a server without JetStream. */
import { utcTime } from '../protocol/json.js';
import { type Query, RequestError } from './query.js';
import type { MonitorView } from './view.js';

export interface JszOptions {
  account: string;
  accounts: boolean;
  streams: boolean;
  consumers: boolean;
  directConsumers: boolean;
  config: boolean;
  leaderOnly: boolean;
  offset: number;
  limit: number;
  raftGroups: boolean;
  streamLeaderOnly: boolean;
}

export function readJszOptions(query: Query): JszOptions {
  return {
    account: query.text('acc'),
    accounts: query.bool('accounts'),
    streams: query.bool('streams'),
    consumers: query.bool('consumers'),
    directConsumers: query.bool('direct-consumers'),
    config: query.bool('config'),
    offset: query.int('offset'),
    limit: query.int('limit'),
    leaderOnly: query.bool('leader-only'),
    raftGroups: query.bool('raft'),
    streamLeaderOnly: query.bool('stream-leader-only'),
  };
}

/** Throws `RequestError` when only a leader is asked. */
export function jsz({ server: { broker } }: MonitorView, options: JszOptions) {
  if (options.leaderOnly) throw new RequestError('filtered response: not leader');
  return {
    memory: 0,
    storage: 0,
    reserved_memory: 0,
    reserved_storage: 0,
    accounts: 0,
    ha_assets: 0,
    api: { level: 0, total: 0, errors: 0 },
    server_id: broker.identity.id,
    now: utcTime(broker.clock.now()),
    disabled: true,
    config: { max_memory: 0, max_storage: 0 },
    streams: 0,
    consumers: 0,
    messages: 0,
    bytes: 0,
    total: 0,
  };
}
