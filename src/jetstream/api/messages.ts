/** Requests for single messages of a stream by its API: get and delete. */
import { fromUtf8, toUtf8 } from '../../protocol/bytes.js';
import { bool, omitEmpty, quoteJson, struct, uint64 } from '../../protocol/json-type.js';
import { timeToNanoseconds } from '../../protocol/rfc3339.js';
import { ApiError } from '../errors.js';
import { jsonObject, timeJson } from '../info.js';
import { messagesKept } from '../kept.js';
import { type MessageGetRequest, messageGetRequest } from '../message-get.js';
import type { StoredMessage } from '../store/message-store.js';
import type { Stream } from '../stream.js';
import type { Endpoint } from './api.js';

const messageDeleteRequest = struct('JSApiMsgDeleteRequest', {
  seq: { type: uint64, omitEmpty: false },
  no_erase: omitEmpty(bool),
});

export const getMessage: Endpoint = {
  type: 'stream_msg_get_response',
  handle(request) {
    if (request.message.payload.length === 0) throw new ApiError('badRequest');
    const wanted = request.read(messageGetRequest);
    const stream = request.account.stream(toUtf8(request.tokens.at(-1)!));
    if (wanted.batch > 0 || wanted.max_bytes > 0) throw new ApiError('badRequest');
    const message = find(stream, wanted);
    if (message === null) throw new ApiError('noMessageFound');
    const header = wanted.no_hdr ? null : message.header;
    request.answer(this.type, [
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

/** The message a request names. Throws `ApiError` for a request that names none, or in two ways. */
export function find(stream: Stream, wanted: MessageGetRequest): StoredMessage | null {
  const { store } = stream;
  const { seq, last_by_subj: last, next_by_subj: next, start_time: start } = wanted;
  const ways = [seq > 0 && next === '', last !== '', start !== undefined && seq === 0].filter(Boolean).length;
  if (ways > 1 || (last !== '' && next !== '') || (start !== undefined && seq > 0))
    throw new ApiError('badRequest');
  if (last !== '') return store.loadPrevious(store.filter([fromUtf8(last)]), store.state.lastSequence);
  if (start !== undefined) {
    const from = store.sequenceAt(timeToNanoseconds(start));
    return store.loadNext(next === '' ? null : store.filter([fromUtf8(next)]), from);
  }
  if (next !== '') return store.loadNext(store.filter([fromUtf8(next)]), seq);
  if (seq === 0) throw new ApiError('badRequest');
  return store.load(seq);
}

export const deleteMessage: Endpoint = {
  type: 'stream_msg_delete_response',
  handle(request) {
    if (request.message.payload.length === 0) throw new ApiError('badRequest');
    const { seq, no_erase: keepBytes } = request.read(messageDeleteRequest);
    const stream = request.account.stream(toUtf8(request.tokens.at(-1)!));
    if (stream.config.sealed) throw new ApiError('streamSealed');
    if (stream.config.deny_delete)
      throw new ApiError('streamMsgDeleteFailed', { err: 'message delete not permitted' });
    if (!stream.deleteMessage(seq, !keepBytes))
      throw new ApiError('streamMsgDeleteFailed', { err: 'stream store EOF' });
    const kept = messagesKept(stream, (err) => new ApiError('streamMsgDeleteFailed', { err }));
    request.answerWhenDurable(this.type, [['success', 'true']], kept);
  },
};
