/**
 * One server: puts the rooms together, starts and stops them. The command line and the embedding API are both thin users of
 * this class.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { SYSTEM_ACCOUNT } from './accounts/account.js';
import { Announcements } from './announcements.js';
import { Broker, type BrokerParts } from './broker/broker.js';
import { Door } from './broker/door.js';
import { ClientListener } from './broker/listener.js';
import { featureFlagLines } from './config/feature-flags.js';
import { goQuote } from './config/go-format.js';
import { AddressError, parseHostPort } from './config/host-port.js';
import type { LoadResult } from './config/load.js';
import type { ServerOptions } from './config/options.js';
import { systemAccountOf } from './config/validate.js';
import type { JetStream } from './jetstream/jetstream.js';
import { LameDuck } from './lame-duck.js';
import type { Monitor } from './monitoring/monitor.js';
import { hostPort } from './runtime/address.js';
import type { Clock } from './runtime/clock.js';
import { NodeClock } from './runtime/clock.js';
import type { Disk } from './runtime/disk.js';
import { type Log, silentLog } from './runtime/log.js';
import { listenerUrls, type PortUrls } from './runtime/process-files.js';
import { type Random, SeededRandom } from './runtime/random.js';
import { authCalloutErrors, CalloutAuthenticator } from './security/auth-callout.js';
import type { AuthService } from './security/auth-service.js';
import type { Authenticator } from './security/authenticator.js';
import { BcryptWorker } from './security/bcrypt-worker.js';
import { authenticationWarnings, ConfigAuthenticator } from './security/config-authenticator.js';
import { createServerIdentity, type ServerIdentity } from './security/nkeys.js';
import type { LoadedTls } from './security/tls.js';
import type { SystemRoom } from './system/room.js';
import { natsVersion, weftVersion } from './version.js';

/** What a server can be given instead of the defaults. */
export interface ServerParts {
  clock?: Clock;
  random?: Random;
  log?: Log;
  identity?: ServerIdentity;
  /** Wraps or replaces the authenticator that follows the configuration. */
  authenticator?: (configured: Authenticator) => Authenticator;
  /** Reads the options again, for `reload`. */
  readOptions?: () => LoadResult;
  /**
   * Opens the log that the options ask for and gives the function that changes over to it; throws when it cannot be opened.
   * Without it a reload leaves the log alone.
   */
  prepareLog?: (options: ServerOptions) => () => void;
  /** Accept no TCP connections: only connections within the process. */
  noListen?: boolean;
  /** Copy messages by WebAssembly: for the one server that a process is there for. */
  copyKernel?: boolean;
  /** See `BrokerParts.arena`. */
  arena?: BrokerParts['arena'];
  /** What JetStream stores in files goes there; the machine's disk otherwise. */
  disk?: () => Promise<Disk>;
  /** Called when JetStream has opened what is stored, before clients can connect. */
  jetStreamOpened?: (jetstream: JetStream) => Promise<void>;
}

export class Server {
  readonly broker: Broker;
  readonly log: Log;
  readonly clock: Clock;
  readonly parts: ServerParts;
  /** Milliseconds since 1970. */
  readonly startTime: number;
  configLoadTime: number;
  readonly announcements: Announcements;
  /** See `ConfigAuthenticator`. */
  implicitUser: string | null = null;
  readonly #lameDuck = new LameDuck(this);
  readonly #bcrypt = new BcryptWorker();
  #listener: ClientListener | null = null;
  #monitor: Monitor | null = null;
  #jetstream: JetStream | null = null;
  #system: SystemRoom | null = null;
  #loadedTls: LoadedTls | null = null;
  #closed: Promise<void> | null = null;
  /** Reloads run one after the other. */
  #reloads: Promise<void> = Promise.resolve();

  constructor(options: ServerOptions, parts: ServerParts = {}) {
    this.parts = parts;
    this.clock = parts.clock ?? new NodeClock();
    this.log = parts.log ?? silentLog;
    this.startTime = this.clock.now();
    this.configLoadTime = this.startTime;
    const identity = parts.identity ?? createServerIdentity();
    const random = parts.random ?? new SeededRandom(Math.floor(Math.random() * 0x1_0000_0000));
    const { authenticator, implicitUser } = this.createAuthenticator(options);
    this.implicitUser = implicitUser;
    this.broker = new Broker({
      options,
      identity,
      authenticator,
      clock: this.clock,
      random,
      log: this.log,
      copyKernel: parts.copyKernel ?? false,
      ...(parts.arena && { arena: parts.arena }),
    });
    this.broker.address = { host: options.host, port: options.port };
    this.announcements = new Announcements(this, basename(process.argv[1] ?? 'weft-server'));
  }

  get options(): ServerOptions {
    return this.broker.options;
  }

  get lameDuckMode(): boolean {
    return this.broker.lameDuck;
  }

  /** The certificates in use; null without TLS. */
  get tls(): LoadedTls | null {
    return this.#loadedTls;
  }

  /** The authenticator for a set of options, wrapped as the caller of the constructor wants it. */
  createAuthenticator(
    options: ServerOptions,
    implicitUser: string | null = null,
  ): { authenticator: Authenticator; implicitUser: string | null } {
    const configured = new ConfigAuthenticator(options, { bcrypt: this.#bcrypt, implicitUser });
    const decides = this.#withAuthService(configured, options);
    const authenticator = this.parts.authenticator?.(decides) ?? decides;
    return { authenticator, implicitUser: configured.implicitUser };
  }

  /** Leaves the decision to the service that the options name, if they name one. */
  #withAuthService(configured: ConfigAuthenticator, options: ServerOptions): Authenticator {
    const { callout } = options.authorization;
    if (callout === undefined) return configured;
    const load = async (): Promise<AuthService> => {
      const { createAuthService } = await import('./broker/auth-callout.js');
      return createAuthService(this.broker, options);
    };
    let service: Promise<AuthService> | null = null;
    return new CalloutAuthenticator(configured, callout, options, () => {
      service ??= load();
      return service;
    });
  }

  /** Opens the doors. Rejects with the official server's text when one cannot be opened. */
  async start(): Promise<void> {
    const { options, log } = this;
    this.#greet();
    for (const error of authCalloutErrors(options)) log.error(error);
    this.#loadedTls = await this.loadTls(options);
    await this.broker.prepare(options);
    try {
      this.announcements.writePid();
    } catch (error) {
      throw new Error(`Could not write pidfile: ${(error as Error).message}`);
    }
    if (options.httpPort !== 0 || options.httpsPort !== 0) await this.startMonitoring();
    if (options.jetstream.enabled) await this.#startJetStream();
    if (this.shuttingDown) return;
    if (this.#jetstream !== null) await this.parts.jetStreamOpened?.(this.#jetstream);
    if (!this.parts.noListen) await this.#listen();
    if (systemAccountOf(options) !== undefined) await this.#startSystem();
    this.announcements.writePorts();
    log.notice('Server is ready');
  }

  /** Loads JetStream with what it has stored. */
  async #startJetStream(): Promise<void> {
    const { startJetStream } = await import('./jetstream/start.js');
    const disk = await this.parts.disk?.();
    try {
      this.#jetstream = startJetStream(this.broker, disk);
    } catch (error) {
      throw new Error(`Can't start JetStream: ${(error as Error).message}`);
    }
    await this.#jetstream.recovered();
  }

  /** Changes over to what new options say of JetStream. */
  async reloadJetStream(): Promise<void> {
    const { options } = this;
    if (!options.jetstream.enabled) {
      const before = this.#jetstream;
      this.#jetstream = null;
      await before?.close();
    } else if (this.#jetstream === null) {
      this.log.notice('Restarting JetStream');
      await this.#startJetStream().catch((error) => this.log.warn((error as Error).message));
    } else {
      const { reloadJetStream } = await import('./jetstream/start.js');
      await reloadJetStream(this.#jetstream, options);
    }
  }

  /** Null where it is not switched on. */
  get jetstream(): JetStream | null {
    return this.#jetstream;
  }

  /** Loads monitoring and opens its door; a server without it holds none of its code. */
  async startMonitoring(): Promise<void> {
    const { Monitor } = await import('./monitoring/monitor.js');
    this.#monitor = new Monitor(this, this.#ready);
    await this.#monitor.start();
  }

  /** Comes after the doors have been opened, as it is not what a start waits for. */
  async #startSystem(): Promise<void> {
    const { SystemRoom } = await import('./system/room.js');
    const requests = new Map<string, number>();
    const httpRequests = () => this.#monitor?.view.requests ?? requests;
    this.#system = new SystemRoom({ server: this, ready: this.#ready, httpRequests });
  }

  /** Whether clients can connect. */
  readonly #ready = () => this.parts.noListen === true || (this.#listener !== null && !this.lameDuckMode);

  /** The port of monitoring; 0 when there is none. */
  get monitoringPort(): number {
    return this.#monitor?.port ?? 0;
  }

  /** Where monitoring answers, such as `http://127.0.0.1:8222`; null when it is off. */
  get monitoringUrl(): string | null {
    if (this.monitoringPort === 0) return null;
    const { httpHost, httpsPort, httpBasePath } = this.options;
    const everywhere = httpHost === '' || httpHost === '0.0.0.0' || httpHost === '::';
    const address = hostPort(everywhere ? '127.0.0.1' : httpHost, this.monitoringPort);
    return `${httpsPort === 0 ? 'http' : 'https'}://${address}${httpBasePath.replace(/\/$/, '')}`;
  }

  async #listen(): Promise<void> {
    const { options, broker, log } = this;
    const listener = new ClientListener(broker, await Door.create(broker, this.#loadedTls));
    let port: number;
    try {
      port = await listener.listen(options.host, options.port);
    } catch (error) {
      const address = hostPort(options.host, options.port);
      throw new Error(`Error listening on port: ${address}, ${goQuote((error as Error).message)}`);
    }
    this.#listener = listener;
    // From now on the port is what was found: a reload compares with it.
    broker.options = { ...options, port };
    log.notice(`Listening for client connections on ${hostPort(options.host, port)}`);
    if (options.tls !== undefined) log.notice('TLS required for client connections');
    if (options.tls?.handshakeFirst && options.tls.handshakeFirstFallback === 0) {
      log.warn('Clients that are not using "TLS Handshake First" option will fail to connect');
    }
    this.#address(port);
  }

  /** Host and port that INFO shows: what the configuration advertises, else where the listener is. */
  #address(port: number): void {
    const { host, clientAdvertise } = this.options;
    try {
      this.broker.address = clientAdvertise ? parseHostPort(clientAdvertise, port) : { host, port };
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
      throw new Error(
        `Error setting server INFO with ClientAdvertise value of ${clientAdvertise}, err=${error.message}`,
      );
    }
  }

  #greet(): void {
    const { log, broker, options } = this;
    log.notice('Starting nats-server');
    log.notice(`  Version:  ${natsVersion}`);
    log.notice(`  Weft:     ${weftVersion}`);
    log.notice(`  Node:     ${process.versions.node}`);
    log.notice(`  Name:     ${broker.serverName}`);
    log.notice(`  ID:       ${broker.identity.id}`);
    for (const line of featureFlagLines(options.featureFlags)) log.notice(line);
    for (const warning of authenticationWarnings(options)) log.warn(warning);
    if (Object.keys(options.defaultJsDomains).length > 0) {
      const what = 'The option `default_js_domain` is a temporary backwards compatibility measure';
      log.warn(`${what} and will be removed`);
    }
    if (options.configFile !== '') {
      log.notice(`Using configuration file: ${options.configFile} (${options.configDigest})`);
    }
    const declared = options.systemAccount ?? options.accounts.find(({ name }) => name === SYSTEM_ACCOUNT);
    if (declared === undefined && !options.noSystemAccount)
      log.debug(`Created system account: ${JSON.stringify(SYSTEM_ACCOUNT)}`);
  }

  /** The port that clients connect to; 0 when there is none. */
  get port(): number {
    return this.#listener === null ? 0 : this.options.port;
  }

  /** Whether new clients are accepted. */
  get listening(): boolean {
    return this.#listener?.listening ?? false;
  }

  /** Under which urls the server can be reached. */
  portUrls(): PortUrls {
    const { options, monitoringPort } = this;
    const urls: PortUrls = {};
    const bound = (host: string) => host || '0.0.0.0';
    if (this.listening) {
      const protocol = options.tls === undefined ? 'nats' : 'tls';
      urls.nats = listenerUrls(protocol, { address: bound(options.host), port: this.port });
    }
    if (monitoringPort > 0) {
      const protocol = options.httpsPort === 0 ? 'http' : 'https';
      urls.monitoring = listenerUrls(protocol, { address: bound(options.httpHost), port: monitoringPort });
    }
    return urls;
  }

  // --- What `reload.ts` and `lame-duck.ts` do with it -----------------------------------------------------------------

  /**
   * Reads the options again and changes over to them. Rejects with the reason when that is not possible; then nothing has
   * changed.
   */
  reload(): Promise<void> {
    const done = this.#reloads.then(async () => (await import('./reload.js')).reload(this));
    this.#reloads = done.catch(() => {});
    return done;
  }

  /** Asks the clients to leave, ends those that do not, and shuts down. Resolves when that is done. */
  lameDuck(): Promise<void> {
    return this.#lameDuck.run();
  }

  stopListening(): void {
    this.#listener?.stop();
  }

  /** For connections that come from now on. */
  useTls(loaded: LoadedTls | null, door: Door): void {
    this.#loadedTls = loaded;
    if (this.#listener !== null) this.#listener.door = door;
    if (loaded !== null) this.#monitor?.useTls(loaded);
  }

  /** Shows clients what the options now advertise. */
  advertise(): void {
    if (this.#listener !== null) this.#address(this.port);
  }

  async loadTls(options: ServerOptions): Promise<LoadedTls | null> {
    return options.tls === undefined ? null : loadTlsOf(options);
  }

  // --- The end --------------------------------------------------------------------------------------------------------

  /** True from the moment that the shutdown began. */
  get shuttingDown(): boolean {
    return this.#closed !== null;
  }

  /** Ends all connections and gives everything back. May be called any number of times. */
  shutdown(): Promise<void> {
    this.#closed ??= this.#shutdown();
    return this.#closed;
  }

  async #shutdown(): Promise<void> {
    this.log.notice('Initiating Shutdown...');
    this.#lameDuck.cancel();
    if (this.listening) this.log.debug('Client accept loop exiting..');
    this.#listener?.stop();
    this.#system?.close();
    // What is stored is written while those who publish are still told of it.
    await this.#jetstream?.close();
    this.broker.close();
    // What was flushed above still has to leave the process, or to reach its other part.
    await new Promise((resolve) => setImmediate(resolve));
    await this.#listener?.close();
    await this.#monitor?.close();
    await this.#bcrypt.close();
    this.announcements.remove();
    this.log.notice('Server Exiting..');
  }
}

/** Loads certificates only where there are any: the code for it is not needed otherwise. */
async function loadTlsOf(options: ServerOptions): Promise<LoadedTls> {
  const { loadTls } = await import('./security/tls.js');
  return loadTls(options.tls!, (path) => readFileSync(path, 'utf8'));
}
