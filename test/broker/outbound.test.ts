import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Outbound, type OutboundEvents } from '../../src/broker/outbound.js';
import { Arena, CHUNK_SIZE, Memory } from '../../src/runtime/arena.js';
import { FakeTransport } from './harness.js';

const MAX_PENDING = 1024 * 1024;

class Events implements OutboundEvents {
  exceeded = 0;
  blocked = false;
  backlogs = 0;

  onPendingExceeded(): void {
    this.exceeded++;
  }

  onBlocked(blocked: boolean): void {
    this.blocked = blocked;
  }

  onBacklog(): void {
    this.backlogs++;
  }
}

function create({ open = true, maxPending = MAX_PENDING } = {}) {
  const arena = new Arena({ chunks: 4, slabChunks: 3 });
  const transport = new FakeTransport(open);
  const events = new Events();
  return { arena, transport, events, out: new Outbound(arena, transport, maxPending, events) };
}

function memoryOf(text: string): Memory {
  const memory = new Memory(text.length + 4);
  memory.buffer.write(text, 0, 'latin1');
  return memory;
}

/** Text of a given length that differs at every place. */
const pattern = (length: number, seed: number) =>
  Buffer.from(Array.from({ length }, (_, i) => (i * 31 + (i >> 8) + seed) & 255)).toString('latin1');

describe('outbound', () => {
  const sizes = fc.oneof(
    fc.nat({ max: 200 }),
    fc.nat({ max: 5000 }),
    fc.integer({ min: CHUNK_SIZE - 10, max: CHUNK_SIZE + 10 }),
  );
  const step = fc.oneof(
    fc.record({ kind: fc.constant('append' as const), head: fc.nat({ max: 60 }), tail: sizes }),
    fc.record({ kind: fc.constant('text' as const), size: sizes }),
    fc.record({ kind: fc.constant('flush' as const) }),
    fc.record({
      kind: fc.constant('take' as const),
      count: fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 200_000 })),
    }),
    fc.record({ kind: fc.constant('open' as const), open: fc.boolean() }),
  );

  test('what goes in comes out, in order, however the transport takes it', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40 }),
        fc.constantFrom('finish', 'discard'),
        (steps, ending) => {
          const { arena, transport, events, out } = create({ maxPending: 64 * MAX_PENDING });
          let expected = '';
          steps.forEach((each, seed) => {
            if (each.kind === 'append') {
              const head = pattern(each.head, seed);
              const tail = pattern(each.tail, seed + 1);
              out.append(memoryOf(head), 0, head.length, memoryOf(tail), 0, tail.length);
              expected += head + tail;
            } else if (each.kind === 'text') {
              const text = pattern(each.size, seed);
              out.text(text);
              expected += text;
            } else if (each.kind === 'flush') {
              out.flush();
            } else if (each.kind === 'take') {
              transport.take(each.count);
            } else {
              transport.open = each.open;
            }
            assert.ok(expected.startsWith(transport.taken));
            assert.equal(events.blocked, out.blocked);
            // Bytes that a transport took of a write that is not through yet still count.
            assert.ok(out.pending >= expected.length - transport.taken.length);
            if (!out.blocked) assert.equal(out.pending, expected.length - transport.taken.length);
          });
          if (ending === 'finish') {
            out.finish();
            transport.take();
            assert.equal(transport.taken, expected);
          } else {
            out.discard();
            transport.take();
            assert.ok(expected.startsWith(transport.taken));
          }
          assert.equal(out.pending, 0);
          assert.equal(arena.chunksInUse, 0);
          assert.equal(events.exceeded, 0);
          out.text('more');
          out.append(memoryOf('a'), 0, 1, memoryOf('b'), 0, 1);
          out.flush();
          assert.equal(arena.chunksInUse, 0, 'it takes bytes after its end');
        },
      ),
      { numRuns: 500 },
    );
  });

  test('more than may wait is reported, and memory stays within the limit', () => {
    const { arena, transport, events, out } = create({ open: false });
    const message = 'm'.repeat(1000);
    for (let i = 0; i < 3000; i++) {
      out.text(message);
      out.flush();
    }
    assert.ok(events.exceeded > 0);
    assert.ok(events.backlogs > 10);
    assert.ok(arena.chunksInUse * CHUNK_SIZE <= MAX_PENDING + 2 * CHUNK_SIZE);
    assert.ok(out.pending <= MAX_PENDING + 2 * CHUNK_SIZE);
    out.discard();
    transport.destroy();
    transport.onWritten?.();
    assert.equal(arena.chunksInUse, 0);
  });

  test('a reader that keeps up may get more in one turn than may wait', () => {
    const { arena, transport, events, out } = create({ maxPending: 1000 });
    const expected = pattern(3 * MAX_PENDING, 1);
    for (let at = 0; at < expected.length; at += 9000) out.text(expected.slice(at, at + 9000));
    out.flush();
    assert.equal(events.exceeded, 0);
    assert.equal(transport.taken, expected);
    assert.equal(arena.chunksInUse, 0);
  });

  test('memory is not given back while the transport reads from it', () => {
    const { arena, transport, out } = create({ open: false });
    out.text('first');
    out.flush();
    out.discard();
    assert.equal(arena.chunksInUse, 1);
    const other = new Outbound(arena, new FakeTransport(false), MAX_PENDING, new Events());
    other.text('XXXXX');
    other.flush();
    transport.take();
    assert.equal(transport.taken, 'first');
    assert.equal(arena.chunksInUse, 1);
  });
});
