/**
 * What happens to connections, as messages in the system account (facts: system services, section 2). An event is made only when
 * somebody listens to it.
 */
import type { BrokerAccount } from '../broker/broker.js';
import type { BrokerListener } from '../broker/broker-events.js';
import { type ClientInfo, clientInfo } from '../broker/client-info.js';
import type { ClientConnection } from '../broker/connection.js';
import { accountStat } from '../monitoring/accounts.js';
import { goJson, localTime, utcTime } from '../protocol/json.js';
import type { Timer } from '../runtime/clock.js';
import { Nuid } from '../runtime/nuid.js';
import type { FailureTold } from '../security/authenticator.js';
import type { Sender } from './sender.js';

const TYPE = 'io.nats.server.advisory.v1.';
/** The figures of an account are sent again when nothing has happened for so long. */
const HEARTBEAT = 30_000;

export class Events implements BrokerListener {
  readonly #sender: Sender;
  readonly #ids = new Nuid();
  /** When the figures of accounts that have connections are due again, the next one first; by the monotonic clock. */
  readonly #due = new Map<BrokerAccount, number>();
  #timer: Timer | null = null;

  constructor(sender: Sender) {
    this.#sender = sender;
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#due.clear();
  }

  admitted(connection: ClientConnection): void {
    if (!this.#sender.heard) return;
    const subject = `$SYS.ACCOUNT.${connection.account.name}.CONNECT`;
    if (!this.#sender.isHeard(subject)) return;
    this.#sender.send(subject, {
      ...this.#head('client_connect'),
      server: this.#sender.serverInfo(),
      client: eventClient(connection),
    });
  }

  closed(connection: ClientConnection): void {
    if (!this.#sender.heard) return;
    const subject = `$SYS.ACCOUNT.${connection.account.name}.DISCONNECT`;
    if (!this.#sender.isHeard(subject)) return;
    this.#sender.send(subject, this.#ended(connection, connection.closedReason!, localTime(connection.stop)));
  }

  authenticationFailed(connection: ClientConnection, reason: string, told?: FailureTold): void {
    const { broker } = connection;
    const subject = `$SYS.SERVER.${broker.identity.id}.CLIENT.AUTH.ERR`;
    const now = utcTime(broker.clock.now());
    if (this.#sender.isHeard(subject)) this.#sender.send(subject, this.#ended(connection, reason, now));
    // The account hears of those who said who they are.
    const accountSubject = '$SYS.ACCOUNT.CLIENT.AUTH.ERR';
    const account = told === undefined ? connection.account : broker.account(told.account);
    if (!connection.connectReceived || !this.#sender.isHeard(accountSubject, account)) return;
    const event = this.#ended(connection, told?.reason ?? reason, now, account);
    broker.internalClient(account).publish(accountSubject, goJson(event, 0));
  }

  membersChanged(account: BrokerAccount): void {
    const { broker } = this.#sender;
    // Officially nothing is told of the global account, either.
    if (account === broker.globalAccount) return;
    this.#tell(account);
    if (this.#timer === null) this.#armForNext();
  }

  lameDuck(): void {
    const { id } = this.#sender.broker.identity;
    this.#announce(`$SYS.SERVER.${id}.LAMEDUCK`);
  }

  shutdown(): void {
    const { id } = this.#sender.broker.identity;
    this.#announce(`$SYS.SERVER.${id}.SHUTDOWN`);
  }

  /** The figures of an account, as its event has them. */
  connections(account: BrokerAccount, head = this.#head('account_connections')): object {
    return { ...head, server: this.#sender.serverInfo(), ...accountStat(account) };
  }

  /** Sends the figures of an account, and notes when they are due again. */
  #tell(account: BrokerAccount): void {
    this.#due.delete(account);
    if (account.connections.size > 0) {
      this.#due.set(account, this.#sender.broker.clock.monotonic() + HEARTBEAT);
    }
    if (!this.#sender.heard) return;
    // Two forms, of which the first is the older one.
    const subjects = [
      `$SYS.SERVER.ACCOUNT.${account.name}.CONNS`,
      `$SYS.ACCOUNT.${account.name}.SERVER.CONNS`,
    ];
    const heard = subjects.filter((subject) => this.#sender.isHeard(subject));
    if (heard.length === 0) return;
    const head = this.#head('account_connections');
    for (const subject of heard) this.#sender.send(subject, this.connections(account, head));
  }

  #armForNext(): void {
    const { clock } = this.#sender.broker;
    for (const due of this.#due.values()) {
      this.#timer = clock.after(Math.max(due - clock.monotonic(), 0), () => this.#beat());
      return;
    }
  }

  #beat(): void {
    this.#timer = null;
    const now = this.#sender.broker.clock.monotonic();
    const due = [...this.#due].filter(([, at]) => at <= now);
    for (const [account] of due) this.#tell(account);
    this.#armForNext();
  }

  #announce(subject: string): void {
    if (this.#sender.isHeard(subject)) this.#sender.send(subject, this.#sender.serverInfo());
  }

  #head(type: string) {
    return { type: TYPE + type, id: this.#ids.next(), timestamp: utcTime(this.#sender.broker.clock.now()) };
  }

  /** A connection that has ended, or is about to. */
  #ended(
    connection: ClientConnection,
    reason: string,
    stop: string,
    account: BrokerAccount = connection.account,
  ): object {
    return {
      ...this.#head('client_disconnect'),
      timestamp: stop,
      server: this.#sender.serverInfo(),
      client: { ...eventClient(connection, stop), acc: account.name },
      sent: { msgs: connection.inMsgs, bytes: connection.inBytes },
      received: { msgs: connection.outMsgs, bytes: connection.outBytes },
      reason,
    };
  }
}

/** The client, as events show it. */
function eventClient(connection: ClientConnection, stop?: string): ClientInfo {
  const info = clientInfo(connection, true);
  const rtt = stop === undefined ? undefined : info.rtt;
  return { ...info, rtt, stop, server: undefined, name_tag: connection.account.name };
}
