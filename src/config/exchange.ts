/**
 * What accounts exchange, once all of them are known: which exports there are, and for every import which export it rests
 * on, and how subjects change on the way. Here, and not in the room of accounts, because a configuration in which accounts
 * do not fit together is refused when it is read, with the official server's texts and in the order of its checks: exports
 * of streams, exports of services, imports of streams, imports of services.
 */
import { toUtf8 } from '../protocol/bytes.js';
import { quote } from '../protocol/errors.js';
import { hasWildcard, isSubsetOf, isValidPattern } from '../subjects/subject.js';
import {
  placeholdersToWildcards,
  SubjectTransform,
  TransformError,
  wildcardsToPlaceholders,
} from '../subjects/transform.js';
import { ExportTable, type ServiceExport, type StreamExport } from './export-table.js';
import { ImportTable, type ServiceImport, type StreamImport } from './import-table.js';
import type { AccountOptions, ExportOptions, ImportOptions } from './options.js';

export type { ServiceExport, StreamExport } from './export-table.js';
export type { ServiceImport, StreamImport } from './import-table.js';

/** What one account gives and takes. */
export class AccountExchange {
  readonly name: string;
  readonly streamExports = new ExportTable<StreamExport>();
  readonly serviceExports = new ExportTable<ServiceExport>();
  readonly streamImports = new ImportTable<StreamImport>();
  readonly serviceImports = new ImportTable<ServiceImport>();

  constructor(name: string) {
    this.name = name;
  }
}

export interface Exchange {
  /** Those that export or import something. */
  accounts: Map<string, AccountExchange>;
  /** Official texts of what does not fit; such exports and imports are left out. */
  errors: string[];
}

export interface ExchangeContext {
  /** Without a system account latency cannot be measured. */
  noSystemAccount?: boolean;
}

/** The official default of `response_threshold`. */
export const defaultResponseThreshold = 120_000;

const cycle = 'import forms a cycle';
const tooDeep = 'search cycle depth exhausted';
const deepestChain = 1024;

/** Ends the making of an export or import; the message is the official text. */
class Misfit extends Error {}

export function resolveExchange(
  accounts: readonly AccountOptions[],
  { noSystemAccount = false }: ExchangeContext = {},
): Exchange {
  const exchange: Exchange = { accounts: new Map(), errors: [] };
  const names = new Set(accounts.map(({ name }) => name));
  const partners = accounts.filter(hasExchange);
  for (const { name } of partners) exchange.accounts.set(name, new AccountExchange(name));
  const resolver = new Resolver(exchange, names, noSystemAccount);
  for (const kind of ['stream', 'service'] as const) {
    for (const account of partners) resolver.addExports(account, kind);
  }
  for (const kind of ['stream', 'service'] as const) {
    for (const account of partners) resolver.addImports(account, kind);
  }
  return exchange;
}

function hasExchange({ exports, imports }: AccountOptions): boolean {
  return (exports !== undefined && exports.length > 0) || (imports !== undefined && imports.length > 0);
}

/** Go's `%q` of a subject. */
function quoted(subject: string): string {
  return toUtf8(quote(subject));
}

class Resolver {
  readonly #exchange: Exchange;
  readonly #names: ReadonlySet<string>;
  readonly #noSystemAccount: boolean;

  constructor(exchange: Exchange, names: ReadonlySet<string>, noSystemAccount: boolean) {
    this.#exchange = exchange;
    this.#names = names;
    this.#noSystemAccount = noSystemAccount;
  }

  addExports({ name, exports = [] }: AccountOptions, kind: ExportOptions['kind']): void {
    const account = this.#of(name);
    for (const wanted of exports) {
      if (wanted.kind !== kind) continue;
      const accounts = this.#knownAccounts(wanted);
      const placed = this.#attempt(`Error adding ${kind} export ${quoted(wanted.subject)}`, () => {
        if (kind === 'stream') addStreamExport(account, wanted, accounts);
        else addServiceExport(account, wanted, accounts);
      });
      if (placed && wanted.latency !== undefined) this.#addLatency(account, wanted);
    }
  }

  addImports({ name, imports = [] }: AccountOptions, kind: ImportOptions['kind']): void {
    const account = this.#of(name);
    for (const wanted of imports) {
      if (wanted.kind !== kind) continue;
      if (!this.#names.has(wanted.account)) {
        this.#report(`${quoteName(wanted.account)} account not defined for ${kind} import`);
        continue;
      }
      const exporter = this.#exchange.accounts.get(wanted.account) ?? new AccountExchange(wanted.account);
      if (kind === 'stream') {
        this.#attempt(`Error adding stream import ${quoted(wanted.subject)}`, () =>
          addStreamImport(this.#exchange, account, exporter, wanted),
        );
      } else {
        this.#addServiceImport(account, exporter, wanted);
      }
    }
  }

  #of(name: string): AccountExchange {
    return this.#exchange.accounts.get(name)!;
  }

  #report(text: string): void {
    this.#exchange.errors.push(text);
  }

  #attempt(what: string, place: () => void): boolean {
    try {
      place();
      return true;
    } catch (error) {
      if (!(error instanceof Misfit)) throw error;
      this.#report(`${what}: ${error.message}`);
      return false;
    }
  }

  /** Those of the list that there are; nothing for everybody. */
  #knownAccounts({ kind, accounts }: ExportOptions): string[] | undefined {
    const known = accounts?.filter((name) => {
      if (this.#names.has(name)) return true;
      this.#report(`${quoteName(name)} account not defined for ${kind} export`);
      return false;
    });
    return known?.length === 0 ? undefined : known;
  }

  #addLatency(account: AccountExchange, { subject, latency }: ExportOptions): void {
    const what = `Error adding service latency sampling for ${quoted(subject)}`;
    if (this.#noSystemAccount) {
      this.#report(`${what}: system account not setup`);
      return;
    }
    this.#attempt(`${what} on subject ${quoted(latency!.subject)}`, () => {
      const { subject: results } = latency!;
      const service = account.serviceExports.get(subject)!;
      if (!isValidPattern(results) || hasWildcard(results) || account.serviceExports.covers(results)) {
        throw new Misfit('invalid publish subject');
      }
      if (service.responseType !== 'singleton') throw new Misfit('bad service response type');
      service.latency = latency!;
    });
  }

  #addServiceImport(account: AccountExchange, exporter: AccountExchange, wanted: ImportOptions): void {
    const { subject, share } = wanted;
    let made: ServiceImport | undefined;
    this.#attempt(`Error adding service import ${quoted(subject)}`, () => {
      made = addServiceImport(this.#exchange, account, exporter, wanted);
    });
    if (made === undefined) return;
    made.share = share;
    // The official server looks for the import by a subject in which placeholders have become wildcards.
    if (made.subject !== subject && !account.serviceImports.has(wanted.account, subject)) {
      this.#report(`Error setting service import sharing ${quoted(subject)}: service import not found`);
    }
  }
}

function quoteName(name: string): string {
  return toUtf8(quote(Buffer.from(name).toString('latin1')));
}

function addStreamExport(account: AccountExchange, wanted: ExportOptions, accounts?: string[]): void {
  const { subject } = wanted;
  const earlier = account.streamExports.get(subject);
  const made = earlier ?? { subject, accounts: null, tokenPosition: 0 };
  restrict(made, wanted, accounts);
  if (earlier === undefined) account.streamExports.add(made);
}

/** A service that is exported again is the same one, with another threshold and more who may import it. */
function addServiceExport(account: AccountExchange, wanted: ExportOptions, accounts?: string[]): void {
  const { subject, responseType = 'singleton', responseThreshold, allowTrace } = wanted;
  const earlier = account.serviceExports.get(subject);
  const made: ServiceExport = earlier ?? {
    subject,
    accounts: null,
    tokenPosition: 0,
    responseType,
    responseThreshold: defaultResponseThreshold,
    latency: null,
    allowTrace,
  };
  if (responseType !== 'singleton') made.responseType = responseType;
  restrict(made, wanted, accounts);
  made.responseThreshold = responseThreshold ?? defaultResponseThreshold;
  made.allowTrace ||= allowTrace;
  if (earlier === undefined) account.serviceExports.add(made);
}

function restrict(made: StreamExport, { tokenPosition = 0 }: ExportOptions, accounts?: string[]): void {
  if (accounts === undefined && tokenPosition === 0) return;
  if (tokenPosition !== 0 && made.subject.split('.')[tokenPosition - 1] !== '*') {
    throw new Misfit('sublist: invalid subject');
  }
  made.tokenPosition = tokenPosition;
  if (accounts !== undefined) made.accounts = new Set([...(made.accounts ?? []), ...accounts]);
}

function addStreamImport(
  exchange: Exchange,
  account: AccountExchange,
  exporter: AccountExchange,
  { subject, to, prefix, allowTrace }: ImportOptions,
): void {
  if (!isValidPattern(subject) || exporter.streamExports.grantedTo(account.name, subject) === null) {
    throw new Misfit('stream import not authorized');
  }
  let local = to ?? subject;
  if (prefix !== undefined) {
    if (hasWildcard(prefix)) throw new Misfit('stream import prefix can not contain wildcard tokens');
    local = prefix.endsWith('.') ? prefix + subject : `${prefix}.${subject}`;
  }
  for (const reached of [local, subject]) {
    checkStreamCycle(exchange, exporter, reached, new Set([account.name]));
  }
  let transform: SubjectTransform | null = null;
  if (hasWildcard(subject) && local !== subject) {
    const what = `stream import subject from ${quoted(subject)} to ${quoted(local)}`;
    transform = transformOf(what, subject, wildcardsToPlaceholders(local));
    local = placeholdersToWildcards(local).pattern;
  }
  if (account.streamImports.has(exporter.name, subject)) throw new Misfit('stream import already exists');
  account.streamImports.add({ account: exporter.name, subject, local, transform, allowTrace });
}

function addServiceImport(
  exchange: Exchange,
  account: AccountExchange,
  exporter: AccountExchange,
  { subject: wanted, to, share }: ImportOptions,
): ServiceImport {
  let subject = wanted;
  let local = to ?? subject;
  if (!isValidPattern(local) || !isValidPattern(subject)) throw new Misfit('sublist: invalid subject');
  const granted = exporter.serviceExports.grantedTo(account.name, subject);
  if (granted === null) throw new Misfit('service import not authorized');
  const asked = hasWildcard(subject) ? placeholdersToWildcards(local).pattern : local;
  checkServiceCycle(exchange, exporter, asked, new Set([account.name]));
  const earlier = account.serviceImports.at(exporter.name, local);
  if (earlier !== undefined) {
    throw new Misfit(
      `duplicate service import subject ${quoted(local)}, previously used in import for account ` +
        `${quoteName(earlier.account)}, subject ${quoted(earlier.subject)}`,
    );
  }
  let transform: SubjectTransform | null = null;
  if (hasWildcard(subject) && local !== subject) {
    subject = placeholdersToWildcards(subject).pattern;
    const what = `service import subject from ${quoted(local)} to ${quoted(subject)}`;
    transform = transformOf(what, subject, wildcardsToPlaceholders(local)).reverse();
    local = placeholdersToWildcards(local).pattern;
  }
  const made = { account: exporter.name, subject, local, transform, export: granted, share };
  account.serviceImports.add(made);
  return made;
}

function transformOf(what: string, source: string, destination: string): SubjectTransform {
  try {
    return SubjectTransform.create(source, destination, { strict: true });
  } catch (error) {
    if (!(error instanceof TransformError)) throw error;
    throw new Misfit(`failed to create mapping transform for ${what}: ${error.message}`);
  }
}

/** Follows what an account exports to where that account has it from itself. `visited` are those on the way here. */
function checkStreamCycle(
  exchange: Exchange,
  account: AccountExchange,
  subject: string,
  visited: Set<string>,
): void {
  if (visited.size >= deepestChain) throw new Misfit(tooDeep);
  if (!account.streamExports.covers(subject)) return;
  for (const next of account.streamImports.overlapping('local', subject)) {
    if (visited.has(next.account)) throw new Misfit(cycle);
    visited.add(account.name);
    const reached = isSubsetOf(next.local, subject) ? next.local : subject;
    checkStreamCycle(exchange, exchange.accounts.get(next.account)!, reached, visited);
  }
}

function checkServiceCycle(
  exchange: Exchange,
  account: AccountExchange,
  subject: string,
  visited: Set<string>,
): void {
  if (visited.size >= deepestChain) throw new Misfit(tooDeep);
  for (const next of account.serviceImports.overlapping('subject', subject)) {
    if (visited.has(next.account)) throw new Misfit(cycle);
    visited.add(account.name);
    const asked = isSubsetOf(next.local, subject) ? next.local : subject;
    checkServiceCycle(exchange, exchange.accounts.get(next.account)!, asked, visited);
  }
}
