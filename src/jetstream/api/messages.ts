/** Requests for single messages of a stream by its API: get and delete. */
import { fromUtf8, toUtf8 } from '../../protocol/bytes.js';
import { bool, omitEmpty, quoteJson, struct, uint64 } from '../../protocol/json-type.js';
import { timeToNanoseconds } from '../../protocol/rfc3339.js';
import { ApiError } from '../errors.js';
import { jsonObject, timeJson } from '../info.js';
import { messagesKept } from '../kept.js';
import { type MessageGetRequest, messageGetRequest } from '../message-get.js';
import { type StoredMessage, StoreError } from '../store/message-store.js';
import type { Stream } from '../stream.js';
import type { Endpoint } from './api.js';

const messageDeleteRequest = struct('JSApiMsgDeleteRequest', {
  seq: { type: uint64, omitEmpty: false },
  no_erase: omitEmpty(bool),
});

export const getMessage: Endpoint = {
  type: 'stream_msg_get_response',
  handle(request) {
    if (request.isEmpty) throw new ApiError('badRequest');
    const wanted = request.read(messageGetRequest);
    checkWanted(wanted);
    const stream = request.account.stream(toUtf8(request.tokens.at(-1)!));
    const message = find(stream, wanted);
    if (message === null) throw new ApiError('noMessageFound');
    const header = wanted.no_hdr ? null : message.header;
    request.send(this.type, [
      [
        'message',
        jsonObject([
          ['subject', quoteJson(toUtf8(message.subject))],
          ['seq', String(message.sequence)],
          ['hdrs', header === null ? undefined : `"${header.toString('base64')}"`],
          ['data', message.payload.length === 0 ? undefined : `"${message.payload.toString('base64')}"`],
          ['time', timeJson(message.time)],
        ]),
      ],
    ]);
  },
};

/** Throws `ApiError` for a request that names no message, or one in two ways. */
function checkWanted(wanted: MessageGetRequest): void {
  const {
    seq,
    last_by_subj: last,
    next_by_subj: next,
    start_time: start,
    batch,
    max_bytes: maxBytes,
  } = wanted;
  const none = seq === 0 && last === '' && next === '' && start === undefined;
  const twice =
    (seq > 0 && (last !== '' || start !== undefined)) ||
    (last !== '' && (start !== undefined || next !== ''));
  if (batch > 0 || maxBytes > 0 || none || twice) throw new ApiError('badRequest');
}

function find({ store }: Stream, wanted: MessageGetRequest): StoredMessage | null {
  const { seq, last_by_subj: last, next_by_subj: next, start_time: start } = wanted;
  const from = start === undefined ? seq : store.sequenceAt(timeToNanoseconds(start));
  if (next !== '') return store.loadNext(store.filter([fromUtf8(next)]), from);
  if (from > 0) return store.load(from);
  return store.loadPrevious(store.filter([fromUtf8(last)]), store.state.lastSequence);
}

function deleteFrom(stream: Stream, sequence: number, erase: boolean): boolean {
  try {
    return stream.deleteMessage(sequence, erase);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new ApiError('streamMsgDeleteFailed', { err: error.message });
  }
}

export const deleteMessage: Endpoint = {
  type: 'stream_msg_delete_response',
  handle(request) {
    if (request.isEmpty) throw new ApiError('badRequest');
    const { seq, no_erase: keepBytes } = request.read(messageDeleteRequest);
    const stream = request.account.stream(toUtf8(request.tokens.at(-1)!));
    if (stream.config.sealed) throw new ApiError('streamSealed');
    if (stream.config.deny_delete)
      throw new ApiError('streamMsgDeleteFailed', { err: 'message delete not permitted' });
    const { lastSequence, firstSequence } = stream.store.state;
    if (!deleteFrom(stream, seq, !keepBytes)) {
      // As officially, where each kind of store has its own words.
      if (stream.inMemory || (seq > 0 && seq >= firstSequence && seq <= lastSequence))
        throw new ApiError('sequenceNotFound', { seq });
      const err = seq > lastSequence ? 'stream store EOF' : 'no message found';
      throw new ApiError('streamMsgDeleteFailed', { err });
    }
    const kept = messagesKept(stream, (err) => new ApiError('streamMsgDeleteFailed', { err }));
    request.answerWhenDurable(this.type, [['success', 'true']], kept);
  },
};
