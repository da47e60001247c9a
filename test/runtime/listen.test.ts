/** Opening ports: free ones, those that are taken, and those that cannot be. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { afterEach, test } from 'node:test';
import { listen } from '../../src/runtime/listen.js';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

function server(): Server {
  const made = createServer((socket) => socket.end('hello'));
  servers.push(made);
  return made;
}

for (const host of ['127.0.0.1', 'localhost', '0.0.0.0', '']) {
  test(`a free port of "${host}"`, async () => {
    const port = await listen(server(), host, 0);
    const client = connect(port, '127.0.0.1');
    const [data] = await once(client, 'data');
    assert.equal(String(data), 'hello');
    client.destroy();
  });
}

test('a port that is taken', async () => {
  const port = await listen(server(), '127.0.0.1', 0);
  const message = `listen tcp 127.0.0.1:${port}: bind: address already in use`;
  await assert.rejects(listen(server(), '127.0.0.1', port), { message });
  // The ordinary way.
  process.send = () => true;
  const refused = assert.rejects(listen(server(), '127.0.0.1', port), { message });
  delete process.send;
  await refused;
});

test('addresses and ports that are not there', async () => {
  await assert.rejects(listen(server(), '192.0.2.1', 4222), {
    message: 'listen tcp 192.0.2.1:4222: bind: cannot assign requested address',
  });
  for (const port of [-2, 65_536]) {
    const message = `listen tcp: address ${port}: invalid port`;
    await assert.rejects(listen(server(), '127.0.0.1', port), { message });
  }
  await assert.rejects(listen(server(), 'no-such-host.invalid', 0), {
    message: 'listen tcp: lookup no-such-host.invalid: no such host',
  });
});
