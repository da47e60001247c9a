/** `$JS.API.INFO`: what the account uses and may use. */
import { bool, field, int, int64, struct } from '../../protocol/json-type.js';
import type { AccountJetStream } from '../account-jetstream.js';
import { json } from '../info.js';
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

function infoFields(account: AccountJetStream): Fields {
  const { limits: own, api, jetstream, streams } = account;
  const { domain } = jetstream.options;
  return [
    ['memory', String(account.memory)],
    ['storage', String(account.store)],
    ['reserved_memory', String(account.reserved(true))],
    ['reserved_storage', String(account.reserved(false))],
    ['streams', String(streams.size)],
    ['consumers', String([...streams.values()].reduce((sum, { consumers }) => sum + consumers.size, 0))],
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
    ['domain', domain === '' ? undefined : JSON.stringify(domain)],
    ['api', json({ level: API_LEVEL, total: api.total, errors: api.errors })],
  ];
}
