/**
 * What accounts without JetStream are told on a server that has it: that they have none, by an answer of the kind they asked for. The system
 * account has none, but may ask for what concerns the whole server.
 */
import type { BrokerAccount } from '../../broker/broker-account.js';
import type { InternalMessage } from '../../broker/internal-client.js';
import { Subscription } from '../../broker/subscription.js';
import { toUtf8 } from '../../protocol/bytes.js';
import { adviseIn } from '../advisories.js';
import { ApiError } from '../errors.js';
import { jsonObject } from '../info.js';
import type { JetStream } from '../jetstream.js';
import { API_PREFIX, findEndpoint } from './api.js';
import { isServerRequest, purgeAccount } from './purge-account.js';
import { auditFields } from './request.js';

/** A subscription for `BrokerAccount.fallback` of such an account. */
export function refuseRequests(jetstream: JetStream, account: BrokerAccount): Subscription {
  const isSystem = account.name === jetstream.broker.systemAccountName;
  const client = jetstream.broker.internalClient(account);
  const answer = (message: InternalMessage, body: string) => {
    if (message.reply !== '') client.publish(toUtf8(message.reply), body);
    adviseIn(jetstream, account, 'API', 'api_audit', () =>
      auditFields(jetstream.broker.serverName, account.name, message, body),
    );
  };
  const handle = (message: InternalMessage): boolean => {
    const { subject } = message;
    const tokens = subject.slice(API_PREFIX.length).split('.');
    if (isServerRequest(tokens)) {
      if (isSystem && tokens[1] === 'PURGE' && tokens.length === 3)
        purgeAccount(jetstream, toUtf8(tokens[2]!), (body) => answer(message, body));
      return true;
    }
    // Streams and consumers answer these themselves, and there are none.
    if (!isSystem && (tokens[0] === 'DIRECT' || (tokens[0] === 'CONSUMER' && tokens[1] === 'MSG')))
      return false;
    const endpoint = findEndpoint(tokens);
    const asksSystem = isSystem && subject !== `${API_PREFIX}INFO`;
    if (endpoint === undefined && !asksSystem) return true;
    const type = asksSystem || endpoint === undefined ? 'system_response' : endpoint.type;
    const error = endpoint?.forCluster && !asksSystem ? 'clusterRequired' : 'notEnabledForAccount';
    const body = jsonObject([
      ['type', `"io.nats.jetstream.api.v1.${type}"`],
      ['error', new ApiError(error).json],
      ...(asksSystem ? [] : (endpoint?.zeros ?? [])),
    ]);
    answer(message, body);
    return true;
  };
  return new Subscription(API_PREFIX, null, 0, null, handle);
}
