/**
 * What the configuration of a consumer may say: defaults put in, errors in the official words and order. What only the stream's other
 * consumers and subscribers decide (is the name taken, is somebody listening) is not looked at here.
 */
import { goDuration } from '../config/go-format.js';
import { isSubsetOf, isValidSubscription } from '../subjects/subject.js';
import { invalidConfig, isValidSubject, pedanticError } from './config-checks.js';
import type { ConsumerConfig } from './consumer-config.js';
import { ApiError, type ApiErrorName } from './errors.js';
import {
  isValidAssetName,
  MAX_DESCRIPTION_LENGTH,
  MAX_METADATA_LENGTH,
  MILLISECOND,
  metadataLength,
  SECOND,
} from './names.js';
import type { StreamConfig } from './stream-config.js';

/** Limits of the server and of the account; 0 (or less) is none. */
export interface ConsumerLimits {
  maxAckPending: number;
  accountMaxAckPending: number;
  maxRequestBatch: number;
}

const DEFAULT_MAX_WAITING = 512;
const DEFAULT_ACK_WAIT = 30 * SECOND;
const DEFAULT_MAX_ACK_PENDING = 1000;
const DEFAULT_PIN_TIMEOUT = 120 * SECOND;
/** Of consumers that acknowledge by flow control: sources rely on it. */
const FLOW_CONTROL_HEARTBEAT = SECOND;
const GROUP_NAME = /^[a-zA-Z0-9/_=-]{1,16}$/;

/** The filters of a consumer, however they are given. */
export function filtersOf({ filter_subject: one, filter_subjects: several }: ConsumerConfig): string[] {
  return one === '' ? (several ?? []) : [one];
}

export function isPush({ deliver_subject: subject }: ConsumerConfig): boolean {
  return subject !== '';
}

/** A copy with defaults in place. Throws `ApiError` where `pedantic` asks that nothing be put right. */
export function consumerDefaults(
  given: ConsumerConfig,
  stream: StreamConfig,
  limits: ConsumerLimits,
  pedantic = false,
): ConsumerConfig {
  const config = { ...given };
  raiseNegatives(config, pedantic);
  const { consumer_limits: ofStream } = stream;
  if (!isPush(config) && config.max_waiting === 0) config.max_waiting = DEFAULT_MAX_WAITING;
  if (config.ack_wait === 0 && (config.ack_policy === 'explicit' || config.ack_policy === 'all'))
    config.ack_wait = DEFAULT_ACK_WAIT;
  if (config.backoff !== undefined && config.backoff.length > 0) {
    if (pedantic && config.ack_wait !== config.backoff[0])
      throw pedanticError('first backoff value has to equal batch AckWait');
    config.ack_wait = config.backoff[0]!;
  }
  for (const key of ['max_ack_pending', 'inactive_threshold'] as const) {
    if (config[key] !== 0) continue;
    if (pedantic && ofStream[key] > 0)
      throw pedanticError(`${key} must be set if it's configured in stream limits`);
    config[key] = ofStream[key];
  }
  if (config.max_ack_pending === 0 && config.ack_policy !== 'none') {
    const caps = [limits.maxAckPending, limits.accountMaxAckPending].filter((cap) => cap > 0);
    config.max_ack_pending = Math.min(DEFAULT_MAX_ACK_PENDING, ...caps);
  }
  if (!isPush(config) && config.max_batch === 0 && limits.maxRequestBatch > 0) {
    if (pedantic) throw pedanticError("max_request_batch must be set if it's JetStream limits are set");
    config.max_batch = limits.maxRequestBatch;
  }
  if (config.priority_policy === 'pinned_client' && config.priority_timeout === 0)
    config.priority_timeout = DEFAULT_PIN_TIMEOUT;
  if (config.ack_policy === 'flow_control' && !pedantic) {
    config.flow_control = true;
    config.idle_heartbeat = FLOW_CONTROL_HEARTBEAT;
  }
  return config;
}

/** Negative values mean "none", which is written as -1 or 0. */
function raiseNegatives(config: ConsumerConfig, pedantic: boolean): void {
  if (config.max_deliver < -1 && pedantic) throw pedanticError('max_deliver must be set to -1');
  if (config.max_deliver <= 0) config.max_deliver = -1;
  const zero = (key: 'max_waiting' | 'max_batch' | 'max_expires' | 'max_bytes' | 'idle_heartbeat') => {
    if (config[key] >= 0) return;
    if (pedantic) throw pedanticError(`${key} must not be negative`);
    config[key] = 0;
  };
  zero('max_waiting');
  if (config.max_ack_pending < -1) {
    if (pedantic) throw pedanticError('max_ack_pending must be set to -1');
    config.max_ack_pending = -1;
  }
  for (const key of ['max_batch', 'max_expires', 'max_bytes', 'idle_heartbeat'] as const) zero(key);
  for (const key of ['inactive_threshold', 'priority_timeout'] as const) {
    if (config[key] >= 0) continue;
    if (pedantic) throw pedanticError(`${key} must not be negative`);
    config[key] = 0;
  }
}

/** Throws `ApiError` for what is wrong. `config` has its defaults. */
export function checkConsumerConfig(
  config: ConsumerConfig,
  stream: StreamConfig,
  limits: ConsumerLimits,
): void {
  const refuseIf = (wrong: boolean, name: ApiErrorName) => {
    if (wrong) throw new ApiError(name);
  };
  for (const [name, what] of [
    [config.name, 'name'],
    [config.durable_name, 'durable name'],
  ]) {
    if (name !== '' && !isValidAssetName(name!))
      throw invalidConfig(`consumer ${what} can not contain '.', '*', '>', '\\', '/'`);
  }
  const { num_replicas: replicas } = config;
  refuseIf(replicas > 0 && replicas > stream.num_replicas, 'consumerReplicasExceedsStream');
  refuseIf(replicas < 0, 'replicasCountCannotBeNegative');
  const bySubscribers = stream.retention !== 'limits';
  refuseIf(
    bySubscribers && replicas !== 0 && replicas !== stream.num_replicas,
    'consumerReplicasShouldMatchStream',
  );
  refuseIf(config.backoff?.some((each) => each < 0) ?? false, 'consumerBackOffNegative');
  refuseIf(config.ack_wait < 0, 'consumerAckWaitNegative');
  if (config.ack_policy === 'flow_control') checkFlowControlAcks(config, refuseIf);
  const steps = config.backoff?.length ?? 0;
  refuseIf(steps > 0 && config.max_deliver !== -1 && steps > config.max_deliver, 'consumerMaxDeliverBackoff');
  if (Buffer.byteLength(config.description) > MAX_DESCRIPTION_LENGTH)
    throw new ApiError('consumerDescriptionTooLong', { max: MAX_DESCRIPTION_LENGTH });
  if (isPush(config)) checkPush(config, stream, refuseIf);
  else checkPull(config, stream, limits, refuseIf);
  checkCaps(config, stream, limits);
  refuseIf(config.direct && !isPush(config), 'consumerDirectRequiresPush');
  refuseIf(config.direct && config.durable_name !== '', 'consumerDirectRequiresEphemeral');
  checkFilters(config, refuseIf);
  checkStart(config);
  checkSampling(config.sample_freq);
  refuseIf(config.flow_control && config.idle_heartbeat === 0, 'consumerWithFlowControlNeedsHeartbeats');
  const { name, durable_name: durable } = config;
  refuseIf(name !== '' && durable !== '' && name !== durable, 'consumerCreateDurableAndNameMismatch');
  if (metadataLength(config.metadata) > MAX_METADATA_LENGTH)
    throw new ApiError('consumerMetadataLength', { limit: `${MAX_METADATA_LENGTH / 1024}KB` });
  checkPriority(config, refuseIf);
}

type RefuseIf = (wrong: boolean, name: ApiErrorName) => void;

function checkFlowControlAcks(config: ConsumerConfig, refuseIf: RefuseIf): void {
  refuseIf(!isPush(config), 'consumerAckFCRequiresPush');
  refuseIf(!config.flow_control, 'consumerAckFCRequiresFC');
  if (config.idle_heartbeat !== FLOW_CONTROL_HEARTBEAT)
    throw invalidConfig('flow control ack policy heartbeat needs to be 1s');
  refuseIf(config.max_ack_pending <= 0, 'consumerAckFCRequiresMaxAckPending');
  refuseIf(config.ack_wait !== 0 || (config.backoff?.length ?? 0) > 0, 'consumerAckFCRequiresNoAckWait');
  refuseIf(config.max_deliver > 0, 'consumerAckFCRequiresNoMaxDeliver');
}

function checkPush(config: ConsumerConfig, stream: StreamConfig, refuseIf: RefuseIf): void {
  const { deliver_subject: subject } = config;
  // Here a wildcard is any `*` or `>` that is a token, also in a subject that is not valid otherwise.
  refuseIf(
    subject.split('.').some((token) => token === '*' || token === '>'),
    'consumerDeliverToWildcards',
  );
  refuseIf(!isValidSubscription(subject) || !isValidSubject(subject), 'consumerInvalidDeliverSubject');
  refuseIf(stream.subjects?.some((each) => isSubsetOf(subject, each)) ?? false, 'consumerDeliverCycle');
  refuseIf(config.max_waiting !== 0, 'consumerPushMaxWaiting');
  refuseIf(config.max_ack_pending > 0 && config.ack_policy === 'none', 'consumerMaxPendingAckPolicyRequired');
  const heartbeat = config.idle_heartbeat;
  refuseIf(heartbeat > 0 && heartbeat < 100 * MILLISECOND, 'consumerSmallHeartbeat');
}

function checkPull(
  config: ConsumerConfig,
  stream: StreamConfig,
  limits: ConsumerLimits,
  refuseIf: RefuseIf,
): void {
  refuseIf(config.ack_policy === 'none' && stream.retention === 'workqueue', 'consumerPullRequiresAck');
  refuseIf(config.rate_limit_bps > 0, 'consumerPullWithRateLimit');
  refuseIf(config.max_waiting < 0, 'consumerMaxWaitingNegative');
  refuseIf(config.idle_heartbeat > 0, 'consumerHBRequiresPush');
  refuseIf(config.flow_control, 'consumerFCRequiresPush');
  refuseIf(config.max_batch < 0, 'consumerMaxRequestBatchNegative');
  refuseIf(config.max_expires !== 0 && config.max_expires < MILLISECOND, 'consumerMaxRequestExpiresTooSmall');
  const most = limits.maxRequestBatch;
  if (most > 0 && config.max_batch > most)
    throw new ApiError('consumerMaxRequestBatchExceeded', { limit: most });
}

function checkCaps(config: ConsumerConfig, stream: StreamConfig, limits: ConsumerLimits): void {
  const { max_ack_pending: ofStream, inactive_threshold: inactive } = stream.consumer_limits;
  for (const limit of [limits.maxAckPending, limits.accountMaxAckPending, ofStream]) {
    if (limit > 0 && config.max_ack_pending > limit)
      throw new ApiError('consumerMaxPendingAckExcess', { limit });
  }
  if (inactive > 0 && config.inactive_threshold > inactive)
    throw new ApiError('consumerInactiveThresholdExcess', { limit: goDuration(inactive / MILLISECOND) });
}

function checkFilters(config: ConsumerConfig, refuseIf: RefuseIf): void {
  const { filter_subject: one, filter_subjects: several = [] } = config;
  refuseIf(one !== '' && several.length > 0, 'consumerDuplicateFilterSubjects');
  if (one !== '' && !isValidSubject(one)) throw invalidConfig('invalid subject');
  refuseIf(several.includes(''), 'consumerEmptyFilter');
  const filters = filtersOf(config);
  filters.forEach((filter, at) => {
    if (!isValidSubject(filter)) throw invalidConfig('invalid subject');
    const overlaps = filters.some((other, otherAt) => otherAt !== at && isSubsetOf(filter, other));
    refuseIf(overlaps, 'consumerOverlappingSubjectFilters');
  });
}

/** Which of the two starts a policy goes with; the other one must not be there. */
function checkStart(config: ConsumerConfig): void {
  const policy = config.deliver_policy.replaceAll('_', ' ');
  const refuse = (err: string) =>
    new ApiError('consumerInvalidPolicy', {
      err: `consumer delivery policy is deliver ${policy}, but optional ${err}`,
    });
  const hasSequence = config.opt_start_seq > 0;
  const hasTime = config.opt_start_time !== undefined;
  switch (config.deliver_policy) {
    case 'by_start_sequence':
      if (!hasSequence) throw refuse('start sequence is not set');
      if (hasTime) throw refuse('start time is also set');
      return;
    case 'by_start_time':
      if (!hasTime) throw refuse('start time is not set');
      if (hasSequence) throw refuse('start start sequence is also set');
      return;
    default:
      if (hasSequence) throw refuse('start sequence is also set');
      if (hasTime) throw refuse('start time is also set');
      if (config.deliver_policy === 'last_per_subject' && filtersOf(config).length === 0)
        throw refuse('filter subject is not set');
  }
}

function checkSampling(frequency: string): void {
  if (frequency === '') return;
  const number = frequency.endsWith('%') ? frequency.slice(0, -1) : frequency;
  if (/^[+-]?[0-9]{1,18}$/.test(number)) {
    if (Number(number) >= 0) return;
    // The official server has no reason to give here, and its formatter says so.
    throw new ApiError('consumerInvalidSampling', { err: '<nil>' });
  }
  const problem = /^[+-]?[0-9]+$/.test(number) ? 'value out of range' : 'invalid syntax';
  throw new ApiError('consumerInvalidSampling', {
    err: `strconv.Atoi: parsing ${JSON.stringify(number)}: ${problem}`,
  });
}

function checkPriority(config: ConsumerConfig, refuseIf: RefuseIf): void {
  const { priority_groups: groups = [], priority_policy: policy } = config;
  if (policy === 'none') {
    refuseIf(groups.length > 0, 'consumerPriorityGroupWithPolicyNone');
    refuseIf(config.priority_timeout > 0, 'consumerPinnedTTLWithoutPriorityPolicyNone');
    return;
  }
  refuseIf(isPush(config), 'consumerPushWithPriorityGroup');
  refuseIf(groups.length === 0, 'consumerPriorityPolicyWithoutGroup');
  for (const group of groups) {
    refuseIf(group === '', 'consumerEmptyGroupName');
    refuseIf(!GROUP_NAME.test(group), 'consumerInvalidGroupName');
  }
}

/** A change of what a stream lets its consumers have; those that are there keep theirs. Throws `ApiError`. */
export function checkConsumerLimits(
  before: StreamConfig,
  after: StreamConfig,
  consumers: Iterable<{ name: string; config: ConsumerConfig }>,
): void {
  const limits = (['inactive_threshold', 'max_ack_pending'] as const)
    .map((key) => ({ key, from: before.consumer_limits[key], to: after.consumer_limits[key] }))
    .filter(({ to }) => to > 0);
  if (limits.every(({ from, to }) => from === to)) return;
  const beyond = [...consumers].filter(({ config }) => limits.some(({ key, to }) => config[key] > to));
  if (beyond.length > 0)
    throw new ApiError('streamUpdate', {
      err: `change to limits violates consumers: ${beyond.map(({ name }) => name).join(', ')}`,
    });
}
