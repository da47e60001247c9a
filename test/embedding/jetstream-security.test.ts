// What the guide to security says of JetStream: users for one function each, and a consumer that another account works on.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type NatsConnection, wsconnect } from '@nats-io/nats-core';
import { WeftServer } from '../../src/index.js';
import { JetStreamUser } from './jetstream-support.js';
import { root } from './support.js';

/** The configurations that the guide shows, by what stands in their first line. */
function shown(first: string): string {
  const guide = readFileSync(join(root, 'docs', 'guide', 'security.md'), 'utf8');
  const blocks = [...guide.matchAll(/```\n([^`]*)```/g)].map((match) => match[1]!);
  const found = blocks.find((block) => block.startsWith(first));
  assert.ok(found, first);
  return found;
}

const local = { listen: false, disk: 'memory' } as const;

async function furnish(user: JetStreamUser): Promise<void> {
  await user.create({ name: 'ORDERS', subjects: ['orders.>'] });
  for (const name of ['kitchen', 'billing'])
    await user.consumer('ORDERS', { name, durable_name: name, ack_policy: 'explicit' });
}

test('a user for each function', async () => {
  await using server = await WeftServer.create({ config: shown('# By function') }, local);
  const owner = new JetStreamUser(server);
  await furnish(owner);
  const as = (user: string) => wsconnect(server.inProcess({ user, pass: user }));
  const ask = async (nc: NatsConnection, subject: string, body = ''): Promise<string> =>
    (await nc.request(subject, body, { timeout: 500 })).string();
  const denied = (nc: NatsConnection, subject: string) =>
    assert.rejects(ask(nc, subject), /permission|timeout/i);

  const shop = await as('shop');
  assert.match(await ask(shop, 'orders.1', 'tea'), /"stream":"ORDERS","seq":1/);
  await denied(shop, '$JS.API.STREAM.INFO.ORDERS');
  await denied(shop, '$JS.API.CONSUMER.MSG.NEXT.ORDERS.kitchen');

  const cook = await as('cook');
  // The message comes under the subject it was published on, by which the client's shared inbox would not know it.
  const options = { noMux: true, timeout: 2000 };
  const message = await cook.request('$JS.API.CONSUMER.MSG.NEXT.ORDERS.kitchen', '{"batch":1}', options);
  assert.equal(message.string(), 'tea');
  assert.equal(await ask(cook, message.reply!, '+ACK'), '');
  await denied(cook, '$JS.API.CONSUMER.MSG.NEXT.ORDERS.billing');
  await denied(cook, '$JS.API.STREAM.PURGE.ORDERS');
  await denied(cook, 'orders.2');

  const clerk = await as('clerk');
  assert.match(await ask(clerk, '$JS.API.STREAM.INFO.ORDERS'), /"messages":1/);
  assert.match(await ask(clerk, '$JS.API.CONSUMER.INFO.ORDERS.billing'), /"num_pending":1/);
  await denied(clerk, '$JS.API.STREAM.DELETE.ORDERS');
  for (const nc of [shop, cook, clerk]) await nc.close();
});

test('a consumer that another account works on', async () => {
  await using server = await WeftServer.create({ config: shown('# Another account') }, local);
  const owner = new JetStreamUser(server, 'SHOP');
  await furnish(owner);
  await owner.publish('orders.1', 'tea');
  const cook = new JetStreamUser(server, 'KITCHEN');
  assert.deepEqual(await cook.fetch('ORDERS', 'kitchen', 5), ['tea']);
  assert.equal((await owner.api('CONSUMER.INFO.ORDERS.kitchen')).ack_floor.stream_seq, 1);
  await assert.rejects(cook.api('STREAM.INFO.ORDERS'), /not enabled|no responders/i);
});
