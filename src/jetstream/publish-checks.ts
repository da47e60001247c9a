/**
 * What the headers of a published message ask for, and whether the stream agrees: the checks in the official order, because a client
 * sees the first that fails. They change nothing; what they found out goes into `PublishPlan`.
 */
import { fromUtf8 } from '../protocol/bytes.js';
import { quoteJson } from '../protocol/json-type.js';
import { patternsOverlap } from '../subjects/subject.js';
import { isValidPublishSubject } from './config-checks.js';
import { ApiError } from './errors.js';
import { headerText, headerValue, withHeader, withHeaderSet } from './headers.js';
import { parseTtl } from './message-ttl.js';
import { nextSchedule } from './schedule.js';
import type { MessageStore } from './store/message-store.js';
import type { StreamConfig } from './stream-config.js';

export const MAX_HEADER_LENGTH = 65_535;

/** What the checks look at. */
export interface PublishSurroundings {
  readonly config: StreamConfig;
  readonly store: MessageStore;
  /** Of the last message that had one. */
  readonly lastMessageId: string;
  /** Nanoseconds since 1970. */
  now(): bigint;
  /** The sequence that an id was stored under within the window. */
  knownMessage(id: string): number | undefined;
}

/** A message that may be stored, and how. */
export interface PublishPlan {
  /** Text of the block to store. */
  header: string;
  messageId: string;
  rollup: '' | 'sub' | 'all';
  /** It was stored before, under this sequence. */
  duplicateOf: number;
  /** What a counter goes up by. */
  increment: bigint | null;
  /** When it is published again as a schedule, nanoseconds since 1970; null for what is none. */
  scheduledAt: bigint | null;
  /** The subject of a schedule that is over with this message; '' for none. */
  endsSchedule: string;
}

/** A whole number as the official server reads it: what is none is a number that no sequence has. Undefined without the header. */
export function sequenceHeader(header: string, name: string): number | undefined {
  const value = headerValue(header, name);
  if (value === undefined || value === '') return undefined;
  return /^[0-9]+$/.test(value) ? Number(value) : Number.POSITIVE_INFINITY;
}

/**
 * `sourced` messages come from another stream, whose checks they have passed, or from the server itself. `subject` is latin1. Throws
 * `ApiError`.
 */
export function checkPublish(
  given: string,
  subject: string,
  payloadLength: number,
  surroundings: PublishSurroundings,
  sourced = false,
): PublishPlan {
  const { config, store } = surroundings;
  const increment = readIncrement(given, payloadLength, config, sourced);
  checkExpectedStream(given, config);
  // Whether it is a TTL at all is looked at when nothing else stands in the way.
  if (!sourced && !config.allow_msg_ttl && readTtl(given) !== 0 && readTtl(given) !== null)
    throw new ApiError('messageTTLDisabled');
  checkSubjectSequence(given, subject, store);
  const last = sequenceHeader(given, 'Nats-Expected-Last-Sequence');
  if (last !== undefined && last !== store.state.lastSequence)
    throw new ApiError('streamWrongLastSequence', { seq: store.state.lastSequence });
  const plan = emptyPlan(given, increment);
  readSchedule(plan, subject, surroundings, sourced, (other) => holdsNoSchedule(store, other));
  checkNotSourced(given, sourced);
  plan.messageId = headerValue(given, 'Nats-Msg-Id') ?? '';
  if (plan.messageId !== '') plan.duplicateOf = surroundings.knownMessage(plan.messageId) ?? 0;
  if (plan.duplicateOf > 0) return plan;
  checkLastMessageId(given, surroundings);
  plan.rollup = readRollup(plan.header, config, sourced);
  return plan;
}

export function emptyPlan(header: string, increment: bigint | null): PublishPlan {
  return {
    header,
    messageId: '',
    rollup: '',
    duplicateOf: 0,
    increment,
    scheduledAt: null,
    endsSchedule: '',
  };
}

export function readIncrement(
  header: string,
  payloadLength: number,
  config: StreamConfig,
  sourced: boolean,
): bigint | null {
  const text = headerValue(header, 'Nats-Incr');
  if (text === undefined || text === '') return null;
  if (!/^[+-]?[0-9]+$/.test(text)) throw new ApiError('messageIncrInvalid');
  const increment = BigInt(text.startsWith('+') ? text.slice(1) : text);
  if (sourced) return increment;
  if (!config.allow_msg_counter) throw new ApiError('messageIncrDisabled');
  if (payloadLength > 0) throw new ApiError('messageIncrPayload');
  const others = [
    'Nats-Rollup',
    'Nats-Expected-Stream',
    'Nats-Expected-Last-Msg-Id',
    'Nats-Expected-Last-Subject-Sequence-Subject',
    'Nats-Expected-Last-Sequence',
    'Nats-Expected-Last-Subject-Sequence',
  ];
  if (others.some((name) => headerValue(header, name))) throw new ApiError('messageIncrInvalid');
  return increment;
}

export function checkExpectedStream(header: string, config: StreamConfig): void {
  const expected = headerValue(header, 'Nats-Expected-Stream');
  if (expected && expected !== fromUtf8(config.name)) throw new ApiError('streamNotMatch');
}

/** Seconds, -1 for ever, 0 for none; null for what is no TTL. */
export function readTtl(header: string): number | null {
  const text = headerValue(header, 'Nats-TTL');
  return text === undefined || text === '' ? 0 : parseTtl(text);
}

/** A header that only the server writes, when a stream has the message from another one. */
export function checkNotSourced(header: string, sourced: boolean): void {
  if (!sourced && headerValue(header, 'Nats-Stream-Source')) throw new ApiError('messageSourceHdrNotAllowed');
}

export function checkLastMessageId(header: string, { lastMessageId }: PublishSurroundings): void {
  const expected = headerValue(header, 'Nats-Expected-Last-Msg-Id');
  if (expected && expected !== lastMessageId)
    throw new ApiError('streamWrongLastMsgID', { id: lastMessageId });
}

function checkSubjectSequence(header: string, subject: string, store: MessageStore): void {
  const { expected, of } = expectedSubjectSequence(header, subject);
  if (expected === undefined) return;
  const seq = lastUnder(of, store);
  if (seq !== expected) throw new ApiError('streamWrongLastSequence', { seq });
}

/** What a message expects of a subject, which is its own unless it says otherwise. */
export function expectedSubjectSequence(
  header: string,
  subject: string,
): { expected: number | undefined; of: string } {
  const other = headerValue(header, 'Nats-Expected-Last-Subject-Sequence-Subject');
  const expected = sequenceHeader(header, 'Nats-Expected-Last-Subject-Sequence');
  if (expected === undefined && other) throw new ApiError('streamExpectedLastSeqPerSubjectInvalid');
  return { expected, of: other || subject };
}

/** The sequence of the newest message under a subject, which may have wildcards; 0 without one. */
export function lastUnder(subject: string, store: MessageStore): number {
  if (!/(^|\.)[*>](\.|$)/.test(subject)) return store.lastSequenceOf(subject);
  const { lastSequence } = store.state;
  return store.loadPrevious(store.filter([subject]), lastSequence)?.sequence ?? 0;
}

/** Whether the newest message of a subject is there and is no schedule. */
function holdsNoSchedule(store: MessageStore, subject: string): boolean {
  const message = store.loadLast(subject);
  return message !== null && !headerValue(headerText(message.header), 'Nats-Schedule');
}

/**
 * Schedules: what they need, and that a client does not claim to be one. `isOther` says of a subject that it holds something that is no
 * schedule. Fills in the plan.
 */
export function readSchedule(
  plan: PublishPlan,
  subject: string,
  { config, now }: Pick<PublishSurroundings, 'config' | 'now'>,
  sourced: boolean,
  isOther: (subject: string) => boolean,
): void {
  const { header } = plan;
  if (header.includes('Nats-Schedule') === false) return;
  const time = now();
  const next = nextSchedule(header, time, time);
  const allowed = config.allow_msg_schedules;
  if (sourced) {
    if (next !== null && typeof next !== 'string' && allowed) plan.scheduledAt = next.at;
  } else {
    if (next !== null && !allowed) throw new ApiError('messageSchedulesDisabled');
    if (typeof next === 'string') throw new ApiError(next);
    if (next !== null) {
      checkScheduleHeaders(header, subject, config);
      plan.scheduledAt = next.at;
      // A schedule takes the place of the one before it.
      const rollup = headerValue(header, 'Nats-Rollup')?.toLowerCase() ?? '';
      if (rollup === '') plan.header = withHeader(header, 'Nats-Rollup', 'sub');
      else if (rollup !== 'sub') throw new ApiError('messageSchedulesRollupInvalid');
    }
    checkScheduler(header, subject, allowed, isOther);
  }
  if (headerValue(header, 'Nats-Schedule-Next') === 'purge')
    plan.endsSchedule = headerValue(header, 'Nats-Scheduler') ?? '';
}

function checkScheduleHeaders(header: string, subject: string, config: StreamConfig): void {
  const ttl = headerValue(header, 'Nats-Schedule-TTL') ?? '';
  if (ttl !== '' && parseTtl(ttl) === null) throw new ApiError('messageSchedulesTTLInvalid');
  const rollup = headerValue(header, 'Nats-Schedule-Rollup') ?? '';
  if (rollup !== '' && rollup !== 'sub') throw new ApiError('messageSchedulesRollupInvalid');
  if (ttl !== '' && !config.allow_msg_ttl) throw new ApiError('messageTTLDisabled');
  const { subjects = [] } = config;
  const isOurs = (name: string) => subjects.some((each) => patternsOverlap(fromUtf8(each), name));
  const target = headerValue(header, 'Nats-Schedule-Target') ?? '';
  const source = headerValue(header, 'Nats-Schedule-Source') ?? '';
  if (!isValidPublishSubject(target) || target === subject)
    throw new ApiError('messageSchedulesTargetInvalid');
  if (source !== '' && (source === target || source === subject || !isValidPublishSubject(source)))
    throw new ApiError('messageSchedulesSourceInvalid');
  if (!isOurs(target)) throw new ApiError('messageSchedulesTargetInvalid');
  if (source !== '' && !isOurs(source)) throw new ApiError('messageSchedulesSourceInvalid');
}

/** The headers of a message that a schedule has made: a client may use them to end a schedule, and for nothing else. */
function checkScheduler(
  header: string,
  subject: string,
  allowed: boolean,
  isOther: (subject: string) => boolean,
): void {
  const next = headerValue(header, 'Nats-Schedule-Next') ?? '';
  const scheduler = headerValue(header, 'Nats-Scheduler') ?? '';
  if (next === '' && scheduler === '') return;
  if (next !== 'purge' || !isValidPublishSubject(scheduler) || scheduler === subject)
    throw new ApiError('messageSchedulesSchedulerInvalid');
  if (!allowed) throw new ApiError('messageSchedulesDisabled');
  if (isOther(scheduler)) throw new ApiError('messageSchedulesSchedulerInvalid');
}

export function readRollup(header: string, config: StreamConfig, sourced: boolean): '' | 'sub' | 'all' {
  const value = headerValue(header, 'Nats-Rollup');
  if (value === undefined || value === '') return '';
  if ((!config.allow_rollup_hdrs || config.deny_purge) && !sourced)
    throw new ApiError('streamRollupFailed', { err: 'rollup not permitted' });
  // As officially, in any case of letters.
  const rollup = value.toLowerCase();
  if (rollup !== 'sub' && rollup !== 'all')
    throw new ApiError('streamRollupFailed', { err: `rollup value invalid: ${quoteJson(rollup)}` });
  return rollup;
}

/**
 * The TTL of a message in seconds: -1 for ever, 0 none. With delete markers it must not outlive the marker that stands for its subject,
 * so it is raised to theirs, in the plan's header as well. Throws `ApiError`.
 */
export function finalTtl(plan: PublishPlan, config: StreamConfig): number {
  const ttl = readTtl(plan.header);
  if (ttl === null) throw new ApiError('messageTTLInvalid');
  const least = Math.floor(config.subject_delete_marker_ttl / 1e9);
  if (ttl <= 0 || ttl >= least || config.max_msgs_per_subject === 1) return ttl;
  plan.header = withHeaderSet(plan.header, 'Nats-TTL', String(least));
  return least;
}
