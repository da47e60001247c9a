import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { mayAskForTrace, readTraceRequest } from '../../src/broker/trace-headers.js';
import { layOut } from '../../src/protocol/client-parser.js';

function quickly(block: string): boolean {
  return mayAskForTrace(
    layOut('foo', '', `${block.length} ${block.length}`, block.length, Buffer.from(block, 'latin1')),
  );
}

const block = (...lines: string[]) => `NATS/1.0\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;

describe('headers that ask for a trace', () => {
  test('the quick look finds them wherever they stand', () => {
    for (const line of [
      'Nats-Trace-Dest: x',
      'traceparent: 0-0-0-01',
      'TRACEPARENT: 0-0-0-01',
      'TraceParent:0-0-0-01',
    ]) {
      for (let before = 0; before < 9; before++) {
        for (let behind = 0; behind < 5; behind++) {
          const all = [
            ...(before > 0 ? [`A: ${'b'.repeat(before)}`] : []),
            line,
            ...(behind > 0 ? [`C: ${'r'.repeat(behind)}`] : []),
          ];
          assert.ok(quickly(block(...all)), JSON.stringify(all));
        }
      }
    }
  });

  test('the quick look passes over others', () => {
    for (const line of [
      'Nats-Msg-Id: 1',
      'Nats-Expected-Stream: trace',
      'X-Trace-Id: trace',
      'Trace: x',
      'Nats-Trace-Only: true',
      'brace: grace',
    ]) {
      const found = quickly(block(line));
      // "Trace: x" looks like the beginning of `traceparent`: the closer look is for that.
      assert.equal(found, line.startsWith('Trace'), line);
      assert.equal(readTraceRequest(block(line)), null);
    }
  });

  test('what the closer look takes, the quick one does not miss', () => {
    const name = fc.constantFrom(
      'Nats-Trace-Dest',
      'traceparent',
      'TRACEparent',
      'A',
      'Nats-Trace-Only',
      'race',
      'x\r',
      '',
      'Trace',
    );
    const value = fc.constantFrom(
      '',
      ' ',
      'x',
      '0-0-0-01',
      '0-0-0-00',
      'trace disabled',
      ':',
      ' t\t',
      '\r',
      '\n',
    );
    const end = fc.constantFrom('\r\n', '\r\n', '\r\n', '\n', '');
    const part = fc.tuple(name, fc.constantFrom(':', ': ', ''), value, end).map((all) => all.join(''));
    const text = fc.tuple(
      fc.constantFrom('NATS/1.0\r\n', 'NATS/1.0 503\r\n', 'NATS/1.0'),
      fc.array(part),
      fc.constantFrom('\r\n', ''),
    );
    fc.assert(
      fc.property(text, ([first, parts, last]) => {
        const header = first + parts.join('') + last;
        if (readTraceRequest(header) !== null) assert.ok(quickly(header), JSON.stringify(header));
      }),
      { numRuns: 5000 },
    );
  });
});
