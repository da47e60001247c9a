/**
 * Whether what an answer promises is on disk. Asked once the group commit that carries the change is over; where the disk has refused, the
 * change is taken back and the answer is an error.
 */
import type { Consumer } from './consumer.js';
import { ApiError } from './errors.js';
import type { Pledge, Stream } from './stream.js';

/** Null when it is kept. */
export type Kept = () => ApiError | null;

/** `created`: by this request; otherwise it was there, as the request wants it, and may be as new. */
export function newStreamKept(stream: Stream, created: boolean): Kept {
  const { storage } = stream;
  // What the disk has refused, and refused to remove, is still there for clients: now it may take it.
  if (storage.lastSave.failure !== null) storage.save(stream.config, stream.created);
  const { lastSave } = storage;
  return () => {
    const { failure } = lastSave;
    if (failure === null) return null;
    if (created && !stream.closed) takeBack(() => stream.account.deleteStream(stream));
    return new ApiError('streamCreate', { err: failure.message });
  };
}

export function streamChangeKept(stream: Stream): Kept {
  const { config } = stream;
  const { lastSave } = stream.storage;
  return () => {
    const { failure } = lastSave;
    if (failure === null) {
      stream.keptConfig = config;
      return null;
    }
    // Not what somebody has asked for since.
    if (!stream.closed && stream.config === config) stream.update(stream.keptConfig);
    return new ApiError('streamUpdate', { err: failure.message });
  };
}

/** For what was changed about the messages of a stream so far. `error` makes the answer from what the disk says. */
export function messagesKept(stream: Stream, error: (err: string) => ApiError): Kept {
  const pledge: Pledge = { position: stream.store.position, broken: false };
  stream.pledges.add(pledge);
  return () => {
    // Otherwise all messages have gone with the stream.
    if (!stream.pledges.delete(pledge)) return null;
    const kept = !pledge.broken && stream.store.durablePosition >= pledge.position;
    return kept ? null : error('error writing to disk');
  };
}

export function newConsumerKept(consumer: Consumer): Kept {
  const { position } = consumer.store;
  const { lastSave } = consumer.storage;
  return () => {
    const { failure } = lastSave;
    if (failure === null && consumer.store.durablePosition >= position) return null;
    if (!consumer.closed) takeBack(() => consumer.stream.consumers.delete(consumer));
    return new ApiError('consumerStoreFailed', { err: failure?.message ?? 'error writing to disk' });
  };
}

export function consumerChangeKept(consumer: Consumer): Kept {
  const { config, storage } = consumer;
  if (storage.lastSave.failure !== null) storage.save(config, consumer.created);
  const { lastSave } = storage;
  return () => {
    const { failure } = lastSave;
    if (failure === null) {
      consumer.keptConfig = config;
      return null;
    }
    // Not what somebody has asked for since.
    if (!consumer.closed && consumer.config === config) consumer.update(consumer.keptConfig);
    return new ApiError('consumerCreate', { err: failure.message });
  };
}

/** It is gone here either way, but may be back after the next start. */
export function goneConsumerKept(consumer: Consumer): Kept {
  const { lastSave } = consumer.storage;
  return () => {
    const { failure } = lastSave;
    return failure === null ? null : new ApiError('streamGeneralError', { err: failure.message });
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
