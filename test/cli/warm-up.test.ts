/** What the build asks a new server, so that V8 keeps the compiled form of what clients use (see scripts/warm-up.cjs). */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { WeftServer } from '../../src/index.js';

const warmUp = createRequire(import.meta.url)('../../../scripts/warm-up.cjs') as (
  port: number,
  hasJetStream: boolean,
) => Promise<string[]>;

test('everything it asks is answered', async () => {
  for (const jetstream of [false, true]) {
    await using server = await WeftServer.create({ jetstream }, { disk: 'memory' });
    assert.deepEqual(await warmUp(server.port, jetstream), []);
  }
});
