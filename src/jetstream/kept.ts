/**
 * Whether what an answer promises is on disk. Asked once the group commit that carries the change is over; where the disk has refused, the
 * change is taken back and the answer is an error.
 */
import type { Consumer } from './consumer.js';
import type { ConsumerConfig } from './consumer-config.js';
import { ApiError } from './errors.js';
import type { Pledge, Stream } from './stream.js';
import type { StreamConfig } from './stream-config.js';

/** Null when it is kept. */
export type Kept = () => ApiError | null;

export function newStreamKept(stream: Stream): Kept {
  return () => {
    const { failure } = stream.storage;
    if (failure === null || stream.closed) return null;
    takeBack(() => stream.account.deleteStream(stream));
    return new ApiError('streamCreate', { err: failure.message });
  };
}

export function streamChangeKept(stream: Stream, previous: StreamConfig): Kept {
  return () => {
    const { failure } = stream.storage;
    if (failure === null || stream.closed) return null;
    stream.update(previous);
    return new ApiError('streamUpdate', { err: failure.message });
  };
}

/** For what was changed about the messages of a stream so far. `error` makes the answer from what the disk says. */
export function messagesKept(stream: Stream, error: (err: string) => ApiError): Kept {
  const pledge: Pledge = { position: stream.store.position, broken: false };
  stream.pledges.add(pledge);
  return () => {
    stream.pledges.delete(pledge);
    if (stream.closed) return null;
    const kept = !pledge.broken && stream.store.durablePosition >= pledge.position;
    return kept ? null : error('error writing to disk');
  };
}

export function newConsumerKept(consumer: Consumer): Kept {
  const { position } = consumer.store;
  return () => {
    const { failure } = consumer.storage;
    if (consumer.closed || (failure === null && consumer.store.durablePosition >= position)) return null;
    takeBack(() => consumer.stream.consumers.delete(consumer));
    return new ApiError('consumerStoreFailed', { err: failure?.message ?? 'error writing to disk' });
  };
}

export function consumerChangeKept(consumer: Consumer, previous: ConsumerConfig): Kept {
  return () => {
    const { failure } = consumer.storage;
    if (failure === null || consumer.closed) return null;
    consumer.update(previous);
    return new ApiError('consumerCreate', { err: failure.message });
  };
}

/** A disk that refuses to write may refuse to remove as well; the files are in the way of nobody but the next of that name. */
function takeBack(remove: () => void): void {
  try {
    remove();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}
