/** Signal handlers, on a pretended process and in a real one. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { installSignalHandlers, type SignalSource, type SignalTarget } from '../../src/cli/signals.js';
import { type Log, silentLog } from '../../src/runtime/log.js';

class PretendedProcess extends EventEmitter implements SignalSource {
  readonly events: string[] = [];
  exit(code: number): void {
    this.events.push(`exit ${code}`);
  }
}

function setUp(changes: Partial<SignalTarget> = {}) {
  const source = new PretendedProcess();
  const { events } = source;
  const target: SignalTarget = {
    lameDuckMode: false,
    shutdown: async () => void events.push('shutdown'),
    reopenLog: () => void events.push('reopen'),
    reload: async () => void events.push('reload'),
    lameDuck: async () => void events.push('lame duck'),
    ...changes,
  };
  const log: Log = {
    ...silentLog,
    notice: (text) => void events.push(text),
    error: (text) => void events.push(`error ${text}`),
  };
  return { source, events, installed: installSignalHandlers(target, log, source) };
}

test('each signal does its work', async () => {
  const { source, events, installed } = setUp();
  for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGHUP']) {
    source.emit(signal);
    await turn();
  }
  source.emit('SIGINT');
  source.emit('SIGINT');
  source.emit('SIGHUP');
  await turn();
  assert.deepEqual(events, [
    'Trapped "user defined signal 1" signal',
    'reopen',
    'Trapped "user defined signal 2" signal',
    'lame duck',
    'Trapped "hangup" signal',
    'reload',
    'Trapped "interrupt" signal',
    'shutdown',
    'exit 0',
  ]);
  installed.dispose();
  assert.deepEqual(source.eventNames(), []);
});

test('TERM ends the process with 0, but not while lame duck mode does', async () => {
  const plain = setUp();
  plain.source.emit('SIGTERM');
  await turn();
  assert.deepEqual(plain.events, ['Trapped "terminated" signal', 'shutdown', 'exit 0']);
  const duck = setUp({ lameDuckMode: true });
  duck.source.emit('SIGTERM');
  await turn();
  assert.deepEqual(duck.events, ['Trapped "terminated" signal']);
});

test('what fails is logged', async () => {
  const fail = async () => {
    throw new Error('no');
  };
  const { source, events } = setUp({ reload: fail, shutdown: fail });
  source.emit('SIGHUP');
  await turn();
  source.emit('SIGTERM');
  await turn();
  assert.deepEqual(events, [
    'Trapped "hangup" signal',
    'error Failed to reload server configuration: no',
    'Trapped "terminated" signal',
    'error Shutdown failed: no',
    'exit 1',
  ]);
});

test('USR1 reaches the handler and starts no debugger', { skip: process.platform === 'win32' }, async () => {
  const module = new URL('../../src/cli/signals.js', import.meta.url).href;
  const script = `
    const { installSignalHandlers } = await import('${module}');
    const say = (text) => console.log(text);
    const log = { notice: say, error: say };
    const nothing = async () => {};
    installSignalHandlers({ lameDuckMode: false, shutdown: nothing, reload: nothing, lameDuck: nothing, reopenLog: () => say('reopened') }, log);
    setInterval(() => {}, 1000);
    say('up');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'pipe' });
  let output = '';
  const seen = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => output.includes(text) && resolve();
      child.stdout.on('data', look);
      child.once('exit', () => reject(new Error(`ended before ${text}: ${output}`)));
      look();
    });
  child.stdout.on('data', (data) => (output += data));
  child.stderr.on('data', (data) => (output += data));
  await seen('up');
  child.kill('SIGUSR1');
  await seen('reopened');
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  assert.deepEqual(await exit, [0, null]);
  assert.equal(output, 'up\nTrapped "user defined signal 1" signal\nreopened\nTrapped "terminated" signal\n');
});
