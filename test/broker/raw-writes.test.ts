import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, test } from 'node:test';
import { RawWrites } from '../../src/broker/raw-writes.js';
import { SocketTransport } from '../../src/broker/socket-transport.js';

/** More than the kernel takes without a reader. */
const MUCH = 8 * 1024 * 1024;

const open: { end(): void }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.end();
});

/** Both ends of a TCP connection; the client's does not read yet. */
async function pair(): Promise<{ socket: Socket; client: Socket }> {
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.pause();
  client.on('error', () => {});
  const [socket] = (await once(server, 'connection')) as [Socket];
  open.push({
    end: () => {
      socket.destroy();
      client.destroy();
      server.close();
    },
  });
  return { socket, client };
}

const handleOf = (socket: Socket) => (socket as unknown as { _handle: Record<string, unknown> })._handle;

/** What a listener knows after its first connection. */
async function learnt(): Promise<RawWrites> {
  const raw = new RawWrites();
  const { socket, client } = await pair();
  const transport = new SocketTransport(socket, '', 0, raw);
  raw.learnFrom(handleOf(socket));
  transport.write([Buffer.from('first')]);
  client.resume();
  assert.equal(String((await once(client, 'data'))[0]), 'first');
  assert.equal(raw.known, true, 'this Node is not what raw-writes.ts expects: it works, but slower');
  return raw;
}

async function rawPair() {
  const raw = await learnt();
  const { socket, client } = await pair();
  const transport = new SocketTransport(socket, '', 0, raw);
  return { socket, client, transport };
}

function collect(client: Socket): Promise<Buffer> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    client.on('data', (data) => parts.push(data as Buffer));
    client.on('close', () => resolve(Buffer.concat(parts)));
    client.resume();
  });
}

/** Bytes that differ from place to place. */
const pattern = (size: number, seed: number) => {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i++) bytes[i] = (i * 31 + (i >> 9) + seed) & 255;
  return bytes;
};

describe('raw writes', () => {
  test('what the kernel takes at once is gone at once, past the stream', async () => {
    const { socket, client, transport } = await rawPair();
    const received = collect(client);
    const memory = Buffer.from('one');
    transport.write([memory]);
    assert.equal(transport.backlog, 0);
    memory.fill('x');
    transport.write([Buffer.from('two'), Buffer.from('three')]);
    assert.equal(transport.backlog, 0);
    assert.equal(socket.writableLength, 0);
    transport.end('now');
    assert.equal(String(await received), 'onetwothree');
  });

  test('what it does not take counts until it does, and stays in order', async () => {
    const { client, transport } = await rawPair();
    let told = 0;
    transport.onWritten = () => {
      if (transport.backlog === 0) told++;
    };
    const pieces = [pattern(MUCH, 1), pattern(MUCH, 2), pattern(1000, 3), pattern(2000, 4)];
    transport.write([pieces[0]!]);
    assert.equal(transport.backlog, MUCH);
    assert.ok(transport.unsent > 0 && transport.unsent <= MUCH);
    transport.write([pieces[1]!, pieces[2]!]);
    transport.write([pieces[3]!]);
    assert.equal(transport.backlog, 2 * MUCH + 3000);
    assert.equal(told, 0);
    const received = collect(client);
    transport.end('now');
    assert.deepEqual(await received, Buffer.concat(pieces));
    assert.equal(transport.backlog, 0);
    assert.ok(told > 0);
  });

  test('a request that waited is not used for the next write', async () => {
    const { client, transport } = await rawPair();
    const received = collect(client);
    const expected: Buffer[] = [];
    for (let round = 0; round < 5; round++) {
      for (const size of [10, MUCH]) {
        const piece = pattern(size, round);
        expected.push(piece);
        transport.write([piece]);
        // Between two writes of the same turn and between those of different ones.
        while (round % 2 === 1 && transport.backlog > 0) {
          await new Promise<void>((resolve) => {
            transport.onWritten = resolve;
          });
        }
      }
    }
    transport.end('now');
    assert.deepEqual(await received, Buffer.concat(expected));
  });

  test('destroyed in the middle of a write, the memory is given back', async () => {
    const { socket, transport } = await rawPair();
    transport.write([pattern(MUCH, 1)]);
    const given = new Promise<void>((resolve) => {
      transport.onWritten = () => {
        if (transport.backlog === 0) resolve();
      };
    });
    const errors: Error[] = [];
    socket.on('error', (error) => errors.push(error));
    transport.destroy();
    await given;
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(errors, []);
    transport.write([Buffer.from('too late')]);
    assert.equal(transport.backlog, 0);
  });

  test('an end waits for the writes before it', async () => {
    const { socket, client, transport } = await rawPair();
    transport.write([pattern(MUCH, 1)]);
    transport.end('linger');
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(socket.writableFinished, false);
    assert.equal((await collect(client)).length, MUCH);
  });

  test('a client that is gone is an error of the socket, with its code', async () => {
    const { socket, client, transport } = await rawPair();
    transport.write([pattern(MUCH, 1)]);
    const failed = once(socket, 'error') as Promise<[NodeJS.ErrnoException]>;
    client.resetAndDestroy();
    const [error] = await failed;
    assert.match(error.code ?? '', /^(ECONNRESET|EPIPE)$/);
    assert.equal(error.syscall, 'write');
    assert.equal(transport.backlog, 0);
  });

  test('a write that fails at once is an error of the socket, too', async () => {
    const { socket, client, transport } = await rawPair();
    client.resetAndDestroy();
    await once(client, 'close');
    const failed = once(socket, 'error') as Promise<[NodeJS.ErrnoException]>;
    // The first may still be taken by the kernel.
    for (let i = 0; i < 10 && !socket.destroyed; i++) {
      transport.write([Buffer.from('x')]);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assert.match((await failed)[0].code ?? '', /^(ECONNRESET|EPIPE)$/);
  });

  test('where Node is another one, the stream is used', async () => {
    const raw = new RawWrites();
    const { socket, client } = await pair();
    const handle = handleOf(socket);
    const { writeBuffer } = handle as { writeBuffer: (...args: unknown[]) => number };
    handle.writev = undefined;
    raw.learnFrom(handle);
    assert.equal(handle.writeBuffer, writeBuffer);
    const transport = new SocketTransport(socket, '', 0, raw);
    const received = collect(client);
    transport.write([Buffer.from('all the same')]);
    transport.end('now');
    assert.equal(String(await received), 'all the same');
    assert.equal(raw.known, false);
  });
});
