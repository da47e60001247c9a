/**
 * Services of the system account that every account has without asking. The official server makes four imports for each account;
 * here they are made when a message is published there, as there may be very many accounts.
 */
import { fromUtf8 } from '../protocol/bytes.js';
import type { BrokerAccount } from './broker-account.js';
import { exportFor } from './service-exports.js';
import { ServiceImport, ServicePassage, type ServicePassages } from './service-imports.js';

/** One of the services. */
export interface SystemService {
  /** Subject in the importing account. */
  readonly subject: string;
  /** Subject in the system account; the importing account's name comes in the place of `{account}`. */
  readonly target: string;
  /** The responder may know who asks. */
  readonly share: boolean;
}

const services: readonly SystemService[] = [
  { subject: '$SYS.REQ.ACCOUNT.PING.CONNZ', target: '$SYS.REQ.ACCOUNT.{account}.CONNZ', share: false },
  { subject: '$SYS.REQ.SERVER.PING.CONNZ', target: '$SYS.REQ.ACCOUNT.{account}.CONNZ', share: false },
  { subject: '$SYS.REQ.ACCOUNT.PING.STATZ', target: '$SYS.REQ.ACCOUNT.{account}.STATZ', share: false },
  { subject: '$SYS.REQ.USER.INFO', target: '$SYS.REQ.USER.{account}.INFO', share: true },
];

/** What the system account exports for them, unless its configuration has an export for the subject. */
export const systemExports = [
  { subject: '$SYS.REQ.ACCOUNT.*.CONNZ', responseType: 'stream', tokenPosition: 4 },
  { subject: '$SYS.REQ.ACCOUNT.*.STATZ', responseType: 'stream', tokenPosition: 4 },
  { subject: '$SYS.DEBUG.SUBSCRIBERS', responseType: 'singleton' },
  { subject: '$SYS.REQ.USER.*.INFO', responseType: 'singleton' },
] as const;

export class SystemImports {
  readonly system: BrokerAccount;
  readonly #passages: ServicePassages;

  constructor(system: BrokerAccount, passages: ServicePassages) {
    this.system = system;
    this.#passages = passages;
  }

  /** The services that the account has in this way, for those who list them. */
  of(account: BrokerAccount): ServiceImport[] {
    return services.filter((each) => this.#concerns(each, account)).map((each) => this.#make(each, account));
  }

  countFor(account: BrokerAccount): number {
    if (account.serviceImports === null) return account === this.system ? 1 : services.length;
    return this.of(account).length;
  }

  /** What stands for them in lists of subscriptions. */
  passages(account: BrokerAccount): ServicePassage[] {
    const first = (account.serviceImports?.length ?? 0) + 1;
    return this.of(account).map((service, i) => new ServicePassage(service, first + i, this.#passages));
  }

  /** The way of a message to one of the services; null for other subjects. */
  passage(account: BrokerAccount, subject: string): ServicePassage | null {
    const service = services.find((each) => each.subject === subject);
    if (service === undefined || !this.#concerns(service, account)) return null;
    return new ServicePassage(this.#make(service, account), 0, this.#passages);
  }

  /** The system account asks itself for its users; what the configuration imports under the same subject takes precedence. */
  #concerns(service: SystemService, account: BrokerAccount): boolean {
    if (account === this.system && service.subject !== '$SYS.REQ.USER.INFO') return false;
    return !account.serviceImports?.some(
      ({ service: { subject, exporter } }) => subject === service.subject && exporter === this.system,
    );
  }

  #make(service: SystemService, account: BrokerAccount): ServiceImport {
    const target = service.target.replace('{account}', () => fromUtf8(account.name));
    return new ServiceImport(
      {
        kind: 'service',
        account: this.system.name,
        subject: target,
        to: service.subject,
        share: service.share,
        allowTrace: false,
      },
      account,
      this.system,
      exportFor(this.system, target),
    );
  }
}
