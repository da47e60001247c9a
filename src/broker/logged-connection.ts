/** How a connection appears in the log: its name in front of every line, and its traces. */
import { readText, toUtf8 } from '../protocol/bytes.js';
import type { PublishOperation } from '../protocol/client-parser.js';
import type { ConnectOptions } from '../protocol/connect.js';
import { hostPort } from '../runtime/address.js';
import type { UserIdentity } from '../security/authenticator.js';
import type { Broker, BrokerAccount } from './broker.js';
import { describePayload } from './trace.js';
import type { Transport } from './transport.js';

export abstract class LoggedConnection {
  abstract readonly cid: number;
  abstract readonly broker: Broker;
  abstract readonly transport: Transport;
  abstract options: ConnectOptions;
  abstract identity: UserIdentity | null;
  abstract account: BrokerAccount;
  #logSuffix = '';

  /** `address:port - cid:N`, and behind it what the client said of itself. */
  get label(): string {
    const { remoteAddress, remotePort } = this.transport;
    if (remoteAddress === '') return `pipe - cid:${this.cid}${this.#logSuffix}`;
    return `${hostPort(remoteAddress, remotePort)} - cid:${this.cid}${this.#logSuffix}`;
  }

  /** From now on the log shows what CONNECT said. */
  protected introduce(): void {
    const { version, lang, name } = this.options;
    const parts = [version === '' ? '' : `v${version}`, lang, name].filter((part) => part !== '');
    const client = parts.length === 0 ? '' : ` - ${JSON.stringify(parts.join(':'))}`;
    const user = this.identity?.logLabel ?? '';
    this.#logSuffix = user === '' ? client : `${client} - ${JSON.stringify(`${this.account.name}/${user}`)}`;
  }

  traceLine(verb: string, text: string): void {
    this.logTrace(`<<- [${verb} ${toUtf8(text)}]`);
  }

  tracePublish(operation: PublishOperation): void {
    const { memory, subjectStart, payloadStart, headerSize, asSent } = operation;
    if (asSent !== null) {
      this.logTrace(`<<- [${toUtf8(asSent)}]`);
      return;
    }
    this.traceLine(headerSize > 0 ? 'HPUB' : 'PUB', readText(memory.bytes, subjectStart, payloadStart - 2));
  }

  tracePayload(operation: PublishOperation): void {
    const payload = describePayload(operation, this.broker.options, false);
    if (payload !== null) this.logTrace(`<<- ${payload}`);
  }

  traceDelivery(head: string, operation: PublishOperation, withoutHeader: boolean): void {
    const { memory, tailStart, payloadStart } = operation;
    this.logTrace(`->> [${toUtf8(head + readText(memory.bytes, tailStart, payloadStart - 2))}]`);
    const payload = describePayload(operation, this.broker.options, withoutHeader);
    if (payload !== null) this.logTrace(`->> ${payload}`);
  }

  logError(text: string): void {
    this.broker.log.error(`${this.label} - ${toUtf8(text)}`);
  }

  logWarn(text: string): void {
    this.broker.log.warn(`${this.label} - ${text}`);
  }

  logNotice(text: string): void {
    this.broker.log.notice(`${this.label} - ${toUtf8(text)}`);
  }

  logDebug(text: string): void {
    if (this.broker.log.debugEnabled) this.broker.log.debug(`${this.label} - ${text}`);
  }

  logTrace(text: string): void {
    this.broker.log.trace(`${this.label} - ${text}`);
  }
}
