/** Opening a TCP port, for clients and for monitoring. */
import { type AddressInfo, isIP, type Server } from 'node:net';
import { hostPort } from './address.js';
import { systemErrorReason } from './system-error.js';

/** What Node's `listen` ends in, under the name that has been kept for those who replace it. */
interface Bindable {
  _listen2(
    address: string | null,
    port: number,
    version: number,
    backlog: number,
    fd: undefined,
    flags: 0,
  ): void;
}

/** Accepted sockets that the kernel keeps waiting. */
const BACKLOG = 4096;

/**
 * Begins to accept; resolves with the port, which is a free one where 0 is asked for. The wildcard address takes IPv6 and IPv4
 * alike, as in Go. Rejects with Go's text, such as `listen tcp 127.0.0.1:4222: bind: address already in use`.
 */
export function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    if (port < 0 || port > 0xffff) throw new Error(`listen tcp: address ${port}: invalid port`);
    const failed = (error: NodeJS.ErrnoException): void => {
      const unknown = error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN';
      const problem = unknown
        ? `: lookup ${host}: no such host`
        : ` ${hostPort(host, port)}: bind: ${systemErrorReason(error)}`;
      reject(new Error(`listen tcp${problem}`));
    };
    server.once('error', failed);
    server.once('listening', () => {
      server.off('error', failed);
      resolve((server.address() as AddressInfo).port);
    });
    open(server, host === '0.0.0.0' || host === '' ? null : host, port);
  });
}

/**
 * `server.listen`. For an address, or all of them, without loading what Node loads to look up names and to share ports with other
 * processes: together that takes 5 ms of a start.
 */
function open(server: Server, host: string | null, port: number): void {
  const { _listen2: bind } = server as Partial<Bindable>;
  const version = host === null ? 4 : isIP(host);
  // A process with a channel to its parent may be one of those that share ports. A zone has to be looked up.
  if (typeof bind !== 'function' || version === 0 || host?.includes('%') || process.send !== undefined) {
    server.listen({ ...(host === null ? {} : { host }), port, backlog: BACKLOG });
  } else {
    bind.call(server, host, port, version, BACKLOG, undefined, 0);
  }
}
