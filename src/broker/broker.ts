/**
 * What connections share: accounts, the way of a message, timers, counters. The broker knows no sockets; listeners hand it
 * transports.
 */
import { totalmem } from 'node:os';
import { GLOBAL_ACCOUNT, SYSTEM_ACCOUNT } from '../accounts/account.js';
import { AccountMappings } from '../accounts/mappings.js';
import { noAccountLimits, type ServerOptions } from '../config/options.js';
import { systemAccountOf } from '../config/validate.js';
import { ClientParser } from '../protocol/client-parser.js';
import { clientErrors } from '../protocol/errors.js';
import { type CommonInfo, type ConnectionInfo, InfoTemplate, versionFields } from '../protocol/info.js';
import { Arena, type ArenaOptions, CHUNK_SIZE } from '../runtime/arena.js';
import type { Clock } from '../runtime/clock.js';
import type { Log } from '../runtime/log.js';
import type { Random } from '../runtime/random.js';
import { TimerWheel } from '../runtime/timer-wheel.js';
import type { Authenticator } from '../security/authenticator.js';
import { createNonce, type ServerIdentity } from '../security/nkeys.js';
import { linkAccounts } from './account-links.js';
import { BrokerAccount } from './broker-account.js';
import { BrokerEvents } from './broker-events.js';
import { ClosedConnections } from './closed-connections.js';
import { ClientConnection, type ConnectionOrigin } from './connection.js';
import { FlushQueue } from './flush-queue.js';
import { InternalClient } from './internal-client.js';
import type { MessageTrace } from './message-trace.js';
import { Publisher } from './publisher.js';
import { ServicePassages } from './service-imports.js';
import type { Transport } from './transport.js';

export type { BrokerAccount } from './broker-account.js';

/** Connection ids below this belong to the server itself, as in the official one. */
const FIRST_CID = 5;
const DEFAULT_AUTH_TIMEOUT = 2000;
/** A quarter of the machine's memory, but not more than this, may be taken by bytes on their way to clients. */
const MAX_OUTBOUND_LIMIT = 1024 * 1024 * 1024;

export interface BrokerParts {
  options: ServerOptions;
  identity: ServerIdentity;
  authenticator: Authenticator;
  clock: Clock;
  random: Random;
  log: Log;
  /** See `ArenaOptions.kernel`. */
  copyKernel: boolean;
  /** For programs that start many brokers: less memory than the only one of a process takes. */
  arena?: Omit<ArenaOptions, 'kernel'>;
}

export class Broker {
  options: ServerOptions;
  authenticator: Authenticator;
  readonly identity: ServerIdentity;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly arena: Arena;
  readonly parser = new ClientParser();
  readonly flushes = new FlushQueue();
  readonly publisher: Publisher;
  readonly passages: ServicePassages;
  readonly wheel: TimerWheel;
  readonly accounts = new Map<string, BrokerAccount>();
  readonly globalAccount: BrokerAccount;
  readonly connections = new Map<number, ClientConnection>();
  readonly closedConnections: ClosedConnections;
  readonly events = new BrokerEvents();
  /** Takes the traces of messages whose clients asked for them; null where nobody sends them. */
  traceSink: ((trace: MessageTrace) => void) | null = null;
  /** Host and port of the client listener as INFO shows them. What INFO shows is replaced, never changed in place. */
  address = { host: '', port: 0 };
  /** `host:port` where clients may connect; empty unless there are several servers. */
  connectUrls: string[] = [];
  #lameDuck = false;
  slowConsumers = 0;
  staleConnections = 0;
  stalledClients = 0;
  /** Bytes that may wait for all clients together before every producer for a client that is behind has to wait. */
  outboundLimit = defaultOutboundLimit();
  /** Times that a producer's wait was prolonged because `outboundLimit` was reached. */
  shortageStalls = 0;
  totalConnections = 0;
  /** Messages and bytes of closed connections. */
  readonly closedTraffic = { inMsgs: 0, inBytes: 0, outMsgs: 0, outBytes: 0 };
  #nextCid = FIRST_CID;
  #closing = false;
  #shown: unknown[] = [];
  #templates: InfoTemplate[] = [];

  constructor(parts: BrokerParts) {
    this.options = parts.options;
    this.identity = parts.identity;
    this.authenticator = parts.authenticator;
    this.clock = parts.clock;
    this.random = parts.random;
    this.log = parts.log;
    this.arena = new Arena({ ...parts.arena, kernel: parts.copyKernel });
    this.wheel = new TimerWheel(parts.clock);
    this.publisher = new Publisher(this.arena, this.flushes, parts.random, parts.log);
    this.passages = new ServicePassages(this);
    this.closedConnections = new ClosedConnections(parts.options.maxClosedClients);
    this.globalAccount = this.account(GLOBAL_ACCOUNT);
    if (systemAccountOf(parts.options) !== undefined) this.account(this.systemAccountName);
    this.applyAccounts();
  }

  /** New clients are turned away, those that are there asked to leave. */
  get lameDuck(): boolean {
    return this.#lameDuck;
  }

  set lameDuck(value: boolean) {
    const begins = value && !this.#lameDuck;
    this.#lameDuck = value;
    if (begins) this.events.lameDuck();
  }

  get systemAccountName(): string {
    return this.options.systemAccount ?? SYSTEM_ACCOUNT;
  }

  get serverName(): string {
    return this.options.serverName ?? this.identity.id;
  }

  /** Milliseconds a client has for its CONNECT. */
  get authTimeout(): number {
    const { authorization, tls } = this.options;
    return authorization.timeout ?? (tls === undefined ? DEFAULT_AUTH_TIMEOUT : tls.timeout + 1000);
  }

  /** The account of that name, made when it is not there. */
  account(name: string): BrokerAccount {
    let account = this.accounts.get(name);
    if (account === undefined) {
      account = new BrokerAccount(
        this.arena,
        name,
        name === this.systemAccountName,
        this.options.disableSublistCache ? 1 : undefined,
      );
      this.accounts.set(name, account);
    }
    return account;
  }

  /** Makes the accounts that the options declare, with their limits, mappings, exports and imports. */
  applyAccounts(): void {
    const declared = new Map(this.options.accounts.map((each) => [each.name, each]));
    for (const name of declared.keys()) this.account(name);
    for (const account of this.accounts.values()) {
      const { limits, mappings, trace } = declared.get(account.name) ?? {};
      account.limits = limits ?? noAccountLimits;
      account.trace = trace ?? null;
      account.mappings = mappings === undefined ? null : new AccountMappings(mappings);
    }
    linkAccounts(this);
  }

  /** Loads what the options need that most do not; to be done before they count. */
  async prepare(options: ServerOptions): Promise<void> {
    const measured = options.accounts.some(({ exports }) =>
      exports?.some(({ latency }) => latency !== undefined),
    );
    if (!measured || this.passages.latency !== null) return;
    const { ServiceLatency } = await import('./service-latency.js');
    this.passages.latency = new ServiceLatency(this);
  }

  /** Forgets an account that the options no longer have. */
  removeAccount(account: BrokerAccount): void {
    this.accounts.delete(account.name);
    this.passages.forget(account);
  }

  /** A door for a room inside the server. */
  internalClient(account: BrokerAccount = this.globalAccount, asClient = false): InternalClient {
    return new InternalClient(this, account, asClient);
  }

  /** The bytes on their way to clients have reached their limit. */
  get outboundShort(): boolean {
    return this.arena.chunksInUse * CHUNK_SIZE > this.outboundLimit;
  }

  /** Whether protocol traces are written for connections of the account. */
  traces(account: BrokerAccount): boolean {
    return this.options.trace && this.log.traceEnabled && (!account.isSystem || this.options.traceVerbose);
  }

  // --- Connections --------------------------------------------------------------------------------------------------

  /** A number for a connection that is being set up. */
  nextCid(): number {
    return this.#nextCid++;
  }

  /**
   * Takes a transport in: sends INFO, counts it, or turns it away. Null when there is no room for it. The caller
   * says `begin` when the first byte of the protocol may come. */
  accept(transport: Transport, origin: ConnectionOrigin, cid = this.nextCid()): ClientConnection | null {
    const connection = new ClientConnection(this, cid, transport, origin);
    this.totalConnections++;
    if (this.authenticator.nonceRequired) connection.nonce = createNonce();
    if (origin.sendInfo) connection.sendFirstInfo();
    connection.logDebug('Client connection created');
    if (this.#closing || this.lameDuck) {
      connection.close('Server Shutdown');
      return null;
    }
    const { maxConnections } = this.options;
    if (maxConnections < 0 || (maxConnections > 0 && this.connections.size >= maxConnections)) {
      connection.logError(clientErrors.connectionsExceeded);
      connection.closeWith(clientErrors.connectionsExceeded, 'Maximum Connections Exceeded');
      return null;
    }
    this.connections.set(cid, connection);
    this.globalAccount.connections.add(connection);
    this.events.connected(connection);
    return connection;
  }

  /** Binds a connection to an account; false when that has all the connections it may have. */
  moveToAccount(connection: ClientConnection, name: string): boolean {
    const account = this.account(name);
    const left = connection.account;
    const wasMember = left.connections.delete(connection);
    const stays = wasMember && left === account;
    if (wasMember && !stays) this.events.membersChanged(left);
    connection.account = account;
    const { maxConnections } = account.limits;
    if (maxConnections !== -1 && account.connections.size >= maxConnections) return false;
    account.connections.add(connection);
    account.totalConnections++;
    if (!stays) this.events.membersChanged(account);
    return true;
  }

  /** Called by a connection that ends: its subscriptions and counters. */
  removeConnection(connection: ClientConnection, pendingBytes: number): void {
    const { account } = connection;
    this.closedConnections.add(connection, connection.closedReason!, pendingBytes);
    connection.dropSubscriptions();
    const member = account.connections.delete(connection);
    for (const traffic of [account.closedTraffic, this.closedTraffic]) {
      traffic.inMsgs += connection.inMsgs;
      traffic.inBytes += connection.inBytes;
      traffic.outMsgs += connection.outMsgs;
      traffic.outBytes += connection.outBytes;
    }
    if (member) this.events.membersChanged(account);
    if (this.connections.delete(connection.cid)) this.events.disconnected(connection);
    this.events.closed(connection);
  }

  /** Messages and bytes of all connections, open and closed. */
  traffic(): { inMsgs: number; inBytes: number; outMsgs: number; outBytes: number } {
    const sum = { ...this.closedTraffic };
    for (const each of this.connections.values()) {
      sum.inMsgs += each.inMsgs;
      sum.inBytes += each.inBytes;
      sum.outMsgs += each.outMsgs;
      sum.outBytes += each.outBytes;
    }
    return sum;
  }

  // --- INFO ---------------------------------------------------------------------------------------------------------

  /** The INFO that a connection begins with. */
  firstInfo(connection: ClientConnection): string {
    const { authRequired, infoAuthRequired } = this.authenticator;
    return this.#template(connection).line({
      max_payload: connection.maxPayload,
      client_id: connection.cid,
      client_ip: this.options.proxyProtocol ? undefined : connection.transport.remoteAddress,
      // Clients that get in without credentials are not asked for them.
      auth_required: authRequired && infoAuthRequired,
      nonce: connection.nonce,
    });
  }

  /** A later INFO for one connection; `extra` is what only this one says. */
  infoFor(connection: ClientConnection, extra: Partial<ConnectionInfo> = {}): string {
    return this.#template(connection).line({
      max_payload: connection.maxPayload,
      client_id: connection.cid,
      client_ip: connection.transport.remoteAddress,
      auth_required: this.authenticator.authRequired,
      ...extra,
    });
  }

  /** The template for a connection's kind, made again when something that it shows was replaced. */
  #template({ type }: ClientConnection): InfoTemplate {
    const { options, address, connectUrls } = this;
    const kind = type === 'IN_PROCESS' ? 1 : 0;
    const shown = [options, address, connectUrls];
    if (!shown.every((value, i) => value === this.#shown[i])) {
      this.#shown = shown;
      this.#templates = [];
    }
    this.#templates[kind] ??= new InfoTemplate(this.#commonInfo(kind === 1));
    return this.#templates[kind];
  }

  #commonInfo(inProcess: boolean): CommonInfo {
    const { options } = this;
    const { tls } = options;
    const required = tls !== undefined && !options.allowNonTls && !inProcess;
    return {
      ...versionFields,
      server_id: this.identity.id,
      server_name: this.serverName,
      host: this.address.host,
      port: this.address.port,
      headers: !options.noHeaderSupport,
      tls_required: required,
      tls_verify: tls !== undefined && (tls.verify || tls.verifyAndMap),
      tls_available: tls !== undefined && !required,
      jetstream: options.jetstream.enabled,
      domain: options.jetstream.domain,
      connect_urls: this.connectUrls,
      xkey: this.identity.xkey,
    };
  }

  /** Ends all connections and gives everything back. */
  close(): void {
    this.#closing = true;
    for (const connection of [...this.connections.values()]) connection.close('Server Shutdown');
    this.flushes.close();
    this.wheel.close();
  }
}

function defaultOutboundLimit(): number {
  // 0 where there is no constraint, and a huge number where there is one in name only.
  const constrained = process.constrainedMemory?.() ?? 0;
  const memory = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  return Math.min(memory / 4, MAX_OUTBOUND_LIMIT);
}
