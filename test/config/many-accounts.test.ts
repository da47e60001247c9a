/**
 * Tens of thousands of users in thousands of accounts: what is made of them adds up. The bounds are some ten times what a slow
 * machine needs, and a tenth of what it took when work multiplied.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadOptions } from '../../src/config/load.js';
import { diffOptions } from '../../src/config/reload.js';
import { ConfigAuthenticator } from '../../src/security/config-authenticator.js';

/** Seconds of CPU time. */
function cost(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

function load(configText: string) {
  const loaded = loadOptions({ configText, env: {}, readFile: () => '' });
  assert.deepEqual(loaded.errors, []);
  return loaded.options;
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

test('5,000 accounts with ten users, an export and an import each', () => {
  const count = 5000;
  const accounts = numbers(count).map((i) => {
    const users = numbers(10).map((u) => `{user: "u${i}-${u}", password: "secret-${u}"}`);
    const from = `{account: A${(i + 1) % count}, subject: "svc.x"}`;
    return `A${i} {
      default_permissions: {subscribe: "a.>"}, users: [${users.join('\n')}]
      exports: [{service: "svc.>"}], imports: [{service: ${from}, to: up}]
    }`;
  });
  const text = `accounts {\n${accounts.join('\n')}\n}`;
  const seconds = cost(() => {
    const options = load(text);
    assert.equal(options.authorization.users.length, 10 * count);
    const bcrypt = { compare: () => Promise.resolve(false) };
    assert.ok(new ConfigAuthenticator(options, { bcrypt }).authRequired);
    assert.equal(diffOptions(options, options).refused, null);
  });
  assert.ok(seconds < 12, `took ${seconds} s`);
});

test('one account that imports from 4,000 others, and they from it', () => {
  const tenants = numbers(4000);
  const imports = tenants.map(
    (i) => `{stream: {account: A${i}, subject: "ev.>"}, prefix: "t.A${i}"}
      {service: {account: A${i}, subject: ctl}, to: "ctl.A${i}"}`,
  );
  const accounts = tenants.map(
    (i) => `A${i} {
      exports: [{stream: "ev.>"}, {service: ctl, accounts: [HUB]}]
      imports: [{service: {account: HUB, subject: "svc.A${i}"}, to: svc}, {stream: {account: HUB, subject: "news.>"}}]
    }`,
  );
  const hub = `HUB {
    exports: [{service: "svc.*", account_token_position: 2}, {stream: "news.>"}]
    imports: [${imports.join('\n')}]
  }`;
  const text = `accounts {\n${[hub, ...accounts].join('\n')}\n}`;
  const seconds = cost(() => load(text));
  assert.ok(seconds < 8, `took ${seconds} s`);
});
