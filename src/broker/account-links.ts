/**
 * Puts into the accounts what the options say of exports and imports, at the start and at each reload. What has not changed stays as
 * it is, so that answers on their way arrive; subscriptions of clients get the shadows that the imports now ask for.
 */
import type { AccountOptions, ExportOptions, ImportOptions } from '../config/options.js';
import { isSubsetOf } from '../subjects/subject.js';
import type { Broker } from './broker.js';
import type { BrokerAccount } from './broker-account.js';
import { ServiceExport, ServiceImport, ServicePassage } from './service-imports.js';
import { StreamImport } from './stream-imports.js';
import { SystemImports, systemExports } from './system-imports.js';

/** The options have been validated. */
export function linkAccounts(broker: Broker): void {
  const declared = new Map(broker.options.accounts.map((each) => [each.name, each]));
  const system = broker.options.noSystemAccount ? null : broker.account(broker.systemAccountName);
  for (const account of broker.accounts.values()) {
    linkExports(account, declared.get(account.name)?.exports ?? [], account === system);
  }
  for (const account of broker.accounts.values()) {
    const options = declared.get(account.name);
    linkStreams(broker, account, options);
    linkServices(broker, account, options);
  }
  const imports = system === null ? null : systemImports(broker, system);
  for (const account of broker.accounts.values()) account.systemImports = imports;
}

function linkExports(account: BrokerAccount, options: readonly ExportOptions[], isSystem: boolean): void {
  const streams = options.filter(({ kind }) => kind === 'stream');
  account.streamExports = streams.length === 0 ? null : streams;
  const services = options.filter(({ kind }) => kind === 'service');
  if (isSystem) services.push(...missingSystemExports(services));
  if (services.length === 0) {
    account.serviceExports = null;
    return;
  }
  const before = account.serviceExports ?? [];
  account.serviceExports = services.map(
    (each) => before.find((known) => equal(known.options, each)) ?? new ServiceExport(account, each),
  );
}

/** Exports of the configuration take precedence. */
function missingSystemExports(configured: readonly ExportOptions[]): ExportOptions[] {
  return systemExports
    .filter(({ subject }) => !configured.some((each) => isSubsetOf(subject, each.subject)))
    .map((each) => ({ kind: 'service', allowTrace: false, ...each }));
}

function linkStreams(broker: Broker, account: BrokerAccount, options: AccountOptions | undefined): void {
  const wanted = (options?.imports ?? []).filter(({ kind }) => kind === 'stream');
  const before = account.streamImports ?? [];
  const same = (known: StreamImport, each: ImportOptions) =>
    equal(known.options, each) && known.exporter === broker.accounts.get(each.account);
  if (before.length === wanted.length && before.every((known, i) => same(known, wanted[i]!))) return;
  const imports = wanted.map((each) => new StreamImport(each, broker.account(each.account)));
  account.streamImports = imports.length === 0 ? null : imports;
  for (const connection of account.connections) connection.renewShadows();
  for (const insider of account.insiders ?? []) insider.renewShadows();
}

function linkServices(broker: Broker, account: BrokerAccount, options: AccountOptions | undefined): void {
  const wanted = (options?.imports ?? [])
    .filter(({ kind }) => kind === 'service')
    .map((each) => makeService(broker, account, each));
  const before = account.serviceImports ?? [];
  const kept = wanted.map((each) => before.find(({ service }) => sameService(service, each)));
  for (const passage of before) {
    if (kept.includes(passage)) continue;
    passage.closed = true;
    account.unsubscribe(passage);
  }
  const passages = wanted.map((service, i) => {
    const known = kept[i];
    if (known !== undefined) return known;
    const passage = new ServicePassage(service, i + 1, broker.passages);
    account.subscribe(passage);
    return passage;
  });
  account.serviceImports = passages.length === 0 ? null : passages;
}

function makeService(broker: Broker, importer: BrokerAccount, options: ImportOptions): ServiceImport {
  const exporter = broker.account(options.account);
  return new ServiceImport(options, importer, exporter, exportFor(exporter, options.subject));
}

function sameService(a: ServiceImport, b: ServiceImport): boolean {
  return a.exporter === b.exporter && a.export === b.export && equal(a.options, b.options);
}

/** The export that an import is of: the one for this very subject, or the first that has it in it. */
function exportFor(exporter: BrokerAccount, subject: string): ServiceExport {
  const exports = exporter.serviceExports ?? [];
  return (
    exports.find(({ options }) => options.subject === subject) ??
    exports.find(({ options }) => isSubsetOf(subject, options.subject)) ??
    // Imports without an export do not pass validation.
    new ServiceExport(exporter, { kind: 'service', subject, allowTrace: false })
  );
}

function systemImports(broker: Broker, system: BrokerAccount): SystemImports {
  return new SystemImports(system, broker.passages, (subject) => exportFor(system, subject));
}

function equal(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
