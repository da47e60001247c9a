// Many raw connections at once, and what the system says of a process.
import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';

/** Memory and descriptors of a process can be looked at. */
export const CAN_LOOK = process.platform === 'linux';

/** Resident memory of a process in bytes. */
export function memoryOf(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1] ?? 0) * 1024;
}

/** Open descriptors of a process. */
export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Opens a TLS connection to a server that has said its INFO; resolves when the answer to `greeting` holds a PONG. */
export function joinTls(port: number, greeting: string, timeout = 20_000): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const plain = connect({ port, host: '127.0.0.1', noDelay: true });
    const timer = setTimeout(() => reject(new Error(`no PONG within ${timeout} ms`)), timeout);
    plain.on('error', reject);
    plain.once('data', () => {
      const socket = connectTls({ socket: plain, rejectUnauthorized: false });
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('closed')));
      let heard = '';
      socket.on('data', (data) => {
        heard += data.toString('latin1');
        if (!heard.includes('PONG\r\n')) return;
        clearTimeout(timer);
        socket.removeAllListeners('data');
        resolve(socket);
      });
      socket.write(greeting);
    });
  });
}

/** Opens a connection, says `greeting`, and resolves when the answer holds `awaited`. Rejects when it ends before. */
export function join(
  port: number,
  greeting: string,
  awaited = 'PONG\r\n',
  timeout = 15_000,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let heard = '';
    const timer = setTimeout(
      () => finish(new Error(`no ${JSON.stringify(awaited)} within ${timeout} ms`)),
      timeout,
    );
    const finish = (problem?: Error): void => {
      clearTimeout(timer);
      socket.removeAllListeners();
      // A connection may be cut off by the server at any time later.
      socket.on('error', () => undefined);
      if (problem === undefined) {
        resolve(socket);
        return;
      }
      socket.destroy();
      reject(problem);
    };
    socket.on('data', (data) => {
      heard += data.toString('latin1');
      if (heard.includes(awaited)) finish();
    });
    socket.on('error', finish);
    socket.on('close', () => finish(new Error(`closed after ${JSON.stringify(heard)}`)));
    socket.write(Buffer.from(greeting, 'latin1'));
  });
}

/** Opens `count` connections, some hundred at a time. */
export async function crowd(
  port: number,
  count: number,
  greeting: (index: number) => string,
): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let from = 0; from < count; from += 250) {
    const some = Array.from({ length: Math.min(250, count - from) }, (_, i) =>
      join(port, greeting(from + i)),
    );
    sockets.push(...(await Promise.all(some)));
  }
  return sockets;
}

/** Waits until a condition holds, at most `timeout` milliseconds; tells whether it does. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  timeout: number,
): Promise<boolean> {
  const deadline = performance.now() + timeout;
  while (!(await condition())) {
    if (performance.now() > deadline) return false;
    await sleep(20);
  }
  return true;
}
