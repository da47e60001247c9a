/** `--signal`: which process gets which signal, and every way it can go wrong. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { type ProcessTable, sendSignal, systemProcesses } from '../../src/cli/signal.js';

function machine(running: number[], files: Record<string, string> = {}) {
  const sent: [number, string][] = [];
  const table: ProcessTable = {
    self: 1,
    find: () => [1, ...running],
    kill(pid, signal) {
      if (!running.includes(pid)) throw Object.assign(new Error('kill ESRCH'), { errno: -3, code: 'ESRCH' });
      sent.push([pid, signal]);
    },
    readFile: (path) => files[path],
  };
  const send = (argument: string) => sendSignal(argument, 'weft-server', table);
  return { send, sent, table };
}

test('commands and signals', () => {
  const { send, sent } = machine([20]);
  for (const command of ['stop', 'quit', 'term', 'reopen', 'reload', 'ldm']) send(command);
  assert.deepEqual(
    sent.map(([, signal]) => signal),
    ['SIGKILL', 'SIGINT', 'SIGTERM', 'SIGUSR1', 'SIGHUP', 'SIGUSR2'],
  );
});

test('pid, pid file, prefix and all', () => {
  const { send, sent } = machine([20, 201, 30], { '/run/x.pid': '30\n', empty: '' });
  send('quit=20');
  send('quit=/run/x.pid');
  send('quit=20*');
  send('quit=*');
  send('quit=9*');
  assert.deepEqual(
    sent.map(([pid]) => pid),
    [20, 30, 20, 201, 20, 201, 30],
  );
  assert.throws(() => send('quit=empty'), {
    message: 'multiple weft-server processes running:\n20\n201\n30',
  });
});

test('errors', () => {
  const none = machine([]);
  const one = machine([20]);
  const cases: [typeof none, string, string][] = [
    [none, 'quit', 'no weft-server processes running'],
    [none, 'quit=2*', 'no weft-server processes running'],
    [none, 'bogus', 'no weft-server processes running'],
    [one, 'bogus', 'unknown signal "bogus"'],
    [one, 'toString', 'unknown signal "toString"'],
    [one, 'bogus=20', 'unknown signal "bogus"'],
    [one, 'quit=abc', 'invalid pid: abc'],
    [one, 'quit= 5', 'invalid pid:  5'],
    [one, 'quit=99999999999999999999', 'invalid pid: 99999999999999999999'],
    [one, 'quit=1=2=3', 'invalid signal parameters: [2 3]'],
    [one, 'stop=999', '\nsignal "stop" 999: no such process'],
  ];
  for (const [table, argument, message] of cases)
    assert.throws(() => table.send(argument), { message }, argument);
  const table: ProcessTable = {
    ...one.table,
    find() {
      throw new Error('spawnSync pgrep ENOENT');
    },
  };
  assert.throws(() => sendSignal('quit', 'weft-server', table), {
    message: 'unable to resolve pid, try providing one',
  });
  assert.throws(() => sendSignal('quit=99999999999', 'weft-server', systemProcesses), {
    message: '\nsignal "quit" 99999999999: no such process',
  });
});

test('finds a process by its title', {
  skip: process.platform !== 'linux' && 'pgrep by title is for Linux',
}, async () => {
  // Not the real name: servers that happen to run on this machine are none of this test's business.
  const title = `weft-t${process.pid}`;
  const script = `process.title = '${title}'; setInterval(() => {}, 1000); console.log('up')`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  await once(child.stdout, 'data');
  try {
    assert.deepEqual(systemProcesses.find(title), [child.pid]);
    sendSignal('term', title);
    assert.deepEqual(await exit, [null, 'SIGTERM']);
  } finally {
    child.kill('SIGKILL');
  }
});
