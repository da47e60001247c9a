/** `$JS.API.INFO`: what the account uses and may use. */
import type { JetStreamAccountLimits, JetStreamTiers } from '../../config/jetstream-options.js';
import { bool, field, int, int64, struct } from '../../protocol/json-type.js';
import type { AccountJetStream } from '../account-jetstream.js';
import { domainOf } from '../advisories.js';
import { json, jsonObject } from '../info.js';
import { API_LEVEL } from '../levels.js';
import type { Endpoint } from './api.js';
import type { Fields } from './request.js';

const limits = struct('JetStreamAccountLimits', {
  max_memory: field(int64),
  max_storage: field(int64),
  max_streams: field(int),
  max_consumers: field(int),
  max_ack_pending: field(int),
  memory_max_stream_bytes: field(int64),
  storage_max_stream_bytes: field(int64),
  max_bytes_required: field(bool),
});

export const accountInfo: Endpoint = {
  type: 'account_info_response',
  asks: true,
  handle(request) {
    request.answer(this.type, infoFields(request.account));
  },
};

/** Where there are tiers, there is nothing beside them. */
const NOTHING: JetStreamAccountLimits = {
  maxMemory: 0,
  maxStore: 0,
  maxStreams: 0,
  maxConsumers: 0,
  maxAckPending: 0,
  memoryMaxStreamBytes: 0,
  storeMaxStreamBytes: 0,
  maxBytesRequired: false,
};

function infoFields(account: AccountJetStream): Fields {
  const { api, jetstream, tiers } = account;
  return [
    ...usage(account, tiers === null ? account.limits : NOTHING),
    ['domain', domainOf(jetstream)],
    ['api', json({ level: API_LEVEL, total: api.total, errors: api.errors })],
    ['tiers', tiers === null ? undefined : jsonObject(tiersOf(account, tiers))],
  ];
}

/** By name. On a single server everything is in the first of them. */
function tiersOf(account: AccountJetStream, tiers: JetStreamTiers['tiers']): Fields {
  const names = [...new Set([...Object.keys(tiers), ...(account.streams.size > 0 ? ['R1'] : [])])].sort();
  return names.map((name) => [
    name,
    jsonObject(usage(name === 'R1' ? account : null, tiers[name] ?? NOTHING)),
  ]);
}

/** What is used, of these limits. */
function usage(account: AccountJetStream | null, own: JetStreamAccountLimits): Fields {
  const streams = [...(account?.streams.values() ?? [])];
  return [
    ['memory', String(account?.memory ?? 0)],
    ['storage', String(account?.store ?? 0)],
    ['reserved_memory', String(account?.reserved(true) ?? 0)],
    ['reserved_storage', String(account?.reserved(false) ?? 0)],
    ['streams', String(streams.length)],
    ['consumers', String(streams.reduce((sum, { consumers }) => sum + consumers.size, 0))],
    [
      'limits',
      limits.write({
        max_memory: own.maxMemory,
        max_storage: own.maxStore,
        max_streams: own.maxStreams,
        max_consumers: own.maxConsumers,
        max_ack_pending: own.maxAckPending,
        memory_max_stream_bytes: own.memoryMaxStreamBytes,
        storage_max_stream_bytes: own.storeMaxStreamBytes,
        max_bytes_required: own.maxBytesRequired,
      }),
    ],
  ];
}
