/** What of a consumer may be changed while it is there. */
import { timeToNanoseconds } from '../protocol/rfc3339.js';
import type { ConsumerConfig } from './consumer-config.js';
import { ApiError } from './errors.js';

/** In the official order, because a client sees the first that does not fit. */
const fixed: [keys: readonly (keyof ConsumerConfig)[], what: string][] = [
  [['deliver_policy'], 'deliver policy'],
  [['mem_storage'], 'storage type'],
  [['direct'], 'direct'],
  [['sourcing'], 'sourcing'],
  [['opt_start_seq'], 'start sequence'],
];
const fixedAfterTime: [key: keyof ConsumerConfig, what: string][] = [
  ['ack_policy', 'ack policy'],
  ['replay_policy', 'replay policy'],
  ['idle_heartbeat', 'heart beats'],
  ['flow_control', 'flow control'],
];

/** Throws `ApiError`. `hasInterest` says whether somebody listens on a subject. */
export function checkConsumerUpdate(
  old: ConsumerConfig,
  config: ConsumerConfig,
  hasInterest: (subject: string) => boolean,
): void {
  const refuse = (err: string) => new ApiError('consumerCreate', { err });
  for (const [keys, what] of fixed)
    if (keys.some((key) => old[key] !== config[key])) throw refuse(`${what} can not be updated`);
  if (startTime(old) !== startTime(config)) throw refuse('start time can not be updated');
  for (const [key, what] of fixedAfterTime)
    if (old[key] !== config[key]) throw refuse(`${what} can not be updated`);
  if (old.deliver_subject !== config.deliver_subject) {
    if (old.deliver_subject === '') throw refuse('can not update pull consumer to push based');
    if (config.deliver_subject === '') throw refuse('can not update push consumer to pull based');
    if (hasInterest(old.deliver_subject)) throw new ApiError('consumerNameExist');
  }
  if (old.max_waiting !== config.max_waiting) throw refuse('max waiting can not be updated');
  const steps = config.backoff?.length ?? 0;
  if (steps > 0 && config.max_deliver !== -1 && steps > config.max_deliver)
    throw new ApiError('consumerMaxDeliverBackoff');
}

function startTime({ opt_start_time: time }: ConsumerConfig): bigint {
  return time === undefined ? 0n : timeToNanoseconds(time);
}
