/** Log lines, files and their rotation. */
import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { levelLabel, TimestampFormat } from '../../src/runtime/log-format.js';
import { Logger, type LogSettings } from '../../src/runtime/logger.js';
import { RateLimitedLog } from '../../src/runtime/rate-limited-log.js';
import { SimulatedClock } from '../../src/sim/clock.js';

const start = Date.UTC(2026, 10, 22, 23, 59, 0) + 123.5;

function settings(changes: Partial<LogSettings> = {}): LogSettings {
  return {
    debug: false,
    trace: false,
    logtime: true,
    logtimeUtc: true,
    logSizeLimit: 0,
    logMaxNum: 0,
    ...changes,
  };
}

function recorder() {
  const lines: string[] = [];
  return { lines, sink: { write: (line: string) => void lines.push(line), close() {} } };
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'weft-log-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('the line format', () => {
  const { lines, sink } = recorder();
  const clock = new SimulatedClock(start);
  let fatal = 0;
  const logger = new Logger(settings({ debug: true, trace: true }), {
    clock,
    pid: 77,
    standardError: sink,
    onFatal: () => fatal++,
  });
  logger.notice('one');
  logger.warn('two');
  logger.error('three\n');
  clock.advance(1000);
  logger.debug('four');
  logger.trace('127.0.0.1:1234 - cid:5 - <<- [PING]');
  logger.fatal('six');
  assert.deepEqual(lines, [
    '[77] 2026/11/22 23:59:00.123500 [INF] one\n',
    '[77] 2026/11/22 23:59:00.123500 [WRN] two\n',
    '[77] 2026/11/22 23:59:00.123500 [ERR] three\n',
    '[77] 2026/11/22 23:59:01.123500 [DBG] four\n',
    '[77] 2026/11/22 23:59:01.123500 [TRC] 127.0.0.1:1234 - cid:5 - <<- [PING]\n',
    '[77] 2026/11/22 23:59:01.123500 [FTL] six\n',
  ]);
  assert.equal(fatal, 1);
});

test('without logtime, debug and trace, and after other settings', () => {
  const { lines, sink } = recorder();
  const logger = new Logger(settings({ logtime: false }), {
    clock: new SimulatedClock(start),
    pid: 77,
    standardError: sink,
  });
  logger.debug('no');
  logger.trace('no');
  logger.notice('yes');
  assert.equal(logger.debugEnabled, false);
  logger.apply(settings({ debug: true }));
  assert.equal(logger.debugEnabled, true);
  assert.equal(logger.traceEnabled, false);
  logger.debug('now');
  logger.reopen();
  assert.deepEqual(lines, [
    '[77] [INF] yes\n',
    '[77] 2026/11/22 23:59:00.123500 [DBG] now\n',
    '[77] 2026/11/22 23:59:00.123500 [INF] File log re-open ignored, not a file logger\n',
  ]);
});

test('local time follows the time zone', () => {
  const date = new Date(2026, 0, 2, 3, 4, 5);
  assert.equal(new TimestampFormat(false).format(date.getTime()), '2026/01/02 03:04:05.000000');
  assert.equal(
    new TimestampFormat(true).format(Date.UTC(2026, 0, 2, 3, 4, 5) + 0.0015),
    '2026/01/02 03:04:05.000001',
  );
});

test('colours surround the level alone', () => {
  assert.equal(levelLabel('INF', true), '[\x1b[32mINF\x1b[0m] ');
  assert.equal(levelLabel('WRN', true), '[\x1b[0;93mWRN\x1b[0m] ');
  assert.equal(levelLabel('TRC', false), '[TRC] ');
});

test('a file that cannot be opened, and syslog, are errors; the old settings stay', (t) => {
  const path = join(temporaryFolder(t), 'none', 'x.log');
  const { lines, sink } = recorder();
  const clock = new SimulatedClock(start);
  const expected = { message: `error opening file: open ${path}: no such file or directory` };
  assert.throws(() => new Logger(settings({ logFile: path }), { clock }), expected);
  const logger = new Logger(settings(), { clock, standardError: sink });
  assert.throws(() => logger.apply(settings({ logFile: path, debug: true })), expected);
  assert.throws(() => logger.apply(settings({ syslog: true })), /syslog is not supported/);
  logger.notice('still here');
  assert.equal(lines.length, 1);
  assert.equal(logger.debugEnabled, false);
});

test('appends to its file, and opens it again after it was moved', (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'server.log');
  writeFileSync(path, 'old\n');
  const logger = new Logger(settings({ logFile: path, logtime: false }), {
    clock: new SimulatedClock(start),
    pid: 7,
  });
  t.after(() => logger.close());
  logger.notice('a');
  renameSync(path, `${path}.moved`);
  logger.notice('b');
  logger.reopen();
  logger.notice('c');
  assert.equal(readFileSync(`${path}.moved`, 'utf8'), 'old\n[7] [INF] a\n[7] [INF] b\n');
  assert.equal(readFileSync(path, 'utf8'), '[7] [INF] File log re-opened\n[7] [INF] c\n');
  assert.equal(statSync(path).mode & 0o777 & ~0o640, 0);
});

test('rotates over the limit, keeps every line and purges the oldest backups only', (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'server.log');
  for (const other of ['server.log.bak', 'server.log.2026.13.01.00.00.00.1'])
    writeFileSync(join(folder, other), '');
  const logger = new Logger(settings({ logFile: path, logSizeLimit: 1000, logMaxNum: 3 }), {
    clock: new SimulatedClock(start),
    pid: 7,
  });
  t.after(() => logger.close());
  for (let index = 0; index < 200; index++) logger.notice(`line ${index}`);
  const stamped = readdirSync(folder).filter((name) =>
    /^server\.log\.2026\.11\.\d\d\.\d\d\.\d\d\.00\.\d{9}$/.test(name),
  );
  assert.equal(stamped.length, 2, 'maxFiles counts the current file');
  const kept = [...stamped.sort(), 'server.log']
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('');
  const numbers = [...kept.matchAll(/\[INF\] line (\d+)\n/g)].map((match) => Number(match[1]));
  assert.ok(numbers.length > 2);
  assert.deepEqual(
    numbers,
    Array.from({ length: numbers.length }, (_, index) => 200 - numbers.length + index),
  );
  assert.match(kept, /\[INF\] Rotated log, backup saved as ".*server\.log\.2026\.11\.[\d.]+"\r\n/);
  assert.match(kept, /\[INF\] Purged log file "server\.log\.2026\.11\.[\d.]+"\r\n/);
  assert.ok(readdirSync(folder).includes('server.log.bak'));
  assert.ok(readdirSync(folder).includes('server.log.2026.13.01.00.00.00.1'));
});

test('a file found over the limit is rotated at once', (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'server.log');
  writeFileSync(path, 'x'.repeat(300));
  const logger = new Logger(settings({ logFile: path, logSizeLimit: 200 }), {
    clock: new SimulatedClock(start),
    pid: 7,
  });
  t.after(() => logger.close());
  assert.equal(readdirSync(folder).length, 2);
  const backup = readdirSync(folder).find((name) => name !== 'server.log')!;
  assert.match(readFileSync(join(folder, backup), 'utf8'), /x\[7\] .* \[INF\] Rotating logfile\.\.\.\n$/);
});

test('a rotation or re-opening that fails goes on in the old file and is tried again at twice the size', (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'logs'));
  const path = join(folder, 'logs', 'server.log');
  const logger = new Logger(settings({ logFile: path, logSizeLimit: 50, logtime: false }), {
    clock: new SimulatedClock(start),
    pid: 7,
  });
  t.after(() => logger.close());
  renameSync(join(folder, 'logs'), join(folder, 'moved'));
  logger.notice('x'.repeat(60));
  logger.reopen();
  const moved = readFileSync(join(folder, 'moved', 'server.log'), 'utf8').split(/\r?\n/);
  assert.deepEqual(moved.slice(0, 2), [
    `[7] [INF] ${'x'.repeat(60)}`,
    '[7] [ERR] Unable to rotate logfile (no such file or directory), will attempt next rotation at size 100',
  ]);
  assert.equal(
    moved[2],
    `[7] [ERR] File log re-open failed: error opening file: open ${path}: no such file or directory`,
  );
  mkdirSync(join(folder, 'logs'));
  logger.reopen();
  assert.equal(readFileSync(path, 'utf8'), '[7] [INF] File log re-opened\n');
});

test('the same text at most once per second, over all levels', () => {
  const { lines, sink } = recorder();
  const clock = new SimulatedClock(start);
  const logger = new Logger(settings({ logtime: false }), { clock, pid: 7, standardError: sink });
  const limited = new RateLimitedLog(logger, clock);
  limited.warn('a');
  limited.warn('a');
  limited.error('cid:1 - b', 'b');
  limited.error('cid:2 - b', 'b');
  limited.debug('c');
  clock.advance(999);
  limited.warn('a');
  clock.advance(1);
  limited.warn('a');
  assert.deepEqual(lines, ['[7] [WRN] a\n', '[7] [ERR] cid:1 - b\n', '[7] [WRN] a\n']);
  for (let index = 0; index < 5000; index++) limited.warn(`text ${index}`);
  assert.equal(lines.length, 5003);
});
