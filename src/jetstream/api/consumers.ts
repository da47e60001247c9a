/** Requests that create, change, show and remove consumers. */
import { fromUtf8, toUtf8 } from '../../protocol/bytes.js';
import { field, int, omitEmpty, struct, text } from '../../protocol/json-type.js';
import { time, ZERO_TIME } from '../../protocol/rfc3339.js';
import type { Consumer } from '../consumer.js';
import { type ConsumerConfig, createConsumerRequest } from '../consumer-config.js';
import { advisePause } from '../consumer-events.js';
import { consumerInfoFields } from '../consumer-info.js';
import { filtersOf } from '../consumer-rules.js';
import { ApiError } from '../errors.js';
import { jsonObject } from '../info.js';
import { consumerChangeKept, goneConsumerKept, newConsumerKept } from '../kept.js';
import { levelOfConsumer, storedMetadata } from '../levels.js';
import { adaptCopyingConsumer, identityHeader } from '../source-consumers.js';
import type { Stream } from '../stream.js';
import type { Endpoint } from './api.js';
import type { ApiRequest, Fields } from './request.js';

const NAMES_LIMIT = 1024;
const LIST_LIMIT = 256;

const pagedRequest = struct('JSApiConsumersRequest', {
  offset: { ...field(int), path: 'ApiPagedRequest.offset' },
});
const pauseRequest = struct('JSApiConsumerPauseRequest', { pause_until: omitEmpty(time) });
const unpinRequest = struct('JSApiConsumerUnpinRequest', { group: field(text) });

/** Of the subject, behind `CONSUMER.<VERB>.` */
function assetsOf({ account, tokens }: ApiRequest): { stream: Stream; consumer: Consumer } {
  const stream = account.stream(toUtf8(tokens[2]!));
  const consumer = stream.consumers.get(toUtf8(tokens[3]!));
  if (consumer === undefined) throw new ApiError('consumerNotFound');
  return { stream, consumer };
}

/** The names and the filter that the subject of a create request gives. */
interface Addressed {
  stream: string;
  consumer: string;
  filter: string;
  form: 'ephemeral' | 'durable' | 'named';
}

function addressed({ tokens }: ApiRequest): Addressed {
  const [, verb, ...rest] = tokens.map(toUtf8);
  if (verb === 'DURABLE') {
    if (rest.length !== 3) throw new ApiError('consumerDurableNameNotInSubject');
    return { stream: rest[1]!, consumer: rest[2]!, filter: '', form: 'durable' };
  }
  const [stream = '', consumer = '', ...filter] = rest;
  return { stream, consumer, filter: filter.join('.'), form: consumer === '' ? 'ephemeral' : 'named' };
}

function checkNames(at: Addressed, config: ConsumerConfig): void {
  if (/[\\/]/.test(at.consumer || config.name)) throw new ApiError('consumerNameContainsPathSeparators');
  if (at.form === 'durable') {
    if (config.durable_name === '') throw new ApiError('consumerDurableNameNotSet');
    if (at.consumer !== config.durable_name) throw new ApiError('consumerDurableNameNotMatchSubject');
    config.name = at.consumer;
  } else if (at.form === 'named') {
    if (config.durable_name !== '' && at.consumer !== config.durable_name)
      throw new ApiError('consumerDurableNameNotMatchSubject');
    config.name = at.consumer;
  } else if (config.durable_name !== '') {
    throw new ApiError('consumerEphemeralWithDurableName');
  }
  if (at.filter !== '' && config.filter_subjects?.length)
    throw new ApiError('consumerMultipleFiltersNotAllowed');
  if (at.filter !== '' && config.filter_subject !== at.filter)
    throw new ApiError('consumerCreateFilterSubjectMismatch');
}

export const createConsumer: Endpoint = {
  type: 'consumer_create_response',
  prepare(request) {
    if (!request.message.payload.includes('last_per_subject')) return null;
    const { stream_name: name, config } = request.read(createConsumerRequest);
    const stream = request.account.streams.get(name);
    // There each message is the last of its subject.
    if (stream === undefined || stream.config.max_msgs_per_subject === 1) return null;
    const isNew = config.name === '' || stream.consumers.get(config.name) === undefined;
    if (config.deliver_policy !== 'last_per_subject' || !isNew) return null;
    return stream.store.lastsSteps(stream.store.filter(filtersOf(config).map(fromUtf8)));
  },
  handle(request) {
    const { stream_name: streamName, config, action, pedantic } = request.read(createConsumerRequest);
    const at = addressed(request);
    if (at.stream !== streamName) throw new ApiError('streamMismatch');
    checkNames(at, config);
    if (config.num_replicas > 1) throw new ApiError('streamReplicasNotSupported');
    const stream = request.account.stream(streamName);
    adaptCopyingConsumer(config, stream, request.message.header);
    const known = stream.consumers.get(config.name);
    // Only a request of its own changes how long a consumer rests.
    if (known !== undefined) config.pause_until = known.config.pause_until;
    config.metadata = storedMetadata(config.metadata, levelOfConsumer(config));
    const consumer = stream.consumers.add(config, action, pedantic);
    if (config.sourcing) consumer.reset(consumer.acks.workingFloor + 1);
    const header = config.direct || config.sourcing ? identityHeader(stream) : null;
    const kept = known === undefined ? newConsumerKept(consumer) : consumerChangeKept(consumer);
    const isNew = known === undefined && !consumer.storage.inMemory;
    if (isNew) consumer.hold();
    consumer.whenCounted(() => {
      const fields = consumerInfoFields(consumer);
      if (consumer.storage.inMemory) {
        kept();
        request.answer(this.type, fields, false, header);
        if (consumer.paused) advisePause(consumer);
        return;
      }
      request.answerWhenDurable(this.type, fields, kept, { header });
      request.account.jetstream.storage.commit.after(() => {
        if (isNew) consumer.release();
        if (consumer.paused) advisePause(consumer);
      });
    });
  },
};

function page(request: ApiRequest): { all: Consumer[]; offset: number } {
  const { offset } = request.readOptional(pagedRequest);
  const stream = request.account.stream(toUtf8(request.tokens[2]!));
  const all = [...stream.consumers.all()]
    .filter(({ config }) => !config.direct)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return { all, offset: Math.min(Math.max(0, offset), all.length) };
}

const pageZeros: Fields = [
  ['total', '0'],
  ['offset', '0'],
  ['limit', '0'],
  ['consumers', '[]'],
];

export const consumerNames: Endpoint = {
  type: 'consumer_names_response',
  asks: true,
  zeros: pageZeros,
  handle(request) {
    const { all, offset } = page(request);
    const names = all.slice(offset, offset + NAMES_LIMIT).map(({ name }) => name);
    request.answer(this.type, [
      ['total', String(all.length)],
      ['offset', String(offset)],
      ['limit', String(NAMES_LIMIT)],
      ['consumers', JSON.stringify(names)],
    ]);
  },
};

function whenAllCounted(consumers: readonly Consumer[], callback: () => void): void {
  const next = consumers.find(({ counting }) => counting);
  if (next === undefined) callback();
  else next.whenCounted(() => whenAllCounted(consumers, callback));
}

export const listConsumers: Endpoint = {
  type: 'consumer_list_response',
  asks: true,
  zeros: pageZeros,
  handle(request) {
    const { all, offset } = page(request);
    const shown = all.slice(offset, offset + LIST_LIMIT);
    whenAllCounted(shown, () => {
      const infos = shown.map((each) => jsonObject(consumerInfoFields(each, false)));
      request.answer(this.type, [
        ['total', String(all.length)],
        ['offset', String(offset)],
        ['limit', String(LIST_LIMIT)],
        ['consumers', `[${infos.join(',')}]`],
      ]);
    });
  },
};

export const consumerInfo: Endpoint = {
  type: 'consumer_info_response',
  asks: true,
  handle(request) {
    request.expectEmpty();
    const { consumer } = assetsOf(request);
    consumer.whenCounted(() => request.answer(this.type, consumerInfoFields(consumer)));
  },
};

export const deleteConsumer: Endpoint = {
  type: 'consumer_delete_response',
  handle(request) {
    request.expectEmpty();
    const { stream, consumer } = assetsOf(request);
    stream.consumers.delete(consumer);
    request.answerWhenDurable(this.type, [['success', 'true']], goneConsumerKept(consumer));
  },
};

export const pauseConsumer: Endpoint = {
  type: 'consumer_pause_response',
  zeros: [
    ['paused', 'false'],
    ['pause_until', `"${ZERO_TIME}"`],
  ],
  handle(request) {
    // What is not JSON at all means "no pause", as officially.
    const { pause_until: until } = request.readOptional(pauseRequest);
    const { consumer } = assetsOf(request);
    const pauses = until !== ZERO_TIME;
    const { metadata, ...rest } = consumer.config;
    const config = { ...rest, pause_until: pauses ? until : undefined };
    const level = levelOfConsumer({ ...config, metadata });
    consumer.update({ ...config, metadata: storedMetadata(metadata, level) });
    const fields: Fields = [
      ['paused', String(consumer.paused)],
      ['pause_until', JSON.stringify(until)],
      ['pause_remaining', consumer.paused ? String(Math.round(consumer.pauseLeft * 1e6)) : undefined],
    ];
    const { zeros } = this;
    request.answerWhenDurable(this.type, fields, consumerChangeKept(consumer), { ...(zeros && { zeros }) });
  },
};

const GROUP_NAME = /^[a-zA-Z0-9/_=-]{1,16}$/;

export const unpinConsumer: Endpoint = {
  type: 'consumer_unpin_response',
  handle(request) {
    const { group } = request.readLoosely(unpinRequest);
    if (group === '') throw new ApiError('invalidJSON', { err: 'consumer group not specified' });
    if (!GROUP_NAME.test(group)) throw new ApiError('consumerInvalidGroupName');
    const { consumer } = assetsOf(request);
    if (!consumer.config.priority_groups?.includes(group)) throw new ApiError('consumerInvalidPriorityGroup');
    consumer.pulls?.pins.unpin('admin');
    request.answer(this.type, []);
  },
};
