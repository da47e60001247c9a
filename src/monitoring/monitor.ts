/** The HTTP or HTTPS listener of monitoring: paths, headers, keep-alive; what is answered is in `endpoints.ts`. */
import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import {
  createServer as createHttpsServer,
  type Server as HttpsServer,
  type ServerOptions,
} from 'node:https';
import { posix } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { hostPort } from '../runtime/address.js';
import { listen } from '../runtime/listen.js';
import type { LoadedTls } from '../security/tls.js';
import { CpuMeter } from './cpu-meter.js';
import { respond } from './endpoints.js';
import type { Metrics } from './metrics.js';
import { Query } from './query.js';
import { escapeHtml, rootPage } from './root-page.js';
import { hideKeepAlive, send } from './send.js';
import { monitoringHost } from './varz.js';
import { type Answer, type MonitoredServer, type MonitorView, textAnswer } from './view.js';

const MAX_HEADER = 1 << 20;
const HEADER_TIMEOUT = 5000;
/** How long an idle connection may stay. */
const KEEP_ALIVE = 120_000;

/** The TLS settings of monitoring: those of the clients' listener, but nobody has to show a certificate. */
function withoutClientCertificates(tls: LoadedTls): ServerOptions {
  return { ...tls.server, requestCert: false, rejectUnauthorized: false };
}

export class Monitor {
  readonly view: MonitorView;
  readonly #server: HttpServer | HttpsServer;
  readonly #secure: boolean;
  /** Ends without a slash; empty when there is none. */
  readonly #base: string;
  #metrics: Promise<Metrics> | null = null;
  #port = 0;

  /** `ready` says whether clients can connect. */
  constructor(server: MonitoredServer, ready: () => boolean) {
    const { options } = server.broker;
    this.view = { server, ready, cpu: new CpuMeter(), requests: new Map() };
    this.#base = posix.join('/', options.httpBasePath).replace(/\/+$/, '');
    this.#secure = options.httpsPort !== 0;
    const limits = {
      maxHeaderSize: MAX_HEADER,
      headersTimeout: HEADER_TIMEOUT,
      keepAliveTimeout: KEEP_ALIVE,
    };
    const handle = (request: IncomingMessage, response: ServerResponse): void => {
      this.#handle(request, response).catch((error: unknown) => {
        server.log.error(`monitoring: ${error instanceof Error ? error.message : String(error)}`);
        response.destroy();
      });
    };
    this.#server =
      this.#secure && server.tls !== null
        ? createHttpsServer({ ...limits, ...withoutClientCertificates(server.tls) }, handle)
        : createServer(limits, handle);
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      const from = hostPort(socket.remoteAddress ?? '', socket.remotePort ?? 0);
      server.log.error(`monitoring: TLS handshake error from ${from}: ${handshakeErrorText(error)}`);
    });
  }

  /** The port it listens on; 0 before `start`. */
  get port(): number {
    return this.#port;
  }

  /** Begins to listen. Rejects with the official server's text. */
  async start(): Promise<void> {
    try {
      await this.#listen();
    } catch (error) {
      throw new Error(`Can't start monitoring: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async #listen(): Promise<void> {
    const { server } = this.view;
    const { options } = server.broker;
    const { httpPort, httpsPort } = options;
    if (httpPort !== 0 && httpsPort !== 0) {
      throw new Error(`can't specify both HTTP (${httpPort}) and HTTPs (${httpsPort}) ports`);
    }
    if (this.#secure && server.tls === null) throw new Error('TLS cert and key required for HTTPS');
    const host = monitoringHost(options);
    const wanted = httpPort || httpsPort;
    try {
      this.#port = await listen(this.#server, host, wanted === -1 ? 0 : wanted);
    } catch (error) {
      throw new Error(`can't listen to the monitor port: ${(error as Error).message}`);
    }
    // A connection that could not be accepted is the client's to notice.
    this.#server.on('error', ignore);
    const protocol = this.#secure ? 'https' : 'http';
    server.log.notice(`Starting ${protocol} monitor on ${hostPort(host, this.#port)}`);
  }

  /** Uses other certificates from now on. */
  useTls(tls: LoadedTls): void {
    if ('setSecureContext' in this.#server) this.#server.setSecureContext(withoutClientCertificates(tls));
  }

  /** Stops listening and ends all connections. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
    (await this.#metrics)?.close();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Whatever a request carries is of no interest, but has to be read before the next one.
    request.resume();
    response.on('error', ignore);
    const { path, query } = splitTarget(request.url ?? '/');
    if (path === null) {
      await send(response, textAnswer(400, '400 Bad Request'));
      return;
    }
    const clean = cleanPath(path);
    if (clean !== path) {
      redirect(request, response, encodeURI(clean) + (query === '' ? '' : `?${query}`));
      return;
    }
    const answer = await this.#answer(path, query);
    if (answer === null) {
      response.setHeader('X-Content-Type-Options', 'nosniff');
      await send(response, textAnswer(404, '404 page not found\n'));
    } else {
      await send(response, answer);
    }
  }

  async #answer(path: string, query: string): Promise<Answer | null> {
    const base = this.#base;
    if (path === (base === '' ? '/' : base)) {
      const { requests } = this.view;
      requests.set('/', (requests.get('/') ?? 0) + 1);
      return { status: 200, contentType: 'text/html; charset=utf-8', body: rootPage(base) };
    }
    if (!path.startsWith(`${base}/`)) return null;
    const name = path.slice(base.length);
    if (name !== '/metrics') return respond(this.view, name, new Query(query));
    this.#metrics ??= import('./metrics.js').then((module) => new module.Metrics(this.view));
    return (await this.#metrics).answer();
  }
}

function redirect(request: IncomingMessage, response: ServerResponse, location: string): void {
  response.statusCode = 307;
  hideKeepAlive(response);
  response.setHeader('Location', location);
  if (request.method === 'GET' || request.method === 'HEAD') {
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
  }
  response.end(
    request.method === 'GET' ? `<a href="${escapeHtml(location)}">Temporary Redirect</a>.\n\n` : undefined,
  );
}

/** The unescaped path, null when it is malformed, and what follows the `?`. */
function splitTarget(target: string): { path: string | null; query: string } {
  const local = target.replace(/^[a-z]+:\/\/[^/?]*/i, '');
  const mark = local.indexOf('?');
  const query = mark === -1 ? '' : local.slice(mark + 1);
  try {
    return { path: decodeURIComponent(mark === -1 ? local : local.slice(0, mark)), query };
  } catch {
    return { path: null, query };
  }
}

/** The path without `.`, `..` and double slashes; a slash at the end stays. */
function cleanPath(path: string): string {
  const clean = posix.normalize(path.startsWith('/') ? path : `/${path}`);
  return clean === '' ? '/' : clean;
}

function handshakeErrorText(error: NodeJS.ErrnoException): string {
  if (error.code === 'ERR_SSL_HTTP_REQUEST') return 'client sent an HTTP request to an HTTPS server';
  return error.code === 'ECONNRESET' ? 'EOF' : error.message;
}

function ignore(): void {}
