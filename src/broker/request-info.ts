/**
 * The header `Nats-Request-Info`, by which a service learns who asks from another account: always the account and the round-trip time,
 * all the rest where the importing account shares it (system services, section 3).
 */
import { toUtf8 } from '../protocol/bytes.js';
import { type ClientInfo, clientInfo, clientInfoText } from './client-info.js';
import type { ClientConnection } from './connection.js';
import type { Crossing, ServiceImport } from './service-imports.js';

const HEADER_LINE = 'NATS/1.0\r\n';
export const REQUEST_INFO = 'Nats-Request-Info';

/** Who asks, and the header that says so. */
export interface RequestInfo {
  readonly info: ClientInfo;
  /** Line of the header, latin1 text of its bytes. */
  readonly line: string;
  /** The whole header of a message that had none. */
  readonly block: string;
}

/** What was made out for a connection, as long as it still holds. */
export class KnownRequestInfo {
  readonly #connection: ClientConnection;
  readonly #rtt: number;
  readonly #account: object;
  readonly #options: object;
  readonly #identity: object | null;
  /** With the least, with the server's name, with all. */
  readonly #made: (RequestInfo | undefined)[] = [undefined, undefined, undefined];

  constructor(connection: ClientConnection) {
    this.#connection = connection;
    this.#rtt = connection.liveness.rtt;
    this.#account = connection.account;
    this.#options = connection.options;
    this.#identity = connection.identity;
  }

  get holds(): boolean {
    const { liveness, account, options, identity } = this.#connection;
    return (
      liveness.rtt === this.#rtt &&
      account === this.#account &&
      options === this.#options &&
      identity === this.#identity
    );
  }

  get(share: boolean, withServer: boolean): RequestInfo {
    const variant = share ? 2 : withServer ? 1 : 0;
    return (this.#made[variant] ??= this.#make(share, withServer));
  }

  #make(share: boolean, withServer: boolean): RequestInfo {
    const info = clientInfo(this.#connection, share);
    if (withServer) info.server = this.#connection.broker.serverName;
    return describe(info);
  }
}

/**
 * What the service is told of a client that asks; `outer` is the crossing that brought the request here. `reply` is the reply subject where
 * the service needs to know it, else ''.
 */
export function requestInfo(
  from: ClientConnection,
  service: ServiceImport,
  outer: Crossing | null,
  reply: string,
): RequestInfo {
  const before = outer?.requestor ?? null;
  const { isSystem } = service.exporter;
  if (outer === null || before === null) {
    if (from.requestInfo === null || !from.requestInfo.holds) from.requestInfo = new KnownRequestInfo(from);
    const share = outer === null ? service.share : outer.service.share;
    const known = from.requestInfo.get(share, isSystem);
    return reply === '' ? known : describe({ ...known.info, reply: toUtf8(reply) });
  }
  const info: ClientInfo = { ...before.info, svc: service.importer.name };
  // An account that shares, behind one that does not, adds what is the server's.
  if (!outer.service.share && (service.share || isSystem)) info.server = from.broker.serverName;
  return describe(info);
}

function describe(info: ClientInfo): RequestInfo {
  const line = `${REQUEST_INFO}: ${clientInfoText(info)}\r\n`;
  return { info, line, block: `${HEADER_LINE}${line}\r\n` };
}

/** A header with the line in it; one of the same name that the client sent is taken out. */
export function withRequestInfo(header: string, { line }: RequestInfo): string {
  let kept = header.slice(0, -2);
  if (kept.includes(`\n${REQUEST_INFO}:`)) {
    kept = kept.replace(new RegExp(`(?<=\\n)${REQUEST_INFO}:[^]*?\\r\\n`, 'g'), '');
  }
  return `${kept.length <= HEADER_LINE.length ? HEADER_LINE : kept}${line}\r\n`;
}
