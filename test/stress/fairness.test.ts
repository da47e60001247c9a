// A client that sends as fast as it can must not keep the others waiting: its socket fills the read buffer again and again.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { issueCertificates } from '../support/certificates.js';
import { weftBinary } from '../support/official.js';
import { ServerProcess } from '../support/server-process.js';
import { WireClient } from '../support/wire-client.js';

const pump = `
  const [port, kind] = process.argv.slice(1);
  const plain = require('node:net').connect(Number(port), '127.0.0.1');
  const batch = Buffer.from('PUB t 16\\r\\n0123456789abcdef\\r\\n'.repeat(20000));
  plain.on('error', () => process.exit());
  const begin = (socket) => {
    socket.on('error', () => process.exit());
    socket.on('data', () => {});
    socket.write('CONNECT {"verbose":false,"pedantic":false}\\r\\n');
    const fill = () => { while (socket.write(batch)); socket.once('drain', fill); };
    fill();
  };
  plain.once('data', () => {
    if (kind === 'plain') begin(plain);
    else begin(require('node:tls').connect({ socket: plain, rejectUnauthorized: false }));
  });
  setTimeout(() => process.exit(), 10000);`;

const { server: own } = issueCertificates();
const files = { 'server.pem': own.cert, 'server.key': own.key };
const tls = 'tls { cert_file: "$DIR/server.pem", key_file: "$DIR/server.key" }, allow_non_tls: true';

for (const kind of ['plain', 'TLS']) {
  test(`a flood of small messages does not hold up another client (${kind})`, async (t) => {
    await using server = await ServerProcess.start({
      binary: weftBinary(),
      conf: kind === 'TLS' ? tls : '',
      files,
    });
    const producer = spawn(process.execPath, ['-e', pump, String(server.port), kind], { stdio: 'ignore' });
    try {
      const client = await WireClient.connect(server.port);
      await client.sync('CONNECT {"verbose":false,"pedantic":false}\r\n');
      await new Promise((resolve) => setTimeout(resolve, 500));
      const waits: number[] = [];
      for (let i = 0; i < 40; i++) {
        const start = performance.now();
        assert.ok(await client.sync(''));
        waits.push(performance.now() - start);
      }
      waits.sort((a, b) => a - b);
      const median = waits[20]!;
      t.diagnostic(`median ${median.toFixed(1)} ms, longest ${waits.at(-1)!.toFixed(1)} ms`);
      // Without a limit per turn it is above 100 ms.
      assert.ok(median < 50, `a PONG took ${median} ms`);
      const varz = (await (await fetch(`http://127.0.0.1:${server.httpPort}/varz`)).json()) as {
        in_msgs: number;
      };
      assert.ok(varz.in_msgs > 100_000, `no flood: ${varz.in_msgs} messages`);
      client.destroy();
    } finally {
      producer.kill('SIGKILL');
    }
  });
}
