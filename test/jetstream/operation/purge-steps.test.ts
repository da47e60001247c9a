// A purge of very many messages takes many turns of the event loop: other work goes on, and what comes later stays.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { JetStreamServer, StoreFolder } from '../../support/jetstream-server.js';

const MANY = 60_000;

for (const storage of ['memory', 'file']) {
  test(`a purge of many messages, and what happens meanwhile: ${storage}`, async () => {
    const folder = new StoreFolder();
    try {
      await using server = await JetStreamServer.start(folder, ['max_mem: 1GB', 'max_file: 2GB']);
      await server.api('STREAM.CREATE.S', { name: 'S', storage, subjects: ['s.>'] });
      const client = server.client();
      for (let i = 0; i < MANY; i++) {
        client.publish(i % 3 === 0 ? 's.b' : 's.a', 'x');
        if (i % 1000 === 0) await turn();
      }
      const { store } = server.server.jetstream!.accounts.get('$G')!.streams.get('S')!;
      assert.equal(store.state.messages, MANY);
      await server.api('CONSUMER.CREATE.S.C', { stream_name: 'S', config: { name: 'C', durable_name: 'C' } });

      const answer = server.api('STREAM.PURGE.S', { filter: 's.a' });
      while (store.state.messages === MANY) await turn();
      let turns = 0;
      for (; store.state.messages > MANY / 3 + turns; turns++) {
        client.publish('s.a', 'later');
        await turn();
      }
      assert.ok(turns > 1, `${turns} turns`);
      const { success, purged } = await answer;
      assert.deepEqual({ success, purged }, { success: true, purged: (MANY / 3) * 2 });
      const { state } = await server.api('STREAM.INFO.S', { subjects_filter: '>' });
      assert.deepEqual(state.subjects, { 's.b': MANY / 3, 's.a': turns });
      const { num_pending: pending } = await server.api('CONSUMER.INFO.S.C');
      assert.equal(pending, MANY / 3 + turns);

      const rest = server.api('STREAM.PURGE.S', { seq: MANY });
      assert.equal((await rest).purged, MANY / 3);
      assert.equal(store.state.messages, turns);

      const gone = server.api('STREAM.PURGE.S', { filter: 's.a', keep: 1 });
      assert.equal((await gone).purged, turns - 1);
      // Nothing to do: as many are to stay as there are, or more.
      for (const keep of [1, 2]) {
        const nothing = await server.api('STREAM.PURGE.S', { filter: 's.a', keep });
        assert.deepEqual([nothing.success, nothing.purged], [true, 0], `keep ${keep}`);
      }
    } finally {
      folder.remove();
    }
  });
}

test('a stream that is deleted meanwhile ends its purge with an error', async () => {
  const folder = new StoreFolder();
  try {
    await using server = await JetStreamServer.start(folder, ['max_mem: 1GB', 'max_file: 2GB']);
    await server.api('STREAM.CREATE.S', { name: 'S', storage: 'file', subjects: ['s.>'] });
    const client = server.client();
    for (let i = 0; i < MANY; i++) {
      client.publish(`s.${i % 2}`, 'x');
      if (i % 1000 === 0) await turn();
    }
    const purge = server.api('STREAM.PURGE.S', { filter: 's.1' });
    const deletion = server.api('STREAM.DELETE.S');
    assert.equal((await deletion).success, true);
    assert.equal((await purge).error?.description, 'store is closed');
  } finally {
    folder.remove();
  }
});
