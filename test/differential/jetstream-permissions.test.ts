// Who may do what with streams and consumers, by permissions on subjects, beside the official server.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { officialBinary, WITHOUT_OFFICIAL } from '../support/official.js';
import { Player } from './jetstream-player.js';
import { type Pair, startPair, stopPair } from './pair.js';

const conf = `
server_name: srv
jetstream { store_dir: "$DIR/js" }
authorization { users: [
  { user: admin, password: admin }
  { user: reader, password: reader, permissions: {
    publish: { allow: ["$JS.API.CONSUMER.MSG.NEXT.S.c", "$JS.ACK.S.c.>", "$JS.API.STREAM.INFO.S"] }
    subscribe: { allow: ["in", "answers.>"] } } }
  { user: noack, password: noack, permissions: {
    publish: { deny: ["$JS.ACK.>", "$JS.FC.>"] } } }
  { user: oneack, password: oneack, permissions: {
    publish: { deny: ["$JS.ACK.S.c.1.2.>"] } } }
  { user: lister, password: lister, permissions: {
    publish: { allow: ["$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST", "$JS.API.*.INFO.>", "$JS.API.INFO"], deny: ["$JS.API.STREAM.INFO.SECRET"] } } }
  { user: filterer, password: filterer, permissions: {
    publish: { allow: ["$JS.API.CONSUMER.CREATE.S.f.S.a", "$JS.API.DIRECT.GET.S.S.a", "$JS.API.CONSUMER.MSG.NEXT.S.f"] } } }
  { user: deaf, password: deaf, permissions: { subscribe: { deny: ["in", "to.deaf"] } } }
  { user: responder, password: responder, permissions: {
    publish: { allow: ["$JS.API.CONSUMER.MSG.NEXT.S.c"] }, subscribe: ">", allow_responses: { max: 1, expires: "1m" } } }
  { user: publisher, password: publisher, permissions: { publish: { allow: "S.a" }, subscribe: { allow: "answers.>" } } }
] }
`;

type Script = (as: (user: string) => Promise<Player>, admin: Player) => Promise<void>;

const config = { name: 'S', subjects: ['S.>'], storage: 'memory', allow_direct: true };

const scripts: Record<string, Script> = {
  'a reader of one consumer': async (as, admin) => {
    await admin.consumer('c');
    await admin.consumer('other');
    const p = await as('reader');
    await p.sub('in');
    await p.next('c', { batch: 3, no_wait: true });
    await p.look(3);
    await p.ack(0, '', true);
    await p.ack(1);
    await p.next('other', { batch: 3, no_wait: true });
    await p.look(0);
    await p.api('STREAM.INFO.S', '');
    await p.api('STREAM.NAMES');
    await admin.info('c');
  },
  'acks that may not be sent': async (as, admin) => {
    for (const user of ['noack', 'oneack', 'admin']) {
      const p = await as(user);
      await p.sub('in');
      await admin.consumer('c');
      await p.next('c', { batch: 3, no_wait: true });
      await p.look(3);
      for (const n of [0, 1, 2]) await p.ack(n, n === 1 ? '-NAK' : '');
      await p.sync();
      await p.wait(50);
      await p.info('c');
      await admin.quietly('CONSUMER.DELETE.S.c');
    }
  },
  'who may only look': async (as, admin) => {
    await admin.quietly('STREAM.CREATE.SECRET', { name: 'SECRET', storage: 'memory' });
    await admin.consumer('c');
    const p = await as('lister');
    for (const subject of [
      'INFO',
      'STREAM.NAMES',
      'STREAM.INFO.S',
      'STREAM.INFO.SECRET',
      'CONSUMER.INFO.S.c',
      'CONSUMER.NAMES.S',
      'STREAM.DELETE.S',
    ])
      await p.api(subject);
    await admin.quietly('STREAM.DELETE.SECRET');
  },
  'one filter of a consumer, and one subject of direct gets': async (as) => {
    const p = await as('filterer');
    await p.sub('in');
    const create = (subject: string, filter: string) =>
      p.api(`CONSUMER.CREATE.S.${subject}`, {
        stream_name: 'S',
        config: { name: 'f', ack_policy: 'none', filter_subject: filter },
      });
    await create('f.S.b', 'S.b');
    await create('f', 'S.b');
    await create('f.S.a', 'S.b');
    await create('f.S.a', 'S.a');
    await p.next('f', { batch: 3, no_wait: true });
    await p.look(2);
    for (const subject of ['DIRECT.GET.S.S.a', 'DIRECT.GET.S.S.b', 'DIRECT.GET.S']) await p.api(subject, '');
  },
  'who may not hear': async (as, admin) => {
    const p = await as('deaf');
    await p.sub('in');
    await p.sub('to.deaf');
    await p.sub('other');
    await admin.consumer('c');
    await admin.consumer('push', { deliver_subject: 'to.deaf' });
    await p.next('c', { batch: 1, expires: 500_000_000 });
    await p.look(0);
    await p.next('c', { batch: 1, no_wait: true }, 'other');
    await p.look(1);
    await admin.info('c');
    await admin.info('push');
  },
  'acks as responses': async (as, admin) => {
    await admin.consumer('c');
    const p = await as('responder');
    await p.sub('in');
    await p.next('c', { batch: 2, no_wait: true });
    await p.look(2);
    await p.ack(0, '', true);
    await p.ack(1, '+WPI');
    await p.ack(1, '');
    await p.sync();
    await p.wait(50);
    await admin.info('c');
  },
  'publishers of one subject': async (as) => {
    const p = await as('publisher');
    await p.store('S.a', 'S.b');
    await p.api('STREAM.INFO.S', '');
  },
};

describe('JetStream by permissions', { skip: officialBinary() ? false : WITHOUT_OFFICIAL }, () => {
  let pair: Pair;
  before(async () => {
    pair = await startPair({ conf });
  });
  after(() => stopPair(pair));

  for (const [name, play] of Object.entries(scripts)) {
    test(name, async () => {
      const run = async (port: number): Promise<string[][]> => {
        const players: Player[] = [];
        const as = async (user: string) => {
          const player = await Player.connect(port, 'S', user);
          players.push(player);
          return player;
        };
        try {
          const admin = await as('admin');
          await admin.quietly('STREAM.CREATE.S', config);
          await admin.store('S.a', 'S.b', 'S.a', 'S.c');
          await play(as, admin);
          await admin.quietly('STREAM.DELETE.S');
          return players.map(({ log }) => log);
        } finally {
          for (const player of players) player.close();
        }
      };
      const [expected, actual] = await Promise.all([run(pair.official.port), run(pair.weft.port)]);
      if (process.env.DIFFERENTIAL_SHOW) console.log(name, expected);
      assert.deepEqual(actual!.flat(), expected!.flat());
    });
  }
});
