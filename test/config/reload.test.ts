/** What a reload logs and what it refuses, against recordings of the official server. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { keyGroups } from '../../src/config/keys.js';
import { loadOptions } from '../../src/config/load.js';
import type { ServerOptions } from '../../src/config/options.js';
import { diffOptions, reloadRules } from '../../src/config/reload.js';

const fixtures = join(import.meta.dirname, '..', '..', '..', 'test', 'config', 'fixtures');

interface Recording {
  from: string;
  to: string;
  log?: string[];
  refused?: string;
}

const recordings = JSON.parse(readFileSync(join(fixtures, 'reload.json'), 'utf8')) as Recording[];

function options(text: string): ServerOptions {
  const loaded = loadOptions({
    configText: `listen: "127.0.0.1:-1"\n${text}\n`,
    env: {},
    readFile: (path) => readFileSync(join(fixtures, path)),
  });
  assert.deepEqual(loaded.errors, []);
  return loaded.options;
}

for (const { from, to, log, refused } of recordings) {
  test(`from ${JSON.stringify(from)} to ${JSON.stringify(to)}`, () => {
    const diff = diffOptions(options(from), options(to));
    assert.equal(diff.refused, refused ?? null);
    const notices = diff.changes.map((change) => change.notice).filter((notice) => notice !== '');
    assert.deepEqual(notices, log ?? []);
  });
}

test('a free port stays the one that was found', () => {
  const running = { ...options(''), port: 4567 };
  assert.equal(diffOptions(running, options('')).refused, null);
  const moved = options('port: 5000');
  assert.equal(
    diffOptions(running, moved).refused,
    'config reload not supported for Port: old=4567, new=5000',
  );
});

test('new certificates under the same names are a change', () => {
  const before = options('tls { cert_file: cert.pem, key_file: key.pem }');
  const after = options('tls { cert_file: cert.pem, key_file: key.pem }');
  const keys = () => diffOptions(before, after).changes.map((change) => change.key);
  assert.ok(!keys().includes('tls'));
  after.tls!.filesDigest = 'other';
  assert.ok(keys().includes('tls'));
});

test('the system account stays what it is, but $SYS may be declared or not', () => {
  const without = options('');
  const declared = options('accounts { "$SYS" {} }');
  const named = options('system_account: "$SYS"\naccounts { "$SYS" {} }');
  const other = options('system_account: A\naccounts { A {} }');
  const refused = (from: ServerOptions, to: ServerOptions) => diffOptions(from, to).refused;
  assert.equal(refused(without, declared), null);
  assert.equal(refused(declared, without), null);
  assert.equal(refused(declared, named), null);
  assert.equal(refused(named, without), null);
  const text = 'config reload not supported for SystemAccount';
  assert.equal(refused(without, named), `${text}: old=, new=$SYS`);
  assert.equal(refused(without, other), `${text}: old=, new=A`);
  assert.equal(refused(declared, other), `${text}: old=$SYS, new=A`);
  assert.match(refused(without, options('no_system_account: true'))!, /NoSystemAccount: old=false/);
});

test('a reload does not ask for the account of a running server', () => {
  const load = (purpose: 'start' | 'reload') =>
    loadOptions({ configText: 'system_account: S', env: {}, readFile: () => '', purpose }).errors;
  assert.deepEqual(load('start'), ['error resolving system account: account missing']);
  assert.deepEqual(load('reload'), []);
});

test('proxies come and go', () => {
  const current = options('');
  const next = { ...options(''), trustedProxies: ['B', 'A'] };
  const notice = (a: ServerOptions, b: ServerOptions) =>
    diffOptions(a, b).changes.find((change) => change.key === 'proxies')?.notice;
  assert.equal(notice(current, next), 'Reloaded: proxies trusted keys ["B" "A"] were added');
  assert.equal(notice(next, current), 'Reloaded: proxies trusted keys ["B" "A"] were removed');
});

test('the table of keys tells the truth about what can be reloaded', () => {
  const specs = new Map(
    Object.values(keyGroups())
      .flat()
      .map((spec) => [spec.path, spec]),
  );
  for (const rule of reloadRules) {
    const spec = specs.get(rule.key);
    assert.ok(spec, rule.key);
    assert.equal(spec.reload.startsWith('yes'), rule.notice !== undefined, rule.key);
  }
});
