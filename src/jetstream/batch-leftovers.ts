/**
 * Atomic batches that the official server was storing when it ended. It keeps a batch that is open in a store of its own below `batches/`,
 * and copies it into the stream when it is committed; the rest of one that was interrupted half way is copied at the next start.
 */
import type { Clock } from '../runtime/clock.js';
import type { Log } from '../runtime/log.js';
import { headerBytes, headerText, headerValue, withHeaderSet } from './headers.js';
import { shortHash } from './store/layout.js';
import { ttlOf } from './store/message-block-store.js';
import type { MessageStore } from './store/message-store.js';

export interface BatchLeftovers {
  store: MessageStore;
  /** Account and stream, as the log shows them. */
  path: string;
  log: Log;
  clock: Clock;
  /** Opens what was kept of a batch; null when there is nothing. */
  open(directory: string): MessageStore | null;
}

/** Appends what is missing of the batch that the last message belongs to. True when something was. */
export function finishBatch({ store, path, log, clock, open }: BatchLeftovers): boolean {
  const last = store.load(store.state.lastSequence);
  if (last === null) return false;
  const header = headerText(last.header);
  const id = headerValue(header, 'Nats-Batch-Id') ?? '';
  const number = Number(headerValue(header, 'Nats-Batch-Sequence') ?? 'none');
  const isWhole = (headerValue(header, 'Nats-Batch-Commit') ?? '') !== '';
  if (id === '' || !Number.isInteger(number) || isWhole) return false;
  const complain = (reason: string) =>
    log.error(
      `  Failed restoring partial batch write for stream '${path}' at sequence ${number + 1}: ${reason}`,
    );
  const batch = open(shortHash(id));
  if (batch === null) {
    complain('what was kept of the batch is missing');
    return false;
  }
  let through = batch.state.lastSequence;
  const end = batch.load(through);
  if (end === null) {
    complain(`last msg not found ${through}`);
    return false;
  }
  const endsWithout = headerValue(headerText(end.header), 'Nats-Batch-Commit') === 'eob';
  if (endsWithout) through--;
  log.notice(`  Restoring partial batch write for stream '${path}' (seq ${number + 1} to ${through})`);
  const time = BigInt(Math.floor(clock.now())) * 1_000_000n;
  for (let sequence = number + 1; sequence <= through; sequence++) {
    const message = batch.load(sequence);
    if (message === null) {
      complain(`message ${sequence} of the batch is missing`);
      break;
    }
    let text = headerText(message.header);
    if (endsWithout && sequence === through) text = withHeaderSet(text, 'Nats-Batch-Commit', '1');
    const block = headerBytes(text);
    store.append(message.subject, block, message.payload, time, block === null ? 0 : ttlOf(block));
  }
  return true;
}
