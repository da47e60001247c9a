import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { hashText, readText } from '../../src/protocol/bytes.js';
import {
  type ClientOperations,
  ClientParser,
  type PublishOperation,
} from '../../src/protocol/client-parser.js';
import { Memory } from '../../src/runtime/arena.js';
import { FrameGenerator } from '../stress/frame-generator.js';

/** Writes down what the parser calls, and behaves like a connection otherwise. */
class Recorder implements ClientOperations {
  readonly calls: string[] = [];
  expectConnect = false;
  closed = false;
  suspended = false;
  pedantic = false;
  headers = true;
  traced = false;
  maxControlLine = 100;
  maxPayload = 1000;
  /** Suspends after each operation. */
  stopping = false;

  constructor(changes: Partial<Recorder> = {}) {
    Object.assign(this, changes);
  }

  #call(text: string): void {
    this.calls.push(text);
    this.suspended = this.stopping;
  }

  #end(text: string): void {
    this.#call(text);
    this.closed = true;
  }

  onUnauthenticated(): boolean {
    this.#end('unauthenticated');
    return false;
  }

  traceLine(verb: string, text: string): void {
    this.#call(`trace ${verb} ${text}`);
  }

  onConnect(json: string): void {
    this.expectConnect = false;
    this.#call(`CONNECT ${json}`);
  }

  onInfo(json: string): void {
    this.#call(`INFO ${json}`);
  }

  onPublish(operation: PublishOperation): void {
    const { memory, subjectStart, subjectEnd, replyStart, replyEnd, headerSize, size, hash } = operation;
    const { bytes } = memory;
    const subject = readText(bytes, subjectStart, subjectEnd);
    assert.equal(hash, hashText(subject));
    const reply = replyStart === 0 ? '' : readText(bytes, replyStart, replyEnd);
    const body = readText(bytes, operation.payloadStart, operation.payloadStart + size);
    // What is delivered behind `MSG <subject> <sid> ` must say the same as the offsets do.
    const sizes = headerSize === 0 ? [size] : [headerSize, size];
    const numbers = readText(bytes, operation.tailStart, operation.tailEnd)
      .slice(0, -body.length - 4)
      .split(' ');
    if (reply !== '') assert.equal(numbers.shift(), reply);
    assert.deepEqual(numbers.map(Number), sizes);
    assert.equal(readText(bytes, operation.tailEnd - 2, operation.tailEnd), '\r\n');
    this.#call(`PUB ${JSON.stringify([subject, reply, headerSize, body])}`);
  }

  onInvalidPublishSubject(): void {
    this.#call('invalid subject');
  }

  onSubscribe(subject: string, queue: string | null, sid: string): void {
    this.#call(`SUB ${JSON.stringify([subject, queue, sid])}`);
  }

  onUnsubscribe(sid: string, max: number): void {
    this.#call(`UNSUB ${JSON.stringify([sid, max])}`);
  }

  onPing(): void {
    this.#call('PING');
  }

  onPong(): void {
    this.#call('PONG');
  }

  onError(text: string): void {
    this.#end(`-ERR ${text}`);
  }

  // The texts of the log tell how much of the input was there, and so depend on the reads.
  onParseError(): void {
    this.#end('parse error');
  }

  onViolation(text: string): void {
    this.#end(`violation ${text.replace(/:.*/s, '')}`);
  }

  onControlLineExceeded(): void {
    this.#end('control line');
  }

  onPayloadExceeded({ size }: PublishOperation): void {
    this.#end(`payload ${size}`);
  }
}

/** Feeds pieces as a connection does that keeps unfinished operations. */
function feed(pieces: string[], recorder = new Recorder()): string[] {
  const parser = new ClientParser();
  let kept = '';
  for (const piece of pieces) {
    let text = kept + piece;
    for (;;) {
      const memory = memoryOf(text);
      const next = parser.parse(recorder, memory, 4, 4 + text.length) - 4;
      assert.ok(next >= 0 && next <= text.length);
      text = text.slice(next);
      if (recorder.closed || !recorder.suspended) break;
      recorder.suspended = false;
    }
    if (recorder.closed) break;
    kept = parser.keep > 0 ? text.slice(0, parser.keep) : text;
    if (parser.needed > 0) assert.ok(parser.needed > kept.length, 'an operation is complete and not handled');
  }
  return recorder.calls;
}

/** The input at some offset, so that a confusion of offsets shows, with the room behind it that copies may use. */
function memoryOf(text: string): Memory {
  const memory = new Memory(text.length + 8);
  memory.buffer.write(text, 4, 'latin1');
  return memory;
}

const pub = (subject: string, body: string, reply = '', header = 0): string =>
  `PUB ${JSON.stringify([subject, reply, header, body])}`;

describe('one input, what comes of it', () => {
  const cases: [string, string, string[]][] = [
    ['PING in any case', 'PING\r\nping\nPiNg junk\r\n', ['PING', 'PING', 'PING']],
    ['+OK and PONG', '+OK\r\nPONG\r\n+ok x\n', ['PONG']],
    ['PUB', 'PUB foo 2\r\nok\r\n', [pub('foo', 'ok')]],
    ['PUB with reply', 'pub foo bar.baz 2\r\nok\r\n', [pub('foo', 'ok', 'bar.baz')]],
    ['PUB, empty', 'PUB foo 0\r\n\r\n', [pub('foo', '')]],
    [
      'PUB with a payload that looks like operations',
      'PUB a 8\r\nPING\r\n\r\n\r\nPING\r\n',
      [pub('a', 'PING\r\n\r\n'), 'PING'],
    ],
    ['PUB without reply between two spaces', 'PUB foo  2\r\nok\r\n', [pub('foo', 'ok')]],
    ['PUB with reply behind two spaces', 'PUB foo  bar 2\r\nok\r\n', [pub('foo', 'ok', 'bar')]],
    [
      'HPUB without reply between two spaces',
      'HPUB foo  6 8\r\nhead--ok\r\n',
      [pub('foo', 'head--ok', '', 6)],
    ],
    ['PUB with nothing behind two spaces', 'PUB foo  \r\n', ['violation processPub Parse Error']],
    ['PUB with many blanks', 'PUB \t foo\t\tbar   2\r\nok\r\n', [pub('foo', 'ok', 'bar')]],
    ['PUB ended by LF alone', 'PUB foo 2\nok\r\n', [pub('foo', 'ok')]],
    ['PUB with blanks at the end', 'PUB foo 2  \r\nok\r\n', [pub('foo', 'ok')]],
    ['PUB with leading zeros', 'PUB foo 002\r\nok\r\n', [pub('foo', 'ok')]],
    ['PUB without size', 'PUB foo\r\n', ['violation processPub Parse Error']],
    ['PUB with too many arguments', 'PUB a b c 2\r\nok\r\n', ['violation processPub Parse Error']],
    ['PUB with a size that is none', 'PUB foo 2x\r\nok\r\n', ['violation processPub Bad or Missing Size']],
    [
      'PUB with a size of ten digits',
      'PUB foo 0000000002\r\nok\r\n',
      ['violation processPub Bad or Missing Size'],
    ],
    ['PUB too large', 'PUB foo 1001\r\n', ['payload 1001']],
    ['PUB longer than announced', 'PUB foo 2\r\nokk\r\n', ['parse error']],
    ['PUB ended by LF', 'PUB foo 2\r\nok\n', ['parse error']],
    ['PUB without a blank', 'PUBfoo 2\r\n', ['parse error']],
    ['HPUB', 'HPUB foo 4 6\r\nhead--\r\n', [pub('foo', 'head--', '', 4)]],
    ['HPUB with reply', 'HPUB foo r 4 6\r\nhead--\r\n', [pub('foo', 'head--', 'r', 4)]],
    ['HPUB without header bytes is a PUB', 'HPUB foo r 0 2\r\nok\r\n', [pub('foo', 'ok', 'r')]],
    [
      'HPUB with a header larger than all',
      'HPUB foo 7 6\r\nhead--\r\n',
      ['violation processHeaderPub Header Size larger then TotalSize'],
    ],
    ['HPUB with one size', 'HPUB foo 6\r\nhead--\r\n', ['violation processHeaderPub Parse Error']],
    ['SUB', 'SUB foo 1\r\nsub foo.* q 2\r\n', ['SUB ["foo",null,"1"]', 'SUB ["foo.*","q","2"]']],
    ['SUB with one argument', 'SUB foo\r\n', ['violation processSub Parse Error']],
    ['UNSUB', 'UNSUB 1\r\nUNSUB 1 5\r\nUNSUB 1 x\r\n', ['UNSUB ["1",-1]', 'UNSUB ["1",5]', 'UNSUB ["1",-1]']],
    ['UNSUB without arguments', 'UNSUB\r\n', ['parse error']],
    ['CONNECT without a blank', 'CONNECT{}\r\n', ['CONNECT {}']],
    ['INFO', 'INFO {"a":1}\r\n', ['INFO {"a":1}']],
    ['-ERR', "-ERR 'x'\r\nPING\r\n", ["-ERR 'x'"]],
    ['MSG', 'MSG a 1 2\r\nok\r\n', ['parse error']],
    ['a route operation', 'RS+ $G foo\r\n', ['parse error']],
    ['nothing but a line end', '\r\n', ['parse error']],
    ['a line that is too long', `SUB ${'s'.repeat(99)} 1\r\n`, ['control line']],
    ['a line that is too long and not over', `SUB ${'s'.repeat(101)}`, ['control line']],
    ['a PUB line that is too long', `PUB ${'s'.repeat(99)} 1\r\n`, ['control line']],
    ['a line as long as allowed', `SUB ${'s'.repeat(98)} 1\r\n`, [`SUB ["${'s'.repeat(98)}",null,"1"]`]],
    ['bytes above 127', 'SUB \xff\x80 1\r\n', ['SUB ["\xff\x80",null,"1"]']],
  ];
  for (const [name, input, expected] of cases) {
    test(name, () => {
      assert.deepEqual(feed([input]), expected);
      assert.deepEqual(feed([...input]), expected, 'byte by byte');
    });
  }

  test('HPUB where headers were not agreed upon', () => {
    assert.deepEqual(feed(['HPUB foo 4 6\r\nhead--\r\n'], new Recorder({ headers: false })), [
      'violation message headers not supported',
    ]);
  });

  test('traced: lines are shown as they were sent, before anything is said of them', () => {
    const input = 'SUB foo  1\r\nUNSUB 1 \r\nPUB foo  x\r\n';
    const expected = [
      'trace SUB foo  1',
      'SUB ["foo",null,"1"]',
      'trace UNSUB 1 ',
      'UNSUB ["1",-1]',
      'trace PUB foo  x',
      'violation processPub Bad or Missing Size',
    ];
    assert.deepEqual(feed([input], new Recorder({ traced: true })), expected);
    assert.deepEqual(feed([...input], new Recorder({ traced: true })), expected, 'byte by byte');
  });

  test('a reply left out between two spaces costs no copy', () => {
    class Places extends Recorder {
      override onPublish({ memory, tailStart }: PublishOperation): void {
        this.calls.push(memory === input ? readText(memory.bytes, tailStart, tailStart + 3) : 'copied');
      }
    }
    const text = 'PUB foo  2\r\nok\r\nPUB foo 2\r\nok\r\nPUB\tfoo\t2\r\nok\r\n';
    const input = memoryOf(text);
    const places = new Places();
    new ClientParser().parse(places, input, 4, 4 + text.length);
    assert.deepEqual(places.calls, ['2\r\n', '2\r\n', 'copied']);
  });

  test('pedantic: subjects are looked at, messages delivered all the same', () => {
    const input = 'PUB a..b 2\r\nok\r\nPUB a.* 2\r\nok\r\nPUB a.b* 2\r\nok\r\n';
    assert.deepEqual(feed([input], new Recorder({ pedantic: true })), [
      'invalid subject',
      pub('a..b', 'ok'),
      'invalid subject',
      pub('a.*', 'ok'),
      pub('a.b*', 'ok'),
    ]);
  });

  test('before CONNECT nothing else is accepted where credentials are due', () => {
    assert.deepEqual(feed(['PING\r\nPING\r\n'], new Recorder({ expectConnect: true })), ['unauthenticated']);
    assert.deepEqual(feed(['connect {}\r\nPING\r\n'], new Recorder({ expectConnect: true })), [
      'CONNECT {}',
      'PING',
    ]);
  });

  test('an operation is handled once when the answer to it has to be waited for', () => {
    class Waiting extends Recorder {
      override onUnauthenticated(): boolean {
        this.expectConnect = false;
        this.suspended = true;
        return false;
      }
    }
    assert.deepEqual(feed(['PING\r\nPONG\r\n'], new Waiting({ expectConnect: true })), ['PING', 'PONG']);
  });
});

describe('properties', () => {
  const conversation = fc
    .record({
      seed: fc.integer({ min: 1 }),
      count: fc.integer({ min: 1, max: 12 }),
      damage: fc.constantFrom(0, 10, 40),
    })
    .map(({ seed, count, damage }) =>
      new FrameGenerator(seed, { maxPayload: 1000, maxControlLine: 100, damage }).conversation(count),
    );
  const noise = fc
    .array(
      fc.oneof(
        fc.constantFrom('PUB ', 'SUB ', 'a ', '2', '\r\n', '\n', ' ', 'PING', 'HPUB '),
        fc.string({ unit: 'binary', maxLength: 4 }),
      ),
    )
    .map((parts) => Buffer.from(parts.join(''), 'utf8').toString('latin1'));
  const cuts = fc.array(fc.nat({ max: 4000 }), { maxLength: 12 });
  const modes = fc.record({ pedantic: fc.boolean(), headers: fc.boolean(), stopping: fc.boolean() });

  test('it does not matter how the input is cut into reads', () => {
    fc.assert(
      fc.property(fc.oneof(conversation, noise), cuts, modes, (input, places, mode) => {
        const ends = [...new Set(places.map((place) => place % (input.length + 1)))].sort((a, b) => a - b);
        const pieces = [...ends, input.length].map((end, i) => input.slice(i === 0 ? 0 : ends[i - 1], end));
        const whole = feed([input], new Recorder({ ...mode, stopping: false }));
        assert.deepEqual(feed(pieces, new Recorder(mode)), whole);
      }),
      { numRuns: 3000 },
    );
  });

  test('what is published comes out as it went in', () => {
    const token = fc.string({
      minLength: 1,
      maxLength: 8,
      unit: fc.constantFrom('a', 'b', '*', '.', '>', '\xff', '\x01', '"'),
    });
    const message = fc.record({
      subject: token,
      reply: fc.oneof(fc.constant(''), token),
      header: fc.uint8Array({ maxLength: 40 }),
      payload: fc.uint8Array({ maxLength: 400 }),
    });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), (messages) => {
        let input = '';
        const expected: string[] = [];
        for (const { subject, reply, header, payload } of messages) {
          const body = Buffer.concat([header, payload]).toString('latin1');
          const args = `${subject} ${reply === '' ? '' : `${reply} `}`;
          input +=
            header.length === 0
              ? `PUB ${args}${body.length}\r\n${body}\r\n`
              : `HPUB ${args}${header.length} ${body.length}\r\n${body}\r\n`;
          expected.push(pub(subject, body, reply, header.length));
        }
        assert.deepEqual(feed([input]), expected);
      }),
    );
  });
});
