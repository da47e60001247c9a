/** Reads `authorization`, and lists of users wherever they stand. */

import { readAuthCallout } from './auth-callout.js';
import { durationOf } from './general.js';
import { goQuote, goQuoteList, goType, goValue } from './go-format.js';
import { keyName } from './keys.js';
import { isPublicNkey } from './nkey.js';
import type { AuthorizationOptions, ConnectionType, PermissionsOptions, UserOptions } from './options.js';
import { readPermissions } from './permissions.js';
import { asBool, asMap, asString, type Problems, Rejected } from './problems.js';
import type { Reading } from './reading.js';
import type { ConfigValue } from './syntax.js';

const connectionTypes: ReadonlySet<string> = new Set<ConnectionType>([
  'STANDARD',
  'WEBSOCKET',
  'LEAFNODE',
  'LEAFNODE_WS',
  'MQTT',
  'MQTT_WS',
  'IN_PROCESS',
]);

/** Users may have come with `accounts` already; names and keys must differ among all of them. */
export function readAuthorization(value: ConfigValue, reading: Reading): void {
  const { options, problems } = reading;
  const block: AuthorizationOptions = { users: [], proxyRequired: false };
  let users: UserOptions[] | undefined;
  for (const [name, item] of asMap(value)) {
    const spec = problems.known('authorization', name, item);
    if (spec === undefined) continue;
    problems.guard(() => {
      if (keyName(spec) === 'users') users = readUsers(item, problems);
      else readAuthorizationKey(keyName(spec), name, item, block, problems);
    });
  }
  const earlier = options.authorization.users;
  options.authorization = { ...block, users: earlier };
  checkMixture(value, block, users !== undefined || earlier.length > 0);
  applyDefaultPermissions(users ?? [], block.defaultPermissions);
  addUsers(users ?? [], reading, (text) => {
    throw new Rejected(value, text);
  });
}

function readAuthorizationKey(
  key: string,
  name: string,
  value: ConfigValue,
  block: AuthorizationOptions,
  problems: Problems,
): void {
  switch (key) {
    case 'user':
      block.username = asString(value) || undefined;
      return;
    case 'pass':
      block.password = asString(value) || undefined;
      return;
    case 'token':
      block.token = asString(value) || undefined;
      return;
    case 'timeout':
      block.timeout = readTimeout(value, name, problems) || undefined;
      return;
    case 'default_permissions':
      block.defaultPermissions = readPermissions(value, problems);
      return;
    case 'proxy_required':
      block.proxyRequired = asBool(value);
      return;
    case 'auth_callout':
      block.callout = readAuthCallout(value, problems);
  }
}

function checkMixture(value: ConfigValue, block: AuthorizationOptions, users: boolean): void {
  const { username, password, token } = block;
  if ((username ?? password) !== undefined && token !== undefined) {
    throw new Rejected(value, 'Cannot have a user/pass and token');
  }
  if (!users) return;
  if (username !== undefined) throw new Rejected(value, 'Can not have a single user/pass and a users array');
  if (token !== undefined) throw new Rejected(value, 'Can not have a token and a users array');
}

/** Milliseconds from seconds or a duration. Above a minute somebody probably forgot quotes. */
function readTimeout(value: ConfigValue, name: string, problems: Problems): number {
  const time = secondsOrDuration(value, 'error parsing authorization config');
  const shown = goValue(value.value);
  if (time > 60_000) {
    problems.warning(
      value,
      name,
      `timeout of ${shown} (${(time / 1000).toFixed(6)} seconds) is high, consider keeping it under 60 seconds. ` +
        "possibly caused by unquoted duration; use '1m' instead of 1m, for example",
    );
  }
  return time;
}

/** Milliseconds of a `timeout`. */
export function secondsOrDuration(value: ConfigValue, prefix: string): number {
  if (typeof value.value === 'bigint' || typeof value.value === 'number') return Number(value.value) * 1000;
  if (typeof value.value === 'string') return durationOf(value, `${prefix}, 'timeout'`);
  throw new Rejected(value, `${prefix}, 'timeout' wrong type`);
}

/** A list of users. Throws `Rejected` at the first entry that is no user at all. */
export function readUsers(value: ConfigValue, problems: Problems): UserOptions[] {
  if (!Array.isArray(value.value)) {
    throw new Rejected(value, `Expected users field to be an array, got ${goValue(value.value)}`);
  }
  const users: UserOptions[] = [];
  for (const entry of value.value) {
    if (!(entry.value instanceof Map)) {
      problems.error(entry, `Expected user entry to be a map/struct, got ${goValue(entry.value)}`);
    } else {
      users.push(readUser(entry, problems));
    }
  }
  return users;
}

function readUser(entry: ConfigValue, problems: Problems): UserOptions {
  const user: UserOptions = {};
  let last = entry;
  for (const [name, item] of asMap(entry)) {
    last = item;
    const spec = problems.known('users[]', name, item);
    if (spec !== undefined) readUserKey(keyName(spec), item, user, problems);
  }
  // The official server names the place of whichever key it happened to look at last.
  if (!user.nkey && !user.username) throw new Rejected(last, 'User entry requires a user');
  if (user.nkey) {
    if (!isPublicNkey(user.nkey, 'user')) throw new Rejected(last, 'Not a valid public nkey for a user');
    if (user.username || user.password) {
      throw new Rejected(last, 'Nkey users do not take usernames or passwords');
    }
  }
  return user;
}

function readUserKey(key: string, value: ConfigValue, user: UserOptions, problems: Problems): void {
  switch (key) {
    case 'user':
      user.username = asString(value) || undefined;
      return;
    case 'pass':
      user.password = asString(value);
      return;
    case 'nkey':
      user.nkey = asString(value) || undefined;
      return;
    case 'permissions':
      user.permissions = problems.guard(() => readPermissions(value, problems));
      return;
    case 'allowed_connection_types':
      user.allowedConnectionTypes = readConnectionTypes(value, problems);
      return;
    case 'proxy_required':
      user.proxyRequired = asBool(value);
  }
}

function readConnectionTypes(value: ConfigValue, problems: Problems): ConnectionType[] {
  const { value: written } = value;
  if (typeof written !== 'string' && !Array.isArray(written)) {
    problems.error(value, `error parsing allowed connection types: unsupported type ${goType(written)}`);
    return [];
  }
  const types = new Set<string>();
  for (const item of typeof written === 'string' ? [value] : written) {
    if (typeof item.value === 'string') types.add(item.value.toUpperCase());
    else {
      const got = goType(item.value);
      problems.error(item, `error parsing allowed connection types: unsupported type in array ${got}`);
    }
  }
  const unknown = [...types].filter((type) => !connectionTypes.has(type));
  if (unknown.length > 0) problems.error(value, `invalid connection types ${goQuoteList(unknown)}`);
  return [...types].filter((type) => connectionTypes.has(type)) as ConnectionType[];
}

export function applyDefaultPermissions(
  users: readonly UserOptions[],
  permissions: PermissionsOptions | undefined,
): void {
  if (permissions === undefined) return;
  for (const user of users) user.permissions ??= permissions;
}

/** Adds users to the list of all; calls `duplicate` with the error text for those that are there already. */
export function addUsers(
  users: readonly UserOptions[],
  { options, userNames }: Reading,
  duplicate: (text: string) => void,
): void {
  for (const user of users) {
    const name = (user.nkey ?? user.username)!;
    if (userNames.has(name)) {
      duplicate(`Duplicate ${user.nkey ? 'nkey' : 'user'} ${goQuote(name)} detected`);
      continue;
    }
    userNames.add(name);
    options.authorization.users.push(user);
  }
}
