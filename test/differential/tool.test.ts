// The official tool `nats` with a system user, on both servers: what it prints, without the numbers.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { officialBinary, officialTool, WITHOUT_OFFICIAL, WITHOUT_TOOL } from '../support/official.js';
import { tool } from './nats-tool.js';
import { type Pair, type Side, startPair, stopPair } from './pair.js';

const conf = `
server_name: srv
server_tags: ["zone:a"]
accounts {
  SYS { users: [{user: sys, password: sys}] }
  A { users: [{user: a, password: a}], exports: [{stream: "pub.>"}] }
  B { users: [{user: b, password: b}], imports: [{stream: {account: A, subject: "pub.>"}}] }
}
system_account: SYS
`;

/** `<id>` is the server's. Those with `as` are another user's. */
const commands: { command: string; as?: string }[] = [
  ...['list', 'info', 'info srv', 'ping --count 1', 'check connection', 'account info A', 'account info B'],
  ...['report connections', 'report connections --account A', 'report connections --state closed'],
  ...['report accounts', 'report accounts A', 'report health', 'report routes', 'report gateways'],
  ...['report leafnodes', 'request variables', 'request connections', 'request subscriptions'],
  ...['request connections --filter-account A --subscriptions', 'request routes', 'request gateways'],
  ...['request leafnodes', 'request accounts', 'request accounts --account A', 'request jetstream'],
  ...['request jetstream-health', 'request raft', 'request ipqueues', 'request profile nope'],
  ...['request kick 99 <id>', 'request kick <cid> <id>', 'config reload <id> --force'],
].map((command) => ({ command: `server ${command}` }));
for (const as of ['sys', 'b']) {
  for (const command of ['account info', 'account report connections', 'account report statistics', 'rtt']) {
    commands.push({ command, as });
  }
}

const missing = officialBinary() ? (officialTool() ? false : WITHOUT_TOOL) : WITHOUT_OFFICIAL;

describe('the official tool', { skip: missing }, () => {
  const home = mkdtempSync(join(tmpdir(), 'weft-tool-'));
  let pair: Pair | undefined;
  let clients: NatsConnection[] = [];
  before(async () => {
    pair = await startPair({ conf });
    clients = await Promise.all([pair.official, pair.weft].map((side) => client(side, 'a')));
    for (const each of clients) each.subscribe('foo.*');
    await Promise.all(clients.map((each) => each.flush()));
  });
  after(async () => {
    await Promise.all(clients.map((each) => each.close()));
    await stopPair(pair);
    rmSync(home, { recursive: true, force: true });
  });

  for (const { command, as = 'sys' } of commands) {
    test(`${command} (${as})`, async () => {
      // Whoever is kicked comes back, in its own time.
      while (clients.some(({ info }) => info === undefined))
        await new Promise((resolve) => setTimeout(resolve, 10));
      const [official, weft] = await Promise.all(
        [pair!.official, pair!.weft].map((side, index) => {
          const { server_id: id, client_id: cid } = clients[index]!.info!;
          const filled = command.replace('<id>', id).replace('<cid>', `${cid}`);
          return tool(side, as, filled, home).output;
        }),
      );
      assert.deepEqual(weft, official);
      assert.notEqual(official, '');
      if (process.env.DIFFERENTIAL_SHOW) console.log(official);
    });
  }

  test('events', async () => {
    const heard = await Promise.all(
      [pair!.official, pair!.weft].map(async (side) => {
        const { output, child } = tool(side, 'sys', 'events --all', home);
        // It says what it listens to when it does.
        await new Promise((resolve) => child.stdout!.once('data', resolve));
        await new Promise((resolve) => setTimeout(resolve, 500));
        await (await client(side, 'b')).close();
        await client(side, 'nobody').catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, 500));
        child.kill('SIGINT');
        return output;
      }),
    );
    assert.match(heard[0]!, /Client Connection/);
    assert.equal(heard[1], heard[0]);
  });
});

function client(side: Side, user: string): Promise<NatsConnection> {
  const servers = `127.0.0.1:${side.port}`;
  return connect({ servers, user, pass: user, name: `client ${user}`, reconnectTimeWait: 50 });
}
