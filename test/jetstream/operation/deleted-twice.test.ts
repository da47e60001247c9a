/** A stream that is deleted again while the files of the one before are still being removed. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { JetStreamServer, StoreFolder } from '../../support/jetstream-server.js';

test('the files of both go, a few in a turn', async () => {
  const folder = new StoreFolder();
  try {
    await using server = await JetStreamServer.start(folder);
    const config = { name: 'S', subjects: ['s'], storage: 'file' };
    const streams = join(folder.path, 'jetstream', '$G', 'streams');
    const create = async () => assert.equal((await server.api('STREAM.CREATE.S', config)).error, undefined);
    const remove = async () => assert.equal((await server.api('STREAM.DELETE.S')).error, undefined);
    await create();
    // As one that is not gone yet.
    folder.write('jetstream/$G/streams/.S/msgs/1.blk', Buffer.from('x'));
    await server.publish('s', 'one');
    await remove();
    await create();
    assert.equal((await server.publish('s', 'two')).seq, 1);
    assert.ok(existsSync(join(streams, 'S')));
    assert.ok(existsSync(join(streams, '.S')), 'whoever removes it goes on with that');
    await remove();
    for (let i = 0; i < 100 && readdirSync(streams).length > 1; i++) await wait(10);
    assert.deepEqual(readdirSync(streams), ['.S']);
    await server.close();
    // The next start has nobody who goes on.
    await using again = await JetStreamServer.start(folder);
    assert.deepEqual(readdirSync(streams), []);
    assert.equal((await again.api('STREAM.NAMES')).total, 0);
  } finally {
    folder.remove();
  }
});
