import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseNetwork } from '../../src/security/networks.js';

test('addresses within networks', () => {
  const inside: [string, string, boolean][] = [
    ['10.0.0.0/8', '10.1.2.3', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['10.1.2.3/8', '10.9.9.9', true],
    ['0.0.0.0/0', '1.2.3.4', true],
    ['1.2.3.4/32', '1.2.3.4', true],
    ['fd00::/8', 'fd12::1', true],
    ['fd00::/8', 'fe80::1', false],
    ['fd00::/8', '10.0.0.1', false],
    ['10.0.0.0/8', 'fd00::1', false],
    ['10.0.0.0/8', '', false],
  ];
  for (const [network, address, expected] of inside) {
    assert.equal(parseNetwork(network)?.contains(address), expected, `${address} in ${network}`);
  }
});

test('what is no network', () => {
  for (const text of [
    '',
    'x',
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0/8',
    '10.0.0.0/-1',
    'fd00::/129',
    'fd00::1%eth0/64',
  ]) {
    assert.equal(parseNetwork(text), null, text);
  }
});
