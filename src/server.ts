/**
 * One server: puts the rooms together, starts and stops them. The command line and the embedding API are both thin users of
 * this class.
 */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { Broker } from './broker/broker.js';
import { Door } from './broker/door.js';
import { ClientListener } from './broker/listener.js';
import type { LoadResult } from './config/load.js';
import type { ServerOptions } from './config/options.js';
import type { Monitor } from './monitoring/monitor.js';
import type { Clock } from './runtime/clock.js';
import { NodeClock } from './runtime/clock.js';
import { type Log, silentLog } from './runtime/log.js';
import { type Random, SeededRandom } from './runtime/random.js';
import type { Authenticator } from './security/authenticator.js';
import { BcryptWorker } from './security/bcrypt-worker.js';
import { authenticationWarnings, ConfigAuthenticator } from './security/config-authenticator.js';
import { createServerIdentity, type ServerIdentity } from './security/nkeys.js';
import type { LoadedTls } from './security/tls.js';
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
  /** Accept no TCP connections: only connections within the process. */
  noListen?: boolean;
  /** Copy messages by WebAssembly: for the one server that a process is there for. */
  copyKernel?: boolean;
}

export class Server {
  readonly broker: Broker;
  readonly log: Log;
  readonly clock: Clock;
  readonly parts: ServerParts;
  /** Milliseconds since 1970. */
  readonly startTime: number;
  configLoadTime: number;
  /** Where monitoring answers, such as `http://127.0.0.1:8222`; null when it is off. */
  monitoringUrl: string | null = null;
  readonly #bcrypt = new BcryptWorker();
  #listener: ClientListener | null = null;
  #monitor: Monitor | null = null;
  #loadedTls: LoadedTls | null = null;
  #closed: Promise<void> | null = null;

  constructor(options: ServerOptions, parts: ServerParts = {}) {
    this.parts = parts;
    this.clock = parts.clock ?? new NodeClock();
    this.log = parts.log ?? silentLog;
    this.startTime = this.clock.now();
    this.configLoadTime = this.startTime;
    const identity = parts.identity ?? createServerIdentity();
    const random = parts.random ?? new SeededRandom(Math.floor(Math.random() * 0x1_0000_0000));
    const authenticator = this.createAuthenticator(options);
    this.broker = new Broker({
      options,
      identity,
      authenticator,
      clock: this.clock,
      random,
      log: this.log,
      copyKernel: parts.copyKernel ?? false,
    });
    this.broker.address = advertised(options, options.port);
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
  createAuthenticator(options: ServerOptions, implicitUser: string | null = null): Authenticator {
    const configured = new ConfigAuthenticator(options, { bcrypt: this.#bcrypt, implicitUser });
    return this.parts.authenticator?.(configured) ?? configured;
  }

  /** Opens the doors. Rejects with the official server's text when one cannot be opened. */
  async start(): Promise<void> {
    const { options, log } = this;
    this.#greet();
    for (const warning of authenticationWarnings(options)) log.warn(warning);
    if (options.tls !== undefined) this.#loadedTls = await loadTlsOf(options);
    if (options.httpPort !== 0 || options.httpsPort !== 0) await this.startMonitoring();
    if (!this.parts.noListen) await this.#listen();
    log.notice('Server is ready');
  }

  /** Loads monitoring and opens its door; a server without it holds none of its code. */
  async startMonitoring(): Promise<void> {
    const { Monitor } = await import('./monitoring/monitor.js');
    const ready = () => this.parts.noListen === true || (this.#listener !== null && !this.lameDuckMode);
    this.#monitor = new Monitor(this, ready);
    await this.#monitor.start();
  }

  /** The port of monitoring; 0 when there is none. */
  get monitoringPort(): number {
    return this.#monitor?.port ?? 0;
  }

  async #listen(): Promise<void> {
    const { options, broker, log } = this;
    const listener = new ClientListener(broker, new Door(broker, this.#loadedTls));
    const port = await listener.listen(options.host, options.port);
    this.#listener = listener;
    broker.address = advertised(options, port);
    log.notice(`Listening for client connections on ${hostPort(options.host, port)}`);
    if (options.tls !== undefined) log.notice('TLS required for client connections');
    if (options.port === -1) log.notice(`Random client port chosen`);
  }

  #greet(): void {
    const { log, broker, options } = this;
    log.notice('Starting nats-server');
    log.notice(`  Version:  ${natsVersion}`);
    log.notice(`  Weft:     ${weftVersion}`);
    log.notice(`  Node:     ${process.versions.node}`);
    log.notice(`  Name:     ${broker.serverName}`);
    log.notice(`  ID:       ${broker.identity.id}`);
    if (options.configFile !== '') {
      log.notice(`Using configuration file: ${options.configFile} (${options.configDigest})`);
    }
  }

  /** The port that clients connect to; 0 when there is none. */
  get port(): number {
    return this.#listener === null ? 0 : this.broker.address.port;
  }

  /** Ends all connections and gives everything back. May be called any number of times. */
  shutdown(): Promise<void> {
    this.#closed ??= this.#shutdown();
    return this.#closed;
  }

  async #shutdown(): Promise<void> {
    this.log.notice('Initiating Shutdown...');
    this.#listener?.stop();
    this.broker.close();
    // What was flushed above still has to leave the process.
    await new Promise((resolve) => setImmediate(resolve));
    this.#listener?.close();
    await this.#monitor?.close();
    await this.#bcrypt.close();
    this.log.notice('Server Exiting..');
  }
}

/** Loads certificates only where there are any: the code for it is not needed otherwise. */
async function loadTlsOf(options: ServerOptions): Promise<LoadedTls> {
  const { loadTls } = await import('./security/tls.js');
  return loadTls(options.tls!, (path) => readFileSync(path, 'utf8'));
}

export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Host and port that INFO shows: what the configuration advertises, else where the listener is. */
function advertised(options: ServerOptions, port: number): { host: string; port: number } {
  const { clientAdvertise } = options;
  if (clientAdvertise === undefined || clientAdvertise === '') return { host: options.host, port };
  const colon = clientAdvertise.lastIndexOf(':');
  const hasPort = colon > clientAdvertise.lastIndexOf(']') && clientAdvertise.indexOf(':') === colon;
  if (!hasPort && !clientAdvertise.startsWith('[')) return { host: clientAdvertise, port };
  const host = (hasPort || colon > 0 ? clientAdvertise.slice(0, colon) : clientAdvertise).replace(
    /^\[|\]$/g,
    '',
  );
  const advertisedPort = Number(clientAdvertise.slice(colon + 1));
  return { host, port: advertisedPort > 0 ? advertisedPort : port };
}

/** Addresses by which the host can be reached. */
export function localAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flat()
    .map((each) => each!.address);
}
