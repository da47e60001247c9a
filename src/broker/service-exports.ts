/** Services that an account lets others have. */
import type { ExportOptions, LatencyOptions, ServiceResponseType } from '../config/options.js';
import { hasWildcard, isSubsetOf } from '../subjects/subject.js';
import type { BrokerAccount } from './broker-account.js';
import type { PendingResponses } from './responses.js';

/** Milliseconds that a responder has. */
const DEFAULT_THRESHOLD = 120_000;

export class ServiceExport {
  readonly account: BrokerAccount;
  readonly options: ExportOptions;
  readonly responseType: ServiceResponseType;
  /** Milliseconds. */
  readonly threshold: number;
  readonly latency: LatencyOptions | null;
  /** Null until the first request from another account. */
  pending: PendingResponses | null = null;

  constructor(account: BrokerAccount, options: ExportOptions) {
    this.account = account;
    this.options = options;
    this.responseType = options.responseType ?? 'singleton';
    this.threshold = options.responseThreshold ?? DEFAULT_THRESHOLD;
    this.latency = options.latency ?? null;
  }
}

/** Those of one account. */
export class ServiceExports {
  readonly #bySubject = new Map<string, ServiceExport>();
  readonly #wildcards: ServiceExport[] = [];

  /** What is in `before` and has not changed stays the same object. */
  static of(
    account: BrokerAccount,
    options: readonly ExportOptions[],
    before: ServiceExports | null,
  ): ServiceExports {
    const exports = new ServiceExports();
    for (const each of options) {
      const known = before === null ? undefined : before.#bySubject.get(each.subject);
      const same = known !== undefined && JSON.stringify(known.options) === JSON.stringify(each);
      exports.#add(same ? known : new ServiceExport(account, each));
    }
    return exports;
  }

  #add(source: ServiceExport): void {
    const { subject } = source.options;
    this.#bySubject.set(subject, source);
    if (hasWildcard(subject)) this.#wildcards.push(source);
  }

  [Symbol.iterator](): IterableIterator<ServiceExport> {
    return this.#bySubject.values();
  }

  /** The export that an import of the subject is of: the one for this very subject, or the first that has it in it. */
  find(subject: string): ServiceExport | undefined {
    return (
      this.#bySubject.get(subject) ??
      this.#wildcards.find(({ options }) => isSubsetOf(subject, options.subject))
    );
  }
}

/** What an import rests on. */
export function exportFor(exporter: BrokerAccount, subject: string): ServiceExport {
  // Imports without an export do not pass validation.
  return (
    exporter.serviceExports?.find(subject) ??
    new ServiceExport(exporter, { kind: 'service', subject, allowTrace: false })
  );
}
