/** The ways to the command line: by its name, by a link to it, and by `npm start`. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { packageRoot, weftBinary } from '../support/official.js';

const folder = mkdtempSync(join(tmpdir(), 'weft-start-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function output(command: string[]): string {
  const env = { ...process.env, INIT_CWD: folder };
  const { stdout, stderr } = spawnSync(command[0]!, command.slice(1), { cwd: folder, env, encoding: 'utf8' });
  return stdout + stderr;
}

test('by name, by a link, by npm start', () => {
  const link = join(folder, 'nats-server');
  symlinkSync(weftBinary(), link);
  writeFileSync(join(folder, 'a.conf'), 'port: -1\n');
  const ways = [[weftBinary()], [link], [process.execPath, join(packageRoot(), 'scripts', 'start.mjs')]];
  for (const way of ways) {
    assert.match(output([...way, '--version']), /^nats-server: v.*\nweft-server: v.*\n$/);
    // A relative path is the caller's.
    assert.match(output([...way, '-t', '-c', 'a.conf']), /: configuration file a\.conf is valid \(sha256:/);
  }
});
