/** Log files that rotate when they are full, seen from outside, and beside the official server. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../stress/crowd.js';
import { officialBinary, WITHOUT_OFFICIAL, weftBinary } from '../support/official.js';
import { client } from './process.js';

const LIMIT = 4000;
const CLIENTS = 60;
const BACKUP = /^server\.log\.\d{4}(\.\d\d){5}\.\d{9}$/;

interface LogFile {
  name: string;
  size: number;
  text: string;
}

/** Lets clients come and go until the log has been rotated some times; resolves with what lies in the folder then. */
async function run(binary: string, more = ''): Promise<{ current: LogFile; backups: LogFile[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-test-'));
  const path = join(folder, 'server.log');
  const conf = join(folder, 'server.conf');
  writeFileSync(
    conf,
    `listen: "127.0.0.1:-1", log_file: "${path}", debug: true, logfile_size_limit: ${LIMIT}, ${more}`,
  );
  const own = binary === weftBinary();
  const child = spawn(own ? process.execPath : binary, [...(own ? [binary] : []), '-c', conf], {
    stdio: 'ignore',
  });
  const ended = once(child, 'exit');
  try {
    const port = (): number => {
      const log = existsSync(path) ? readFileSync(path, 'utf8') : '';
      return log.includes('Server is ready') ? Number(/client connections on .*:(\d+)/.exec(log)![1]) : 0;
    };
    assert.ok(await eventually(() => port() > 0, 10_000));
    const found = port();
    for (let i = 0; i < CLIENTS; i++) {
      const wire = await client(found, { name: `client-${i}` });
      wire.end();
      await wire.until(() => wire.closed);
    }
    child.kill('SIGTERM');
    await ended;
    const [current, ...backups] = readdirSync(folder)
      .filter((name) => name.startsWith('server.log'))
      .sort()
      .map((name) => {
        const file = join(folder, name);
        return {
          name,
          size: statSync(file).size,
          text: readFileSync(file, 'utf8').replaceAll(folder, 'DIR'),
        };
      });
    return { current: current!, backups };
  } finally {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The lines that rotation itself writes, without what differs each time. */
const ownLines = ({ current, backups }: { current: LogFile; backups: LogFile[] }) =>
  [...backups, current]
    .flatMap(({ text }) => text.split(/(?<=\n)/))
    .filter((line) => /Rotated|Purged|Unable/.test(line))
    .map((line) => line.replace(/^\[\d+\] [\d/]+ [\d:.]+ /, '').replace(/\d{4}[\d.]+/, 'STAMP'));

const sides = { weft: weftBinary(), official: officialBinary() };

for (const [side, binary] of Object.entries(sides)) {
  const skip = binary === undefined ? WITHOUT_OFFICIAL : false;

  test(`backups hold every line, and none is much larger than allowed (${side})`, { skip }, async () => {
    const { current, backups } = await run(binary!);
    assert.equal(current.name, 'server.log');
    assert.ok(backups.length > 2, `${backups.length} backups`);
    for (const { name, size } of backups) {
      assert.match(name, BACKUP);
      assert.ok(size > LIMIT && size < LIMIT + 500, `${name}: ${size} bytes`);
    }
    const all = [...backups, current].map(({ text }) => text).join('');
    assert.equal(all.split('Client connection created').length - 1, CLIENTS);
    assert.equal(all.split('Client connection closed').length - 1, CLIENTS);
    assert.match(all, /Server Exiting\.\.\r?\n$/);
  });

  test(`with logfile_max_num the oldest go (${side})`, { skip }, async () => {
    const { current, backups } = await run(binary!, 'logfile_max_num: 3');
    assert.equal(backups.length, 2);
    const text = backups[0]!.text + backups[1]!.text + current.text;
    // The last clients are there, the first are not.
    assert.match(text, new RegExp(`client-${CLIENTS - 1}`));
    assert.doesNotMatch(text, /client-0"/);
  });
}

test('the lines about it are those of the official server', {
  skip: officialBinary() ? false : WITHOUT_OFFICIAL,
}, async () => {
  for (const more of ['', 'logfile_max_num: 3']) {
    const [ours, theirs] = [await run(weftBinary(), more), await run(officialBinary()!, more)];
    const lines = [...new Set(ownLines(ours))];
    assert.deepEqual(lines, [...new Set(ownLines(theirs))]);
    assert.equal(lines.length, more === '' ? 1 : 2);
  }
});
