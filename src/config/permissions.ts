/** Reads a `permissions` block: what may be published and subscribed to, in all the forms it can be written in. */
import { durationOf } from './general.js';
import { goQuote, goType, goValue } from './go-format.js';
import { findKey, keyName } from './keys.js';
import type { PermissionsOptions, ResponsePermission, SubjectPermission } from './options.js';
import { asInteger, type Problems, Rejected, withoutPlace } from './problems.js';
import { toBytes } from './runes.js';
import type { ConfigValue } from './syntax.js';

const defaultResponses: Readonly<ResponsePermission> = { maxMsgs: 1, expires: 120_000 };

/** Records what is wrong inside and goes on; throws `Rejected` where the block is no map. */
export function readPermissions(value: ConfigValue, problems: Problems): PermissionsOptions {
  if (!(value.value instanceof Map)) {
    throw new Rejected(value, `Expected permissions to be a map/struct, got ${goValue(value.value)}`);
  }
  const permissions: PermissionsOptions = {};
  for (const [name, item] of value.value) {
    const spec = findKey('permissions', name);
    if (spec === undefined) {
      if (!item.used) problems.error(item, `Unknown field ${goQuote(name)} parsing permissions`);
      continue;
    }
    problems.guard(() => {
      const key = keyName(spec);
      if (key === 'publish') permissions.publish = readSubjects(item, problems, false);
      else if (key === 'subscribe') permissions.subscribe = readSubjects(item, problems, true);
      else permissions.responses = readResponses(item, problems);
    });
  }
  // Who may only reply may publish nothing else, unless an allow list says so.
  if (permissions.responses !== undefined) {
    permissions.publish = { ...permissions.publish, allow: permissions.publish?.allow ?? [] };
  }
  return permissions;
}

/** A subject, a list of subjects (both are allowed ones), or a map of `allow` and `deny`. */
function readSubjects(
  value: ConfigValue,
  problems: Problems,
  allowQueue: boolean,
): SubjectPermission | undefined {
  if (!(value.value instanceof Map)) return { allow: subjectList(withoutPlace(value), allowQueue) };
  if (value.value.size === 0) return undefined;
  const permission: SubjectPermission = {};
  for (const [name, item] of value.value) {
    const spec = findKey(`permissions.${allowQueue ? 'subscribe' : 'publish'}`, name);
    if (spec === undefined) {
      if (item.used) continue;
      problems.error(
        item,
        `Unknown field name ${goQuote(name)} parsing subject permissions, only 'allow' or 'deny' are permitted`,
      );
      continue;
    }
    problems.guard(() => {
      permission[keyName(spec) as 'allow' | 'deny'] = subjectList(item, allowQueue);
    });
  }
  return permission;
}

/** Subjects in the form they have inside the server, one char per byte. */
function subjectList(value: ConfigValue, allowQueue: boolean): string[] {
  const { value: written } = value;
  if (typeof written !== 'string' && !Array.isArray(written)) {
    const got = goType(written);
    throw new Rejected(
      value,
      `Expected subject permissions to be a subject, or array of subjects, got ${got}`,
    );
  }
  const items = typeof written === 'string' ? [value] : written;
  const subjects = items.map((item) => {
    if (typeof item.value === 'string') return item.value;
    throw new Rejected(item, 'Subject in permissions array cannot be cast to string');
  });
  for (const subject of subjects) {
    const wrong = wrongSubject(subject, allowQueue);
    if (wrong !== undefined) throw new Rejected(value, wrong);
  }
  return subjects.map(toBytes);
}

function wrongSubject(subject: string, allowQueue: boolean): string | undefined {
  if (isSubject(subject)) return undefined;
  const words = subject.split(/\s+/u).filter((word) => word !== '');
  if (!allowQueue || words.length !== 2) return `subject ${goQuote(subject)} is not a valid subject`;
  const [first, queue] = words as [string, string];
  if (!isSubject(first)) return `subject ${goQuote(first)} is not a valid subject`;
  return isSubject(queue) ? undefined : `queue ${goQuote(queue)} is not a valid queue`;
}

/** Tokens that are not empty and hold no white space; nothing after `>`. */
function isSubject(subject: string): boolean {
  const tokens = subject.split('.');
  return tokens.every((token, index) => {
    if (token === '' || /[\t\n\f\r ]/.test(token)) return false;
    return token !== '>' || index === tokens.length - 1;
  });
}

function readResponses(value: ConfigValue, problems: Problems): ResponsePermission | undefined {
  if (typeof value.value === 'boolean') return value.value ? { ...defaultResponses } : undefined;
  if (!(value.value instanceof Map)) {
    throw new Rejected(value, 'error parsing response permissions, expected a boolean or a map');
  }
  const responses = { ...defaultResponses };
  for (const [name, item] of value.value) {
    const spec = findKey('permissions.allow_responses', name);
    if (spec === undefined) {
      if (!item.used) problems.error(item, `Unknown field ${goQuote(name)} parsing permissions`);
    } else if (keyName(spec) === 'max') {
      // Below zero is unlimited, zero keeps the default.
      responses.maxMsgs = Math.max(asInteger(item), -1) || defaultResponses.maxMsgs;
    } else {
      responses.expires = responseTime(item) || defaultResponses.expires;
    }
  }
  return responses;
}

function responseTime(value: ConfigValue): number {
  if (typeof value.value !== 'string') {
    throw new Rejected(value, 'error parsing expires, not a duration string');
  }
  const time = durationOf(value, 'error parsing expires:');
  return time < 0 ? -1 : time;
}
