// Frames of stored messages: written as a client expects them, whatever their sizes and wherever they lie.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { writeAnswerWith, writeStored } from '../../src/broker/answer-frame.js';
import { Outbound } from '../../src/broker/outbound.js';
import { StoredMessage } from '../../src/jetstream/store/message-store.js';
import { Arena, Memory } from '../../src/runtime/arena.js';
import { FakeTransport } from './harness.js';

const IGNORED = { onPendingExceeded: () => {}, onBlocked: () => {}, onBacklog: () => {} };

/** Text of a given length that differs at every place. */
const text = (length: number, seed: number) =>
  Array.from({ length }, (_, i) => String.fromCharCode(97 + ((i * 7 + (i >> 5) + seed) % 26))).join('');

/** A message in a buffer of its own, or as a part of a larger one, with so many bytes behind it. */
function lying(
  subject: string,
  header: string,
  payload: string,
  before: number,
  behind: number,
): StoredMessage {
  const content = Buffer.from(`${subject}${header}${payload}`, 'latin1');
  const whole = Buffer.alloc(before + content.length + behind, '#');
  content.copy(whole, before);
  const message = new StoredMessage();
  message.buffer = whole.subarray(before >>> 1);
  message.subjectStart = before - (before >>> 1);
  message.subjectEnd = message.subjectStart + subject.length;
  message.headerStart = message.subjectEnd;
  message.payloadStart = message.headerStart + header.length;
  message.payloadEnd = message.payloadStart + payload.length;
  return message;
}

function scratch(value: string): { memory: Memory; length: number } {
  const memory = new Memory(value.length + 4);
  memory.buffer.write(value, 0, 'latin1');
  return { memory, length: value.length };
}

test('stored messages and answers go out as they are, several behind each other', () => {
  const one = fc.record({
    subject: fc.integer({ min: 1, max: 90 }),
    header: fc.nat({ max: 60 }),
    payload: fc.nat({ max: 420 }),
    reply: fc.integer({ min: 1, max: 220 }),
    before: fc.nat({ max: 40 }),
    behind: fc.nat({ max: 8 }),
    answer: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(one, { maxLength: 30 }), (messages) => {
      const transport = new FakeTransport(true);
      const out = new Outbound(new Arena({ chunks: 4, slabChunks: 3 }), transport, 1 << 20, IGNORED);
      let expected = '';
      for (const [seed, { subject, header, payload, reply, before, behind, answer }] of messages.entries()) {
        const [name, head, body, to] = [subject, header, payload, reply].map((size, i) =>
          text(size, seed + i),
        );
        const message = lying(name!, head!, body!, before, behind);
        if (answer) {
          const at = Buffer.from(to!);
          assert.ok(writeAnswerWith(out, 7, at, 0, at.length, scratch(head!), message));
          expected += `HMSG ${to} 7 ${header} ${header + payload}\r\n${head}${body}\r\n`;
        } else {
          assert.ok(writeStored(out, 'sid', message, scratch(to!)));
          const sizes = header === 0 ? `${payload}` : `${header} ${header + payload}`;
          expected += `${header === 0 ? 'MSG' : 'HMSG'} ${name} sid ${to} ${sizes}\r\n${head}${body}\r\n`;
        }
      }
      out.flush();
      assert.equal(transport.taken, expected);
    }),
    { numRuns: 200 },
  );
});
