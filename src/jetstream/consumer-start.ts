/** Where a new consumer begins in its stream, by its delivery policy. */
import { timeToNanoseconds } from '../protocol/rfc3339.js';
import type { ConsumerConfig } from './consumer-config.js';
import type { MessageStore, SubjectFilter } from './store/message-store.js';
import type { StreamConfig } from './stream-config.js';

export interface Start {
  sequence: number;
  /** For `last_per_subject`: the newest messages of the subjects, which come first; null when nothing has to be left out. */
  lastOnes: Float64Array | null;
}

export function startOf(
  config: ConsumerConfig,
  stream: StreamConfig,
  store: MessageStore,
  filter: SubjectFilter | null,
): Start {
  const { firstSequence, lastSequence, messages } = store.state;
  const { sequence, lastOnes } = wanted(config, stream, store, filter);
  if (config.opt_start_seq === 0) {
    if (firstSequence === 0 && messages === 0 && lastSequence === 0) return { sequence: 1, lastOnes: null };
    if (sequence > lastSequence) return { sequence: lastSequence + 1, lastOnes };
  }
  return { sequence: Math.max(sequence, firstSequence), lastOnes };
}

function wanted(
  config: ConsumerConfig,
  stream: StreamConfig,
  store: MessageStore,
  filter: SubjectFilter | null,
): Start {
  const { lastSequence, firstSequence } = store.state;
  const at = (sequence: number): Start => ({ sequence, lastOnes: null });
  switch (config.deliver_policy) {
    case 'all':
      return at(firstSequence);
    case 'last':
      // Without a message that matches it begins at the first one, as officially.
      return at(filter === null ? lastSequence : (store.loadPrevious(filter, lastSequence)?.sequence ?? 0));
    case 'new':
      return at(lastSequence + 1);
    case 'by_start_sequence':
      return at(config.opt_start_seq);
    case 'by_start_time':
      return at(closer(store, filter, store.sequenceAt(timeToNanoseconds(config.opt_start_time!))));
    case 'last_per_subject': {
      if (stream.max_msgs_per_subject === 1) return at(firstSequence);
      const last = store.lastSequences(filter, lastSequence, Number.POSITIVE_INFINITY);
      return last === null || last.length === 0 ? at(lastSequence) : { sequence: last[0]!, lastOnes: last };
    }
  }
}

/** A start by time is moved to the first message of a filter, as officially: where that is not the last message, and none of its before. */
function closer(store: MessageStore, filter: SubjectFilter | null, sequence: number): number {
  const { firstSequence, lastSequence } = store.state;
  let first = lastSequence;
  for (const pattern of filter?.patterns ?? []) {
    const found = store.loadNext(store.filter([pattern]), firstSequence)?.sequence ?? 0;
    if (found >= sequence && found < first) first = found;
  }
  return Math.max(first === lastSequence ? 0 : first, sequence);
}
