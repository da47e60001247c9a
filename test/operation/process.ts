// A server process whose configuration file can be changed while it runs.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { weftBinary } from '../support/official.js';
import { ServerProcess } from '../support/server-process.js';
import { WireClient } from '../support/wire-client.js';

export function start(conf = '', args: string[] = [], binary = weftBinary()): Promise<ServerProcess> {
  return ServerProcess.start({ binary, conf, args: ['-T=false', ...args], http: false });
}

/** Writes another configuration, with the same listener. */
export function rewrite(server: ServerProcess, conf: string): void {
  writeFileSync(join(server.folder, 'server.conf'), `listen: "127.0.0.1:-1"\n${conf}\n`);
}

const RELOADED = /\[INF\] Reloaded server configuration|\[ERR\] Failed to reload/;

/** Reloads another configuration; resolves with what the log said about it, without pid and digest. */
export async function reload(server: ServerProcess, conf: string): Promise<string[]> {
  rewrite(server, conf);
  const from = server.log.length;
  server.kill('SIGHUP');
  for (let waited = 0; !RELOADED.test(server.log.slice(from)); waited += 5) {
    if (waited > 5000) throw new Error(`no reload in the log:\n${server.log}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return lines(server.log.slice(from)).filter((line) => !line.includes('Trapped'));
}

export function lines(log: string): string[] {
  return log
    .trimEnd()
    .split('\n')
    .map((line) =>
      line
        .replace(/^\[\d+\] /, '')
        .replace(/sha256:\w+/, 'DIGEST')
        .replace(/127\.0\.0\.1:\d+ - cid/, 'CLIENT - cid'),
    );
}

/** A client that has got through CONNECT and a first PING. */
export async function client(port: number, connect: object = {}, before = ''): Promise<WireClient> {
  const wire = await WireClient.connect(port);
  const options = { verbose: false, protocol: 1, headers: true, lang: 'js', version: '9', ...connect };
  await wire.sync(`CONNECT ${JSON.stringify(options)}\r\n${before}`);
  return wire;
}

/** What came after the last PONG. */
export function tail(wire: WireClient): string {
  return wire.received.slice(wire.received.lastIndexOf('PONG\r\n') + 6).replace(/^INFO .*\r\n/, '');
}
