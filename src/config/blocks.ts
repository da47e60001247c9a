/** From a tree of values to options: looks up each top-level key in the table and reads it. */
import { readAccounts } from './accounts.js';
import { checkAuthCallout } from './auth-callout.js';
import { readAuthorization } from './authorization.js';
import { exchangeErrors } from './exchange.js';
import { mergeExports } from './exports.js';
import { generalReaders } from './general.js';
import { readJetStream, readStoreDir } from './jetstream.js';
import { keyName } from './keys.js';
import { readGlobalMappings } from './mappings.js';
import { readProxies } from './proxies.js';
import type { KeyReader, Reading } from './reading.js';
import type { ConfigMap, ConfigValue } from './syntax.js';
import { readClientTls } from './tls.js';

/** Readers of all top-level keys that work, by name. */
export const readers: Readonly<Record<string, KeyReader>> = {
  ...generalReaders,
  accounts: readAccounts,
  authorization: readAuthorization,
  jetstream: readJetStream,
  mappings: readGlobalMappings,
  proxies: readProxies,
  store_dir: readStoreDir,
  tls: readClientTls,
};

/** Fills the options; what is wrong goes to the problems. `source` names the configuration in the warning about an
 * empty one. */
export function readValues(values: ConfigMap, reading: Reading, source: string): void {
  const { problems } = reading;
  if (values.size === 0) problems.warnings.push(`${source}: config has no values or is empty`);
  let accounts: ConfigValue | undefined;
  for (const [name, value] of values) {
    const spec = problems.known('', name, value);
    if (spec === undefined) continue;
    problems.guard(() => readers[keyName(spec)]!(value, reading, name));
    if (keyName(spec) === 'accounts') accounts = value;
  }
  if (accounts !== undefined && problems.errors.length === 0) checkExchange(accounts, reading);
  checkAuthCallout(reading.options, problems);
}

/** Accounts that do not fit together are an error of the whole block, as officially. */
function checkExchange(accounts: ConfigValue, { options, problems }: Reading): void {
  for (const text of exchangeErrors(options.accounts, options.noSystemAccount))
    problems.error(accounts, text);
  for (const account of options.accounts) {
    if (account.exports !== undefined) account.exports = mergeExports(account.exports);
  }
}
