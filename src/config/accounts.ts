/** Reads `accounts`: names, keys, users, and what each says of itself. What is wrong between them is found later. */
import { readLimits, readTrace } from './account-limits.js';
import { addUsers, applyDefaultPermissions, readUsers } from './authorization.js';
import { readExports } from './exports.js';
import { goQuote, goValue } from './go-format.js';
import { readImports } from './imports.js';
import { readAccountJetStream } from './jetstream.js';
import { keyName } from './keys.js';
import { readMappings } from './mappings.js';
import { isPublicNkey } from './nkey.js';
import type { AccountOptions, UserOptions } from './options.js';
import { readPermissions } from './permissions.js';
import { asString, type Problems, Rejected, withoutPlace } from './problems.js';
import type { Reading } from './reading.js';
import type { ConfigMap, ConfigValue } from './syntax.js';

const globalAccount = '$G';

/** A list of names, or a map of accounts. Anything else the official server ignores; here it is an error. */
export function readAccounts(value: ConfigValue, reading: Reading): void {
  if (Array.isArray(value.value)) readNames(value.value, reading);
  else if (value.value instanceof Map) {
    for (const [name, entry] of value.value) {
      // Values that are only there to be used as variables.
      if (!entry.used) readAccount(name, entry, reading);
    }
  } else {
    throw new Rejected(value, 'Expected map entries for accounts');
  }
}

function readNames(entries: ConfigValue[], { options, problems }: Reading): void {
  const names = new Set<string>();
  for (const entry of entries) {
    const name = asString(entry);
    if (name === globalAccount) problems.error(entry, `${goQuote(name)} is a Reserved Account`);
    else if (names.has(name)) problems.error(entry, `Duplicate Account Entry: ${name}`);
    else options.accounts.push({ name });
    names.add(name);
  }
}

function readAccount(name: string, entry: ConfigValue, reading: Reading): void {
  const { options, problems } = reading;
  if (!(entry.value instanceof Map)) {
    problems.error(entry, 'Expected map entries for accounts');
    return;
  }
  if (name === globalAccount) {
    problems.error(entry, `${goQuote(name)} is a Reserved Account`);
    return;
  }
  const account: AccountOptions = { name };
  options.accounts.push(account);
  const { users, usersAt } = readAccountKeys(entry.value, account, problems);
  if (users.length === 0 || usersAt === undefined) return;
  const { username, token } = options.authorization;
  if (username !== undefined) {
    problems.error(usersAt, 'Can not have a single user/pass and accounts');
  } else if (token !== undefined) {
    problems.error(usersAt, 'Can not have a token and accounts');
  } else {
    applyDefaultPermissions(users, account.defaultPermissions);
    for (const user of users) user.account = name;
    addUsers(users, reading, (text) => problems.error(usersAt, text));
  }
}

function readAccountKeys(
  keys: ConfigMap,
  account: AccountOptions,
  problems: Problems,
): { users: UserOptions[]; usersAt: ConfigValue | undefined } {
  let users: UserOptions[] = [];
  let usersAt: ConfigValue | undefined;
  for (const [key, item] of keys) {
    const spec = problems.known('accounts.<name>', key, item);
    if (spec === undefined) continue;
    problems.guard(() => {
      switch (keyName(spec)) {
        case 'nkey':
          account.nkey = readAccountNkey(item);
          return;
        case 'users':
          usersAt = item;
          users = readUsers(withoutPlace(item), problems);
          return;
        case 'limits':
          account.limits = readLimits(item, problems);
          return;
        case 'default_permissions':
          account.defaultPermissions = readPermissions(item, problems);
          return;
        case 'jetstream':
          account.jetstream = readAccountJetStream(item, problems);
          return;
        case 'exports':
          account.exports = readExports(item, problems);
          return;
        case 'imports':
          account.imports = readImports(item, problems);
          return;
        case 'mappings':
          account.mappings = readMappings(item, problems);
          return;
        case 'msg_trace':
          account.trace = readTrace(item, key, problems);
      }
    });
  }
  return { users, usersAt };
}

function readAccountNkey(value: ConfigValue): string {
  const { value: nkey } = value;
  if (typeof nkey === 'string' && isPublicNkey(nkey, 'account')) return nkey;
  const shown = typeof nkey === 'string' ? goQuote(nkey) : goValue(nkey);
  throw new Rejected(value, `Not a valid public nkey for an account: ${shown}`);
}
