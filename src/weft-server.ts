/** The server as a program sees it that runs one inside itself. */
import { EventEmitter } from 'node:events';
import type { InProcessTransport } from './broker/in-process-transport.js';
import type { ServerOptions } from './config/options.js';
import { InProcessConnection } from './embedding/duplex.js';
import { bridgeEvents, type WeftServerEvents } from './embedding/events.js';
import { type AuthenticateHook, type AuthorizeHook, HookedAuthenticator } from './embedding/hooks.js';
import { type ConfigSource, isObjectSource, readSource } from './embedding/load.js';
import { LocalClient } from './embedding/local-client.js';
import { NatsCoreSocket } from './embedding/nats-core-socket.js';
import type { JetStream } from './jetstream/jetstream.js';
import { hostPort } from './runtime/address.js';
import type { Arena } from './runtime/arena.js';
import { type Clock, NodeClock } from './runtime/clock.js';
import type { Disk } from './runtime/disk.js';
import { type Log, silentLog } from './runtime/log.js';
import { Logger } from './runtime/logger.js';
import { SeededRandom } from './runtime/random.js';
import { Server, type ServerParts } from './server.js';
import { natsVersion, weftVersion } from './version.js';

/** What only a program can say of its server; everything else is the configuration's. */
export interface EmbeddingOptions {
  /**
   * Where log lines go. `'silent'`: nowhere. `'stderr'`: standard error, in the official server's format. Default: the
   * configuration's `log_file` if it has one, else nowhere.
   */
  log?: 'silent' | 'stderr' | Log;
  /** Time for everything that waits in the server; `SimulatedClock` from `weft-server/sim` is one that a test moves. */
  clock?: Clock;
  /**
   * Where JetStream keeps streams of `storage: file`. `'memory'`: nowhere but in memory; they behave as in files, and are gone with the
   * server. An object: there, such as a `MemoryDisk` or `SimulatedDisk` from `weft-server/sim`, which a later server may be given again.
   * Default: `'memory'` where the configuration is an object without `store_dir`, else the machine's disk, in `store_dir`.
   */
  disk?: 'memory' | Disk;
  /** What `WeftServer.snapshot` gave: JetStream begins with it. Its store must be empty. */
  snapshot?: Uint8Array;
  /** Makes the server's random choices, such as the member of a queue group, the same in every run. */
  seed?: number;
  /** False: no TCP, only clients in the process. Default true. */
  listen?: boolean;
  /** Wins over the configuration; -1 and 0 pick a free port. */
  port?: number;
  /** Wins over the configuration. */
  host?: string;
  /** Decides who may connect. */
  authenticate?: AuthenticateHook;
  /** Decides what somebody who may connect is allowed to do, and in which account. */
  authorize?: AuthorizeHook;
}

/**
 * Smaller than that of the command line's server: V8 counts such blocks, and collects garbage when 64 MiB came together, which takes
 * longer than to start a server.
 */
const ARENA = { pages: 512, chunks: 32 };

/** Who the server is, as in its INFO. */
export interface WeftServerInfo {
  /** Public server nkey, `N...`. */
  readonly id: string;
  readonly name: string;
  /** Of the official server whose behaviour this is. */
  readonly version: string;
  readonly weftVersion: string;
  readonly host: string;
  /** 0 when it does not listen. */
  readonly port: number;
  /** Bytes. */
  readonly maxPayload: number;
  readonly headers: boolean;
  readonly authRequired: boolean;
  readonly tlsRequired: boolean;
  /** Milliseconds since 1970, by the server's clock. */
  readonly startTime: number;
  /** Open connections. */
  readonly connections: number;
}

/**
 * What `wsconnect` of `@nats-io/nats-core` needs to connect without a network, to be merged with other options of a
 * connection.
 */
export interface InProcessOptions {
  servers: string;
  /** The name under which `wsconnect` takes the way to the server. */
  wsFactory: () => Promise<{
    /** Driven by `wsconnect` alone; `never` fits whatever type the program's libraries have for a WebSocket. */
    socket: never;
    encrypted: boolean;
  }>;
  /** A server in the process does not come back once it is closed, so `false` unless the caller says otherwise. */
  reconnect: boolean;
  ignoreClusterUpdates: boolean;
}

/**
 * A running server. Made by `WeftServer.create`; ended by `close()`, or by `await using`.
 *
 * ```ts
 * await using server = await WeftServer.create();
 * const nc = await wsconnect(server.inProcess());
 * ```
 */
export class WeftServer extends EventEmitter<WeftServerEvents> {
  readonly #server: Server;
  readonly #listens: boolean;
  readonly #ownLog: Logger | null;
  readonly #clients = new Set<LocalClient>();
  #closing: Promise<void> | null = null;
  /** Snapshots and restores come one after the other. */
  #states: Promise<unknown> = Promise.resolve();

  private constructor(options: ServerOptions, warnings: string[], embedding: EmbeddingOptions) {
    super();
    const clock = embedding.clock ?? new NodeClock();
    this.#listens = embedding.listen ?? true;
    this.#ownLog = ownLog(options, embedding, clock);
    const log = this.#ownLog ?? (typeof embedding.log === 'object' ? embedding.log : silentLog);
    for (const warning of warnings) log.warn(warning.trimEnd());
    try {
      this.#server = new Server(options, {
        clock,
        log,
        random: embedding.seed === undefined ? undefined : new SeededRandom(embedding.seed),
        authenticator: this.#hooks(embedding),
        noListen: !this.#listens,
        arena: ARENA,
        ...storageParts(embedding),
      });
    } catch (error) {
      this.#ownLog?.close();
      throw error;
    }
    bridgeEvents(this.#server.broker, (event, ...args) => this.#tell(event, args));
  }

  /**
   * Starts a server: it is usable when the promise resolves. `config` is an object with the keys of a configuration file,
   * `{ config: text }` or `{ configFile: path }`; an object listens on a free port of 127.0.0.1 unless it says otherwise, text
   * and files mean what they mean to the command line.
   *
   * Rejects with `ConfigError` for a configuration that is not valid and with the official server's text when a port or a file
   * cannot be opened. Nothing is left behind then.
   */
  static async create(config: ConfigSource = {}, embedding: EmbeddingOptions = {}): Promise<WeftServer> {
    const { host, port } = embedding;
    const { options, warnings } = readSource(config, { host, port });
    const { jetstream } = options;
    if (embedding.snapshot !== undefined && !jetstream.enabled) throw noJetStream();
    // Two servers in a program, or in two, are not to meet in a directory that neither has named.
    const inMemory = isObjectSource(config) && jetstream.storeDir === undefined;
    const { disk = inMemory ? 'memory' : undefined } = embedding;
    const server = new WeftServer(options, warnings, { ...embedding, disk });
    try {
      await server.#server.start();
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  /** For TCP clients, `nats://127.0.0.1:4222` or `tls://...`. Throws when it was told not to listen, or is closed. */
  get url(): string {
    const { port, options } = this.#server;
    this.#checkOpen();
    if (port === 0) throw new Error('the server does not listen: use inProcess() or connection()');
    const tls = options.tls !== undefined && !options.allowNonTls;
    return `${tls ? 'tls' : 'nats'}://${hostPort(reachable(options.host), port)}`;
  }

  /** 0 when the server does not listen. */
  get port(): number {
    return this.#server.port;
  }

  /** Where HTTP monitoring answers; null when it is off. */
  get monitoringUrl(): string | null {
    return this.#server.monitoringUrl;
  }

  get info(): WeftServerInfo {
    const { broker, startTime, options, port } = this.#server;
    return {
      id: broker.identity.id,
      name: broker.serverName,
      version: natsVersion,
      weftVersion,
      host: options.host,
      port,
      maxPayload: options.maxPayload,
      headers: !options.noHeaderSupport,
      authRequired: broker.authenticator.infoAuthRequired,
      tlsRequired: options.tls !== undefined && !options.allowNonTls,
      startTime,
      connections: broker.connections.size,
    };
  }

  get closed(): boolean {
    return this.#closing !== null;
  }

  /**
   * A connection for a client in the process, as a stream of the protocol's bytes: whatever can talk over a `net.Socket` can
   * talk over it. Throws when the server is closed.
   */
  connection(): InProcessConnection {
    return this.#join((arena) => new InProcessConnection(arena));
  }

  /**
   * Options for `wsconnect` of `@nats-io/nats-core`, which then talks to this server without a socket. `options` are any that
   * `wsconnect` takes, such as `name`, `user` and `pass`. Throws when the server is closed.
   *
   * ```ts
   * const nc = await wsconnect(server.inProcess({ user: 'alice', pass: 'secret' }));
   * ```
   */
  inProcess<T extends object = object>(options?: T): InProcessOptions & T {
    this.#checkOpen();
    const defaults: InProcessOptions = {
      // A name to show; nothing looks it up.
      servers: 'ws://in-process',
      reconnect: false,
      ignoreClusterUpdates: true,
      wsFactory: async () => ({ socket: this.#natsCoreSocket() as never, encrypted: false }),
    };
    return { ...defaults, ...options } as InProcessOptions & T;
  }

  /**
   * A client for code in this process that needs no library: publish, subscribe, request. It lives in the named account, the
   * global one (`$G`) by default, and is ended by the server's `close()`. Throws for an account that does not exist.
   */
  client(account?: string): LocalClient {
    this.#checkOpen();
    const { broker } = this.#server;
    const home = account === undefined ? broker.globalAccount : broker.accounts.get(account);
    if (home === undefined) throw new Error(`account ${JSON.stringify(account)} does not exist`);
    const client = new LocalClient({ broker, account: home, onError: (error) => this.#failed(error) });
    this.#clients.add(client);
    return client;
  }

  /**
   * Everything that JetStream holds at this moment, of all accounts: streams with their messages, consumers with their positions, also
   * those in memory. What was acknowledged before the call is in it. The bytes can be kept, stored and sent; `restore` and the option
   * `snapshot` take them, also on another server, with another kind of storage or another key. While they are put together nothing else
   * happens in the process, for a millisecond or two per thousand messages. Rejects where JetStream is not enabled.
   */
  async snapshot(): Promise<Uint8Array> {
    return this.#state(async (jetstream) => {
      const { takeSnapshot } = await import('./embedding/snapshot.js');
      return takeSnapshot(jetstream);
    });
  }

  /**
   * Brings JetStream to the state of a snapshot: streams that are there now go, those of the snapshot take their places. Clients stay
   * connected. Rejects with `SnapshotError` for bytes that are no snapshot or that this server has no account for; nothing has changed
   * then.
   */
  async restore(snapshot: Uint8Array): Promise<void> {
    return this.#state(async (jetstream) => {
      const { restoreSnapshot } = await import('./embedding/snapshot.js');
      return restoreSnapshot(jetstream, snapshot);
    });
  }

  async #state<T>(act: (jetstream: JetStream) => Promise<T>): Promise<T> {
    this.#checkOpen();
    const { jetstream } = this.#server;
    if (jetstream === null) throw noJetStream();
    const done = this.#states.then(() => act(jetstream));
    this.#states = done.catch(() => {});
    return done;
  }

  /** Ends all connections and gives everything back: ports, timers, threads. May be called any number of times. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    for (const client of this.#clients) client.close();
    this.#clients.clear();
    // What a restore has begun must not put streams into a server that has ended.
    await this.#states;
    await this.#server.shutdown();
    this.#ownLog?.close();
    this.#tell('close', []);
  }

  #join<P extends { transport: InProcessTransport }>(create: (arena: Arena) => P): P {
    this.#checkOpen();
    const { broker } = this.#server;
    const peer = create(broker.arena);
    const connection = broker.accept(peer.transport, { type: 'IN_PROCESS', sendInfo: true });
    if (connection !== null) {
      peer.transport.attach(connection);
      connection.begin();
    }
    return peer;
  }

  /** Never throws: nats-core would wait for ever for a socket that it was promised. */
  #natsCoreSocket(): NatsCoreSocket {
    if (this.#closing === null) return this.#join((arena) => new NatsCoreSocket(arena));
    const socket = new NatsCoreSocket(this.#server.broker.arena);
    socket.fail('the server is closed');
    return socket;
  }

  #hooks({ authenticate, authorize }: EmbeddingOptions): ServerParts['authenticator'] {
    if (authenticate === undefined && authorize === undefined) return undefined;
    const onError = (error: Error): void => this.#failed(error);
    return (configured) => new HookedAuthenticator(configured, { authenticate, authorize, onError });
  }

  #checkOpen(): void {
    if (this.#closing !== null) throw new Error('the server is closed');
  }

  /** The program's own code threw. */
  #failed(error: Error): void {
    this.#server.log.error(`Error in a hook or handler: ${error.message}`);
    queueMicrotask(() => this.#tell('error', [error]));
  }

  #tell<K extends keyof WeftServerEvents>(event: K, args: WeftServerEvents[K]): void {
    // An `error` nobody listens to would be thrown; it has been logged.
    if (event === 'error' && this.listenerCount('error') === 0) return;
    (this as EventEmitter).emit(event, ...args);
  }
}

function noJetStream(): Error {
  return new Error('JetStream is not enabled');
}

/** What `Server` is given to store things, and to begin with. Loaded by those who use it. */
function storageParts({ disk, snapshot }: EmbeddingOptions): Pick<ServerParts, 'disk' | 'jetStreamOpened'> {
  const parts: Pick<ServerParts, 'disk' | 'jetStreamOpened'> = {};
  if (disk === 'memory') parts.disk = async () => new (await import('./runtime/memory-disk.js')).MemoryDisk();
  else if (disk !== undefined) parts.disk = async () => disk;
  if (snapshot !== undefined) {
    parts.jetStreamOpened = async (jetstream) => {
      const { restoreSnapshot } = await import('./embedding/snapshot.js');
      if ([...jetstream.accounts.values()].some(({ streams }) => streams.size > 0))
        throw new Error('a server with streams cannot begin with a snapshot: restore() replaces them');
      await restoreSnapshot(jetstream, snapshot);
    };
  }
  return parts;
}

function ownLog(options: ServerOptions, { log }: EmbeddingOptions, clock: Clock): Logger | null {
  const wanted = log === 'stderr' || (log === undefined && Boolean(options.logFile));
  return wanted ? new Logger(options, { clock }) : null;
}

/** The address to connect to where the server listens on all of them. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}
