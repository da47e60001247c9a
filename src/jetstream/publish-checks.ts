/**
 * What the headers of a published message ask for, and whether the stream agrees: the checks in the official order, because a client
 * sees the first that fails. They change nothing; what they found out goes into `PublishPlan`.
 */
import { quoteJson } from '../protocol/json-type.js';
import { ApiError } from './errors.js';
import { headerValue, withHeaderSet } from './headers.js';
import { parseTtl } from './message-ttl.js';
import type { MessageStore } from './store/message-store.js';
import type { StreamConfig } from './stream-config.js';

export const MAX_HEADER_LENGTH = 65_535;

/** What the checks look at. */
export interface PublishSurroundings {
  readonly config: StreamConfig;
  readonly store: MessageStore;
  /** Of the last message that had one. */
  readonly lastMessageId: string;
  /** The sequence that an id was stored under within the window. */
  knownMessage(id: string): number | undefined;
}

/** A message that may be stored, and how. */
export interface PublishPlan {
  /** Text of the block to store. */
  header: string;
  messageId: string;
  rollup: '' | 'sub' | 'all';
  /** Seconds, -1 for ever, 0 none. */
  ttl: number;
  /** It was stored before, under this sequence. */
  duplicateOf: number;
  /** What a counter goes up by. */
  increment: bigint | null;
}

/** A whole number as Go's `ParseUint` takes it; undefined for anything else. */
function sequenceHeader(header: string, name: string): number | undefined {
  const value = headerValue(header, name);
  return value !== undefined && /^[0-9]{1,20}$/.test(value) ? Number(value) : undefined;
}

/**
 * `sourced` messages come from another stream, whose checks they have passed. `subject` is latin1. Throws `ApiError`.
 */
export function checkPublish(
  given: string,
  subject: string,
  payloadLength: number,
  surroundings: PublishSurroundings,
  sourced = false,
): PublishPlan {
  const { config, store } = surroundings;
  const header = given;
  const increment = readIncrement(header, payloadLength, config, sourced);
  const expected = headerValue(header, 'Nats-Expected-Stream');
  if (expected && expected !== config.name) throw new ApiError('streamNotMatch');
  const ttl = readTtl(header, config, sourced);
  checkSubjectSequence(header, subject, store);
  const last = sequenceHeader(header, 'Nats-Expected-Last-Sequence');
  if (last !== undefined && last !== store.state.lastSequence)
    throw new ApiError('streamWrongLastSequence', { seq: store.state.lastSequence });
  if (!sourced && headerValue(header, 'Nats-Stream-Source')) throw new ApiError('messageSourceHdrNotAllowed');
  const plan: PublishPlan = {
    header,
    messageId: headerValue(header, 'Nats-Msg-Id') ?? '',
    rollup: '',
    ttl,
    duplicateOf: 0,
    increment,
  };
  if (plan.messageId !== '') plan.duplicateOf = surroundings.knownMessage(plan.messageId) ?? 0;
  if (plan.duplicateOf > 0) return plan;
  const lastId = headerValue(header, 'Nats-Expected-Last-Msg-Id');
  if (lastId && lastId !== surroundings.lastMessageId)
    throw new ApiError('streamWrongLastMsgID', { id: surroundings.lastMessageId });
  plan.rollup = readRollup(plan.header, config, sourced);
  return plan;
}

function readIncrement(
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
  const texts = [
    'Nats-Rollup',
    'Nats-Expected-Stream',
    'Nats-Expected-Last-Msg-Id',
    'Nats-Expected-Last-Subject-Sequence-Subject',
  ];
  const sequences = ['Nats-Expected-Last-Sequence', 'Nats-Expected-Last-Subject-Sequence'];
  if (
    texts.some((name) => headerValue(header, name)) ||
    sequences.some((name) => sequenceHeader(header, name) !== undefined)
  )
    throw new ApiError('messageIncrInvalid');
  return increment;
}

function readTtl(header: string, config: StreamConfig, sourced: boolean): number {
  const text = headerValue(header, 'Nats-TTL');
  if (text === undefined || text === '') return 0;
  const ttl = parseTtl(text);
  if (!sourced && !config.allow_msg_ttl && ttl !== 0) throw new ApiError('messageTTLDisabled');
  if (ttl === null) throw new ApiError('messageTTLInvalid');
  return ttl;
}

function checkSubjectSequence(header: string, subject: string, store: MessageStore): void {
  const other = headerValue(header, 'Nats-Expected-Last-Subject-Sequence-Subject');
  const expected = sequenceHeader(header, 'Nats-Expected-Last-Subject-Sequence');
  if (expected === undefined) {
    if (other) throw new ApiError('streamExpectedLastSeqPerSubjectInvalid');
    return;
  }
  const seq = lastUnder(other || subject, store);
  if (seq !== expected) throw new ApiError('streamWrongLastSequence', { seq });
}

/** The sequence of the newest message under a subject, which may have wildcards; 0 without one. */
function lastUnder(subject: string, store: MessageStore): number {
  if (!/(^|\.)[*>](\.|$)/.test(subject)) return store.lastSequenceOf(subject);
  const { lastSequence } = store.state;
  return store.loadPrevious(store.filter([subject]), lastSequence)?.sequence ?? 0;
}

function readRollup(header: string, config: StreamConfig, sourced: boolean): '' | 'sub' | 'all' {
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

/** With delete markers a message must not outlive the marker that stands for its subject. */
export function raiseTtl(plan: PublishPlan, config: StreamConfig): void {
  const least = Math.floor(config.subject_delete_marker_ttl / 1e9);
  if (plan.ttl <= 0 || plan.ttl >= least || config.max_msgs_per_subject === 1) return;
  plan.ttl = least;
  plan.header = withHeaderSet(plan.header, 'Nats-TTL', String(least));
}
