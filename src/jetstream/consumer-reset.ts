/** Requests to begin anew at a sequence, which each consumer answers itself: where there is none, there is no responder. */
import type { InternalMessage } from '../broker/internal-client.js';
import { toUtf8 } from '../protocol/bytes.js';
import { omitEmpty, readOneJson, struct, uint64 } from '../protocol/json-type.js';
import { timeToNanoseconds } from '../protocol/rfc3339.js';
import type { Consumer } from './consumer.js';
import { consumerInfoFields, type InfoFields } from './consumer-info.js';
import { ApiError } from './errors.js';
import { jsonObject } from './info.js';
import { needsHigherLevel } from './levels.js';
import { asksForIdentity, identityHeader } from './source-consumers.js';

const TYPE = 'io.nats.jetstream.api.v1.consumer_reset_response';
const resetRequest = struct('JSApiConsumerResetRequest', { seq: omitEmpty(uint64) });

export function answerReset(consumer: Consumer, { reply, header, payload }: InternalMessage): void {
  if (reply === '') return;
  const { client, jetstream } = consumer.account;
  const identity = asksForIdentity(header) ? identityHeader(consumer.stream) : null;
  const answer = (fields: InfoFields, shown: Buffer | null = null) =>
    client.publish(toUtf8(reply), jsonObject([['type', JSON.stringify(TYPE)], ...fields]), '', shown);
  try {
    if (needsHigherLevel(header)) throw new ApiError('requiredApiLevel');
    const to = resetSequence(consumer, payload.length === 0 ? 0 : readSequence(payload));
    consumer.reset(to);
    const fields: InfoFields = [...consumerInfoFields(consumer), ['reset_seq', String(to)]];
    jetstream.storage.commit.after(() => answer(fields, identity));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    answer([
      ['error', error.json],
      ['reset_seq', '0'],
    ]);
  }
}

function readSequence(payload: Buffer): number {
  try {
    return readOneJson(resetRequest, payload).seq;
  } catch (error) {
    throw new ApiError('invalidJSON', { err: (error as Error).message });
  }
}

/** Where a consumer may begin that is asked to do so at `wanted`, 0 for its ack floor. Throws `ApiError`. */
function resetSequence({ config, acks, stream }: Consumer, wanted: number): number {
  if (wanted === 0) return Math.max(1, acks.workingFloor + 1);
  const refuse = (err: string) => new ApiError('consumerInvalidReset', { err });
  switch (config.deliver_policy) {
    case 'all':
      break;
    case 'by_start_sequence':
      if (wanted < config.opt_start_seq) throw refuse('below start seq');
      break;
    case 'by_start_time':
      if (wanted < stream.store.sequenceAt(timeToNanoseconds(config.opt_start_time!)))
        throw refuse('below start time');
      break;
    default:
      throw refuse('not allowed');
  }
  return wanted;
}
