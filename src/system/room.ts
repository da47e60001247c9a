/**
 * The system account's room: it listens to requests, tells what happens, and sends the server's figures. What answers requests is
 * loaded when the first one comes, as most servers are never asked.
 */
import type { InternalMessage } from '../broker/internal-client.js';
import type { MessageTrace } from '../broker/message-trace.js';
import { CpuMeter } from '../monitoring/cpu-meter.js';
import type { MonitoredServer, MonitorView } from '../monitoring/view.js';
import { Events } from './events.js';
import type { Profiler } from './profiler.js';
import { Sender } from './sender.js';
import { Statsz } from './statsz.js';

/** The server as this room needs it. */
export interface SystemServer extends MonitoredServer {
  /** Rejects with the reason why it cannot. */
  reload(): Promise<void>;
}

export interface SystemParts {
  server: SystemServer;
  /** Whether clients can connect. */
  ready: () => boolean;
  /** Requests that monitoring has answered over HTTP. */
  httpRequests: () => Map<string, number>;
}

type Answers = typeof import('./answers.js');

/** Names of services of a server; each also answers when all servers are asked. */
const serverServices = [
  'IDZ',
  'STATSZ',
  'VARZ',
  'CONNZ',
  'SUBSZ',
  'ROUTEZ',
  'GATEWAYZ',
  'LEAFZ',
  'ACCOUNTZ',
  'JSZ',
  'HEALTHZ',
  'PROFILEZ',
  'EXPVARZ',
  'IPQUEUESZ',
  'RAFTZ',
];
const serverCommands = ['RELOAD', 'KICK', 'LDM'];
const accountServices = ['SUBSZ', 'CONNZ', 'LEAFZ', 'JSZ', 'INFO', 'STATZ', 'CONNS'];

/** A request and the name of what answers it. */
interface Waiting {
  service: string;
  message: InternalMessage;
}

export class SystemRoom {
  readonly server: SystemServer;
  readonly sender: Sender;
  readonly events: Events;
  readonly statsz: Statsz;
  readonly view: MonitorView;
  readonly #stopListening: () => void;
  #answers: Answers | null = null;
  #waiting: Waiting[] = [];
  #traces: Promise<typeof import('./message-trace.js')> | null = null;
  #profiler: Promise<Profiler> | null = null;
  #closed = false;

  constructor({ server, ready, httpRequests }: SystemParts) {
    const { broker } = server;
    const cpu = new CpuMeter();
    this.server = server;
    this.sender = new Sender(broker);
    this.events = new Events(this.sender);
    this.statsz = new Statsz({ sender: this.sender, cpu, server });
    this.view = {
      server,
      cpu,
      ready,
      get requests() {
        return httpRequests();
      },
    };
    this.#stopListening = broker.events.add(this.events);
    broker.traceSink = (trace) => this.#sendTrace(trace);
    this.#subscribe();
    this.statsz.start();
  }

  /** Says that the server ends, and ends. May be called any number of times. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.events.shutdown();
    this.#stopListening();
    this.server.broker.traceSink = null;
    this.events.close();
    this.statsz.close();
    this.#profiler?.then((profiler) => profiler.close());
    this.sender.client.close();
    this.#waiting = [];
  }

  /** There is one, as one profile is made at a time. */
  profiler(): Promise<Profiler> {
    const { clock } = this.sender.broker;
    this.#profiler ??= import('./profiler.js').then((module) => new module.Profiler(clock));
    return this.#profiler;
  }

  /** What is wrong with a request that gets no answer. */
  logError(text: string): void {
    this.server.log.error(`SYSTEM - ${text}`);
  }

  #subscribe(): void {
    const { id } = this.sender.broker.identity;
    this.#on('$SYS.REQ.SERVER.PING', 'SERVER.STATSZ');
    for (const name of serverServices) {
      for (const target of [id, 'PING']) this.#on(`$SYS.REQ.SERVER.${target}.${name}`, `SERVER.${name}`);
    }
    for (const name of serverCommands) this.#on(`$SYS.REQ.SERVER.${id}.${name}`, `SERVER.${name}`);
    for (const name of accountServices) this.#on(`$SYS.REQ.ACCOUNT.*.${name}`, `ACCOUNT.${name}`);
    this.#on('$SYS.REQ.ACCOUNT.PING.STATZ', 'ACCOUNTS.STATZ');
    this.#on('$SYS.REQ.ACCOUNT.NSUBS', 'NSUBS');
    this.#on('$SYS.REQ.USER.*.INFO', 'USER.INFO');
    this.#on('$SYS.DEBUG.SUBSCRIBERS', 'SUBSCRIBERS');
  }

  #on(subject: string, service: string): void {
    const sub = this.sender.client.subscribe(subject, (message) => this.#enqueue({ service, message }));
    // Requests are answered whether or not they are only there to be traced, as officially.
    sub.heedsTraces = true;
    this.sender.quiet++;
  }

  /** Requests are answered in turns of their own: the publish that brought them is not over yet. */
  #enqueue(request: Waiting): void {
    this.#waiting.push(request);
    if (this.#waiting.length > 1) return;
    if (this.#answers !== null) {
      setImmediate(() => this.#next());
      return;
    }
    import('./answers.js').then(
      (answers) => {
        this.#answers = answers;
        setImmediate(() => this.#next());
      },
      (error: unknown) => {
        this.#waiting = [];
        this.logError(`requests cannot be answered: ${String(error)}`);
      },
    );
  }

  /** Traces leave in the order in which they were made. */
  #sendTrace(trace: MessageTrace): void {
    this.#traces ??= import('./message-trace.js');
    this.#traces
      .then(({ sendTrace }) => {
        if (!this.#closed) sendTrace(this.sender, trace);
      })
      .catch((error: unknown) => this.logError(`a trace cannot be sent: ${String(error)}`));
  }

  #next(): void {
    const request = this.#waiting[0];
    if (request === undefined) return;
    const { service, message } = request;
    this.#answers!.answers[service]!(this, message).catch((error: unknown) => {
      this.logError(`request on ${message.subject} failed: ${error instanceof Error ? error.stack : error}`);
    });
    this.#waiting.shift();
    if (this.#waiting.length > 0) setImmediate(() => this.#next());
  }
}
