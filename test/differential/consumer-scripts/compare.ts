// Plays scripts on both servers: all that they answer, deliver and report must be the same.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { officialBinary, WITHOUT_OFFICIAL } from '../../support/official.js';
import { persistently } from '../again.js';
import { Player } from '../jetstream-player.js';
import { type Pair, startPair, stopPair } from '../pair.js';
import type { Scripts } from './script.js';

/** Declares a test per script, all on one pair of servers. */
export function compareScripts(title: string, conf: string, scripts: Scripts): void {
  describe(title, { skip: officialBinary() ? false : WITHOUT_OFFICIAL }, () => {
    let pair: Pair;
    before(async () => {
      pair = await startPair({ conf });
    });
    after(() => stopPair(pair));

    let number = 0;
    for (const [name, { stream = {}, play }] of Object.entries(scripts)) {
      const own = `S${++number}`;
      const config = { name: own, subjects: [`${own}.>`], storage: 'memory', ...stream };
      const run = async (port: number, isFirst: boolean): Promise<string[]> => {
        const player = await Player.connect(port, own);
        try {
          if (!isFirst) await player.quietly(`STREAM.DELETE.${own}`);
          await player.quietly(`STREAM.CREATE.${own}`, config);
          await play(player, own);
          await player.quietly(`STREAM.DELETE.${own}`);
          return player.log;
        } finally {
          player.close();
        }
      };
      test(name, () =>
        persistently(async (isFirst) => {
          const [expected, actual] = await Promise.all(
            [pair.official, pair.weft].map(({ port }) => run(port, isFirst)),
          );
          if (process.env.DIFFERENTIAL_SHOW) console.log(name, expected);
          assert.deepEqual(actual, expected);
        }),
      );
    }
  });
}
