/** Reads `authorization.auth_callout`: which service decides who may connect. */
import { goQuote, goValue } from './go-format.js';
import { findKey, keyName } from './keys.js';
import { isPublicNkey } from './nkey.js';
import type { AuthCalloutOptions, ServerOptions } from './options.js';
import { asString, type Problems, Rejected } from './problems.js';
import type { ConfigValue } from './syntax.js';

const block = 'authorization.auth_callout';
const globalAccount = '$G';

/** Records unknown keys and goes on; throws `Rejected` at the first value that is wrong. */
export function readAuthCallout(value: ConfigValue, problems: Problems): AuthCalloutOptions {
  if (!(value.value instanceof Map)) {
    throw new Rejected(
      value,
      `Expected authorization callout to be a map/struct, got ${goValue(value.value)}`,
    );
  }
  const callout: AuthCalloutOptions = { issuer: '', account: '', authUsers: [], allowedAccounts: [] };
  let last = value;
  for (const [name, item] of value.value) {
    last = item;
    const spec = findKey(block, name);
    if (spec !== undefined) readCalloutKey(keyName(spec), item, callout);
    else if (!item.used) {
      problems.error(item, `Unknown field ${goQuote(name)} parsing authorization callout`);
    }
  }
  callout.account ||= globalAccount;
  // The official server names the place of whichever key it happened to look at last.
  if (callout.issuer === '') {
    throw new Rejected(last, 'Authorization callouts require an issuer to be specified');
  }
  if (callout.authUsers.length === 0) {
    throw new Rejected(last, 'Authorization callouts require authorized users to be specified');
  }
  return callout;
}

function readCalloutKey(key: string, value: ConfigValue, callout: AuthCalloutOptions): void {
  switch (key) {
    case 'issuer':
      callout.issuer = asString(value);
      if (!isPublicNkey(callout.issuer, 'account')) {
        const got = goQuote(callout.issuer);
        throw new Rejected(value, `Expected callout user to be a valid public account nkey, got ${got}`);
      }
      return;
    case 'account':
      callout.account = asString(value);
      return;
    case 'auth_users':
      callout.authUsers.push(...names(value, 'auth_users'));
      return;
    case 'xkey':
      callout.xkey = asString(value);
      if (!isPublicNkey(callout.xkey, 'curve')) {
        throw new Rejected(
          value,
          `Expected callout xkey to be a valid public xkey, got ${goQuote(callout.xkey)}`,
        );
      }
      return;
    case 'allowed_accounts':
      callout.allowedAccounts.push(...names(value, 'allowed accounts'));
  }
}

function names(value: ConfigValue, field: string): string[] {
  if (!Array.isArray(value.value)) {
    // Officially this is the type of the parser's own wrapper, whatever was written.
    throw new Rejected(value, `Expected ${field} field to be an array, got *conf.token`);
  }
  return value.value.map(asString);
}

/** Adds an error for every account that the callout names and the configuration does not have. */
export function checkAuthCallout({ authorization, accounts }: ServerOptions, problems: Problems): void {
  const known = new Set(accounts.map(({ name }) => name));
  for (const name of authorization.callout?.allowedAccounts ?? []) {
    if (!known.has(name)) {
      problems.errors.push(`auth_callout allowed account ${goQuote(name)} not found in configured accounts`);
    }
  }
}
