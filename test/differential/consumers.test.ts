// Consumers, script by script: the same is said to both servers, and all they answer, deliver and report must be the same.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { officialBinary, WITHOUT_OFFICIAL } from '../support/official.js';
import { ackScripts } from './consumer-scripts/acks.js';
import { apiScripts } from './consumer-scripts/api.js';
import { deliveryScripts } from './consumer-scripts/delivery.js';
import { pullScripts } from './consumer-scripts/pulls.js';
import { retentionScripts } from './consumer-scripts/retention.js';
import { Player } from './jetstream-player.js';
import { type Pair, startPair, stopPair } from './pair.js';

const all = { ...apiScripts, ...deliveryScripts, ...ackScripts, ...pullScripts, ...retentionScripts };

describe('consumers', { skip: officialBinary() ? false : WITHOUT_OFFICIAL }, () => {
  let pair: Pair;
  before(async () => {
    pair = await startPair({ conf: 'jetstream { store_dir: "$DIR/js" }' });
  });
  after(() => stopPair(pair));

  let number = 0;
  for (const [name, { stream = {}, play }] of Object.entries(all)) {
    const own = `S${++number}`;
    test(name, async () => {
      const run = async (port: number): Promise<string[]> => {
        const player = await Player.connect(port, own);
        try {
          const config = { name: own, subjects: [`${own}.>`], storage: 'memory', ...stream };
          await player.quietly(`STREAM.CREATE.${own}`, config);
          await play(player, own);
          await player.quietly(`STREAM.DELETE.${own}`);
          return player.log;
        } finally {
          player.close();
        }
      };
      const [expected, actual] = await Promise.all([run(pair.official.port), run(pair.weft.port)]);
      if (process.env.DIFFERENTIAL_SHOW) console.log(name, expected);
      assert.deepEqual(actual, expected);
    });
  }
});
