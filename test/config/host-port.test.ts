/** Addresses, as Go splits them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddressError, parseHostPort, splitHostPort, wrongHostPort } from '../../src/config/host-port.js';

test('addresses are split', () => {
  assert.deepEqual(splitHostPort('a:1'), { host: 'a', port: '1' });
  assert.deepEqual(splitHostPort(':1'), { host: '', port: '1' });
  assert.deepEqual(splitHostPort('[::1]:1'), { host: '::1', port: '1' });
  assert.deepEqual(splitHostPort('a:'), { host: 'a', port: '' });
  const wrong: [string, string][] = [
    ['a', 'address a: missing port in address'],
    ['', 'address : missing port in address'],
    ['a:b:1', 'address a:b:1: too many colons in address'],
    ['[::1]', 'address [::1]: missing port in address'],
    ['[::1', "address [::1: missing ']' in address"],
    ['a]:1', "address a]:1: unexpected ']' in address"],
    ['a[:1', "address a[:1: unexpected '[' in address"],
  ];
  for (const [text, message] of wrong) assert.throws(() => splitHostPort(text), new AddressError(message));
});

test('advertised addresses may leave out the port', () => {
  assert.deepEqual(parseHostPort('a', 7), { host: 'a', port: 7 });
  assert.deepEqual(parseHostPort('a:0', 7), { host: 'a', port: 7 });
  assert.deepEqual(parseHostPort(' a : 5', 7), { host: 'a', port: 5 });
  assert.deepEqual(parseHostPort('[::1]', 7), { host: '::1', port: 7 });
  assert.equal(wrongHostPort('a:x'), 'strconv.Atoi: parsing "x": invalid syntax');
  assert.equal(wrongHostPort('a:b:1'), 'address a:b:1: too many colons in address');
});
