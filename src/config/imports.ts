/** Reads `imports` of an account: what it has of other accounts, and where that appears among its own subjects. */
import { goQuote, goType } from './go-format.js';
import { keyName } from './keys.js';
import type { ImportOptions } from './options.js';
import { asBool, asString, type Problems, Rejected } from './problems.js';
import { fromBytes, toBytes } from './runes.js';
import type { ConfigMap, ConfigValue } from './syntax.js';

/** Elements that are wrong are left out, with errors. Throws `Rejected` where there is no list. */
export function readImports(value: ConfigValue, problems: Problems): ImportOptions[] {
  if (!Array.isArray(value.value)) {
    throw new Rejected(value, `Imports should be an array, got ${goType(value.value)}`);
  }
  const imports: ImportOptions[] = [];
  const services = new Map<string, ImportOptions>();
  for (const item of value.value) {
    const read = problems.guard(() => readImport(item, problems));
    if (read === undefined) continue;
    if (read.kind === 'service') {
      const subject = read.to ?? read.subject;
      const place = `${read.account}\n${subject}`;
      const earlier = services.get(place);
      if (earlier !== undefined) {
        problems.error(
          item,
          `Duplicate service import subject ${goQuote(fromBytes(subject))}, previously used in import for ` +
            `account ${goQuote(read.account)}, subject ${goQuote(fromBytes(earlier.subject))}`,
        );
        continue;
      }
      services.set(place, read);
    }
    imports.push(read);
  }
  return imports;
}

interface Draft {
  source?: Pick<ImportOptions, 'kind' | 'account' | 'subject'>;
  to?: string;
  prefix?: string;
  share: boolean;
  allowTrace: boolean;
  toAt?: ConfigValue;
  traceAt?: ConfigValue;
}

/** Nothing where an element names neither a stream nor a service, which officially is no error. */
function readImport(value: ConfigValue, problems: Problems): ImportOptions | undefined {
  if (!(value.value instanceof Map)) {
    const got = goType(value.value);
    throw new Rejected(value, `Import Items should be a map with type entry, got ${got}`);
  }
  const draft: Draft = { share: false, allowTrace: false };
  for (const [name, item] of value.value) {
    const spec = problems.known('accounts.<name>.imports[]', name, item);
    if (spec !== undefined) readImportKey(keyName(spec), item, draft, problems);
  }
  const { source, to, prefix, share, allowTrace, toAt, traceAt } = draft;
  if (source === undefined) return undefined;
  if (source.kind === 'service') {
    if (traceAt !== undefined) problems.error(traceAt, 'Detected allow_trace directive on a non-stream');
    return { ...source, ...(to && { to }), share, allowTrace: false };
  }
  if (toAt !== undefined && prefix) {
    problems.error(toAt, "Stream import can not have a 'prefix' and a 'to' property");
  }
  return { ...source, ...(to && { to }), ...(prefix && { prefix }), share: false, allowTrace };
}

function readImportKey(key: string, value: ConfigValue, draft: Draft, problems: Problems): void {
  switch (key) {
    case 'stream':
    case 'service':
      readSource(key, value, draft, problems);
      return;
    case 'prefix':
      draft.prefix = toBytes(asString(value));
      return;
    case 'to':
      draft.to = toBytes(asString(value));
      draft.toAt = value;
      return;
    case 'share':
      draft.share = asBool(value);
      return;
    case 'allow_trace':
      draft.allowTrace = asBool(value);
      draft.traceAt = value;
  }
}

function readSource(kind: 'stream' | 'service', value: ConfigValue, draft: Draft, problems: Problems): void {
  if (draft.source !== undefined && draft.source.kind !== kind) {
    problems.error(value, `Detected ${kind} but already saw a ${draft.source.kind}`);
    return;
  }
  if (!(value.value instanceof Map)) {
    const noun = kind === 'stream' ? 'Stream' : 'Service';
    problems.error(value, `${noun} entry should be an account map, got ${goType(value.value)}`);
    return;
  }
  const place = problems.guard(() => readPlace(kind, value.value as ConfigMap, problems));
  if (!place?.account || !place.subject) {
    problems.error(value, 'Expect an account name and a subject');
    return;
  }
  draft.source = { kind, account: place.account, subject: place.subject };
}

/** What names a stream or service in another account. */
function readPlace(
  kind: 'stream' | 'service',
  keys: ConfigMap,
  problems: Problems,
): { account: string; subject: string } {
  const place = { account: '', subject: '' };
  for (const [name, item] of keys) {
    const spec = problems.known(`accounts.<name>.imports[].${kind}`, name, item);
    if (spec === undefined) continue;
    if (keyName(spec) === 'account') place.account = asString(item);
    else place.subject = toBytes(asString(item));
  }
  return place;
}
