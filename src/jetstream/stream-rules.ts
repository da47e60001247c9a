/**
 * What the configuration of a stream may say, and what a change of it may change: defaults put in, errors in the official words,
 * in the official order, because a client sees the first one.
 */
import { goDuration } from '../config/go-format.js';
import { fromUtf8 } from '../protocol/bytes.js';
import { isSubsetOf, patternsOverlap } from '../subjects/subject.js';
import { SubjectTransform } from '../subjects/transform.js';
import {
  invalidConfig,
  isValidSubject,
  pedanticError,
  type StreamSurroundings,
  transformProblem,
} from './config-checks.js';
import { ApiError } from './errors.js';
import {
  isValidAssetName,
  MAX_DESCRIPTION_LENGTH,
  MAX_METADATA_LENGTH,
  MAX_NAME_LENGTH,
  MILLISECOND,
  metadataLength,
  SECOND,
} from './names.js';
import { checkMirror, checkSources, findCycle, PrefixChecks } from './source-rules.js';
import { LAST_SEQUENCE } from './store/message-store.js';
import type { StreamConfig } from './stream-config.js';

const DEFAULT_DUPLICATE_WINDOW = 120 * SECOND;
const SHORTEST = 100 * MILLISECOND;
const MAX_REPLICAS = 5;

/**
 * The configuration with defaults in place; the given one is left alone. `pedantic` refuses values that would be put right.
 * Throws `ApiError`.
 */
export function checkStreamConfig(
  given: StreamConfig,
  surroundings: StreamSurroundings,
  pedantic = false,
): StreamConfig {
  checkTexts(given);
  const config = { ...given };
  checkLimits(config, pedantic);
  checkDuplicateWindow(config, surroundings.maxDuplicateWindow, pedantic);
  if (config.deny_purge && config.allow_rollup_hdrs)
    throw invalidConfig('roll-ups require the purge permission');
  checkCounter(config);
  checkDiscardPerSubject(config);
  checkDeleteMarkers(config, pedantic);
  checkSchedules(config, pedantic);
  checkPersistMode(config);
  const prefixes = new PrefixChecks();
  checkMirror(config, surroundings, prefixes, pedantic);
  checkSources(config, surroundings, prefixes);
  prefixes.check();
  if (findCycle(config, surroundings)) throw invalidConfig('detected cycle');
  checkSubjects(config);
  checkMaxBytes(config, surroundings);
  checkTransform(config);
  checkRepublish(config, pedantic);
  checkPlacement(config);
  return config;
}

function checkTexts({ name, description, metadata }: StreamConfig): void {
  if (!isValidAssetName(name))
    throw invalidConfig("stream name is required and can not contain '.', '*', '>', '\\', '/'");
  if (Buffer.byteLength(name) > MAX_NAME_LENGTH)
    throw invalidConfig(`stream name is too long, maximum allowed is ${MAX_NAME_LENGTH}`);
  if (Buffer.byteLength(description) > MAX_DESCRIPTION_LENGTH)
    throw invalidConfig(`stream description is too long, maximum allowed is ${MAX_DESCRIPTION_LENGTH}`);
  if (metadataLength(metadata) > MAX_METADATA_LENGTH)
    throw invalidConfig(`stream metadata exceeds maximum size of ${MAX_METADATA_LENGTH} bytes`);
}

function checkLimits(config: StreamConfig, pedantic: boolean): void {
  if (config.num_replicas === 0) config.num_replicas = 1;
  if (config.num_replicas > MAX_REPLICAS) throw invalidConfig(`maximum replicas is ${MAX_REPLICAS}`);
  if (config.num_replicas < 0) throw new ApiError('replicasCountCannotBeNegative');
  for (const key of [
    'max_msgs',
    'max_msgs_per_subject',
    'max_bytes',
    'max_msg_size',
    'max_consumers',
  ] as const) {
    if (config[key] > 0 || config[key] === -1) continue;
    if (pedantic && config[key] < -1) throw pedanticError(`${key} must be set to -1`);
    config[key] = -1;
  }
  if (config.first_seq > LAST_SEQUENCE)
    throw invalidConfig(`first sequence can not be larger than ${LAST_SEQUENCE}`);
  if (config.max_age < 0) throw invalidConfig('max age can not be negative');
  if (config.max_age !== 0 && config.max_age < SHORTEST) throw invalidConfig('max age needs to be >= 100ms');
}

function checkDuplicateWindow(config: StreamConfig, limit: number, pedantic: boolean): void {
  const { max_age: maxAge } = config;
  if (config.duplicate_window === 0 && config.mirror === undefined && !config.sources?.length) {
    let longest = DEFAULT_DUPLICATE_WINDOW;
    if (limit > 0 && longest > limit) {
      if (pedantic) throw pedanticError('duplicate window limits are higher than current limits');
      longest = limit;
    }
    const aged = maxAge !== 0 && maxAge < longest;
    if (aged && pedantic) throw pedanticError('duplicate window cannot be bigger than max age');
    config.duplicate_window = aged ? maxAge : longest;
  }
  const window = config.duplicate_window;
  if (window < 0) throw invalidConfig('duplicates window can not be negative');
  if (maxAge !== 0 && window > maxAge)
    throw invalidConfig('duplicates window can not be larger then max age');
  if (limit > 0 && window > limit) {
    const text = goDuration(limit / MILLISECOND);
    throw invalidConfig(`duplicates window can not be larger then server limit of ${text}`);
  }
  if (window > 0 && window < SHORTEST) throw invalidConfig('duplicates window needs to be >= 100ms');
}

function checkCounter(config: StreamConfig): void {
  if (!config.allow_msg_counter) return;
  if (config.discard === 'new') throw invalidConfig('counter stream cannot use discard new');
  if (config.allow_msg_ttl) throw invalidConfig('counter stream cannot use message TTLs');
  if (config.allow_msg_schedules) throw invalidConfig('counter stream cannot use message schedules');
  if (config.retention !== 'limits') throw invalidConfig('counter stream can only use limits retention');
}

function checkDiscardPerSubject(config: StreamConfig): void {
  if (!config.discard_new_per_subject) return;
  if (config.discard !== 'new')
    throw invalidConfig('discard new per subject requires discard new policy to be set');
  if (config.max_msgs_per_subject <= 0)
    throw invalidConfig('discard new per subject requires max msgs per subject > 0');
}

function checkDeleteMarkers(config: StreamConfig, pedantic: boolean): void {
  const ttl = config.subject_delete_marker_ttl;
  if (ttl < 0) throw invalidConfig('subject delete marker TTL must not be negative');
  if (ttl === 0) return;
  if (ttl < SECOND) throw invalidConfig('subject delete marker TTL must be at least 1 second');
  if (!config.allow_msg_ttl) {
    if (pedantic) throw invalidConfig('subject delete marker cannot be set if message TTLs are disabled');
    config.allow_msg_ttl = true;
  }
  if (!config.allow_rollup_hdrs) {
    if (pedantic) throw invalidConfig('subject delete marker cannot be set if roll-ups are disabled');
    config.allow_rollup_hdrs = true;
    config.deny_purge = false;
  }
}

function checkSchedules(config: StreamConfig, pedantic: boolean): void {
  if (!config.allow_msg_schedules) return;
  if (config.discard === 'new') throw invalidConfig('message scheduling cannot use discard new');
  if (!config.allow_rollup_hdrs) {
    if (pedantic) throw invalidConfig('message scheduling cannot be set if roll-ups are disabled');
    config.allow_rollup_hdrs = true;
    config.deny_purge = false;
  }
}

function checkPersistMode(config: StreamConfig): void {
  if (config.persist_mode === 'default') config.persist_mode = '';
  if (config.persist_mode !== 'async') return;
  if (config.storage !== 'file') throw invalidConfig('async persist mode is only supported on file storage');
  if (config.num_replicas > 1)
    throw invalidConfig('async persist mode is not supported on replicated streams');
  if (config.allow_atomic)
    throw invalidConfig('async persist mode is not supported with atomic batch publish');
}

function checkSubjects(config: StreamConfig): void {
  const { subjects = [] } = config;
  if (subjects.length === 0) {
    if (config.mirror === undefined && !config.sources?.length) config.subjects = [config.name];
    return;
  }
  if (config.mirror !== undefined) throw new ApiError('mirrorWithSubjects');
  const seen = new Set<string>();
  subjects.forEach((subject, at) => {
    if (!isValidSubject(subject)) throw invalidConfig('invalid subject');
    if (seen.has(subject)) throw invalidConfig('duplicate subjects detected');
    if (subject === '>') {
      if (!config.no_ack) throw invalidConfig('capturing all subjects requires no-ack to be true');
      if (config.num_replicas !== 1) throw invalidConfig('capturing all subjects requires replicas of 1');
    }
    if (!config.no_ack) checkServerSubjects(subject);
    const other = subjects.slice(at + 1).find((each) => patternsOverlap(each, subject));
    if (other !== undefined)
      throw invalidConfig(`subject ${JSON.stringify(subject)} overlaps with ${JSON.stringify(other)}`);
    seen.add(subject);
  });
}

/** A stream that acknowledges must not store what the server itself says. */
function checkServerSubjects(subject: string): void {
  const touchesApi = ['$JS.>', '$JSC.>', '$NRG.>'].some((space) => patternsOverlap(subject, space));
  if (touchesApi && !isSubsetOf(subject, '$JS.EVENT.>'))
    throw invalidConfig('subjects that overlap with jetstream api require no-ack to be true');
  if (patternsOverlap(subject, '$SYS.>') && !isSubsetOf(subject, '$SYS.ACCOUNT.>'))
    throw invalidConfig('subjects that overlap with system api require no-ack to be true');
}

function checkMaxBytes(config: StreamConfig, surroundings: StreamSurroundings): void {
  const { required, limit } = surroundings.maxBytes(config);
  if (required && config.max_bytes <= 0) throw new ApiError('streamMaxBytesRequired');
  if (limit > 0 && config.max_bytes > limit) throw new ApiError('streamMaxStreamBytesExceeded');
}

function checkTransform({ subject_transform: transform }: StreamConfig): void {
  if (transform === undefined) return;
  const problem = transformProblem(transform.src, transform.dest);
  if (problem?.part === 'src') throw new ApiError('streamTransformInvalidSource', { err: problem.err });
  if (problem?.part === 'dest') throw new ApiError('streamTransformInvalidDestination', { err: problem.err });
}

function checkRepublish(config: StreamConfig, pedantic: boolean): void {
  if (config.republish === undefined) return;
  const republish = { ...config.republish };
  config.republish = republish;
  const { subjects = [], subject_transform: transform } = config;
  if (republish.src === '') {
    if (pedantic) throw pedanticError('republish source can not be empty');
    republish.src = '>';
  }
  // Everything to everywhere would come back, unless the stream stores it under subjects that are not its own.
  const everything = republish.src === '>' && republish.dest === '>';
  if (everything && transform !== undefined && subjects.length === 1 && transform.src === subjects[0]) {
    if (pedantic) throw pedanticError('implicit republish based on subject transform');
    republish.src = transform.dest;
    republish.dest = transform.dest;
  }
  if (subjects.some((subject) => patternsOverlap(republish.dest, subject)))
    throw invalidConfig('stream configuration for republish destination forms a cycle');
  if (republish.dest === '') return;
  try {
    SubjectTransform.create(fromUtf8(republish.src), fromUtf8(republish.dest));
  } catch {
    throw invalidConfig(
      `stream configuration for republish with transform from '${republish.src}' to '${republish.dest}' not valid`,
    );
  }
}

function checkPlacement(config: StreamConfig): void {
  const { placement } = config;
  if (placement === undefined) return;
  if (placement.preferred !== '') throw invalidConfig('preferred server not permitted in placement');
  if (placement.cluster === '' && placement.tags === undefined) config.placement = undefined;
}

/**
 * The configuration that a stream changes over to; `old` is the one it has. Limits of the account are not looked at. Throws
 * `ApiError`.
 */
export function checkStreamUpdate(
  old: StreamConfig,
  given: StreamConfig,
  surroundings: StreamSurroundings,
  pedantic = false,
): StreamConfig {
  const config = checkStreamConfig(given, surroundings, pedantic);
  const refuse = (what: string) => invalidConfig(`stream configuration update can not ${what}`);
  if (config.name !== old.name) throw invalidConfig('stream configuration name must match original');
  if (config.num_replicas > 1) throw new ApiError('streamReplicasNotSupported');
  if (config.storage !== old.storage) throw refuse('change storage type');
  if (config.retention !== old.retention && [config.retention, old.retention].includes('workqueue'))
    throw refuse('change retention policy to/from workqueue');
  if (old.sealed && !config.sealed) throw refuse('unseal a sealed stream');
  if (old.deny_delete && !config.deny_delete) throw refuse('cancel deny message deletes');
  if (old.deny_purge && !config.deny_purge) throw refuse('cancel deny purge');
  if (config.mirror !== undefined && !same(config.mirror, old.mirror))
    throw new ApiError('streamMirrorNotUpdatable');
  if (old.allow_msg_ttl && !config.allow_msg_ttl)
    throw invalidConfig('message TTL status can not be disabled');
  if (config.allow_msg_counter !== old.allow_msg_counter) throw refuse('change message counter setting');
  if (old.allow_msg_schedules && !config.allow_msg_schedules)
    throw invalidConfig('message schedules can not be disabled');
  if (config.persist_mode !== old.persist_mode) throw refuse('change persist mode');
  if (config.sealed) seal(config);
  return config;
}

function seal(config: StreamConfig): void {
  config.max_age = 0;
  config.discard = 'new';
  config.deny_delete = true;
  config.deny_purge = true;
  config.allow_rollup_hdrs = false;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
