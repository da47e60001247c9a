// The parts of the harness that could hide a difference by mistake.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mask } from './masks.js';
import { frames, maskInfo } from './normalise.js';

test('messages keep their payload, whatever is in it', () => {
  const text = 'PONG\r\nMSG a 1 6\r\nx\r\nMSG\r\n+OK\r\nHMSG b 2 r 12 13\r\nNATS/1.0\r\n\r\ny\r\n';
  const expected = [
    'PONG\r\n',
    'MSG a 1 6\r\nx\r\nMSG\r\n',
    '+OK\r\n',
    'HMSG b 2 r 12 13\r\nNATS/1.0\r\n\r\ny\r\n',
  ];
  assert.deepEqual(frames(text), expected);
});

test('deliveries of one message are sorted, different messages are not', () => {
  const text = 'MSG a 2 1\r\nx\r\nMSG a 1 1\r\nx\r\nMSG a 2 1\r\ny\r\nMSG a 1 1\r\nx\r\n';
  assert.deepEqual(frames(text), [
    'MSG a 1 1\r\nx\r\n',
    'MSG a 2 1\r\nx\r\n',
    'MSG a 2 1\r\ny\r\n',
    'MSG a 1 1\r\nx\r\n',
  ]);
});

test('a message cut short and text without a line end are kept', () => {
  assert.deepEqual(frames('MSG a 1 10\r\nabc'), ['MSG a 1 10\r\nabc']);
  assert.deepEqual(frames('+OK\r\n-ERR'), ['+OK\r\n', '-ERR']);
});

test('INFO keeps the order of its keys and its spaces', () => {
  const info = (id: string, cid: number) =>
    `INFO {"server_id":"${id}","server_name":"${id}","port":1,"client_id":${cid},"x":1} \r\n`;
  assert.equal(maskInfo(info('NA', 7), 5), maskInfo(info('NB', 9), 7));
  assert.notEqual(maskInfo(info('NA', 7), 5), maskInfo(info('NA', 7), 6));
  assert.notEqual(maskInfo('INFO {"a":1,"b":2} \r\n', 1), maskInfo('INFO {"b":2,"a":1} \r\n', 1));
  assert.notEqual(maskInfo('INFO {"a":1} \r\n', 1), maskInfo('INFO {"a":1}\r\n', 1));
});

test('masked values leave their kind', () => {
  const options = { firstId: 5, serverId: 'NABC' };
  const value = {
    now: '2026-01-02T03:04:05.678Z',
    uptime: '1m2s',
    rtt: '12.5µs',
    mem: 5,
    cid: 6,
    name: 'NABC',
    start: 7,
  };
  const expected = {
    now: '<time>',
    uptime: '<uptime>',
    rtt: '<duration>',
    mem: '<number>',
    cid: 'first+1',
    name: '<server id>',
    start: '<number>',
  };
  assert.deepEqual(mask(value, options), expected);
  assert.deepEqual(mask({ a: [3, 1, 2] }, options), { a: [3, 1, 2] });
  assert.deepEqual(mask({ a: [3, 1, 2] }, { ...options, unordered: ['a'] }), { a: [1, 2, 3] });
});
