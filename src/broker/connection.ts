/**
 * One client connection: what the client said of itself, its subscriptions, its counters, and what each operation does. The
 * bytes themselves are the business of `Inbound` and `Outbound`.
 */
import type { ConnectionType } from '../config/options.js';
import { fromUtf8, toUtf8 } from '../protocol/bytes.js';
import type { ClientOperations, PublishOperation } from '../protocol/client-parser.js';
import { type ConnectOptions, checkInfo, defaultConnect, readConnect } from '../protocol/connect.js';
import { type ClosedReason, clientErrors, quote } from '../protocol/errors.js';
import type {
  AuthRequest,
  AuthResult,
  FailureTold,
  TlsFacts,
  UserIdentity,
} from '../security/authenticator.js';
import type { PeerCertificate } from '../security/peer-certificate.js';
import type { Permissions } from '../security/permissions.js';
import { ResponseTracker } from '../security/response-tracker.js';
import type { Broker } from './broker.js';
import type { BrokerAccount } from './broker-account.js';
import { Congestion } from './congestion.js';
import { Expiry } from './expiry.js';
import { Inbound } from './inbound.js';
import { Liveness } from './liveness.js';
import { LoggedConnection } from './logged-connection.js';
import { traceTooLarge } from './message-trace.js';
import { Outbound } from './outbound.js';
import type { KnownRequestInfo } from './request-info.js';
import { Shadows } from './stream-imports.js';
import { Subscription, sidKey } from './subscription.js';
import { redactConnect } from './trace.js';
import type { Transport } from './transport.js';

/**
 * Bytes of the official server's first read of a connection. Who sends a message that is too large, and more than these, sees a reset
 * behind the error, as that server closes the socket while there is something to be read.
 */
const FIRST_READ = 512;
/**
 * How long a producer waits for a slow receiver: a little, more when the receiver is full, and not more than so much for each
 * piece of input (the official server reads at most 64 KiB at a time).
 */
const STALL_SHORT = 2;
const STALL_LONG = 5;
const STALL_PER_PIECE = 10;
const STALL_PIECE = 65_536;

/** What TLS says of a connection. */
export interface TlsSession extends TlsFacts {
  peer: PeerCertificate | null;
  handshakeFirst: boolean;
}

/** Where a connection comes from. */
export interface ConnectionOrigin {
  type: ConnectionType;
  /** False where INFO has to wait for TLS. */
  sendInfo: boolean;
}

export class ClientConnection extends LoggedConnection implements ClientOperations {
  readonly cid: number;
  readonly broker: Broker;
  readonly transport: Transport;
  readonly out: Outbound;
  readonly in: Inbound;
  readonly type: ConnectionType;
  readonly subs = new Map<string | number, Subscription>();
  /** What stands for them in other accounts; null where nothing does. */
  #shadows: Shadows | null = null;
  /** What services of other accounts were told of it; null before the first request. */
  requestInfo: KnownRequestInfo | null = null;
  account: BrokerAccount;
  options: ConnectOptions = defaultConnect();
  identity: UserIdentity | null = null;
  permissions: Permissions | null = null;
  responses: ResponseTracker | null = null;
  tls: TlsSession | null = null;
  nonce = '';

  // What the hot path looks at.
  verbose = true;
  pedantic = true;
  echo = true;
  headers = false;
  noResponders = false;
  traced = false;
  /** In the flush queue. */
  dirty = false;
  closed = false;
  suspended = false;
  /** Delivery here needs a closer look: tracked replies, traces, a stall, or it is closed. */
  special = false;
  /** More than three quarters of the allowed bytes wait. */
  stalled = false;
  expectConnect = false;
  maxControlLine = 0;
  maxPayload = -1;
  maxSubscriptions = -1;
  inMsgs = 0;
  inBytes = 0;
  outMsgs = 0;
  outBytes = 0;

  connectReceived = false;
  firstPongSent = false;
  /** Producers that had to wait for this connection. */
  stalls = 0;
  closedReason: ClosedReason | null = null;
  /** Milliseconds since 1970. */
  readonly start: number;
  stop = 0;
  readonly liveness: Liveness;
  readonly congestion: Congestion;
  #operations = 0;
  /** Since the last piece of input a PING came. */
  #pinged = false;
  /** Of the last activity, by the monotonic clock: the only one that is read for every piece of input. */
  #activeAt: number;
  #flushedMsgs = 0;
  /** Milliseconds that this read may still make the connection wait for slow receivers. */
  #stallBudget = 0;
  #authPending = false;
  /** Made where credentials expire. */
  #expiry: Expiry | null = null;
  /** Its end is a reset. */
  #brokenOff = false;
  /** A CONNECT came, rather than that the client goes on without. */
  #saidConnect = false;

  constructor(broker: Broker, cid: number, transport: Transport, origin: ConnectionOrigin) {
    super();
    this.broker = broker;
    this.cid = cid;
    this.transport = transport;
    this.type = origin.type;
    this.account = broker.globalAccount;
    this.applyLimits();
    this.start = broker.clock.now();
    this.#activeAt = broker.clock.monotonic();
    this.traced = broker.traces(this.account);
    this.special = this.traced;
    this.congestion = new Congestion(this);
    this.out = new Outbound(broker.arena, transport, broker.options.maxPending, this.congestion);
    this.in = new Inbound(broker.arena, broker.parser, this);
    this.liveness = new Liveness(this);
  }

  /** Milliseconds since 1970. */
  get lastActivity(): number {
    const { clock } = this.broker;
    return clock.now() - (clock.monotonic() - this.#activeAt);
  }

  // --- Life ---------------------------------------------------------------------------------------------------------

  /** The connection begins: timers run, a CONNECT is due where credentials are. */
  begin(): void {
    if (this.closed) return;
    this.expectConnect = this.broker.authenticator.authRequired;
    this.liveness.begin();
  }

  /** Handles bytes at the beginning of the arena's read area. A closed connection that still has output to send ignores them. */
  onRead(length: number): void {
    if (this.closed) return;
    const before = this.inMsgs + this.#operations;
    this.#stallBudget = stallBudget(length);
    this.in.received(length);
    this.#noteInput(before);
    this.broker.flushes.afterRead();
  }

  /**
   * Handles bytes from anywhere else. TLS hands over one record after the other, so what they cause is sent once all that came
   * together have been handled, at the end of the turn.
   */
  onData(data: Uint8Array): void {
    if (this.closed) return;
    const before = this.inMsgs + this.#operations;
    this.#stallBudget = stallBudget(data.length);
    this.in.receivedElsewhere(data);
    this.#noteInput(before);
  }

  /** Messages and subscriptions count as activity; a PING is a sign of life only. */
  #noteInput(before: number): void {
    const active = this.inMsgs + this.#operations !== before;
    if (!active && !this.#pinged) return;
    this.#pinged = false;
    const now = this.broker.clock.monotonic();
    if (active) this.#activeAt = now;
    this.liveness.onInput(now);
  }

  /** What waited is sent; messages among it count as activity. */
  flush(): void {
    if (this.outMsgs !== this.#flushedMsgs) {
      this.#flushedMsgs = this.outMsgs;
      this.#activeAt = this.broker.clock.monotonic();
    }
    this.out.flush();
  }

  /** Says a last word, sends what waits, and ends. */
  closeWith(error: string, reason: ClosedReason): void {
    this.sendError(error);
    this.close(reason);
  }

  close(reason: ClosedReason): void {
    if (this.closed) return;
    this.closed = true;
    this.special = true;
    this.closedReason = reason;
    this.stop = this.broker.clock.now();
    this.liveness.cancel();
    this.#expiry?.cancel();
    this.congestion.cancel();
    this.in.close();
    // There is no use in sending more where it would not arrive.
    const hopeless =
      reason.startsWith('Slow Consumer') || reason === 'Write Error' || reason === 'Read Error';
    const bytesLeft = this.#endOutput(hopeless);
    this.broker.removeConnection(this, bytesLeft);
    this.logDebug(`Client connection closed: ${reason}`);
  }

  /** Returns how many bytes had not left when the connection was closed. */
  #endOutput(hopeless: boolean): number {
    if (hopeless) {
      const left = this.out.pending;
      this.out.discard();
      this.transport.destroy();
      return left;
    }
    this.out.finish();
    const left = this.out.pending;
    // A server that goes away does not wait for its clients.
    if (this.closedReason === 'Server Shutdown') this.transport.end('now');
    else this.transport.end(this.#brokenOff ? 'reset' : 'linger');
    // What is left has as long as any other write; after that the socket is taken away from a client that does not read.
    if (left > 0) this.congestion.watchWrite();
    return left;
  }

  /** The other side has ended the connection. */
  onTransportEnd(): void {
    this.close('Client Closed');
  }

  /** The transport is gone. */
  onTransportClosed(): void {
    this.close('Client Closed');
    this.congestion.cancel();
  }

  onTransportError(error: NodeJS.ErrnoException): void {
    this.close(
      error.code === 'EPIPE' ? 'Write Error' : error.code === 'ECONNRESET' ? 'Client Closed' : 'Read Error',
    );
  }

  // --- Sending ------------------------------------------------------------------------------------------------------

  /** Queues latin1 text. */
  send(text: string): void {
    if (this.closed) return;
    this.out.text(text);
    if (!this.dirty) this.broker.flushes.add(this);
  }

  sendOk(): void {
    if (this.traced) this.logTrace('->> [OK]');
    this.send('+OK\r\n');
  }

  /** `error` is latin1. */
  sendError(error: string): void {
    if (this.traced) this.logTrace(`->> [-ERR ${toUtf8(error)}]`);
    this.send(`-ERR '${error}'\r\n`);
  }

  /** Says that the client may not publish on a subject. */
  refusePublish(subject: string): void {
    this.sendError(`Permissions Violation for Publish to ${quote(subject)}`);
    this.logError(`Publish Violation - Subject ${quote(subject)}`);
  }

  sendPing(): void {
    if (this.traced) this.logTrace('->> [PING]');
    this.send('PING\r\n');
  }

  /** Sends the INFO that every connection begins with. */
  sendFirstInfo(): void {
    this.send(this.broker.firstInfo(this));
    this.out.flush();
  }

  /** Sends INFO again, to clients that can take it at any time. */
  sendInfo(extra: { ldm?: boolean } = {}): void {
    if (this.options.protocol >= 1 && this.firstPongSent) this.send(this.broker.infoFor(this, extra));
  }

  // --- Operations ---------------------------------------------------------------------------------------------------

  onUnauthenticated(): boolean {
    if (!this.broker.authenticator.anonymous(this.type)) {
      this.authorizationViolation('Authentication Failure');
      return false;
    }
    this.connectReceived = true;
    this.#authenticate();
    return !this.closed && !this.suspended;
  }

  onConnect(json: string): void {
    if (this.traced) this.logTrace(`<<- [CONNECT ${toUtf8(redactConnect(json))}]`);
    let options: ConnectOptions;
    try {
      options = readConnect(json, this.options);
    } catch (error) {
      this.onViolation(error instanceof Error ? error.message : String(error));
      return;
    }
    const first = !this.connectReceived;
    this.connectReceived = true;
    this.#saidConnect = true;
    this.options = options;
    // Without an operator a user JWT says nothing.
    options.jwt = '';
    this.echo = options.echo;
    this.verbose = options.verbose;
    this.pedantic = options.pedantic;
    this.headers = options.headers && !this.broker.options.noHeaderSupport;
    this.noResponders = options.no_responders;
    this.#activeAt = this.broker.clock.monotonic();
    this.liveness.connected(true);
    if (!first) this.dropSubscriptions();
    this.#authenticate();
  }

  onInfo(json: string): void {
    try {
      checkInfo(json);
    } catch (error) {
      this.onViolation(error instanceof Error ? error.message : String(error));
    }
  }

  onPublish(operation: PublishOperation): void {
    this.broker.publisher.publish(this, operation);
  }

  onInvalidPublishSubject(): void {
    this.sendError(clientErrors.invalidPublishSubject);
  }

  onSubscribe(subject: string, queue: string | null, sid: string): void {
    this.#operations++;
    const key = sidKey(sid);
    if (this.#subscriptionRefused(subject, queue, sid)) return;
    if (!this.subs.has(key)) {
      const sub = new Subscription(subject, queue, key, this, null);
      if (!this.account.subscribe(sub)) {
        this.sendError(clientErrors.invalidSubject);
        return;
      }
      sub.filter = this.permissions?.deliveryFilter(subject, queue ?? '') ?? null;
      sub.special = sub.filter !== null;
      this.subs.set(key, sub);
      if (this.account.streamImports !== null) this.#addShadows(sub);
    }
    if (this.verbose) this.sendOk();
  }

  onUnsubscribe(sid: string, max: number): void {
    this.#operations++;
    const sub = this.subs.get(sidKey(sid));
    if (this.verbose) this.sendOk();
    if (sub === undefined) return;
    if (max > 0 && max > this.deliveredTo(sub)) {
      sub.max = max;
      sub.special = true;
    } else {
      this.removeSubscription(sub);
    }
  }

  onPing(): void {
    if (this.traced) this.logTrace('<<- [PING]');
    this.#pinged = true;
    if (this.traced) this.logTrace('->> [PONG]');
    this.send('PONG\r\n');
    if (!this.connectReceived || this.firstPongSent) return;
    this.firstPongSent = true;
    if (this.options.protocol < 1) return;
    const { name, isSystem } = this.account;
    this.send(this.broker.infoFor(this, { connect_info: true, remote_account: name, acc_is_sys: isSystem }));
  }

  onPong(): void {
    if (this.traced) this.logTrace('<<- [PONG]');
    this.liveness.onPong();
  }

  onError(text: string): void {
    this.logError(`Client Error ${toUtf8(text)}`);
    this.close('Parse Error');
  }

  onParseError(text: string): void {
    this.sendError(clientErrors.unknownOperation);
    this.logError(`Client ${text}`);
    this.close('Protocol Violation');
  }

  onViolation(text: string): void {
    this.logError(text);
    this.close('Protocol Violation');
  }

  onControlLineExceeded(length: number): void {
    this.logError(`${clientErrors.controlLineExceeded}: ${length} vs ${this.maxControlLine}`);
    this.closeWith(clientErrors.controlLineExceeded, 'Maximum Control Line Exceeded');
  }

  onPayloadExceeded(operation: PublishOperation, end: number): void {
    const { size, subjectStart } = operation;
    traceTooLarge(this, operation, end);
    this.logError(`maximum payload exceeded: ${size} vs ${this.maxPayload}`);
    this.#brokenOff = end - subjectStart > FIRST_READ || size > FIRST_READ;
    this.closeWith(clientErrors.payloadExceeded, 'Maximum Message Payload Exceeded');
  }

  // --- Subscriptions ------------------------------------------------------------------------------------------------

  removeSubscription(sub: Subscription): void {
    if (sub.closed) return;
    sub.closed = true;
    this.subs.delete(sub.sid);
    this.#shadows?.remove(sub);
    this.account.unsubscribe(sub);
    if (this.traced) this.logTrace(`<-> [DELSUB ${toUtf8(String(sub.sid))}]`);
  }

  /** Takes away what the user may no longer subscribe to, and says so. */
  applyPermissions(permissions: Permissions | null): void {
    this.setPermissions(permissions);
    for (const sub of [...this.subs.values()]) {
      if (permissions === null || permissions.maySubscribe(sub.subject, sub.queue ?? '')) {
        sub.filter = permissions?.deliveryFilter(sub.subject, sub.queue ?? '') ?? null;
        sub.special = sub.max > 0 || sub.filter !== null;
        continue;
      }
      this.removeSubscription(sub);
      const queue = sub.queue === null ? '' : ` using queue ${quote(sub.queue)}`;
      const sid = quote(String(sub.sid));
      this.sendError(`Permissions Violation for Subscription to ${quote(sub.subject)}${queue} (sid ${sid})`);
      const group = sub.queue === null ? '' : ` using queue ${quote(sub.queue)}`;
      const who = this.identity?.description ?? 'User "N/A"';
      this.broker.log.notice(
        toUtf8(
          `Removed sub ${quote(sub.subject)}${group} (sid ${sid}) for ${fromUtf8(who)} - not authorized`,
        ),
      );
    }
  }

  setPermissions(permissions: Permissions | null): void {
    this.permissions = permissions?.restrictsPublish || permissions?.restrictsSubscribe ? permissions : null;
    const responses = permissions?.responses ?? null;
    if (responses === null) this.responses = null;
    else this.responses ??= new ResponseTracker(responses, this.broker.clock);
    this.refreshSpecial();
  }

  /** Follows the settings of the log. */
  refreshTrace(): void {
    this.traced = this.broker.traces(this.account);
    this.refreshSpecial();
  }

  /** Call when something changed that makes deliveries here more than a copy. */
  refreshSpecial(): void {
    this.special = this.traced || this.responses !== null || this.stalled || this.closed;
  }

  #subscriptionRefused(subject: string, queue: string | null, sid: string): boolean {
    const { broker } = this;
    const allowed = this.permissions === null || this.permissions.maySubscribe(subject, queue ?? '');
    if (!allowed || queue === '_sys_') {
      const using = queue === null ? '' : ` using queue ${quote(queue)}`;
      this.sendError(`Permissions Violation for Subscription to ${quote(subject)}${using}`);
      const group = queue === null ? '' : `Queue: ${quote(queue)}, `;
      this.logError(`Subscription Violation - Subject ${quote(subject)}, ${group}SID ${sid}`);
      return true;
    }
    const { maxSubscriptionTokens } = broker.options;
    if (maxSubscriptionTokens > 0 && subject.split('.').length > maxSubscriptionTokens) {
      this.sendError(`Permissions Violation for Subscription to ${quote(subject)}, too many tokens`);
      this.logError(`Subscription Violation Too Many Tokens - Subject ${quote(subject)}, SID ${sid}`);
      return true;
    }
    if (this.maxSubscriptions !== -1 && this.subs.size >= this.maxSubscriptions) {
      this.logError(clientErrors.subscriptionsExceeded);
      this.sendError(clientErrors.subscriptionsExceeded);
      return true;
    }
    return false;
  }

  /** Ends all subscriptions without a word. */
  dropSubscriptions(): void {
    this.#shadows?.clear();
    for (const sub of this.subs.values()) {
      sub.closed = true;
      this.account.unsubscribe(sub);
    }
    this.subs.clear();
  }

  /** Messages that a subscription got, from its own account and from others. */
  deliveredTo(sub: Subscription): number {
    return sub.delivered + (this.#shadows?.delivered(sub) ?? 0);
  }

  /** The account's imports have changed. */
  renewShadows(): void {
    const before = this.#shadows;
    this.#shadows = null;
    if (this.account.streamImports !== null) for (const sub of this.subs.values()) this.#addShadows(sub);
    // The old ones go last, so that there is no moment without interest.
    before?.clear();
  }

  #addShadows(sub: Subscription): void {
    this.#shadows ??= new Shadows();
    this.#shadows.add(sub, this.account.streamImports!);
  }

  // --- Authentication -----------------------------------------------------------------------------------------------

  authRequest(): AuthRequest {
    return {
      connect: this.options,
      nonce: this.nonce,
      connectionType: this.type,
      tlsPeer: this.tls?.peer ?? null,
      remoteAddress: this.transport.remoteAddress,
      remotePort: this.transport.remotePort,
      cid: this.cid,
      tls: this.tls,
    };
  }

  /** A check of the credentials is under way. */
  get authPending(): boolean {
    return this.#authPending;
  }

  #authenticate(): void {
    const { authenticator } = this.broker;
    const result = authenticator.authenticate(this.authRequest());
    if (!(result instanceof Promise)) {
      this.#authenticated(result);
      return;
    }
    // Nothing that follows may be handled before the answer is there.
    this.#authPending = true;
    this.#suspend();
    result.then(
      (answer) =>
        this.#resumeWith(() => {
          // After a reload in between, the new users count.
          if (authenticator === this.broker.authenticator) this.#authenticated(answer);
          else this.#authenticate();
        }),
      (error: unknown) => {
        this.logError(`Authentication failed: ${error instanceof Error ? error.message : String(error)}`);
        this.#resumeWith(() => this.authorizationViolation('Authentication Failure'));
      },
    );
  }

  #resumeWith(action: () => void): void {
    if (this.closed) return;
    this.#authPending = false;
    action();
    this.#resume();
  }

  #authenticated(result: AuthResult): void {
    if (!result.ok) {
      if (result.detail !== undefined) this.logDebug(result.detail);
      this.authorizationViolation(result.reason, result.told);
      return;
    }
    if (result.warning !== undefined) this.logWarn(result.warning);
    if (!this.#bind(result.user)) return;
    this.broker.events.admitted(this);
    this.expectConnect = false;
    this.#checkConnect();
  }

  /** Makes the connection that of a user: account, limits and permissions; false when the account is full. */
  #bind(user: UserIdentity): boolean {
    this.identity = user;
    if (!this.broker.moveToAccount(this, user.account)) {
      this.logError(clientErrors.accountConnectionsExceeded);
      this.closeWith(clientErrors.accountConnectionsExceeded, 'Maximum Account Connections Exceeded');
      return false;
    }
    this.applyLimits();
    this.traced = this.broker.traces(this.account);
    this.setPermissions(user.permissions);
    this.#expiry?.cancel();
    if (user.expires !== null) {
      this.#expiry ??= new Expiry(this);
      this.#expiry.arm(user.expires);
    }
    return true;
  }

  /** Takes the strictest one of the server's, the account's and the user's limits. */
  applyLimits(): void {
    const { options } = this.broker;
    const { limits } = this.account;
    this.maxControlLine = options.maxControlLine;
    this.maxPayload = stricter(options.maxPayload || -1, limits.maxPayload);
    this.maxSubscriptions = stricter(options.maxSubscriptions || -1, limits.maxSubscriptions);
    const granted = this.identity?.delegation ?? null;
    if (granted === null) return;
    this.maxPayload = stricter(this.maxPayload, granted.maxPayload);
    this.maxSubscriptions = stricter(this.maxSubscriptions, granted.maxSubscriptions);
  }

  /** What CONNECT asks for beyond credentials. */
  #checkConnect(): void {
    const { options } = this;
    if (options.new_account || options.account !== '') {
      this.authorizationViolation('Authentication Failure');
      return;
    }
    this.introduce();
    if (options.protocol < 0 || options.protocol > 1) {
      this.closeWith(clientErrors.clientProtocol, 'Bad Client Protocol Version');
    } else if (options.no_responders && !this.headers) {
      this.closeWith(clientErrors.noRespondersNeedHeaders, 'No Responders Requires Headers');
    } else {
      if (!this.#saidConnect) this.liveness.connected(false);
      else if (this.verbose) this.sendOk();
      this.broker.events.authenticated(this);
    }
  }

  /** Ends the connection for want of valid credentials. */
  authorizationViolation(reason: ClosedReason, told?: FailureTold): void {
    const { user, nkey, auth_token: token } = this.options;
    let who = token === '' ? '' : ' - Token "[REDACTED]"';
    if (user !== '') who = ` - User ${quote(fromUtf8(user))}`;
    if (nkey !== '') who = ` - Nkey ${quote(fromUtf8(nkey))}`;
    this.logError(`authentication error${who}`);
    this.broker.events.authenticationFailed(this, reason, told);
    this.closeWith(clientErrors.authorization, reason);
  }

  // --- Slow receivers ------------------------------------------------------------------------------------

  /** Called on a producer when a receiver is behind: false when the message is to be left out for it. */
  waitFor(receiver: ClientConnection): boolean {
    const { broker } = this;
    receiver.congestion.refresh();
    if (!receiver.stalled) return true;
    if (broker.options.noFastProducerStall) return false;
    if (this.suspended) return true;
    const full = receiver.out.pending >= broker.options.maxPending;
    const wait = broker.outboundShort
      ? STALL_LONG
      : Math.min(full ? STALL_LONG : STALL_SHORT, this.#stallBudget);
    if (wait > 0) {
      this.#stallBudget -= wait;
      receiver.stalls++;
      broker.stalledClients++;
      this.#suspend();
      broker.clock.after(wait, () => this.#stallOver(wait));
    }
    return true;
  }

  /** While memory is short a producer waits on, but not longer than receivers have for taking what they were sent. */
  #stallOver(waited: number): void {
    if (this.closed) return;
    const { broker } = this;
    if (broker.outboundShort && waited < broker.options.writeDeadline) {
      broker.shortageStalls++;
      broker.clock.after(STALL_LONG, () => this.#stallOver(waited + STALL_LONG));
    } else {
      this.#resume();
    }
  }

  #suspend(): void {
    this.suspended = true;
    this.transport.pause();
  }

  #resume(): void {
    if (this.closed || this.#authPending) return;
    this.suspended = false;
    this.in.resume();
    if (!this.suspended && !this.closed) this.transport.resume();
    this.broker.flushes.afterRead();
  }
}

/** The smaller of two limits, where -1 is none. */
function stricter(a: number, b: number): number {
  if (a === -1 || b === -1) return Math.max(a, b);
  return Math.min(a, b);
}

function stallBudget(length: number): number {
  return STALL_PER_PIECE * Math.ceil(length / STALL_PIECE);
}
