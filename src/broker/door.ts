/**
 * What happens between accepting a socket and the first byte of the protocol: PROXY header, TLS in all its forms
 * (`handshake_first`, `allow_non_tls`), handshake limits (client protocol, section 5).
 */
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { DetailedPeerCertificate, PeerCertificate, TLSSocket, Server as TlsServer } from 'node:tls';
import { clientErrors } from '../protocol/errors.js';
import { PROXY_HEADER_TIMEOUT, parseProxyHeader } from '../protocol/proxy-header.js';
import { goCipherSuiteName, goTlsVersion } from '../security/cipher-suites.js';
import { matchesPinnedCert, readPeerCertificate } from '../security/peer-certificate.js';
import { refusalAlert, refusedCertificate } from '../security/refused-certificate.js';
import type { LoadedTls } from '../security/tls.js';
import { alertRecord, serverTrafficSecret } from '../security/tls-alert.js';
import type { Broker } from './broker.js';
import type { ClientConnection } from './connection.js';
import { feed, plainAddress, SocketTransport, watch } from './socket-transport.js';

const TLS_HANDSHAKE_RECORD = 0x16;
/** The longest delay of a timer in Node, in milliseconds. */
const NEVER = 0x7fff_ffff;

/** A handshake under way. */
interface Handshake {
  /** There is a key, in a line of a key log; with a client certificate that is asked for, before it has come. */
  keyed(socket: TLSSocket, line: Buffer): void;
  secured(socket: TLSSocket): void;
  /** Not called where Node closes the socket without a word, as it does with a client whose certificate is not trusted. */
  failed(problem: string): void;
}

/** One per TLS configuration; a reload makes a new one. */
export class Door {
  readonly #broker: Broker;
  readonly #tls: LoadedTls | null;
  readonly #tlsServer: TlsServer | null;
  /** Handshakes under way, by the peer's address: how a finished one finds its connection. */
  readonly #handshakes = new Map<string, Handshake>();
  #second = 0;
  #handshakesInSecond = 0;

  private constructor(broker: Broker, tls: LoadedTls | null, tlsServer: TlsServer | null) {
    this.#broker = broker;
    this.#tls = tls;
    this.#tlsServer = tlsServer;
    tlsServer?.on('secureConnection', (socket) => this.#handshakes.get(peerKey(socket))?.secured(socket));
    tlsServer?.on('tlsClientError', (error, socket) => {
      this.#handshakes.get(peerKey(socket))?.failed(handshakeProblem(error));
      socket.destroy(error);
    });
    // The one public way to a socket whose certificate Node is going to refuse.
    if (tls?.server.requestCert)
      tlsServer?.on('keylog', (line, socket) => this.#handshakes.get(peerKey(socket))?.keyed(socket, line));
  }

  /** Node's TLS is loaded only where there is TLS: it costs a tenth of the start. */
  static async create(broker: Broker, tls: LoadedTls | null): Promise<Door> {
    if (tls === null) return new Door(broker, null, null);
    const { createServer } = await import('node:tls');
    // The server's own timer would end a handshake without the text that the official server sends.
    return new Door(broker, tls, createServer({ ...tls.server, handshakeTimeout: NEVER }));
  }

  /** Sockets need no preparation at all. */
  get plain(): boolean {
    return this.#tls === null && !this.#broker.options.proxyProtocol;
  }

  /** Leads a fresh, paused socket to a connection. */
  enter(socket: Socket): void {
    const { options } = this.#broker;
    const handshakeFirst = options.tls?.handshakeFirst ?? false;
    const transport = new SocketTransport(socket, plainAddress(socket.remoteAddress), socket.remotePort);
    const connection = this.#broker.accept(transport, { type: 'STANDARD', sendInfo: !handshakeFirst });
    if (connection === null) return;
    watch(socket, connection);
    this.#prepare(socket, transport, connection, handshakeFirst).catch((error: unknown) => {
      connection.logError(error instanceof Error ? error.message : String(error));
      connection.close('Protocol Violation');
    });
  }

  async #prepare(
    socket: Socket,
    transport: SocketTransport,
    connection: ClientConnection,
    handshakeFirst: boolean,
  ): Promise<void> {
    const { options } = this.#broker;
    if (handshakeFirst) {
      const fallback = options.tls!.handshakeFirstFallback;
      if (fallback > 0 && (await this.#firstBytes(socket, fallback)) === null) {
        if (connection.closed) return;
        handshakeFirst = false;
        connection.sendFirstInfo();
      }
    }
    if (options.proxyProtocol && !(await this.#proxyHeader(socket, transport, connection))) return;
    let useTls = this.#tls !== null;
    if (useTls && !handshakeFirst && options.allowNonTls) {
      const first = await this.#firstBytes(socket, options.tls!.timeout);
      useTls = first !== null && first[0] === TLS_HANDSHAKE_RECORD;
    }
    if (connection.closed) return;
    let ready: Socket = socket;
    if (useTls) {
      const secured = await this.#handshake(socket, transport, connection, handshakeFirst);
      if (secured === null) return;
      ready = secured;
    }
    if (handshakeFirst) connection.sendFirstInfo();
    connection.begin();
    feed(ready, connection);
  }

  /** The first bytes that arrive within `wait` milliseconds, left in the socket; null when none do. */
  #firstBytes(socket: Socket, wait: number): Promise<Buffer | null> {
    return new Promise((resolve) => {
      const finish = (): void => {
        timer.cancel();
        socket.off('readable', onReadable);
        socket.off('close', finish);
        resolve(null);
      };
      const onReadable = (): void => {
        const data = socket.read() as Buffer | null;
        if (data === null) return;
        timer.cancel();
        socket.off('readable', onReadable);
        socket.off('close', finish);
        socket.unshift(data);
        resolve(data);
      };
      const timer = this.#broker.clock.after(wait, finish);
      socket.on('readable', onReadable);
      socket.on('close', finish);
    });
  }

  /** Reads the PROXY header, if there is one; false when the connection ended. */
  async #proxyHeader(
    socket: Socket,
    transport: SocketTransport,
    connection: ClientConnection,
  ): Promise<boolean> {
    const deadline = this.#broker.clock.monotonic() + PROXY_HEADER_TIMEOUT;
    for (let known = 0; ; ) {
      const wait = deadline - this.#broker.clock.monotonic();
      const data = wait > 0 ? await this.#moreBytes(socket, known, wait) : null;
      if (connection.closed) return false;
      if (data === null) {
        if (known === 0) return true;
        this.#proxyError(connection, 'i/o timeout');
        return false;
      }
      known = data.length;
      const header = parseProxyHeader(data, 0, data.length);
      if (header.kind === 'need-more') {
        socket.unshift(data);
        continue;
      }
      if (header.kind === 'error') {
        this.#proxyError(connection, header.text);
        return false;
      }
      const rest = header.kind === 'header' ? data.subarray(header.length) : data;
      if (rest.length > 0) socket.unshift(rest);
      if (header.kind === 'header' && header.address !== null) {
        transport.remoteAddress = header.address.ip;
        transport.remotePort = header.address.port;
      }
      return true;
    }
  }

  #proxyError(connection: ClientConnection, text: string): void {
    const { remoteAddress, remotePort } = connection.transport;
    this.#broker.log.warn(`Error reading PROXY protocol header from ${remoteAddress}:${remotePort}: ${text}`);
    connection.close('Protocol Violation');
  }

  /** All bytes there are once there are more than `known`, taken out of the socket; null when the time is over. */
  #moreBytes(socket: Socket, known: number, wait: number): Promise<Buffer | null> {
    return new Promise((resolve) => {
      const finish = (data: Buffer | null): void => {
        timer.cancel();
        socket.off('readable', onReadable);
        socket.off('close', onClose);
        resolve(data);
      };
      const onClose = (): void => finish(null);
      const onReadable = (): void => {
        if (socket.readableLength > known) finish(socket.read() as Buffer | null);
      };
      const timer = this.#broker.clock.after(wait, onClose);
      socket.on('readable', onReadable);
      socket.on('close', onClose);
      onReadable();
    });
  }

  // --- TLS ----------------------------------------------------------------------------------------------------------

  #handshake(
    socket: Socket,
    transport: SocketTransport,
    connection: ClientConnection,
    handshakeFirst: boolean,
  ): Promise<TLSSocket | null> {
    if (!this.#rateAllows()) {
      connection.closeWith(clientErrors.throttled, 'Maximum Connections Exceeded');
      return Promise.resolve(null);
    }
    const tls = this.#tls!;
    const key = peerKey(socket);
    return new Promise((resolve) => {
      const finish = (result: TLSSocket | null): void => {
        timer.cancel();
        this.#handshakes.delete(key);
        socket.off('close', onClose);
        socket.off('end', onClose);
        resolve(result);
      };
      const failed = (problem: string): void => {
        if (!connection.closed) {
          const line = `TLS handshake error: ${problem}`;
          if (problem === NOT_TLS) connection.logDebug(line);
          else connection.logError(line);
          connection.close('TLS Handshake Failure');
        }
        finish(null);
      };
      let refused: string | null = null;
      const onClose = (): void => failed(refused ?? 'EOF');
      let known = false;
      let secret: Buffer | null = null;
      const keyed = (tlsSocket: TLSSocket, line: Buffer): void => {
        secret ??= serverTrafficSecret(line);
        if (known) return;
        known = true;
        watchRefusal(socket, tlsSocket, (code, certificate, version, suite) => {
          refused = refusedCertificate(code, certificate, this.#broker.clock.now());
          return alertRecord(refusalAlert(code), version, suite, secret);
        });
      };
      const timer = this.#broker.clock.after(this.#broker.options.tls!.timeout, () => {
        connection.logDebug('TLS handshake timeout');
        connection.closeWith(clientErrors.tlsRequired, 'TLS Handshake Failure');
        finish(null);
      });
      // Before those who take it for an ordinary end.
      socket.prependListener('close', onClose);
      socket.prependListener('end', onClose);
      const secured = (tlsSocket: TLSSocket): void => {
        Reflect.deleteProperty(socket, 'destroy');
        const raw = tlsSocket.getPeerCertificate().raw as Buffer | undefined;
        const peer = raw === undefined ? null : readPeerCertificate(raw);
        if (!matchesPinnedCert(tls, peer)) {
          connection.logError('TLS handshake error: certificate not pinned');
          connection.close('TLS Handshake Failure');
          finish(null);
          return;
        }
        connection.tls = {
          version: goTlsVersion(tlsSocket.getProtocol() ?? ''),
          cipher: goCipherSuiteName(tlsSocket.getCipher().standardName ?? tlsSocket.getCipher().name),
          peer,
          certificates: () => certificatesOf(tlsSocket),
          handshakeFirst,
        };
        transport.upgrade(tlsSocket);
        watch(tlsSocket, connection);
        connection.logDebug('TLS handshake complete');
        connection.logDebug(`TLS version ${connection.tls.version}, cipher suite ${connection.tls.cipher}`);
        finish(tlsSocket);
      };
      this.#handshakes.set(key, { keyed, secured, failed });
      connection.out.flush();
      this.#tlsServer!.emit('connection', socket);
    });
  }

  /** `connection_rate_limit`: handshakes begun per second. */
  #rateAllows(): boolean {
    const limit = this.#broker.options.tls?.connectionRateLimit ?? 0;
    if (limit <= 0) return true;
    const second = Math.floor(this.#broker.clock.monotonic() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#handshakesInSecond = 0;
    }
    return ++this.#handshakesInSecond <= limit;
  }
}

/**
 * Tells why Node refuses the client's certificate, which it does after the handshake, without a word to anybody, and gives the client
 * what is made of that. Node would end the connection in an orderly way, and a client that takes its side of the handshake for done,
 * as with TLS 1.3, could not tell that from a server that stops. So without such a record the connection is reset.
 */
function watchRefusal(
  socket: Socket,
  tlsSocket: TLSSocket,
  refused: (
    code: string,
    certificate: PeerCertificate,
    version: string | null,
    suite: string,
  ) => Buffer | null,
): void {
  // Before the listener of Node, after which there is no certificate to be had any more.
  tlsSocket.prependOnceListener('secure', () => {
    const certificate = tlsSocket.getPeerCertificate();
    const version = tlsSocket.getProtocol();
    const suite = tlsSocket.getCipher().standardName;
    socket.destroy = (error?: Error) => {
      Reflect.deleteProperty(socket, 'destroy');
      const code = tlsSocket.authorizationError as unknown as string | null | undefined;
      if (typeof code !== 'string' || certificate.raw === undefined) return socket.destroy(error);
      const alert = refused(code, certificate, version, suite);
      if (alert === null) return socket.resetAndDestroy();
      // Past OpenSSL, which has not handed over the end of the handshake yet.
      socket.write(alert);
      return socket.destroy();
    };
  });
}

/** The peer's certificate and those that vouch for it. */
function certificatesOf(socket: TLSSocket): { chain: Buffer[]; verified: boolean } {
  const chain: Buffer[] = [];
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  // The last one vouches for itself.
  while (certificate?.raw !== undefined && !chain.some((raw) => raw.equals(certificate!.raw))) {
    chain.push(certificate.raw);
    certificate = certificate.issuerCertificate;
  }
  return { chain, verified: socket.authorized };
}

/** The other end of a socket: unique among the sockets of one listener. */
function peerKey(socket: Socket): string {
  return socket.remoteAddress === undefined ? randomUUID() : `${socket.remoteAddress} ${socket.remotePort}`;
}

/** Probes and load balancers say such things, so it is not logged as an error. */
const NOT_TLS = 'tls: first record does not look like a TLS handshake';

/** What the other side says of a handshake that it ends, in Go's words, by the number of the alert. */
const ALERTS: Readonly<Record<number, string>> = {
  10: 'unexpected message',
  20: 'bad record MAC',
  22: 'record overflow',
  40: 'handshake failure',
  42: 'bad certificate',
  43: 'unsupported certificate',
  44: 'revoked certificate',
  45: 'expired certificate',
  46: 'unknown certificate',
  47: 'illegal parameter',
  48: 'unknown certificate authority',
  49: 'access denied',
  50: 'error decoding message',
  51: 'error decrypting message',
  70: 'protocol version not supported',
  71: 'insufficient security level',
  80: 'internal error',
  86: 'inappropriate fallback',
  90: 'user canceled',
  109: 'missing extension',
  110: 'unsupported extension',
  112: 'unrecognized name',
  116: 'certificate required',
  120: 'no application protocol',
};

/** OpenSSL's errors in Go's words, where there are any. */
function handshakeProblem(error: NodeJS.ErrnoException & { reason?: string }): string {
  switch (error.code) {
    case 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE':
      return "tls: client didn't provide a certificate";
    case 'ERR_SSL_HTTP_REQUEST':
    case 'ERR_SSL_HTTPS_PROXY_REQUEST':
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return NOT_TLS;
    case 'ERR_SSL_UNSUPPORTED_PROTOCOL':
      return 'tls: client offered only unsupported versions';
    case 'ERR_SSL_NO_SHARED_CIPHER':
      return 'tls: no cipher suite supported by both client and server';
    case 'ECONNRESET':
      return 'EOF';
  }
  const alert = ALERTS[Number(/SSL alert number (\d+)/.exec(error.message)?.[1])];
  if (alert !== undefined) return `remote error: tls: ${alert}`;
  return error.reason === undefined ? error.message : `tls: ${error.reason}`;
}
