/** What accounts without JetStream are told on a server that has it: that they have none, by an answer of the kind they asked for. */
import type { BrokerAccount } from '../../broker/broker-account.js';
import type { InternalMessage } from '../../broker/internal-client.js';
import { Subscription } from '../../broker/subscription.js';
import { toUtf8 } from '../../protocol/bytes.js';
import { ApiError } from '../errors.js';
import { jsonObject } from '../info.js';
import type { JetStream } from '../jetstream.js';
import { API_PREFIX, findEndpoint } from './api.js';

/** A subscription for `BrokerAccount.fallback` of such an account. */
export function refuseRequests(jetstream: JetStream, account: BrokerAccount): Subscription {
  const client = jetstream.broker.internalClient(account);
  const isSystem = account.name === jetstream.broker.systemAccountName;
  const handle = ({ subject, reply }: InternalMessage): boolean => {
    const tokens = subject.slice(API_PREFIX.length).split('.');
    // Streams and consumers answer these themselves, and there are none.
    if (tokens[0] === 'DIRECT' || (tokens[0] === 'CONSUMER' && tokens[1] === 'MSG')) return false;
    const endpoint = findEndpoint(tokens);
    const asksSystem = isSystem && subject !== `${API_PREFIX}INFO`;
    if ((endpoint === undefined && !asksSystem) || reply === '') return true;
    const body = jsonObject([
      [
        'type',
        `"io.nats.jetstream.api.v1.${asksSystem || endpoint === undefined ? 'system_response' : endpoint.type}"`,
      ],
      ['error', new ApiError('notEnabledForAccount').json],
      ...(asksSystem ? [] : (endpoint?.zeros ?? [])),
    ]);
    client.publish(toUtf8(reply), body);
    return true;
  };
  return new Subscription(API_PREFIX, null, 0, null, handle);
}
