import assert from 'node:assert/strict';
import { test } from 'node:test';
import { optionsFromObject } from '../../src/config/load.js';
import { bridgeEvents } from '../../src/embedding/events.js';
import { Server } from '../../src/server.js';

test('lame duck mode is told of when it begins, to all who listen', async () => {
  const server = new Server(optionsFromObject({ port: -1 }).options, { noListen: true });
  const heard: string[] = [];
  const remove = server.broker.events.add({ lameDuck: () => void heard.push('before') });
  bridgeEvents(server.broker, (event, ..._args) => void heard.push(event));
  server.broker.lameDuck = true;
  server.broker.lameDuck = true;
  assert.deepEqual(heard, ['before']);
  await Promise.resolve();
  assert.deepEqual(heard, ['before', 'lameDuck']);
  remove();
  server.broker.lameDuck = false;
  server.broker.lameDuck = true;
  await Promise.resolve();
  assert.deepEqual(heard, ['before', 'lameDuck', 'lameDuck']);
  await server.shutdown();
});
