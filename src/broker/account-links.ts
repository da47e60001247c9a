/**
 * Puts into the accounts what the options say of exports and imports, at the start and at each reload. What has not changed stays as
 * it is, so that answers on their way arrive; subscriptions of clients get the shadows that the imports now ask for.
 */
import type { ExportOptions, ImportOptions } from '../config/options.js';
import { systemAccountOf } from '../config/validate.js';
import { isSubsetOf } from '../subjects/subject.js';
import type { Broker } from './broker.js';
import type { BrokerAccount } from './broker-account.js';
import { exportFor, ServiceExports } from './service-exports.js';
import { ServiceImport, ServicePassage } from './service-imports.js';
import { StreamImport } from './stream-imports.js';
import { SystemImports, systemExports } from './system-imports.js';

/** The options have been validated. */
export function linkAccounts(broker: Broker): void {
  const declared = new Map(broker.options.accounts.map((each) => [each.name, each]));
  const system =
    systemAccountOf(broker.options) === undefined ? null : broker.account(broker.systemAccountName);
  for (const account of broker.accounts.values()) {
    linkExports(account, declared.get(account.name)?.exports ?? [], account === system);
  }
  for (const account of broker.accounts.values()) {
    const imports = declared.get(account.name)?.imports ?? [];
    linkStreams(broker, account, imports);
    linkServices(broker, account, imports);
  }
  const imports = system === null ? null : new SystemImports(system, broker.passages);
  for (const account of broker.accounts.values()) account.systemImports = imports;
}

function linkExports(account: BrokerAccount, options: readonly ExportOptions[], isSystem: boolean): void {
  const streams = options.filter(({ kind }) => kind === 'stream');
  account.streamExports = streams.length === 0 ? null : streams;
  const services = options.filter(({ kind }) => kind === 'service');
  if (isSystem) services.push(...missingSystemExports(services));
  account.serviceExports =
    services.length === 0 ? null : ServiceExports.of(account, services, account.serviceExports);
}

/** Exports of the configuration take precedence. */
function missingSystemExports(configured: readonly ExportOptions[]): ExportOptions[] {
  return systemExports
    .filter(({ subject }) => !configured.some((each) => isSubsetOf(subject, each.subject)))
    .map((each) => ({ kind: 'service', allowTrace: false, ...each }));
}

function linkStreams(broker: Broker, account: BrokerAccount, options: readonly ImportOptions[]): void {
  const wanted = options.filter(({ kind }) => kind === 'stream');
  const before = account.streamImports ?? [];
  const same = (known: StreamImport, each: ImportOptions) =>
    equal(known.options, each) && known.exporter === broker.accounts.get(each.account);
  if (before.length === wanted.length && before.every((known, i) => same(known, wanted[i]!))) return;
  const imports = wanted.map((each) => new StreamImport(each, broker.account(each.account)));
  account.streamImports = imports.length === 0 ? null : imports;
  for (const connection of account.connections) connection.renewShadows();
  for (const insider of account.insiders ?? []) insider.renewShadows();
}

function linkServices(broker: Broker, account: BrokerAccount, options: readonly ImportOptions[]): void {
  const wanted = options.filter(({ kind }) => kind === 'service');
  const before = new Map((account.serviceImports ?? []).map((each) => [placeOf(each.service), each]));
  const passages = wanted.map((each, i) => {
    const exporter = broker.account(each.account);
    const service = new ServiceImport(each, account, exporter, exportFor(exporter, each.subject));
    const known = before.get(placeOf(service));
    if (known !== undefined && sameService(known.service, service)) {
      before.delete(placeOf(service));
      return known;
    }
    const passage = new ServicePassage(service, i + 1, broker.passages);
    account.subscribe(passage);
    return passage;
  });
  for (const passage of before.values()) {
    passage.closed = true;
    account.unsubscribe(passage);
  }
  account.serviceImports = passages.length === 0 ? null : passages;
}

/** An account imports once from each other under a subject. */
function placeOf({ exporter, subject }: ServiceImport): string {
  return `${exporter.name}\n${subject}`;
}

function sameService(a: ServiceImport, b: ServiceImport): boolean {
  return a.exporter === b.exporter && a.export === b.export && equal(a.options, b.options);
}

function equal(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
