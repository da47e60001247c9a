/** The other side of sources and mirrors: what the consumer becomes that another stream asks for here, to copy this one. */
import type { ConsumerConfig } from './consumer-config.js';
import { ApiError } from './errors.js';
import { headerBlock, headerText, headerValue } from './headers.js';
import { IDENTITY_HEADER, streamIdentity } from './source-names.js';
import type { Stream } from './stream.js';

/**
 * Makes the consumer of a copying stream what it has to be here: under a name of its own where messages stay, and durable, with acks,
 * where they go with the last ack. Throws `ApiError` when another stream of this name is expected.
 */
export function adaptCopyingConsumer(config: ConsumerConfig, stream: Stream, header: Buffer | null): void {
  const copies = config.direct || config.sourcing;
  if (config.direct && config.sourcing && config.name !== '') {
    if (stream.config.retention === 'limits') {
      config.name = `${config.name}-${stream.account.jetstream.shortId()}`;
    } else {
      config.direct = false;
      config.durable_name = config.name;
      config.ack_policy = 'flow_control';
      config.ack_wait = 0;
      config.max_deliver = 0;
      config.inactive_threshold = 0;
    }
  }
  const expected = headerValue(headerText(header), IDENTITY_HEADER) ?? '';
  const identity = streamIdentity(stream.created);
  if (copies && expected !== '' && expected !== identity)
    throw new ApiError('consumerStreamIdentityMismatch', { msg: identity });
  const known = stream.consumers.get(config.name);
  if (known === undefined || !config.sourcing || config.durable_name === '') return;
  // It goes on behind what it has seen acknowledged, wherever it once began.
  config.deliver_policy = known.config.deliver_policy;
  config.opt_start_seq = known.config.opt_start_seq;
  config.opt_start_time = known.config.opt_start_time;
}

/** Header of an answer that tells a copying stream which stream this is. */
export function identityHeader(stream: Stream): Buffer {
  return Buffer.from(headerBlock({ [IDENTITY_HEADER]: streamIdentity(stream.created) }), 'latin1');
}

/** Whether a request asks for that header. */
export function asksForIdentity(header: Buffer | null): boolean {
  return headerValue(headerText(header), IDENTITY_HEADER) !== undefined;
}
