/** What a stream may say of where its messages come from: its mirror, its sources, and that they do not go in circles. */
import { isSubsetOf, patternsOverlap } from '../subjects/subject.js';
import {
  invalidConfig,
  isValidPublishSubject,
  isValidSubject,
  type StreamSurroundings,
  transformProblem,
} from './config-checks.js';
import { ApiError } from './errors.js';
import { isValidAssetName } from './names.js';
import type { StreamConfig, StreamSource } from './stream-config.js';

const API_PREFIX = '$JS.API';

/** Prefixes of external streams, which must not be mistaken for subjects of streams that are here. */
export class PrefixChecks {
  readonly subjects: string[] = [];
  readonly #deliver: string[] = [];
  readonly #api: string[] = [];

  add({ api, deliver }: { api: string; deliver: string }): void {
    if (deliver !== '') this.#deliver.push(deliver);
    if (api !== '') this.#api.push(api);
  }

  check(): void {
    for (const prefix of this.#deliver) {
      if (!isValidPublishSubject(prefix)) throw new ApiError('streamInvalidExternalDeliverySubj', { prefix });
      const subject = this.subjects.find((each) => patternsOverlap(each, `${prefix}.${each}`));
      if (subject !== undefined) throw new ApiError('streamExternalDelPrefixOverlaps', { prefix, subject });
    }
    for (const prefix of this.#api) {
      if (!isValidPublishSubject(prefix)) {
        throw invalidConfig(
          `stream external api prefix ${JSON.stringify(prefix)} must be a valid subject without wildcards`,
        );
      }
      if (patternsOverlap(prefix, API_PREFIX))
        throw new ApiError('streamExternalApiOverlap', { prefix, subject: API_PREFIX });
    }
  }
}

export function checkMirror(
  config: StreamConfig,
  surroundings: StreamSurroundings,
  prefixes: PrefixChecks,
  pedantic: boolean,
): void {
  const { mirror } = config;
  if (mirror === undefined) return;
  if (config.first_seq > 0) throw new ApiError('mirrorWithFirstSeq');
  if (config.subjects?.length) throw new ApiError('mirrorWithSubjects');
  if (config.sources?.length) throw new ApiError('mirrorWithSources');
  if (config.allow_msg_counter) throw new ApiError('mirrorWithCounters');
  if (config.allow_atomic) throw new ApiError('mirrorWithAtomicPublish');
  if (config.allow_batched) throw new ApiError('mirrorWithBatchPublish');
  if (config.allow_msg_schedules) throw new ApiError('mirrorWithMsgSchedules');
  if (!ownConsumerIsValid(mirror)) throw new ApiError('mirrorDurableConsumerCfgInvalid');
  const { subject_transforms: transforms = [] } = mirror;
  if (mirror.filter_subject !== '' && transforms.length > 0)
    throw new ApiError('mirrorMultipleFiltersNotAllowed');
  if (config.subject_delete_marker_ttl > 0)
    // A marker would take a sequence that the origin has for something else.
    throw invalidConfig('subject delete markers forbidden on mirrors');
  for (const each of transforms) {
    const problem = transformProblem(each.src, each.dest);
    if (problem?.part === 'src') throw new ApiError('mirrorInvalidSubjectFilter', { err: problem.err });
    if (problem?.part === 'dest')
      throw new ApiError('mirrorInvalidTransformDestination', { err: problem.err });
    if (transforms.some((other) => other !== each && patternsOverlap(each.src, other.src)))
      throw new ApiError('mirrorOverlappingSubjectFilters');
  }
  if (mirror.external !== undefined) {
    prefixes.add(mirror.external);
    return;
  }
  if (!isValidAssetName(mirror.name)) throw new ApiError('mirrorInvalidStreamName');
  const origin = surroundings.stream(mirror.name);
  if (origin === undefined) return;
  prefixes.subjects.push(...(origin.subjects ?? []));
  if (tooSmall(config, origin)) throw new ApiError('mirrorMaxMessageSizeTooBig');
  if (pedantic && config.mirror_direct !== origin.allow_direct)
    throw new ApiError('pedantic', { err: 'origin stream has direct get set, mirror has it disabled' });
  config.mirror_direct = origin.allow_direct;
}

export function checkSources(
  config: StreamConfig,
  surroundings: StreamSurroundings,
  prefixes: PrefixChecks,
): void {
  const { sources = [] } = config;
  if (sources.length > 0 && config.allow_msg_schedules) throw new ApiError('sourceWithMsgSchedules');
  const names = new Set<string>();
  const consumers = new Set<string>();
  for (const source of sources) {
    if (!isValidAssetName(source.name)) throw new ApiError('sourceInvalidStreamName');
    const name = sourceIndexName(source);
    if (names.has(name)) throw new ApiError('sourceDuplicateDetected');
    names.add(name);
    checkSourceFilters(source);
    checkSourceConsumer(source, consumers);
    if (source.external !== undefined) {
      prefixes.add(source.external);
      continue;
    }
    const origin = surroundings.stream(source.name);
    prefixes.subjects.push(...(origin?.subjects ?? []));
    if (origin !== undefined && tooSmall(config, origin)) throw new ApiError('sourceMaxMessageSizeTooBig');
  }
}

/** What a new stream wants of its origins. As officially, that is looked at after its limits, and not when it is changed. */
export function checkOriginFilters({ mirror, sources = [] }: StreamConfig): void {
  const isBad = ({ filter_subject: filter }: StreamSource) => filter !== '' && !isValidSubject(filter);
  const refuse = (filter: string, of: string) =>
    new ApiError('streamCreate', { err: `subject filter '${filter}' for the ${of} invalid subject` });
  if (mirror !== undefined && isBad(mirror)) throw refuse(mirror.filter_subject, 'mirror');
  const source = sources.find(isBad);
  if (source !== undefined) throw refuse(source.filter_subject, 'source:');
}

function checkSourceFilters(source: StreamSource): void {
  const { subject_transforms: transforms = [] } = source;
  if (source.filter_subject !== '' && transforms.length > 0)
    throw new ApiError('sourceMultipleFiltersNotAllowed');
  for (const each of transforms) {
    const problem = transformProblem(each.src, each.dest);
    if (problem?.part === 'src') throw new ApiError('sourceInvalidSubjectFilter', { err: problem.err });
    if (problem?.part === 'dest')
      throw new ApiError('sourceInvalidTransformDestination', { err: problem.err });
  }
  const overlap = transforms.some((each) =>
    transforms.some((other) => other !== each && isSubsetOf(each.src, other.src)),
  );
  if (overlap) throw new ApiError('sourceOverlappingSubjectFilters');
}

function checkSourceConsumer(source: StreamSource, consumers: Set<string>): void {
  if (source.consumer === undefined) return;
  if (!ownConsumerIsValid(source)) throw new ApiError('sourceDurableConsumerCfgInvalid');
  const name = `${source.name} ${source.external?.api ?? ''} ${source.consumer.name}`;
  if (consumers.has(name)) throw new ApiError('sourceDurableConsumerDuplicateDetected');
  consumers.add(name);
}

/** A consumer that somebody else has made says itself where it begins and what it filters. */
function ownConsumerIsValid(source: StreamSource): boolean {
  const { consumer } = source;
  if (consumer === undefined) return true;
  return (
    isValidAssetName(consumer.name) &&
    isValidPublishSubject(consumer.deliver_subject) &&
    source.opt_start_seq === 0 &&
    source.opt_start_time === undefined &&
    source.filter_subject === ''
  );
}

function tooSmall(config: StreamConfig, origin: StreamConfig): boolean {
  return config.max_msg_size > 0 && origin.max_msg_size > 0 && config.max_msg_size < origin.max_msg_size;
}

/** What tells one source of a stream from another: origin and filters. Not the form that is stored. */
function sourceIndexName({
  name,
  external,
  filter_subject: filter,
  subject_transforms: transforms,
}: StreamSource): string {
  const parts = transforms?.length
    ? transforms.map(({ src, dest }) => [src || '>', dest || '>'])
    : [[filter || '>', '>']];
  return JSON.stringify([name, external?.api ?? '', parts]);
}

/** Whether messages of the stream come back to it through other streams of the account. */
export function findCycle(config: StreamConfig, surroundings: StreamSurroundings): boolean {
  const toVisit = [config];
  const visited = new Set<string>();
  for (let stream = toVisit.shift(); stream !== undefined; stream = toVisit.shift()) {
    visited.add(stream.name);
    const { mirror, sources = [], subjects = [] } = stream;
    for (const source of sources) {
      if (source.external !== undefined) continue;
      const filter = source.filter_subject;
      if (visited.has(source.name)) {
        if (filter === '' || subjects.some((subject) => patternsOverlap(subject, filter))) return true;
        continue;
      }
      const origin = surroundings.stream(source.name);
      if (origin !== undefined) toVisit.push(origin);
    }
    if (mirror === undefined || mirror.external !== undefined) continue;
    if (visited.has(mirror.name)) return true;
    const origin = surroundings.stream(mirror.name);
    if (origin !== undefined) toVisit.push(origin);
  }
  return false;
}
