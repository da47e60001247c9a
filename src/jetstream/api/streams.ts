/** Requests that create, change, show and remove streams. */
import { fromUtf8, toUtf8 } from '../../protocol/bytes.js';
import { bool, field, int, omitEmpty, struct, text, uint64 } from '../../protocol/json-type.js';
import { patternsOverlap } from '../../subjects/subject.js';
import type { AccountJetStream } from '../account-jetstream.js';
import { invalidConfig } from '../config-checks.js';
import { ApiError } from '../errors.js';
import { json } from '../info.js';
import { type Kept, messagesKept, newStreamKept, streamChangeKept } from '../kept.js';
import { levelOfStream, storedMetadata } from '../levels.js';
import { StoreError } from '../store/message-store.js';
import type { Stream } from '../stream.js';
import { type StreamConfig, streamConfigRequest } from '../stream-config.js';
import type { Endpoint } from './api.js';
import type { ApiRequest, Fields } from './request.js';
import { SUBJECTS_LIMIT, SubjectDetails } from './subject-details.js';

const NAMES_LIMIT = 1024;
const LIST_LIMIT = 256;

const pagedRequest = { offset: field(int) };
const namesRequest = struct('JSApiStreamNamesRequest', {
  offset: { ...pagedRequest.offset, path: 'ApiPagedRequest.offset' },
  subject: omitEmpty(text),
});
const listRequest = struct('JSApiStreamListRequest', {
  offset: { ...pagedRequest.offset, path: 'ApiPagedRequest.offset' },
  subject: omitEmpty(text),
});
const infoRequest = struct('JSApiStreamInfoRequest', {
  offset: { ...pagedRequest.offset, path: 'ApiPagedRequest.offset' },
  deleted_details: omitEmpty(bool),
  subjects_filter: omitEmpty(text),
});
const purgeRequest = struct('JSApiStreamPurgeRequest', {
  seq: omitEmpty(uint64),
  filter: omitEmpty(text),
  keep: omitEmpty(uint64),
});

/** The configuration of a create or update request, which has to name the stream of the subject. */
function readConfig(request: ApiRequest): { config: StreamConfig; pedantic: boolean } {
  const { pedantic, ...config } = request.read(streamConfigRequest);
  config.metadata = storedMetadata(config.metadata, levelOfStream(config));
  if (nameOf(request) !== config.name) throw new ApiError('streamMismatch');
  return { config, pedantic };
}

function nameOf({ tokens }: ApiRequest): string {
  return toUtf8(tokens.at(-1)!);
}

function checkName(name: string): void {
  if (/[\\/]/.test(name)) throw new ApiError('streamNameContainsPathSeparators');
}

export const createStream: Endpoint = {
  type: 'stream_create_response',
  handle(request) {
    const { config, pedantic } = readConfig(request);
    checkName(config.name);
    if (config.sealed) throw invalidConfig('stream configuration for create can not be sealed');
    if (config.mirror_direct && config.mirror === undefined)
      throw invalidConfig('stream has no mirror but does have mirror direct');
    const { stream, created } = request.account.addStream(config, pedantic);
    // As officially, also for a stream that was there already.
    const fields: Fields = [...stream.infoFields({ domain: false }), ['did_create', 'true']];
    request.answerWhenDurable(this.type, fields, newStreamKept(stream, created));
  },
};

export const updateStream: Endpoint = {
  type: 'stream_update_response',
  handle(request) {
    const { pedantic, ...config } = request.read(streamConfigRequest);
    const stream = request.account.updateStream(nameOf(request), config, pedantic);
    const kept = streamChangeKept(stream);
    stream.whenTrimmed(() => request.answerWhenDurable(this.type, stream.infoFields(), kept));
  },
};

export const streamInfo: Endpoint = {
  type: 'stream_info_response',
  asks: true,
  zeros: [
    ['total', '0'],
    ['offset', '0'],
    ['limit', '0'],
  ],
  prepare(request) {
    if (!request.message.payload.includes('subjects_filter')) return null;
    const details = subjectDetails(request, request.account.stream(nameOf(request)));
    return details?.isLong ? details : null;
  },
  handle(request, prepared) {
    const { deleted_details: withDeleted, offset: given } = request.readOptional(infoRequest);
    const offset = Math.max(0, given);
    const stream = request.account.stream(nameOf(request));
    const deleted = withDeleted ? stream.store.deletedSequences() : undefined;
    const isReady = prepared instanceof SubjectDetails && prepared.isOf(stream);
    const details = isReady ? prepared : subjectDetails(request, stream)?.finish();
    const total = details?.total ?? 0;
    request.answer(this.type, [
      ['total', String(total)],
      ['offset', String(total === 0 ? 0 : offset)],
      ['limit', String(total === 0 ? 0 : SUBJECTS_LIMIT)],
      ...stream.infoFields({ subjects: details?.json, deleted, leader: true }),
    ]);
  },
};

/** Null where nobody asks for them. */
function subjectDetails(request: ApiRequest, stream: Stream): SubjectDetails | null {
  const { subjects_filter: filter, offset } = request.readOptional(infoRequest);
  return filter === '' ? null : new SubjectDetails(stream, filter, Math.max(0, offset));
}

/** The streams of a page, by name, and how many there are. */
function page(
  request: ApiRequest,
  offset: number,
  subject: string,
  limit: number,
): { total: number; from: number; streams: Stream[] } {
  const all = [...request.account.streams.values()]
    .filter(({ config }) => subject === '' || config.subjects?.some((each) => patternsOverlap(each, subject)))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const from = Math.min(Math.max(0, offset), all.length);
  return { total: all.length, from, streams: all.slice(from, from + limit) };
}

const pageZeros: Fields = [
  ['total', '0'],
  ['offset', '0'],
  ['limit', '0'],
  ['streams', 'null'],
];

export const streamNames: Endpoint = {
  type: 'stream_names_response',
  asks: true,
  zeros: pageZeros,
  handle(request) {
    const { offset, subject } = request.readOptional(namesRequest);
    const { total, from, streams } = page(request, offset, subject, NAMES_LIMIT);
    request.answer(this.type, [
      ['total', String(total)],
      ['offset', String(from)],
      ['limit', String(NAMES_LIMIT)],
      ['streams', streams.length === 0 ? 'null' : JSON.stringify(streams.map(({ name }) => name))],
    ]);
  },
};

export const listStreams: Endpoint = {
  type: 'stream_list_response',
  asks: true,
  zeros: [...pageZeros.slice(0, 3), ['streams', '[]']],
  handle(request) {
    const { offset, subject } = request.readOptional(listRequest);
    const { total, from, streams } = page(request, offset, subject, LIST_LIMIT);
    request.answer(this.type, [
      ['total', String(total)],
      ['offset', String(from)],
      ['limit', String(LIST_LIMIT)],
      ['streams', `[${streams.map((stream) => stream.info()).join(',')}]`],
      ['offline', offlineOf(request.account)],
    ]);
  },
};

/** JSON of the streams that need a server of a higher level; undefined without any. */
function offlineOf({ offline }: AccountJetStream): string | undefined {
  return offline.size === 0 ? undefined : json(Object.fromEntries(offline));
}

export const deleteStream: Endpoint = {
  type: 'stream_delete_response',
  handle(request) {
    request.expectEmpty();
    request.account.deleteStream(request.account.stream(nameOf(request)));
    request.answerWhenDurable(this.type, [['success', 'true']]);
  },
};

export const purgeStream: Endpoint = {
  type: 'stream_purge_response',
  zeros: [['purged', '0']],
  handle(request) {
    const { seq, filter, keep } = request.readOptional(purgeRequest);
    if (seq > 0 && keep > 0) throw new ApiError('badRequest');
    const stream = request.account.stream(nameOf(request));
    if (stream.config.sealed) throw new ApiError('streamSealed');
    if (stream.config.deny_purge)
      throw new ApiError('streamPurgeFailed', { err: 'stream purge not permitted' });
    const wanted = {
      filter: filter === '' ? null : stream.store.filter([fromUtf8(filter)]),
      ...(seq > 0 ? { before: seq } : {}),
      ...(keep > 0 ? { keep } : {}),
    };
    const zeros = this.zeros ?? [];
    const refused = (err: string) => new ApiError('streamPurgeFailed', { err });
    const steps: Kept[] = [];
    const kept = () => steps.map((step) => step()).find((error) => error !== null) ?? null;
    const answer = (purged: number, error: Error | null) => {
      if (error !== null) {
        kept();
        request.answerError(this.type, refused(error.message), zeros);
        return;
      }
      const fields: Fields = [
        ['success', 'true'],
        ['purged', String(purged)],
      ];
      request.answerWhenDurable(this.type, fields, kept, { zeros });
    };
    try {
      stream.purge(wanted, () => void steps.push(messagesKept(stream, refused)), answer);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      answer(0, error);
    }
  },
};
