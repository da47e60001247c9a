/** Pid and ports files. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Log, silentLog } from '../../src/runtime/log.js';
import { listenerUrls, PidFile, PortsFile } from '../../src/runtime/process-files.js';

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'weft-files-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('the pid file holds the bare pid and goes away with its process only', (t) => {
  const path = join(temporaryFolder(t), 'server.pid');
  const file = new PidFile(path, 123);
  file.write();
  assert.equal(readFileSync(path, 'utf8'), '123');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  writeFileSync(path, '456');
  file.remove();
  assert.equal(readFileSync(path, 'utf8'), '456');
  writeFileSync(path, '123');
  file.remove();
  assert.equal(existsSync(path), false);
  file.remove();
});

test('a pid file that cannot be written is an error', (t) => {
  const path = join(temporaryFolder(t), 'none', 'server.pid');
  assert.throws(() => new PidFile(path).write(), { message: `open ${path}: no such file or directory` });
});

test('the ports file', (t) => {
  const folder = temporaryFolder(t);
  const file = new PortsFile(folder, 'weft-server', silentLog, 99);
  assert.equal(file.path, join(folder, 'weft-server_99.ports'));
  file.write({ websocket: ['ws://127.0.0.1:1'], monitoring: [], nats: ['nats://127.0.0.1:2'] });
  assert.equal(
    readFileSync(file.path, 'utf8'),
    '{"nats":["nats://127.0.0.1:2"],"websocket":["ws://127.0.0.1:1"]}',
  );
  file.remove();
  assert.equal(existsSync(file.path), false);
});

test('what goes wrong with the ports file is logged', (t) => {
  const folder = join(temporaryFolder(t), 'none');
  const errors: string[] = [];
  const log: Log = { ...silentLog, error: (text) => void errors.push(text) };
  const file = new PortsFile(folder, 'weft-server', log, 99);
  file.write({ nats: ['nats://127.0.0.1:2'] });
  file.remove();
  file.write(undefined);
  assert.deepEqual(errors, [
    `Error writing ports file (${file.path}): open ${file.path}: no such file or directory`,
    `Error cleaning up ports file ${file.path}: remove ${file.path}: no such file or directory`,
    'Unable to resolve the ports in the specified time',
  ]);
});

test('listener urls', () => {
  const interfaces = { lo: [{ address: '127.0.0.1' }, { address: '::1' }], eth0: [{ address: '10.0.0.7' }] };
  assert.deepEqual(listenerUrls('tls', { address: '127.0.0.1', port: 4222 }, interfaces), [
    'tls://127.0.0.1:4222',
  ]);
  assert.deepEqual(listenerUrls('nats', { address: '::', port: 1 }, interfaces), [
    'nats://127.0.0.1:1',
    'nats://[::1]:1',
    'nats://10.0.0.7:1',
  ]);
});
