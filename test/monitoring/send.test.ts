import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { it } from 'node:test';
import { send } from '../../src/monitoring/send.js';

/** Serves one answer in pieces; `onPiece` is called when a piece is asked for. */
async function serve(pieces: number, onPiece: () => void) {
  const finished = { count: 0 };
  function* body(): Generator<string> {
    for (let i = 0; i < pieces; i++) {
      onPiece();
      // More than a socket holds back, so that each write has to drain.
      yield 'x'.repeat(50_000);
    }
  }
  const server = createServer((_, response) => {
    void send(response, { status: 200, contentType: 'text/plain', body: body() }).then(
      () => finished.count++,
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { server, port, finished };
}

it('gives up the turn after every piece', async () => {
  let turn = 0;
  let counting = true;
  const count = (): void => {
    turn++;
    if (counting) setImmediate(count);
  };
  const turns: number[] = [];
  const { server, port } = await serve(20, () => turns.push(turn));
  count();
  const text = await (await fetch(`http://127.0.0.1:${port}/`)).text();
  counting = false;
  server.closeAllConnections();
  server.close();
  assert.equal(text.length, 20 * 50_000);
  assert.equal(new Set(turns).size, 20, `pieces were made in the turns ${turns}`);
});

it('makes no more pieces when the client is gone', async () => {
  let pieces = 0;
  const { server, port, finished } = await serve(10_000, () => pieces++);
  const socket = connect(port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(socket, 'data');
  socket.destroy();
  while (finished.count === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(pieces < 1000, `${pieces} pieces`);
  server.closeAllConnections();
  server.close();
});
