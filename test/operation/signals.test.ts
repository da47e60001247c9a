/** `--signal` against running servers, exit codes, and what a process says when it cannot start. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { weftBinary } from '../support/official.js';
import { client, lines, rewrite, start, tail } from './process.js';

function weft(...args: string[]) {
  const done = spawnSync(process.execPath, [weftBinary(), ...args], { encoding: 'utf8', timeout: 10_000 });
  return { status: done.status, stderr: done.stderr, stdout: done.stdout };
}

test('commands reach the server by pid and by pid file', async () => {
  for (const [command, ended] of [
    ['stop', [null, 'SIGKILL']],
    ['quit', [0, null]],
    ['term', [0, null]],
    ['ldm', [0, null]],
  ] as const) {
    const server = await start('pid_file: "$DIR/pid"');
    try {
      const file = join(server.folder, 'pid');
      assert.equal(readFileSync(file, 'utf8'), String(server.pid));
      const target = command === 'quit' ? file : String(server.pid);
      assert.equal(weft('--signal', `${command}=${target}`).status, 0);
      await server.exited();
      assert.deepEqual([server.exitCode, server.signal], ended, command);
      if (command !== 'stop') {
        assert.match(server.log, /Initiating Shutdown\.\.\.\n.*Server Exiting\.\.\n$/);
        assert.equal(existsSync(file), false);
      }
    } finally {
      await server.stop();
    }
  }
});

test('reopen and reload leave the server running', async () => {
  await using server = await start('pid_file: "$DIR/pid"', []);
  const file = join(server.folder, 'pid');
  assert.equal(weft('-sl', `reopen=${file}`).status, 0);
  await server.waitForLog('[INF] File log re-open ignored, not a file logger');
  assert.equal(weft('-sl', `reload=${file}`).status, 0);
  await server.waitForLog('[INF] Reloaded server configuration (sha256:');
  assert.ok(await (await client(server.port)).sync());
});

test('a log file is opened again after it was moved', async () => {
  await using server = await start('pid_file: "$DIR/pid"');
  const log = join(server.folder, 'log');
  rewrite(server, `pid_file: "${join(server.folder, 'pid')}"\nlog_file: "${log}"\ndebug: true`);
  server.kill('SIGHUP');
  const until = async (text: string) => {
    for (let i = 0; !(existsSync(log) && readFileSync(log, 'utf8').includes(text)); i++) {
      assert.ok(i < 500, `no ${text}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  await until('Reloaded server configuration');
  renameSync(log, `${log}.old`);
  server.kill('SIGUSR1');
  await until('File log re-opened');
  (await client(server.port)).destroy();
  await until('Client connection created');
  assert.ok(!readFileSync(`${log}.old`, 'utf8').includes('Client connection created'));
});

test('what keeps a server from starting', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const { port } = taken.address() as { port: number };
  const at = ['-T=false', '-a', '127.0.0.1', '-p'];
  const cases: [string[], RegExp][] = [
    [
      [...at, `${port}`],
      new RegExp(
        `(?<!\\[ERR\\][^]*)\\[FTL\\] Error listening on port: 127\\.0\\.0\\.1:${port}, "listen tcp 127\\.0\\.0\\.1:${port}: bind: address already in use"\\n$`,
      ),
    ],
    [
      [...at, '-1', '-P', '/nonexistent/p'],
      /\[FTL\] Could not write pidfile: open \/nonexistent\/p: no such file or directory\n$/,
    ],
    [
      [...at, '-1', '-l', '/nonexistent/l'],
      /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d error opening file: open \/nonexistent\/l: no such file or directory\n$/,
    ],
    [
      [...at, '-1', '-c', '/nonexistent/c'],
      /^weft-server: open \/nonexistent\/c: no such file or directory\n$/,
    ],
  ];
  for (const [args, text] of cases) {
    const { status, stderr } = weft(...args);
    assert.match(stderr, text);
    assert.equal(status, 1);
  }
  taken.close();
});

test('an error that nobody expected is logged and ends the process', () => {
  const bug = `data:text/javascript,${encodeURIComponent("setTimeout(() => { throw new Error('boom') }, 500)")}`;
  const args = ['--import', bug, weftBinary(), '-a', '127.0.0.1', '-p', '-1'];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 10_000 });
  assert.match(stderr, /Server is ready\n.*\[FTL\] Unexpected error: Error: boom\n +at /);
  assert.equal(status, 1);
});

test('the ports file says where the server is, until it ends', async () => {
  const server = await start('ports_file_dir: "$DIR"');
  const name = `weft-server_${server.pid}.ports`;
  assert.deepEqual(JSON.parse(readFileSync(join(server.folder, name), 'utf8')), {
    nats: [`nats://127.0.0.1:${server.port}`],
  });
  server.kill('SIGTERM');
  await server.exited();
  assert.ok(!readdirSync(server.folder).includes(name));
  await server.stop();
});

test('lame duck mode ignores TERM and a second signal, takes a reload, and ends with 0', async () => {
  await using server = await start('lame_duck_duration: 30s\nlame_duck_grace_period: 700ms');
  const modern = await client(server.port);
  const old = await client(server.port, { protocol: 0 });
  const from = server.log.length;
  server.kill('SIGUSR2');
  await server.waitForLog('Entering lame duck mode');
  for (const [signal, text] of [
    ['SIGTERM', 'terminated'],
    ['SIGHUP', 'hangup'],
  ] as const) {
    server.kill(signal);
    await server.waitForLog(`Trapped "${text}" signal`);
  }
  assert.ok(await modern.until(() => modern.closed));
  assert.ok(await old.until(() => old.closed));
  assert.equal(await server.exited(), 0);
  assert.deepEqual(lines(server.log.slice(from)), [
    '[INF] Trapped "user defined signal 2" signal',
    '[INF] Entering lame duck mode, stop accepting new clients',
    '[INF] Trapped "terminated" signal',
    '[INF] Trapped "hangup" signal',
    '[INF] Reloaded: authorization users',
    '[INF] Reloaded: accounts',
    '[INF] Reloaded server configuration (DIGEST)',
    '[INF] Closing existing clients',
    '[INF] Initiating Shutdown...',
    '[INF] Server Exiting..',
  ]);
  const infos = modern.received.split('\r\n').filter((line) => line.startsWith('INFO '));
  assert.equal(JSON.parse(infos.at(-1)!.slice(5)).ldm, true);
  assert.equal(tail(old).includes('ldm'), false);
});
