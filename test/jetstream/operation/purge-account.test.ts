// The request by which the system account removes all streams of an account, and what a start finds after it.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ApiAnswer, JetStreamServer, StoreFolder } from '../../support/jetstream-server.js';

const accounts = ['accounts { A { jetstream: enabled }, B { jetstream: enabled } }'];

async function withFolder(run: (folder: StoreFolder) => Promise<void>) {
  const folder = new StoreFolder();
  try {
    await run(folder);
  } finally {
    folder.remove();
  }
}

const start = (folder: StoreFolder, other = accounts) =>
  JetStreamServer.start(folder, ['max_mem: 64MB', 'max_file: 64MB'], other);
const purge = (server: JetStreamServer, account: string) =>
  server.api(`ACCOUNT.PURGE.${account}`, '', '$SYS');
const create = (server: JetStreamServer, account: string) =>
  server.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'] }, account);

test('streams of one account go for good, files and all, and the account goes on', async () => {
  await withFolder(async (folder) => {
    {
      await using server = await start(folder);
      for (const account of ['A', 'B']) {
        await create(server, account);
        await server.publish('s', 'x', account);
      }
      const heard: ApiAnswer[] = [];
      server
        .client('$SYS')
        .subscribe('$JS.EVENT.>', ({ payload }) => void heard.push(JSON.parse(payload.toString())));
      assert.deepEqual(await purge(server, 'A'), {
        type: 'io.nats.jetstream.api.v1.account_purge_response',
        initiated: true,
      });
      assert.deepEqual(
        heard.map(({ type, subject }) => [type, subject]),
        [['io.nats.jetstream.advisory.v1.api_audit', '$JS.API.ACCOUNT.PURGE.A']],
      );
      assert.ok(
        server.log.lines.includes('[INF] Purge request for account A (streams: 1, hasAccount: true)'),
      );
      assert.equal((await server.api('STREAM.INFO.S', '', 'A')).error?.err_code, 10059);
      assert.equal(existsSync(join(folder.path, 'jetstream', 'A')), false);
      await create(server, 'A');
      assert.equal((await server.publish('s', 'new', 'A')).seq, 1);
    }
    await using server = await start(folder);
    const messages = async (account: string) =>
      (await server.api('STREAM.INFO.S', '', account)).state.messages;
    assert.deepEqual([await messages('A'), await messages('B')], [1, 1]);
  });
});

test('what an account has left that is not there any more goes, too', async () => {
  await withFolder(async (folder) => {
    {
      await using server = await start(folder);
      await create(server, 'A');
    }
    {
      await using server = await start(folder, ['accounts { B { jetstream: enabled } }']);
      assert.equal((await purge(server, 'A')).initiated, true);
    }
    await using server = await start(folder);
    assert.equal((await server.api('STREAM.INFO.S', '', 'A')).error?.err_code, 10059);
  });
});

test('so does a stream that could not be opened, with its complaint', async () => {
  await withFolder(async (folder) => {
    {
      await using server = await start(folder);
      await create(server, 'A');
    }
    folder.write('jetstream/A/streams/S/meta.inf', Buffer.from('{'));
    await using server = await start(folder);
    const { storage } = server.server.jetstream!;
    assert.equal(storage.problems.length, 1);
    await purge(server, 'A');
    assert.deepEqual(storage.problems, []);
    assert.equal((await create(server, 'A')).error, undefined);
  });
});

test('nobody else may ask, and the directory of the servers themselves is no account', async () => {
  await withFolder(async (folder) => {
    await using server = await start(folder);
    await create(server, 'A');
    folder.write('jetstream/_js_/x', Buffer.from('kept'));
    server.client('A').publish('$JS.API.ACCOUNT.PURGE.A', '', 'nobody');
    assert.equal((await purge(server, 'a/b')).error?.err_code, 10051);
    assert.equal((await purge(server, '_js_')).initiated, true);
    assert.equal(folder.read('jetstream/_js_/x').toString(), 'kept');
    assert.equal((await server.api('STREAM.INFO.S', '', 'A')).error, undefined);
  });
});
