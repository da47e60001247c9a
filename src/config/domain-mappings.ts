/**
 * Mappings that accounts have without asking, where JetStream has a domain: its API can then also be asked by the name of the domain. And
 * those of `default_js_domain`: who asks without a domain is sent to one.
 */
import { isSubsetOf, isValidPattern } from '../subjects/subject.js';
import { goQuote } from './go-format.js';
import type { AccountOptions, MappingOptions, ServerOptions } from './options.js';

const API = '$JS.API.';
/** Parts of the API behind its prefix, as the official server maps them; no others are mapped. */
const parts = ['INFO', 'STREAM.>', 'CONSUMER.>', 'DIRECT.>', 'META.>', 'SERVER.>', 'ACCOUNT.>'];
/** Key-value and object stores have subjects beside the API, which the domain puts behind its prefix. */
const stores = ['$KV.>', '$OBJ.>'];

/** Gives all mappings of an account, its own ones first; undefined without any. Accounts with the same mappings get the same list. */
export function mappingsBy(
  options: ServerOptions,
): (account: AccountOptions | undefined, name: string, isSystem: boolean) => MappingOptions[] | undefined {
  const { defaultJsDomains, jetstream } = options;
  const domain = jetstream.enabled ? jetstream.domain : '';
  const usual = tableOf(domain).map(([from, to]) => mapping(from, to));
  const ofSystem = [mapping(`$JS.${domain}.API.>`, `${API}>`)];
  return (account, name, isSystem) => {
    const own = account?.mappings ?? [];
    const byDefault = defaultJsDomains[name] ?? '';
    const implied = domain !== '' && (isSystem || reachesApi(account)) ? (isSystem ? ofSystem : usual) : [];
    if (own.length === 0 && byDefault === '') return implied.length === 0 ? undefined : implied;
    const all = [...own];
    if (byDefault !== '' && account?.jetstream === undefined)
      for (const [from, to] of tableOf(byDefault)) all.push(mapping(to, from));
    all.push(...implied.filter((each) => !all.some(({ subject }) => subject === each.subject)));
    return all.length === 0 ? undefined : all;
  };
}

/** Subjects with the domain, and those without. */
function tableOf(domain: string): (readonly [domain: string, plain: string])[] {
  const prefix = `$JS.${domain}.API.`;
  return [
    ...parts.map((part) => [`${prefix}${part}`, `${API}${part}`] as const),
    ...stores.map((store) => [`${prefix}${store}`, store] as const),
  ];
}

function mapping(subject: string, to: string): MappingOptions {
  return { subject, destinations: [{ subject: to, weight: 100 }] };
}

/** Accounts that import the API of another account are left alone, unless they have JetStream themselves. */
export function reachesApi(account: AccountOptions | undefined): boolean {
  if (account?.jetstream !== undefined) return true;
  const imports = account?.imports ?? [];
  return !imports.some(
    ({ kind, subject, to }) => kind === 'service' && isSubsetOf(`${API}INFO`, to ?? subject),
  );
}

/** The official text for the first thing wrong with domains, or nothing. */
export function wrongDomain(options: ServerOptions): string | undefined {
  const { defaultJsDomains, accounts, jetstream } = options;
  for (const [name, domain] of Object.entries(defaultJsDomains)) {
    const account = accounts.find((each) => each.name === name);
    if (account?.jetstream !== undefined && domain !== '')
      return `default_js_domain contains account name ${goQuote(name)} with enabled JetStream`;
    if (account === undefined && name !== '$G')
      return `in non operator mode, \`default_js_domain\` references non existing account ${goQuote(name)}`;
  }
  for (const [name, domain] of Object.entries(defaultJsDomains)) {
    if (name === (options.systemAccount ?? '$SYS'))
      return `system account ${goQuote(name)} can not be in default_js_domain`;
    if (domain !== '' && !isValidPattern(`$JS.${domain}.API.>`))
      return `default_js_domain contains account ${goQuote(name)} with invalid domain name ${goQuote(domain)}`;
  }
  const { domain } = jetstream;
  if (domain === '') return undefined;
  const derived = `$JS.${domain}.API.>`;
  if (!isValidPattern(derived))
    return `invalid domain name: derived ${goQuote(derived)} is not a valid subject`;
  return /[ \t\r\n\f.*>]/.test(domain) ? 'invalid domain name: may not contain ., * or >' : undefined;
}
