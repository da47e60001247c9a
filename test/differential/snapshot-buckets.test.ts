// Key-value buckets and object stores that the official tool has made are in a snapshot, and the tool finds them in another server.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { WeftServer } from '../../src/index.js';
import { officialTool, WITHOUT_TOOL } from '../support/official.js';

const run = promisify(execFile);
const tool = officialTool();
const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

test('key-value buckets and object stores', {
  skip: tool ? false : WITHOUT_TOOL,
  timeout: 60_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-buckets-'));
  try {
    const nats = async (server: WeftServer, command: string): Promise<string> => {
      const { stdout } = await run(tool!, ['--no-context', '-s', server.url, ...command.split(' ')], {
        env: { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder },
      });
      return stdout;
    };
    const file = join(folder, 'picture');
    const content = randomBytes(700_000);
    writeFileSync(file, content);

    await using server = await WeftServer.create({ jetstream: true });
    await nats(server, 'kv add CONF --history 3');
    for (const value of ['one', 'two', 'three', 'four']) await nats(server, `kv put CONF mode ${value}`);
    await nats(server, 'kv put CONF gone x');
    await nats(server, 'kv del CONF gone -f');
    await nats(server, 'object add FILES');
    await nats(server, `object put FILES ${file} --name picture -f --no-progress`);
    const snapshot = await server.snapshot();
    const history = await nats(server, 'kv history CONF mode');

    await using other = await WeftServer.create({ jetstream: true }, { snapshot });
    const check = async (): Promise<void> => {
      assert.equal((await nats(other, 'kv get CONF mode --raw')).trim(), 'four');
      assert.equal((await nats(other, 'kv get CONF mode --raw --revision 3')).trim(), 'three');
      assert.equal(await nats(other, 'kv history CONF mode'), history);
      await assert.rejects(nats(other, 'kv get CONF gone --raw'));
      const out = join(folder, 'out');
      await nats(other, `object get FILES picture -O ${out} -f --no-progress`);
      assert.equal(digest(readFileSync(out)), digest(content));
    };
    await check();
    // Writing goes on; and back.
    await nats(other, 'kv put CONF mode five');
    assert.equal((await nats(other, 'kv get CONF mode --raw')).trim(), 'five');
    await nats(other, 'object rm FILES picture -f');
    await other.restore(snapshot);
    await check();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
