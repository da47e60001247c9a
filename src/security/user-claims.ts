/** What the token of a user says: permissions, limits, and when and from where the user may connect. */
import type { ConnectionType, PermissionsOptions, ResponsePermission } from '../config/options.js';
import { fromUtf8 } from '../protocol/bytes.js';
import { isTimeOfDay, isTimeZone, type TimeRange } from './connect-times.js';
import type { JsonFields } from './json-fields.js';
import {
  type ClaimIssue,
  claimError,
  decodeJwt,
  isKeyOf,
  JwtError,
  type StandardClaims,
  validateTimes,
} from './jwt.js';
import { parseNetwork } from './networks.js';

/** Allowed and denied subjects as the token has them: UTF-16 text. */
export interface SubjectLists {
  allow?: string[];
  deny?: string[];
}

export interface UserClaims extends StandardClaims {
  publish: SubjectLists;
  /** Entries may be "subject queue". */
  subscribe: SubjectLists;
  responses: ResponsePermission | null;
  /** Networks (CIDR) that the user may come from; empty means anywhere. */
  sources: string[];
  /** When the user may be connected; empty means always. */
  times: TimeRange[];
  /** Time zone of `times`; empty means the server's. */
  timesLocation: string;
  /** Subscriptions, -1 is unlimited. What a token leaves out is 0. */
  maxSubscriptions: number;
  /** Bytes in all, which no server counts; -1 is unlimited. */
  maxData: number;
  /** Bytes of a message, -1 is unlimited. */
  maxPayload: number;
  /** The token is enough, nothing has to be signed. */
  bearer: boolean;
  /** Only through a trusted proxy. */
  proxyRequired: boolean;
  allowedConnectionTypes: string[];
  /** The account, where a signing key of it has signed. */
  issuerAccount: string;
  tags: string[];
}

/** Reads the token of a user. Throws `JwtError`. */
export function decodeUserJwt(token: string): UserClaims {
  const { kind, version, claims, body, nats } = decodeJwt(token);
  if (kind !== 'user') throw new JwtError('not user claim');
  if (version < 1) throw new JwtError(`library supports version 2 or less - received ${version}`);
  const unlimited = version === 1 ? -1 : 0;
  return {
    ...claims,
    publish: subjectLists(nats.object('pub')),
    subscribe: subjectLists(nats.object('sub')),
    responses: nats.has('resp') ? responsePermission(nats.object('resp')) : null,
    sources: networkList(nats),
    times: nats.objects('times').map((range) => ({ start: range.string('start'), end: range.string('end') })),
    timesLocation: nats.string('times_location'),
    maxSubscriptions: nats.integer('subs', unlimited),
    maxData: nats.integer('data', unlimited),
    maxPayload: nats.integer('payload', unlimited),
    bearer: nats.boolean('bearer_token'),
    proxyRequired: nats.boolean('proxy_required'),
    allowedConnectionTypes: nats.strings('allowed_connection_types') ?? [],
    // Version 1 had these at the top.
    issuerAccount: (version === 1 ? body : nats).string('issuer_account'),
    tags: (version === 1 ? body : nats).strings('tags') ?? [],
  };
}

function subjectLists(fields: JsonFields): SubjectLists {
  return { allow: fields.strings('allow'), deny: fields.strings('deny') };
}

function responsePermission(fields: JsonFields): ResponsePermission {
  const nanoseconds = fields.integer('ttl');
  return {
    maxMsgs: Math.max(fields.integer('max'), -1),
    expires: nanoseconds < 0 ? -1 : nanoseconds / 1e6,
  };
}

/** A list, or texts with commas between them. */
function networkList(fields: JsonFields): string[] {
  try {
    return fields.strings('src') ?? [];
  } catch {
    const parts = fields.string('src').split(',');
    return [...new Set(parts.map((part) => part.trim().toLowerCase()).filter((part) => part !== ''))];
  }
}

/** What is wrong with the claims at a time, in the order and the words of the official library. */
export function validateUserClaims(claims: UserClaims, now: number): ClaimIssue[] {
  const issues = validateTimes(claims, now);
  const add = (texts: readonly string[]) => issues.push(...texts.map(claimError));
  const { publish, subscribe } = claims;
  for (const entry of [...(subscribe.allow ?? []), ...(subscribe.deny ?? [])]) add(wrongEntry(entry, true));
  for (const entry of [...(publish.allow ?? []), ...(publish.deny ?? [])]) add(wrongEntry(entry, false));
  for (const source of claims.sources) {
    if (parseNetwork(source) === null) {
      add([`invalid cidr ${JSON.stringify(source)} in user src limits`]);
    }
  }
  for (const { start, end } of claims.times) {
    add([...wrongTime('start', start), ...wrongTime('end', end)]);
  }
  if (claims.timesLocation !== '' && !isTimeZone(claims.timesLocation)) {
    add([`could not parse iana time zone by name: unknown time zone ${claims.timesLocation}`]);
  }
  if (claims.issuerAccount !== '' && !isKeyOf(claims.issuerAccount, 'account')) {
    add(['account_id is not an account public key']);
  }
  return issues;
}

function wrongEntry(entry: string, queueAllowed: boolean): string[] {
  const parts = entry.split(' ');
  if (parts.length > 2) return [`Permission Subject "${entry}" contains too many spaces`];
  const issues = parts.flatMap(wrongSubject);
  if (parts.length === 2 && !queueAllowed) {
    issues.push(`Permission Subject "${entry}" is not allowed to contain queue`);
  }
  return issues;
}

function wrongSubject(subject: string): string[] {
  if (subject === '') return ['subject cannot be empty'];
  const quoted = JSON.stringify(subject);
  const issues: string[] = [];
  if (subject.startsWith('.') || subject.endsWith('.')) {
    issues.push(`subject ${quoted} cannot start or end with a \`.\``);
  }
  if (subject.includes('..')) issues.push(`subject ${quoted} cannot contain consecutive \`.\``);
  return issues;
}

function wrongTime(which: 'start' | 'end', text: string): string[] {
  if (text === '') return [`time ranges ${which} must contain ${which === 'start' ? 'a start' : 'an end'}`];
  return isTimeOfDay(text) ? [] : [`${which} in time range is invalid ${JSON.stringify(text)}`];
}

/** The permissions of the claims as options have them; null where they say nothing. */
export function permissionsOfClaims({
  publish,
  subscribe,
  responses,
}: UserClaims): PermissionsOptions | null {
  const options: PermissionsOptions = {};
  if (listed(publish)) options.publish = inBytes(publish);
  if (listed(subscribe)) options.subscribe = inBytes(subscribe);
  if (responses !== null) options.responses = responses;
  return Object.keys(options).length === 0 ? null : options;
}

function listed({ allow = [], deny = [] }: SubjectLists): boolean {
  return allow.length > 0 || deny.length > 0;
}

function inBytes({ allow, deny }: SubjectLists): SubjectLists {
  return {
    ...(allow && { allow: allow.map(fromUtf8) }),
    ...(deny && { deny: deny.map(fromUtf8) }),
  };
}

const CONNECTION_TYPES: ReadonlySet<string> = new Set<ConnectionType>([
  'STANDARD',
  'WEBSOCKET',
  'LEAFNODE',
  'LEAFNODE_WS',
  'MQTT',
  'MQTT_WS',
  'IN_PROCESS',
]);

/**
 * The kinds of connections that claims allow, empty for all. Unknown ones are for servers that know them; null where there is no
 * other, as then the user may not connect to this one.
 */
export function connectionTypesOfClaims({
  allowedConnectionTypes: names,
}: UserClaims): readonly ConnectionType[] | null {
  const known = names.map((name) => name.toUpperCase()).filter((name) => CONNECTION_TYPES.has(name));
  return names.length > 0 && known.length === 0 ? null : (known as ConnectionType[]);
}
