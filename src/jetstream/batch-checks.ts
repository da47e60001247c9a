/**
 * The checks of messages that are published in batches. Their order is another than that of single messages, and what came earlier in
 * the batch counts although it is not stored yet: that is kept in a `BatchStage`.
 */
import { addToCounter, type CounterState, readCounter } from './counters.js';
import { ApiError } from './errors.js';
import { headerText, headerValue } from './headers.js';
import {
  checkExpectedStream,
  checkNotSourced,
  emptyPlan,
  expectedSubjectSequence,
  lastUnder,
  MAX_HEADER_LENGTH,
  type PublishPlan,
  type PublishSurroundings,
  readIncrement,
  readRollup,
  readSchedule,
  readTtl,
  sequenceHeader,
} from './publish-checks.js';

/** What earlier messages of the batch have written under a subject. */
interface Staged {
  messages: number;
  bytes: number;
  /** The last of them is a schedule. */
  schedule: boolean;
}

export class BatchStage {
  readonly messageIds = new Set<string>();
  readonly counters = new Map<string, CounterState>();
  readonly subjects = new Map<string, Staged>();
  /** What was found to be the newest sequence of a subject. */
  readonly expected = new Map<string, number>();
}

export interface CheckedMessage {
  subject: string;
  plan: PublishPlan;
  payload: Buffer;
}

/** `maxPayload` is the server's. Throws `ApiError`; `DuplicateError` for a message that was stored before. */
export function checkBatched(
  stage: BatchStage,
  given: { subject: string; header: string; payload: Buffer },
  surroundings: PublishSurroundings,
  maxPayload: number,
): CheckedMessage {
  const { subject, header } = given;
  const { config, store } = surroundings;
  if (header.length > MAX_HEADER_LENGTH) throw new ApiError('streamHeaderExceedsMaximum');
  const plan = emptyPlan(header, readIncrement(header, given.payload.length, config, false));
  checkExpectedStream(header, config);
  checkTtl(header, config.allow_msg_ttl);
  checkMessageId(stage, plan, surroundings);
  checkNotSourced(header, false);
  if (config.allow_msg_counter && plan.increment === null) throw new ApiError('messageIncrMissing');
  const payload =
    plan.increment === null ? given.payload : count(stage, plan, given, surroundings, maxPayload);
  const last = sequenceHeader(header, 'Nats-Expected-Last-Sequence');
  if (last !== undefined) checkLastSequence(stage, last, store.state.lastSequence);
  checkSubjectSequence(stage, header, subject, surroundings);
  readSchedule(plan, subject, surroundings, false, (other) => holdsNoSchedule(stage, other, surroundings));
  plan.rollup = readBatchRollup(stage, plan, subject, surroundings);
  const staged = stage.subjects.get(subject) ?? { messages: 0, bytes: 0, schedule: false };
  staged.messages++;
  staged.bytes += store.sizeOf(subject, Buffer.from(plan.header, 'latin1'), payload);
  staged.schedule = plan.scheduledAt !== null;
  stage.subjects.set(subject, staged);
  if (config.discard === 'new') checkFull(stage, subject, plan, surroundings);
  return { subject, plan, payload };
}

function checkTtl(header: string, allowed: boolean): void {
  const ttl = readTtl(header);
  if (ttl !== 0 && !allowed) throw new ApiError('messageTTLDisabled');
  if (ttl === null) throw new ApiError('messageTTLInvalid');
}

/** The message was stored before, under this sequence; 0 when it is earlier in the batch. */
export class DuplicateError extends ApiError {
  readonly sequence: number;

  constructor(sequence: number) {
    super('atomicPublishContainsDuplicateMessage');
    this.sequence = sequence;
  }
}

function checkMessageId(stage: BatchStage, plan: PublishPlan, surroundings: PublishSurroundings): void {
  const id = headerValue(plan.header, 'Nats-Msg-Id') ?? '';
  if (id === '') return;
  if (stage.messageIds.has(id)) throw new DuplicateError(0);
  const known = surroundings.knownMessage(id);
  if (known !== undefined) throw new DuplicateError(known);
  stage.messageIds.add(id);
  plan.messageId = id;
}

/** Adds to the counter as it is after what came earlier in the batch. */
function count(
  stage: BatchStage,
  plan: PublishPlan,
  { subject, payload }: { subject: string; payload: Buffer },
  { store, config }: PublishSurroundings,
  maxPayload: number,
): Buffer {
  let state = stage.counters.get(subject);
  if (state === undefined) {
    const last = store.loadLast(subject);
    state = readCounter(last && { header: headerText(last.header), payload: last.payload });
  }
  const step = addToCounter(state, plan.increment!, subject, plan.header, payload);
  const most = config.max_msg_size >= 0 ? Math.min(config.max_msg_size, maxPayload) : maxPayload;
  if (step.header.length + step.payload.length > most) throw new ApiError('streamMessageExceedsMaximum');
  stage.counters.set(subject, step.state);
  plan.header = step.header;
  return step.payload;
}

/** Only the first message of a batch can know what the last sequence is. */
function checkLastSequence(stage: BatchStage, expected: number, last: number): void {
  const seq = last + [...stage.subjects.values()].reduce((sum, { messages }) => sum + messages, 0);
  if (expected !== seq) throw new ApiError('streamWrongLastSequence', { seq });
  if (stage.subjects.size > 0) throw new ApiError('streamWrongLastSequenceConstant');
}

function checkSubjectSequence(
  stage: BatchStage,
  header: string,
  subject: string,
  { store }: PublishSurroundings,
): void {
  const { expected, of } = expectedSubjectSequence(header, subject);
  if (expected === undefined) return;
  if (stage.subjects.has(of)) throw new ApiError('streamWrongLastSequenceConstant');
  const seq = stage.expected.get(of) ?? lastUnder(of, store);
  if (seq !== expected) throw new ApiError('streamWrongLastSequence', { seq });
  stage.expected.set(of, seq);
}

function holdsNoSchedule(stage: BatchStage, subject: string, { store }: PublishSurroundings): boolean {
  const staged = stage.subjects.get(subject);
  if (staged !== undefined) return !staged.schedule;
  const message = store.loadLast(subject);
  return message !== null && !headerValue(headerText(message.header), 'Nats-Schedule');
}

/** A rollup must not take away what the same batch has written. */
function readBatchRollup(
  stage: BatchStage,
  plan: PublishPlan,
  subject: string,
  { config }: PublishSurroundings,
): '' | 'sub' | 'all' {
  const rollup = readRollup(plan.header, config, false);
  const invalid = (what: string) =>
    new ApiError('streamRollupFailed', { err: `batch rollup ${what} invalid` });
  if (rollup === 'sub' && stage.subjects.has(subject)) throw invalid('sub');
  if (rollup === 'all' && stage.subjects.size > 0) throw invalid('all');
  return rollup;
}

function checkFull(
  stage: BatchStage,
  subject: string,
  plan: PublishPlan,
  { config, store }: PublishSurroundings,
): void {
  const full = (err: string) => new ApiError('streamStoreFailed', { err });
  let { messages, bytes } = store.state;
  for (const staged of stage.subjects.values()) {
    messages += staged.messages;
    bytes += staged.bytes;
  }
  if (config.max_msgs > 0 && messages > config.max_msgs) throw full('maximum messages exceeded');
  if (config.max_bytes > 0 && bytes > config.max_bytes) throw full('maximum bytes exceeded');
  if (!config.discard_new_per_subject || config.max_msgs_per_subject <= 0 || plan.rollup !== '') return;
  let count = stage.subjects.get(subject)!.messages;
  store.subjectTotals(store.filter([subject]), (_name, total) => (count += total));
  if (count > config.max_msgs_per_subject) throw full('maximum messages per subject exceeded');
}
