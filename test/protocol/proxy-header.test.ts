import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type ProxyHeader, parseProxyHeader } from '../../src/protocol/proxy-header.js';

const parse = (bytes: Buffer | string): ProxyHeader => {
  const buffer = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
  return parseProxyHeader(buffer, 0, buffer.length);
};

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

function v2(versionCommand: number, family: number, data: Buffer): Buffer {
  const head = Buffer.from([versionCommand, family, data.length >> 8, data.length & 0xff]);
  return Buffer.concat([SIGNATURE, head, data]);
}

const ipv4Data = Buffer.from([192, 0, 2, 1, 198, 51, 100, 1, 0x30, 0x39, 0x10, 0x7e]);
const ipv6Data = (address: string): Buffer =>
  Buffer.concat([Buffer.from(address, 'hex'), Buffer.alloc(16), Buffer.from([0x30, 0x39, 0x10, 0x7e])]);

describe('PROXY protocol, version 1', () => {
  const good: [line: string, ip: string | null, port?: number][] = [
    ['PROXY TCP4 192.0.2.1 198.51.100.1 12345 4222\r\n', '192.0.2.1', 12345],
    ['PROXY TCP6 2001:db8::1 ::1 1 65535\r\n', '2001:db8::1', 1],
    ['PROXY TCP6 2001:DB8:0:0:1:0:0:1 ::1 0 0\r\n', '2001:db8::1:0:0:1', 0],
    ['PROXY TCP6 ::ffff:192.0.2.1 ::1 7 8\r\n', '192.0.2.1', 7],
    ['PROXY TCP6 1:0:0:2:0:0:0:3 ::1 7 8\r\n', '1:0:0:2::3', 7],
    ['PROXY TCP6 :: ::1 7 8\r\n', '::', 7],
    ['PROXY   TCP4\t192.0.2.1 198.51.100.1  12345 4222 \r\n', '192.0.2.1', 12345],
    ['PROXY UNKNOWN\r\n', null],
    ['PROXY UNKNOWN ffff::1 whatever\r\n', null],
  ];
  for (const [line, ip, port = 0] of good) {
    it(`accepts ${JSON.stringify(line)}`, () => {
      const address = ip === null ? null : { ip, port };
      assert.deepEqual(parse(line), { kind: 'header', length: line.length, address });
      assert.deepEqual(parse(`${line}CONNECT {}\r\n`), { kind: 'header', length: line.length, address });
    });
  }

  const prefix = 'invalid PROXY protocol header: ';
  const bad: [line: string, text: string][] = [
    ['PROXY \r\n', `${prefix}invalid v1 format`],
    ['PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n', `${prefix}invalid v1 format`],
    ['PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n', `${prefix}invalid v1 format`],
    ['PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n', `${prefix}invalid address`],
    ['PROXY TCP4 01.2.3.4 1.2.3.4 1 2\r\n', `${prefix}invalid address`],
    ['PROXY TCP6 fe80::1%lo ::1 1 2\r\n', `${prefix}invalid address`],
    ['PROXY TCP4 ::1 1.2.3.4 1 2\r\n', `${prefix}TCP4 with IPv6 address`],
    ['PROXY TCP6 ::1 1.2.3.4 1 2\r\n', `${prefix}TCP6 with IPv4 address`],
    ['PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n', `${prefix}invalid protocol UDP4`],
    [
      'PROXY TCP4 1.2.3.4 1.2.3.4 x 2\r\n',
      'invalid source port: strconv.ParseUint: parsing "x": invalid syntax',
    ],
    [
      'PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n',
      'invalid dest port: strconv.ParseUint: parsing "65536": value out of range',
    ],
    [
      'PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n',
      'invalid source port: strconv.ParseUint: parsing "-1": invalid syntax',
    ],
    [`PROXY ${'x'.repeat(101)}`, `${prefix}v1 line too long`],
    [`PROXY ${'x'.repeat(100)}\r\n`, `${prefix}v1 line too long`],
  ];
  for (const [line, text] of bad) {
    it(`refuses ${JSON.stringify(line.slice(0, 50))}`, () =>
      assert.deepEqual(parse(line), { kind: 'error', text }));
  }

  it('waits up to the limit for the end of the line', () => {
    assert.deepEqual(parse(`PROXY ${'x'.repeat(100)}`), { kind: 'need-more' });
    const longest = `PROXY UNKNOWN ${'x'.repeat(91)}\r\n`;
    assert.equal(longest.length, 107);
    assert.equal(parse(longest).kind, 'header');
  });
});

describe('PROXY protocol, version 2', () => {
  const good: [name: string, bytes: Buffer, address: { ip: string; port: number } | null][] = [
    ['IPv4', v2(0x21, 0x11, ipv4Data), { ip: '192.0.2.1', port: 12345 }],
    [
      'IPv4 with more data',
      v2(0x21, 0x11, Buffer.concat([ipv4Data, Buffer.alloc(300)])),
      { ip: '192.0.2.1', port: 12345 },
    ],
    [
      'IPv6',
      v2(0x21, 0x21, ipv6Data('20010db8000000000000000000000001')),
      { ip: '2001:db8::1', port: 12345 },
    ],
    [
      'IPv4 in IPv6',
      v2(0x21, 0x21, ipv6Data('00000000000000000000ffffc0000201')),
      { ip: '192.0.2.1', port: 12345 },
    ],
    ['LOCAL', v2(0x20, 0x00, Buffer.alloc(0)), null],
    ['LOCAL with data of any kind', v2(0x20, 0x35, Buffer.alloc(9)), null],
    ['unspecified family', v2(0x21, 0x01, Buffer.alloc(7)), null],
  ];
  for (const [name, bytes, address] of good) {
    it(`accepts ${name}`, () => {
      const expected = { kind: 'header', length: bytes.length, address };
      assert.deepEqual(parse(bytes), expected);
      assert.deepEqual(parse(Buffer.concat([bytes, Buffer.from('PING\r\n')])), expected);
    });
  }

  const bad: [bytes: Buffer, text: string][] = [
    [Buffer.from('0d0a0d0a000d0a515549540b', 'hex'), 'invalid PROXY protocol header: invalid signature'],
    [v2(0x11, 0x11, ipv4Data), 'invalid PROXY protocol header: invalid version 0x10'],
    [v2(0x22, 0x11, ipv4Data), 'unknown PROXY protocol command: 0x02'],
    [v2(0x21, 0x12, ipv4Data), 'unsupported PROXY protocol feature: only STREAM protocol supported'],
    [v2(0x21, 0x31, ipv4Data), 'unsupported PROXY protocol feature: unsupported address family 0x30'],
    [v2(0x21, 0x11, ipv4Data.subarray(1)), 'IPv4 address data too short: 11 bytes'],
    [v2(0x21, 0x21, Buffer.alloc(35)), 'IPv6 address data too short: 35 bytes'],
  ];
  for (const [bytes, text] of bad) {
    it(`refuses: ${text}`, () => assert.deepEqual(parse(bytes), { kind: 'error', text }));
  }
});

describe('PROXY protocol, any version', () => {
  it('leaves ordinary connections alone as soon as they can be told apart', () => {
    for (const text of [
      'C',
      'CONNECT',
      'PI',
      'PING\r\n',
      'PROXYX',
      '\r\n\r\n\0A',
      '\x16\x03\x01',
      'PROXY\r',
    ]) {
      assert.deepEqual(parse(text), { kind: 'none' }, JSON.stringify(text));
    }
    for (const text of ['', 'P', 'PR', 'PROXY', 'PROXY ', '\r', '\r\n\r\n\0', '\r\n\r\n\0\r']) {
      assert.deepEqual(parse(text), { kind: 'need-more' }, JSON.stringify(text));
    }
  });

  it('asks for more at every shorter length, and reads only between start and end', () => {
    const headers = [
      Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.1 12345 4222\r\n'),
      v2(0x21, 0x11, ipv4Data),
      v2(0x21, 0x21, ipv6Data('20010db8000000000000000000000001')),
      v2(0x20, 0x00, Buffer.alloc(20)),
    ];
    const noise = fc.uint8Array({ maxLength: 20 });
    fc.assert(
      fc.property(fc.constantFrom(...headers), noise, noise, fc.nat(), (header, before, after, cut) => {
        const bytes = Buffer.concat([before, header, after]);
        const whole = parseProxyHeader(bytes, before.length, bytes.length);
        assert.equal(whole.kind, 'header');
        assert.deepEqual(whole, parse(header));
        const part = parseProxyHeader(bytes, before.length, before.length + (cut % header.length));
        assert.equal(part.kind, 'need-more');
      }),
    );
  });

  it('never throws', () => {
    const start = fc.constantFrom(Buffer.from('PROXY '), SIGNATURE, Buffer.alloc(0));
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 120 }), (head, rest) => {
        const bytes = Buffer.concat([head, rest]);
        const result = parse(bytes);
        if (result.kind === 'header') assert.ok(result.length <= bytes.length);
      }),
    );
  });
});
