// The official tool `nats` with a system user, on both servers: what it prints, without the numbers.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { officialBinary, officialTool, WITHOUT_OFFICIAL, WITHOUT_TOOL } from '../support/official.js';
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

function tool(
  side: Side,
  user: string,
  command: string,
  home: string,
): { child: ChildProcess; output: Promise<string> } {
  const login = ['--server', `127.0.0.1:${side.port}`, '--user', user, '--password', user];
  const child = spawn(officialTool()!, [...login, ...command.split(' ')], {
    env: { ...process.env, HOME: home, XDG_CONFIG_HOME: home, COLUMNS: '200' },
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: home,
    timeout: 20_000,
  });
  let text = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8');
    stream.on('data', (data: string) => {
      text += data;
    });
  }
  const output = new Promise<string>((resolve) => {
    child.on('close', (code) => resolve(`${normalise(text)}\nexit code ${code}`));
  });
  return { child, output };
}

/** An element of a list without what opens and closes the list. */
function bare(element: string): string {
  return element.replace(/^"\w+":\[|\]$/g, '');
}

/** The lines in any order, without numbers, units and what tables are drawn with. */
function normalise(text: string): string {
  const lines = text
    .replace(/\bN[A-Z0-9]{55}\b/g, '<id>')
    .replace(/\b[0-9A-Za-z]{22}\b/g, '<event>')
    .replace(/"go":"[^"]*"|Go Version: \S+/g, '<go>')
    .replace(/,"weft_version":"[^"]*"/g, '')
    // Officially in the order of a map, which is another one each time.
    .replace(/"(?:imports|exports)":\[[^\]]*\]/g, (list) =>
      list
        .split(/(?<=\}),/)
        .map(bare)
        .sort()
        .join(' '),
    )
    .replace(/"accounts":\[[^\]]*\]/g, (list) =>
      list
        .split(/[[\],]/)
        .sort()
        .join(' '),
    )
    .replace(/\d{4}-\d\d-\d\d[T ][\d:.]+Z?/g, '<time>')
    // Which of the units a number has depends on the number.
    .replace(/\d[\d,.]*\s?(µs|ms|ns|[KMG]iB|B|s)?/g, '#')
    .replace(/(#[hm]?)+/g, '#')
    .split('\n')
    .map((line) => line.replace(/[^\x21-\x7e]+/g, ' ').trim())
    .filter((line) => line !== '');
  return lines.sort().join('\n');
}
