import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { register } from 'prom-client';
import { InternalClient } from '../../src/broker/internal-client.js';
import { defaultOptions } from '../../src/config/options.js';
import { Server } from '../../src/server.js';

async function started(): Promise<Server> {
  const accounts = [{ name: 'A"1' }];
  const server = new Server({ ...defaultOptions(), host: '127.0.0.1', port: -1, httpPort: -1, accounts });
  await server.start();
  return server;
}

async function scrape(
  server: Server,
): Promise<{ type: string | null; text: string; values: Map<string, number> }> {
  const response = await fetch(`http://127.0.0.1:${server.monitoringPort}/metrics`);
  const text = await response.text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const values = lines.map((line): [string, number] => {
    const space = line.lastIndexOf(' ');
    return [line.slice(0, space), Number(line.slice(space + 1))];
  });
  return { type: response.headers.get('content-type'), text, values: new Map(values) };
}

describe('metrics', () => {
  it('show the server, its accounts and the process', async () => {
    const server = await started();
    try {
      const inside = new InternalClient(server.broker, server.broker.globalAccount);
      inside.subscribe('foo', () => {});
      const { type, values } = await scrape(server);
      assert.equal(type, 'text/plain; version=0.0.4; charset=utf-8');
      assert.equal(values.get('nats_server_up'), 1);
      assert.equal(values.get('nats_server_connections'), 0);
      assert.equal(values.get('nats_server_account_subscriptions{account="$G"}'), 1);
      assert.equal(values.get('nats_server_account_connections{account="A\\"1"}'), 0);
      assert.ok(values.get('process_resident_memory_bytes')! > 1e6);
      for (const [name, value] of values) assert.ok(Number.isFinite(value), `${name} is ${value}`);
      // Counters show what there is, not the sum over scrapes.
      server.broker.slowConsumers = 3;
      await scrape(server);
      assert.equal((await scrape(server)).values.get('nats_server_slow_consumers_total'), 3);
    } finally {
      await server.shutdown();
    }
  });

  it('add up the accounts beyond the first thousand', async () => {
    const accounts = Array.from({ length: 1100 }, (_, index) => ({ name: `acc${index}` }));
    const server = new Server({ ...defaultOptions(), host: '127.0.0.1', port: -1, httpPort: -1, accounts });
    await server.start();
    try {
      for (const account of server.broker.accounts.values()) account.closedTraffic.inMsgs = 2;
      const { values } = await scrape(server);
      const name = 'nats_server_account_received_messages_total';
      const lines = [...values].filter(([line]) => line.startsWith(`${name}{`));
      assert.equal(lines.length, 1001);
      assert.equal(values.get(`${name}{account="acc997"}`), 2);
      assert.equal(values.get(`${name}{account=""}`), 2 * 102);
    } finally {
      await server.shutdown();
    }
  });

  it('of two servers in a process are their own', async () => {
    const [one, two] = [await started(), await started()];
    try {
      one.broker.totalConnections = 7;
      const name = 'nats_server_connections_total';
      assert.equal((await scrape(one)).values.get(name), 7);
      assert.equal((await scrape(two)).values.get(name), 0);
      assert.deepEqual(await register.getMetricsAsJSON(), []);
    } finally {
      await one.shutdown();
      await two.shutdown();
    }
  });

  it('are all in the reference page, and nothing else is', async () => {
    const server = await started();
    const { text } = await scrape(server);
    await server.shutdown();
    const names = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map((match) => `${match[1]} ${match[2]}`);
    const page = readFileSync(join(import.meta.dirname, '../../../docs/reference/metrics.md'), 'utf8');
    const documented = [...page.matchAll(/^\| `(\w+)` \| (\w+) \|/gm)].map(
      (match) => `${match[1]} ${match[2]}`,
    );
    assert.deepEqual(documented.sort(), names.sort());
  });
});
