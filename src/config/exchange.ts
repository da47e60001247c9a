/**
 * Whether what accounts exchange fits together, once all of them are known: which exports there are, and for every import an
 * export that it rests on. Here, and not in the room of accounts, because a configuration in which they do not fit is refused
 * when it is read, with the official server's texts and in the order of its checks: exports of streams, exports of services,
 * imports of streams, imports of services.
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
import { ExportTable, type KnownExport } from './export-table.js';
import { ImportTable, type KnownImport } from './import-table.js';
import type { AccountOptions, ExportOptions, ImportOptions } from './options.js';

/** What one account gives and takes. */
class Partner {
  readonly name: string;
  readonly streamExports = new ExportTable();
  readonly serviceExports = new ExportTable();
  readonly streamImports = new ImportTable();
  readonly serviceImports = new ImportTable();

  constructor(name: string) {
    this.name = name;
  }
}

type Partners = Map<string, Partner>;

const cycle = 'import forms a cycle';
const tooDeep = 'search cycle depth exhausted';
const deepestChain = 1024;

/** Ends the making of an export or import; the message is the official text. */
class Misfit extends Error {}

/**
 * The official texts of what does not fit; such exports and imports do not count for what follows. Without a system account
 * latency cannot be measured.
 */
export function exchangeErrors(accounts: readonly AccountOptions[], noSystemAccount = false): string[] {
  const names = new Set(accounts.map(({ name }) => name));
  const trading = accounts.filter(hasExchange);
  const partners = new Map(trading.map(({ name }) => [name, new Partner(name)]));
  const check = new Check(partners, names, noSystemAccount);
  for (const kind of ['stream', 'service'] as const) {
    for (const account of trading) check.addExports(account, kind);
  }
  for (const kind of ['stream', 'service'] as const) {
    for (const account of trading) check.addImports(account, kind);
  }
  return check.errors;
}

function hasExchange({ exports, imports }: AccountOptions): boolean {
  return (exports !== undefined && exports.length > 0) || (imports !== undefined && imports.length > 0);
}

/** Go's `%q` of a subject. */
function quoted(subject: string): string {
  return toUtf8(quote(subject));
}

class Check {
  readonly errors: string[] = [];
  readonly #partners: Partners;
  readonly #names: ReadonlySet<string>;
  readonly #noSystemAccount: boolean;

  constructor(partners: Partners, names: ReadonlySet<string>, noSystemAccount: boolean) {
    this.#partners = partners;
    this.#names = names;
    this.#noSystemAccount = noSystemAccount;
  }

  addExports({ name, exports = [] }: AccountOptions, kind: ExportOptions['kind']): void {
    const account = this.#of(name);
    for (const wanted of exports) {
      if (wanted.kind !== kind) continue;
      const accounts = this.#knownAccounts(wanted);
      const placed = this.#attempt(`Error adding ${kind} export ${quoted(wanted.subject)}`, () => {
        const table = kind === 'stream' ? account.streamExports : account.serviceExports;
        addExport(table, wanted, accounts);
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
      const exporter = this.#partners.get(wanted.account) ?? new Partner(wanted.account);
      if (kind === 'stream') {
        this.#attempt(`Error adding stream import ${quoted(wanted.subject)}`, () =>
          addStreamImport(this.#partners, account, exporter, wanted),
        );
      } else {
        this.#addServiceImport(account, exporter, wanted);
      }
    }
  }

  #of(name: string): Partner {
    return this.#partners.get(name)!;
  }

  #report(text: string): void {
    this.errors.push(text);
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

  #addLatency(account: Partner, { subject, latency }: ExportOptions): void {
    const what = `Error adding service latency sampling for ${quoted(subject)}`;
    if (this.#noSystemAccount) {
      this.#report(`${what}: system account not setup`);
      return;
    }
    this.#attempt(`${what} on subject ${quoted(latency!.subject)}`, () => {
      const { subject: results } = latency!;
      if (!isValidPattern(results) || hasWildcard(results) || account.serviceExports.covers(results)) {
        throw new Misfit('invalid publish subject');
      }
      if (account.serviceExports.get(subject)!.responseType !== 'singleton') {
        throw new Misfit('bad service response type');
      }
    });
  }

  #addServiceImport(account: Partner, exporter: Partner, wanted: ImportOptions): void {
    const { subject } = wanted;
    let made: KnownImport | undefined;
    this.#attempt(`Error adding service import ${quoted(subject)}`, () => {
      made = addServiceImport(this.#partners, account, exporter, wanted);
    });
    if (made === undefined) return;
    // The official server looks for the import by a subject in which placeholders have become wildcards.
    if (made.subject !== subject && !account.serviceImports.has(wanted.account, subject)) {
      this.#report(`Error setting service import sharing ${quoted(subject)}: service import not found`);
    }
  }
}

function quoteName(name: string): string {
  return toUtf8(quote(Buffer.from(name).toString('latin1')));
}

/** An export of the same subject is the same one, with more who may import it. */
function addExport(table: ExportTable, wanted: ExportOptions, accounts?: string[]): void {
  const { subject, tokenPosition = 0, responseType = 'singleton' } = wanted;
  const earlier = table.get(subject);
  const made: KnownExport = earlier ?? { subject, accounts: null, tokenPosition: 0, responseType };
  if (responseType !== 'singleton') made.responseType = responseType;
  if (accounts !== undefined || tokenPosition !== 0) {
    if (tokenPosition !== 0 && subject.split('.')[tokenPosition - 1] !== '*') {
      throw new Misfit('sublist: invalid subject');
    }
    made.tokenPosition = tokenPosition;
    if (accounts !== undefined) made.accounts = new Set([...(made.accounts ?? []), ...accounts]);
  }
  if (earlier === undefined) table.add(made);
}

function addStreamImport(
  partners: Partners,
  account: Partner,
  exporter: Partner,
  { subject, to, prefix }: ImportOptions,
): void {
  if (!isValidPattern(subject) || !exporter.streamExports.grants(account.name, subject)) {
    throw new Misfit('stream import not authorized');
  }
  let local = to ?? subject;
  if (prefix !== undefined) {
    if (hasWildcard(prefix)) throw new Misfit('stream import prefix can not contain wildcard tokens');
    local = prefix.endsWith('.') ? prefix + subject : `${prefix}.${subject}`;
  }
  for (const reached of [local, subject]) {
    checkStreamCycle(partners, exporter, reached, new Set([account.name]));
  }
  if (hasWildcard(subject) && local !== subject) {
    const what = `stream import subject from ${quoted(subject)} to ${quoted(local)}`;
    checkTransform(what, subject, local);
    local = placeholdersToWildcards(local).pattern;
  }
  if (account.streamImports.has(exporter.name, subject)) throw new Misfit('stream import already exists');
  account.streamImports.add({ account: exporter.name, subject, local });
}

function addServiceImport(
  partners: Partners,
  account: Partner,
  exporter: Partner,
  { subject: wanted, to }: ImportOptions,
): KnownImport {
  let subject = wanted;
  let local = to ?? subject;
  if (!isValidPattern(local) || !isValidPattern(subject)) throw new Misfit('sublist: invalid subject');
  if (!exporter.serviceExports.grants(account.name, subject)) {
    throw new Misfit('service import not authorized');
  }
  const asked = hasWildcard(subject) ? placeholdersToWildcards(local).pattern : local;
  checkServiceCycle(partners, exporter, asked, new Set([account.name]));
  const earlier = account.serviceImports.at(exporter.name, local);
  if (earlier !== undefined) {
    throw new Misfit(
      `duplicate service import subject ${quoted(local)}, previously used in import for account ` +
        `${quoteName(earlier.account)}, subject ${quoted(earlier.subject)}`,
    );
  }
  if (hasWildcard(subject) && local !== subject) {
    subject = placeholdersToWildcards(subject).pattern;
    const what = `service import subject from ${quoted(local)} to ${quoted(subject)}`;
    checkTransform(what, subject, local);
    local = placeholdersToWildcards(local).pattern;
  }
  const made = { account: exporter.name, subject, local };
  account.serviceImports.add(made);
  return made;
}

/** From the exporting account's subject to the importing one's. For services, too: there it is taken the other way round. */
function checkTransform(what: string, subject: string, local: string): void {
  try {
    SubjectTransform.create(subject, wildcardsToPlaceholders(local), { strict: true });
  } catch (error) {
    if (!(error instanceof TransformError)) throw error;
    throw new Misfit(`failed to create mapping transform for ${what}: ${error.message}`);
  }
}

/** Follows what an account exports to where that account has it from itself. `visited` are those on the way here. */
function checkStreamCycle(partners: Partners, account: Partner, subject: string, visited: Set<string>): void {
  if (visited.size >= deepestChain) throw new Misfit(tooDeep);
  if (!account.streamExports.covers(subject)) return;
  for (const next of account.streamImports.overlapping('local', subject)) {
    if (visited.has(next.account)) throw new Misfit(cycle);
    visited.add(account.name);
    const reached = isSubsetOf(next.local, subject) ? next.local : subject;
    checkStreamCycle(partners, partners.get(next.account)!, reached, visited);
  }
}

function checkServiceCycle(
  partners: Partners,
  account: Partner,
  subject: string,
  visited: Set<string>,
): void {
  if (visited.size >= deepestChain) throw new Misfit(tooDeep);
  for (const next of account.serviceImports.overlapping('subject', subject)) {
    if (visited.has(next.account)) throw new Misfit(cycle);
    visited.add(account.name);
    const asked = isSubsetOf(next.local, subject) ? next.local : subject;
    checkServiceCycle(partners, partners.get(next.account)!, asked, visited);
  }
}
