// Consumers, script by script: the same is said to both servers, and all they answer, deliver and report must be the same.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { officialBinary, WITHOUT_OFFICIAL } from '../support/official.js';
import { persistently } from './again.js';
import { ackScripts } from './consumer-scripts/acks.js';
import { apiScripts } from './consumer-scripts/api.js';
import { compareScripts } from './consumer-scripts/compare.js';
import { deliveryScripts } from './consumer-scripts/delivery.js';
import { moreScripts } from './consumer-scripts/more.js';
import { pullScripts } from './consumer-scripts/pulls.js';
import { retentionScripts } from './consumer-scripts/retention.js';
import { Player } from './jetstream-player.js';
import { type Pair, startPair, stopPair } from './pair.js';

compareScripts('consumers', 'jetstream { store_dir: "$DIR/js" }', {
  ...apiScripts,
  ...deliveryScripts,
  ...ackScripts,
  ...pullScripts,
  ...retentionScripts,
  ...moreScripts,
});

const SHARED = `
jetstream { store_dir: "$DIR/js" }
accounts {
  A {
    jetstream: enabled
    users: [ { user: a, password: a } ]
    exports: [
      { service: "$JS.API.>", response: stream }
      { service: "$JS.ACK.>" }
      { service: "$JS.FC.>" }
      { stream: "deliver.>" }
    ]
  }
  B {
    users: [ { user: b, password: b } ]
    imports: [
      { service: { account: A, subject: "$JS.API.>" } }
      { service: { account: A, subject: "$JS.ACK.>" } }
      { service: { account: A, subject: "$JS.FC.>" } }
      { stream: { account: A, subject: "deliver.>" } }
    ]
  }
}`;

describe('consumers of another account', { skip: officialBinary() ? false : WITHOUT_OFFICIAL }, () => {
  let pair: Pair;
  before(async () => {
    pair = await startPair({ conf: SHARED });
  });
  after(() => stopPair(pair));

  /** `own` is in the account of the stream `S`, `other` imports what it needs. */
  function shared(name: string, play: (own: Player, other: Player) => Promise<void>): void {
    const run = async (port: number, isFirst: boolean): Promise<string[][]> => {
      const own = await Player.connect(port, 'S', 'a');
      const other = await Player.connect(port, 'S', 'b');
      try {
        if (!isFirst) await own.quietly('STREAM.DELETE.S');
        await own.quietly('STREAM.CREATE.S', { name: 'S', subjects: ['S.>'], storage: 'memory' });
        await own.store('S.a', 'S.b', 'S.c');
        await play(own, other);
        await own.quietly('STREAM.DELETE.S');
        return [own.log, other.log];
      } finally {
        own.close();
        other.close();
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

  shared('push: interest comes by an import', async (own, other) => {
    await other.consumer('c', { deliver_subject: 'deliver.c' });
    await own.info('c');
    const sid = await other.sub('deliver.c');
    await other.look(3);
    await own.info('c');
    await other.ack(0, '', true);
    await other.ack(1);
    await other.sync();
    await other.info('c');
    await other.unsub(sid);
    await own.store('S.d');
    await other.look(0);
    await own.info('c');
  });

  shared('pull: requests and their answers', async (own, other) => {
    await other.sub('in');
    await other.consumer('c');
    await other.next('c', { batch: 2, no_wait: true });
    await other.look(2);
    await other.ack(0, '+ACK', true);
    await other.ack(1, '-NAK');
    await other.next('c', { batch: 5, no_wait: true });
    await other.look(3);
    await own.info('c');
    await other.next('c', { batch: 1, expires: 300e6 });
    await other.look(1);
  });
});
