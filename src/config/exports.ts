/** Reads `exports` of an account: the streams and services that others may import, and how services are measured. */
import { DurationError, goQuote, goType, goValue, parseGoDuration } from './go-format.js';
import { keyName } from './keys.js';
import type { ExportOptions, LatencyOptions, ServiceResponseType } from './options.js';
import { asArray, asBool, asInteger, asString, type Problems, Rejected } from './problems.js';
import { toBytes } from './runes.js';
import { parsePercent } from './scalars.js';
import type { ConfigMap, ConfigValue } from './syntax.js';

const responseTypes: ReadonlyMap<string, ServiceResponseType> = new Map([
  ['single', 'singleton'],
  ['singleton', 'singleton'],
  ['stream', 'stream'],
  ['chunk', 'chunked'],
  ['chunked', 'chunked'],
]);

const wholeSampling = 100;

/** Elements that are wrong are left out, with errors. Throws `Rejected` where there is no list. */
export function readExports(value: ConfigValue, problems: Problems): ExportOptions[] {
  if (!Array.isArray(value.value)) {
    throw new Rejected(value, `Exports should be an array, got ${goType(value.value)}`);
  }
  return value.value
    .map((item) => problems.guard(() => readExport(item, problems)))
    .filter((item) => item !== undefined);
}

/** What an element said, and where it said what only services may. */
interface Draft extends Omit<ExportOptions, 'kind' | 'subject'> {
  kind?: 'stream' | 'service';
  subject?: string;
  ofServices: { value: ConfigValue; directive: string }[];
}

/** Nothing where an element names neither a stream nor a service, which officially is no error. */
function readExport(value: ConfigValue, problems: Problems): ExportOptions | undefined {
  if (!(value.value instanceof Map)) {
    const got = goType(value.value);
    throw new Rejected(value, `Export Items should be a map with type entry, got ${got}`);
  }
  const draft: Draft = { allowTrace: false, ofServices: [] };
  const seen = new Set<string>();
  for (const [name, item] of value.value) {
    const spec = problems.known('accounts.<name>.exports[]', name, item);
    if (spec === undefined) continue;
    const key = keyName(spec);
    if (seen.has(key) && key === 'response_type') {
      problems.error(item, 'Duplicate response type definition');
    } else if (seen.has(key) && key === 'response_threshold') {
      problems.error(item, 'Duplicate response threshold detected');
    } else {
      readExportKey(key, item, draft, problems);
    }
    seen.add(key);
  }
  const { kind, subject, ofServices, ...rest } = draft;
  if (kind === undefined || subject === undefined) return undefined;
  if (kind === 'stream') {
    for (const { value: at, directive } of ofServices) {
      problems.error(at, `Detected ${directive} directive on non-service`);
    }
  }
  return { kind, subject, ...rest };
}

function readExportKey(key: string, value: ConfigValue, draft: Draft, problems: Problems): void {
  const refuse = (reason: string) => problems.error(value, reason);
  const ofServices = (directive: string) => draft.ofServices.push({ value, directive });
  switch (key) {
    case 'stream':
    case 'service':
      readSubject(key, value, draft, problems);
      return;
    case 'accounts':
      draft.accounts = accountNames(value);
      return;
    case 'account_token_position':
      draft.tokenPosition = asInteger(value) || undefined;
      return;
    case 'response_type':
      ofServices('response');
      if (typeof value.value !== 'string') {
        refuse(`Expected response type to be string, got ${goType(value.value)}`);
        return;
      }
      draft.responseType = responseTypes.get(value.value.toLowerCase());
      if (draft.responseType === undefined) refuse(`Unknown response type: ${goQuote(value.value)}`);
      return;
    case 'response_threshold':
      ofServices('response');
      draft.responseThreshold = problems.guard(() => threshold(value));
      return;
    case 'latency':
      ofServices('latency');
      draft.latency = problems.guard(() => readLatency(value));
      return;
    case 'allow_trace':
      ofServices('allow_trace');
      draft.allowTrace = asBool(value);
  }
}

function readSubject(kind: 'stream' | 'service', value: ConfigValue, draft: Draft, problems: Problems): void {
  const { value: subject } = value;
  if (draft.kind !== undefined && draft.kind !== kind) {
    const shown = typeof subject === 'string' ? goQuote(subject) : goValue(subject);
    problems.error(value, `Detected ${kind} ${shown} but already saw a ${draft.kind}`);
  } else if (typeof subject !== 'string') {
    problems.error(value, `Expected ${kind} name to be string, got ${goType(subject)}`);
  } else {
    draft.kind = kind;
    draft.subject = toBytes(subject);
  }
}

/** An empty list is as good as none: everybody may import. */
function accountNames(value: ConfigValue): string[] | undefined {
  const names = asArray(value).map(asString);
  return names.length === 0 ? undefined : names;
}

/** Zero is the default, as if nothing were said. */
function threshold(value: ConfigValue): number | undefined {
  const { value: written } = value;
  const wrong = (got: string) =>
    new Rejected(value, `Expected response threshold to be a parseable time duration, got ${got}`);
  if (typeof written !== 'string') throw wrong(goType(written));
  try {
    return parseGoDuration(written) || undefined;
  } catch (error) {
    if (error instanceof DurationError) throw wrong(goQuote(written));
    throw error;
  }
}

/** A subject, or a map of subject and sampling. */
function readLatency(value: ConfigValue): LatencyOptions {
  const { value: written } = value;
  if (typeof written === 'string') return { sampling: wholeSampling, subject: toBytes(written) };
  if (!(written instanceof Map)) {
    throw new Rejected(value, `Expected latency entry to be a map/struct or string, got ${goType(written)}`);
  }
  // In this order, and in lower case only, as officially.
  const sampled = written.get('sampling');
  const sampling = sampled === undefined ? wholeSampling : readSampling(sampled);
  return { sampling, subject: latencySubject(value, written) };
}

function latencySubject(value: ConfigValue, latency: ConfigMap): string {
  const subject = latency.get('subject');
  if (subject === undefined) throw new Rejected(value, 'Latency subject required, but missing');
  // The official text names the type it wanted, not what it got.
  if (typeof subject.value !== 'string') {
    throw new Rejected(subject, 'Expected latency subject to be a string, got string');
  }
  return toBytes(subject.value);
}

/** Percent; 0 for `headers`. */
function readSampling(value: ConfigValue): number {
  const { value: written } = value;
  let sampling: number;
  if (typeof written === 'bigint') {
    sampling = Number(written);
  } else if (typeof written === 'string') {
    if (written.trim().toLowerCase() === 'headers') return 0;
    const percent = parsePercent(written);
    if (typeof percent === 'string') {
      throw new Rejected(value, `Failed to parse latency sample: ${percent}`);
    }
    sampling = percent;
  } else {
    throw new Rejected(value, `Expected latency sample to be a string or map/struct, got ${goType(written)}`);
  }
  if (sampling < 1 || sampling > 100) {
    throw new Rejected(value, 'bad sampling percentage, should be 1-100');
  }
  return sampling;
}

/** Makes exports of one subject one, as officially. Only after all have been checked, as each is judged by itself. */
export function mergeExports(exports: ExportOptions[]): ExportOptions[] {
  const merged = new Map<string, ExportOptions>();
  for (const next of exports) {
    const place = `${next.kind} ${next.subject}`;
    const earlier = merged.get(place);
    merged.set(place, earlier === undefined ? next : merge(earlier, next));
  }
  return merged.size === exports.length ? exports : [...merged.values()];
}

/** Restrictions stay, and add up; the threshold is the last one's. */
function merge(earlier: ExportOptions, next: ExportOptions): ExportOptions {
  const restricts = next.accounts !== undefined || next.tokenPosition !== undefined;
  const accounts =
    next.accounts === undefined ? earlier.accounts : [...(earlier.accounts ?? []), ...next.accounts];
  const tokenPosition = restricts ? next.tokenPosition : earlier.tokenPosition;
  const isAnswerOnce = next.responseType === undefined || next.responseType === 'singleton';
  const responseType = isAnswerOnce ? earlier.responseType : next.responseType;
  const latency = next.latency ?? earlier.latency;
  const allowTrace = earlier.allowTrace || next.allowTrace;
  return { ...next, accounts, tokenPosition, responseType, latency, allowTrace };
}
