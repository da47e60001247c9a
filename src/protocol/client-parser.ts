/**
 * The client grammar: bytes in, operations out (client protocol, sections 1 and 2).
 *
 * The parser keeps no state between calls. It works on complete operations only and says where the first incomplete one
 * begins; the connection keeps that tail and hands it in again in front of what comes next. A PUB is handed on as offsets into
 * the read buffer: no string, no slice, no object per message.
 */
import { Memory } from '../runtime/arena.js';
import { hashText, parseSize, readText } from './bytes.js';

/** One PUB or HPUB as offsets into a memory. There is one object per server, overwritten by each message. */
export class PublishOperation {
  memory!: Memory;
  subjectStart = 0;
  subjectEnd = 0;
  /** Of the subject's bytes, as `hashText` has it. */
  hash = 0;
  /** 0 when there is no reply subject. */
  replyStart = 0;
  replyEnd = 0;
  /** Bytes of the header block; 0 for none. */
  headerSize = 0;
  /** Bytes of header block and payload together. */
  size = 0;
  payloadStart = 0;
  /** What follows the subject's spaces: `[reply ][hdrsize ]size CRLF payload CRLF`, the tail of the MSG to deliver. */
  tailStart = 0;
  tailEnd = 0;
  /** Verb and arguments as they were sent, for the trace in the log; null where they are in the common form. */
  asSent: string | null = null;
  /** What the broker notes of the message's way, where the client asked for that. */
  trace: object | null = null;
  /** How it came here from another account; null for what was published here. The parser knows nothing of it. */
  crossing: object | null = null;
}

/** What the parser calls; a connection implements it. */
export interface ClientOperations {
  /** Nothing but CONNECT is accepted. */
  readonly expectConnect: boolean;
  readonly closed: boolean;
  /** Input is on hold: the parser returns after the current operation. */
  readonly suspended: boolean;
  readonly pedantic: boolean;
  /** Operations are shown in the log. */
  readonly traced: boolean;
  /** HPUB is allowed. */
  readonly headers: boolean;
  readonly maxControlLine: number;
  /** -1 is unlimited. */
  readonly maxPayload: number;

  /**
   * Another verb than CONNECT came first. Returns true when the client may go on without credentials; with false and
   * `suspended` the verb is handled when input is taken up again.
   */
  onUnauthenticated(): boolean;
  /** A line that is about to be taken apart, when `traced`; `text` are its arguments as they were sent. */
  traceLine(verb: string, text: string): void;
  onConnect(json: string): void;
  onInfo(json: string): void;
  onPublish(operation: PublishOperation): void;
  onInvalidPublishSubject(): void;
  onSubscribe(subject: string, queue: string | null, sid: string): void;
  /** `max` is -1 when none was given or it was not a number. */
  onUnsubscribe(sid: string, max: number): void;
  onPing(): void;
  onPong(): void;
  onError(text: string): void;
  /** The bytes are not the protocol; `text` is for the log. */
  onParseError(text: string): void;
  /** The protocol is violated in a way that gets no answer; `text` is for the log. */
  onViolation(text: string): void;
  onControlLineExceeded(length: number): void;
  /** Of the operation's message the bytes up to `end` are there. */
  onPayloadExceeded(operation: PublishOperation, end: number): void;
}

const TOO_LARGE = 'maximum payload exceeded';
const NO_HEADERS = 'message headers not supported';
const LF = 10;
const CR = 13;
const SPACE = 32;
const TAB = 9;

/** The rest of each verb behind the letters that tell it from the others, in lower case. */
const VERBS: Record<string, string> = {
  pu: 'pub',
  pi: 'ping',
  po: 'pong',
  hp: 'hpub',
  hm: 'hmsg',
  s: 'sub',
  u: 'unsub',
  c: 'connect',
  i: 'info',
  '+': '+ok',
  '-': '-err',
};

const INCOMPLETE = -1;

export class ClientParser {
  readonly #operation = new PublishOperation();
  /** Bytes of the incomplete operation that `parse` stopped at, where its first line tells; else 0. */
  needed = 0;
  /** How many bytes of the incomplete operation are worth keeping; 0 for all. */
  keep = 0;

  /** Handles all complete operations between `start` and `end` and returns the offset of the first that is not. */
  parse(to: ClientOperations, memory: Memory, start: number, end: number): number {
    const { bytes } = memory;
    this.needed = 0;
    this.keep = 0;
    let at = start;
    while (at < end) {
      const first = bytes[at]! | 32;
      if (to.expectConnect && first !== 99 /* c */ && !to.onUnauthenticated()) {
        return to.suspended && !to.closed ? at : end;
      }
      let next: number;
      if (
        first === 112 /* p */ &&
        at + 4 < end &&
        (bytes[at + 1]! | 32) === 117 &&
        (bytes[at + 2]! | 32) === 98
      ) {
        const space = bytes[at + 3]!;
        if (space !== SPACE && space !== TAB) {
          this.#parseError(to, bytes, at + 3, end);
          return end;
        }
        next = this.#publish(to, memory, at, at + 4, end, false);
      } else {
        next = this.#control(to, memory, at, end);
      }
      if (next === INCOMPLETE || to.closed) return to.closed ? end : at;
      at = next;
      if (to.suspended) return at;
    }
    return at;
  }

  /** Any verb but a PUB that is all there: returns the offset behind it, or INCOMPLETE. */
  #control(to: ClientOperations, memory: Memory, at: number, end: number): number {
    const { bytes } = memory;
    const letter = String.fromCharCode(bytes[at]!).toLowerCase();
    let verb = VERBS[letter];
    if (verb === undefined && (letter === 'p' || letter === 'h')) {
      if (at + 1 === end) return INCOMPLETE;
      verb = VERBS[letter + String.fromCharCode(bytes[at + 1]!).toLowerCase()];
      if (verb === undefined) return this.#parseError(to, bytes, at + 1, end);
    }
    if (verb === undefined) return this.#parseError(to, bytes, at, end);
    for (let i = 1; i < verb.length; i++) {
      if (at + i === end) return INCOMPLETE;
      const byte = bytes[at + i]!;
      const lower = byte >= 65 && byte <= 90 ? byte + 32 : byte;
      if (lower !== verb.charCodeAt(i)) return this.#parseError(to, bytes, at + i, end);
    }
    const behind = at + verb.length;
    if (verb === 'ping' || verb === 'pong' || verb === '+ok')
      return this.#bare(to, verb, bytes, at, behind, end);
    if (behind === end) return INCOMPLETE;
    // CONNECT and INFO take their argument from the first byte that is no blank, the others need a blank.
    const blankNeeded = verb !== 'connect' && verb !== 'info';
    if (blankNeeded && bytes[behind] !== SPACE && bytes[behind] !== TAB) {
      return this.#parseError(to, bytes, behind, end);
    }
    if (verb === 'pub') return this.#publish(to, memory, at, behind + 1, end, false);
    if (verb === 'hpub') return this.#publish(to, memory, at, behind + 1, end, true);
    return this.#line(to, verb, memory, behind, end);
  }

  /** PING, PONG and +OK: whatever stands before the line's end is ignored. */
  #bare(
    to: ClientOperations,
    verb: string,
    bytes: Uint8Array,
    at: number,
    behind: number,
    end: number,
  ): number {
    for (let i = behind; i < end; i++) {
      if (bytes[i] !== LF) continue;
      if (verb === 'ping') to.onPing();
      else if (verb === 'pong') to.onPong();
      return i + 1;
    }
    // What is ignored may go on for ever, so it is not kept.
    this.keep = behind - at;
    return INCOMPLETE;
  }

  /** A verb with arguments on one line. */
  #line(to: ClientOperations, verb: string, memory: Memory, behind: number, end: number): number {
    const { bytes } = memory;
    let start = behind;
    while (start < end && (bytes[start] === SPACE || bytes[start] === TAB)) start++;
    // The first byte behind the blanks belongs to the argument, even when it is the line's end.
    const newline = bytes.subarray(start + 1, end).indexOf(LF);
    if (newline === -1) return this.#partialLine(to, bytes, start, end);
    const stop = start + 1 + newline;
    const text = argumentText(bytes, start, stop);
    if (text.length > to.maxControlLine) {
      to.onControlLineExceeded(text.length);
      return stop + 1;
    }
    switch (verb) {
      case 'connect':
        to.onConnect(text);
        break;
      case 'info':
        to.onInfo(text);
        break;
      case '-err':
        to.onError(text);
        break;
      case 'sub':
        this.#subscribe(to, text);
        break;
      case 'unsub':
        this.#unsubscribe(to, text);
        break;
      default:
        return this.#emptyMessage(to, bytes, stop + 1, end);
    }
    return stop + 1;
  }

  /** HMSG: a client has nothing to deliver, so its line counts as a message without subject and payload. */
  #emptyMessage(to: ClientOperations, bytes: Uint8Array, at: number, end: number): number {
    if (at < end && bytes[at] !== CR) return this.#parseError(to, bytes, at, end);
    if (at + 1 < end && bytes[at + 1] !== LF) return this.#parseError(to, bytes, at + 1, end);
    if (at + 2 > end) return INCOMPLETE;
    to.onPublish(layOut('', '', '0', 0, new Uint8Array(0)));
    return at + 2;
  }

  /** A line that has not ended yet is refused as soon as it is too long. */
  #partialLine(to: ClientOperations, bytes: Uint8Array, start: number, end: number): number {
    const dropped = end > start && bytes.subarray(start, end).includes(CR) ? 1 : 0;
    const length = end - start - dropped;
    if (length > to.maxControlLine) to.onControlLineExceeded(length);
    return INCOMPLETE;
  }

  #subscribe(to: ClientOperations, text: string): void {
    if (to.traced) to.traceLine('SUB', text);
    const args = splitArguments(text, true);
    if (args.length === 2) to.onSubscribe(args[0]!, null, args[1]!);
    else if (args.length === 3) to.onSubscribe(args[0]!, args[1]!, args[2]!);
    else to.onViolation(`processSub Parse Error: ${JSON.stringify(text)}`);
  }

  #unsubscribe(to: ClientOperations, text: string): void {
    if (to.traced) to.traceLine('UNSUB', text);
    const args = splitArguments(text, true);
    if (args.length === 1) to.onUnsubscribe(args[0]!, -1);
    else if (args.length === 2) to.onUnsubscribe(args[0]!, parseSize(args[1]!));
    else to.onViolation(`processUnsub Parse Error: ${JSON.stringify(text)}`);
  }

  /**
   * PUB and HPUB. The common form - one space between arguments, any number of them behind the subject, CR LF at the end - is taken
   * apart in one pass; any other form is put into the common one first.
   */
  #publish(
    to: ClientOperations,
    memory: Memory,
    at: number,
    behind: number,
    end: number,
    withHeader: boolean,
  ): number {
    const { bytes } = memory;
    let start = behind;
    while (start < end && (bytes[start] === SPACE || bytes[start] === TAB)) start++;
    let hash = 0;
    let i = start;
    let byte = 0;
    for (; i < end; i++) {
      byte = bytes[i]!;
      if (byte <= SPACE && (byte === SPACE || byte === CR || byte === LF || byte === TAB)) break;
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    if (i === end) return this.#partialLine(to, bytes, start, end);
    if (byte !== SPACE || i === start) return this.#unusual(to, memory, at, start, end, withHeader);

    const operation = this.#operation;
    operation.subjectStart = start;
    operation.subjectEnd = i;
    operation.hash = hash;
    // Clients that leave the reply out by leaving nothing between two spaces (that of Python does) are common.
    let rest = i + 1;
    while (rest < end && bytes[rest] === SPACE) rest++;
    operation.tailStart = rest;
    // Arguments behind the subject: at most three. Each is remembered by its start; value is that of its digits or -1.
    let count = 0;
    let replyEnd = 0;
    let tokenStart = rest;
    let value = 0;
    let previous = -1;
    for (i = rest; i < end; i++) {
      byte = bytes[i]!;
      if (byte > SPACE) {
        const digit = byte - 48;
        value = value >= 0 && digit >= 0 && digit <= 9 && i - tokenStart < 9 ? value * 10 + digit : -1;
        continue;
      }
      if (byte === SPACE && i > tokenStart) {
        count++;
        if (count === 1) replyEnd = i;
        previous = value;
        value = 0;
        tokenStart = i + 1;
        continue;
      }
      break;
    }
    if (i === end || (byte === CR && i + 1 === end)) return this.#partialLine(to, bytes, start, end);
    const numbers = withHeader ? 2 : 1;
    const usual =
      byte === CR &&
      bytes[i + 1] === LF &&
      i > tokenStart &&
      count + 1 >= numbers &&
      count + 1 <= numbers + 1;
    if (!usual) return this.#unusual(to, memory, at, start, end, withHeader);
    const lineLength = i - start;
    if (lineLength > to.maxControlLine) {
      to.onControlLineExceeded(lineLength);
      return INCOMPLETE;
    }
    const hasReply = count === numbers;
    operation.memory = memory;
    operation.replyStart = hasReply ? operation.tailStart : 0;
    operation.replyEnd = hasReply ? replyEnd : 0;
    operation.headerSize = withHeader ? previous : 0;
    operation.size = value;
    operation.payloadStart = i + 2;
    const problem = sizeProblem(to, withHeader, previous, value);
    if (problem !== null) return this.#refuse(to, problem, withHeader, readText(bytes, start, i), end);
    const payloadEnd = i + 2 + value;
    if (payloadEnd + 2 > end) return this.#partialPayload(to, memory, at, payloadEnd, end);
    if (to.pedantic) this.#checkSubject(to, memory);
    if (bytes[payloadEnd] !== CR) return this.#parseError(to, bytes, payloadEnd, end);
    if (bytes[payloadEnd + 1] !== LF) return this.#parseError(to, bytes, payloadEnd + 1, end);
    operation.tailEnd = payloadEnd + 2;
    if (withHeader && previous === 0) this.#asPlain(operation, to);
    else to.onPublish(operation);
    return payloadEnd + 2;
  }

  /** Says what is wrong with a PUB or HPUB whose arguments are `text`. */
  #refuse(to: ClientOperations, problem: string, withHeader: boolean, text: string, end: number): number {
    if (to.traced) to.traceLine(withHeader ? 'HPUB' : 'PUB', text);
    if (problem === TOO_LARGE) to.onPayloadExceeded(this.#operation, end);
    else to.onViolation(problem === NO_HEADERS ? problem : `${problem}: ${JSON.stringify(text)}`);
    return INCOMPLETE;
  }

  #partialPayload(to: ClientOperations, memory: Memory, at: number, payloadEnd: number, end: number): number {
    if (payloadEnd < end && memory.bytes[payloadEnd] !== CR) {
      if (to.pedantic) this.#checkSubject(to, memory);
      return this.#parseError(to, memory.bytes, payloadEnd, end);
    }
    this.needed = payloadEnd + 2 - at;
    return INCOMPLETE;
  }

  #checkSubject(to: ClientOperations, memory: Memory): void {
    const { subjectStart, subjectEnd } = this.#operation;
    if (!isLiteralBytes(memory.bytes, subjectStart, subjectEnd)) to.onInvalidPublishSubject();
  }

  /** An HPUB with an empty header block is delivered as a PUB. */
  #asPlain(operation: PublishOperation, to: ClientOperations): void {
    const { memory } = operation;
    const reply =
      operation.replyStart === 0 ? '' : readText(memory.bytes, operation.replyStart, operation.replyEnd);
    const size = readText(memory.bytes, operation.tailStart, operation.payloadStart - 2)
      .split(' ')
      .at(-1)!;
    const subject = readText(memory.bytes, operation.subjectStart, operation.subjectEnd);
    const sent = `HPUB ${readText(memory.bytes, operation.subjectStart, operation.payloadStart - 2)}`;
    this.#rebuild(to, sent, memory, operation.payloadStart, operation.size, [subject, reply, size]);
  }

  /** Arguments separated in some other way, or a line that ends without CR. */
  #unusual(
    to: ClientOperations,
    memory: Memory,
    at: number,
    start: number,
    end: number,
    withHeader: boolean,
  ): number {
    const { bytes } = memory;
    const newline = start < end ? bytes.subarray(start + 1, end).indexOf(LF) : -1;
    if (newline === -1) return this.#partialLine(to, bytes, start, end);
    const stop = start + 1 + newline;
    const text = argumentText(bytes, start, stop);
    if (text.length > to.maxControlLine) {
      to.onControlLineExceeded(text.length);
      return INCOMPLETE;
    }
    const args = splitArguments(text, false);
    const numbers = withHeader ? 2 : 1;
    const name = withHeader ? 'processHeaderPub' : 'processPub';
    if (withHeader && !to.headers) return this.#refuse(to, NO_HEADERS, true, text, end);
    if (args.length !== numbers + 1 && args.length !== numbers + 2)
      return this.#refuse(to, `${name} Parse Error`, withHeader, text, end);
    const size = parseSize(args.at(-1)!);
    const header = withHeader ? parseSize(args.at(-2)!) : 0;
    const problem = sizeProblem(to, withHeader, header, size);
    if (problem !== null) return this.#refuse(to, problem, withHeader, text, end);
    const payloadStart = stop + 1;
    const payloadEnd = payloadStart + size;
    const invalid = to.pedantic && !isLiteralText(args[0]!);
    const bad = [payloadEnd, payloadEnd + 1].find((i, k) => i < end && bytes[i] !== (k === 0 ? CR : LF));
    if (bad === undefined && payloadEnd + 2 > end) {
      this.needed = payloadEnd + 2 - at;
      return INCOMPLETE;
    }
    if (invalid) to.onInvalidPublishSubject();
    if (bad !== undefined) return this.#parseError(to, bytes, bad, end);
    if (withHeader && header === 0) args.splice(args.length - 2, 1);
    const hasReply = args.length === (withHeader && header > 0 ? 4 : 3);
    if (!hasReply) args.splice(1, 0, '');
    const sent = `${withHeader ? 'HPUB' : 'PUB'} ${text}`;
    this.#rebuild(to, sent, memory, payloadStart, size, args, header);
    return payloadEnd + 2;
  }

  /** Publishes from a copy in the common form; `args` are subject, reply or empty, [header size,] size. */
  #rebuild(
    to: ClientOperations,
    sent: string,
    from: Memory,
    payloadStart: number,
    size: number,
    args: string[],
    headerSize = 0,
  ): void {
    const [subject, reply, ...sizes] = args as [string, string, ...string[]];
    const body = from.bytes.subarray(payloadStart, payloadStart + size);
    const operation = layOut(subject, reply, sizes.join(' '), headerSize, body);
    operation.asSent = sent;
    to.onPublish(operation);
  }

  #parseError(to: ClientOperations, bytes: Uint8Array, at: number, end: number): number {
    const snippet = readText(bytes, at, Math.min(at + 32, end));
    to.onParseError(`parser ERROR, proto='${JSON.stringify(snippet)}...'`);
    return INCOMPLETE;
  }
}

/** The line's argument. One byte is dropped from its end where a CR stands anywhere in it, as the official server does. */
function argumentText(bytes: Uint8Array, start: number, stop: number): string {
  // A CR in the first place is taken as the argument's first byte.
  const dropped = bytes.subarray(start + 1, stop).includes(CR) ? 1 : 0;
  return readText(bytes, start, stop - dropped);
}

/** What is wrong with the sizes of a PUB or HPUB; null for nothing. */
function sizeProblem(to: ClientOperations, withHeader: boolean, header: number, size: number): string | null {
  if (withHeader) {
    if (!to.headers) return NO_HEADERS;
    if (header < 0) return 'processHeaderPub Bad or Missing Header Size';
    if (size < 0) return 'processHeaderPub Bad or Missing Total Size';
    if (header > size) return 'processHeaderPub Header Size larger then TotalSize';
  } else if (size < 0) {
    return 'processPub Bad or Missing Size';
  }
  return to.maxPayload !== -1 && size > to.maxPayload ? TOO_LARGE : null;
}

function splitArguments(text: string, alsoNewlines: boolean): string[] {
  return text.split(alsoNewlines ? /[ \t\r\n]+/ : /[ \t]+/).filter((arg) => arg !== '');
}

function isLiteralText(subject: string): boolean {
  const bytes = Buffer.from(subject, 'latin1');
  return isLiteralBytes(bytes, 0, bytes.length);
}

/** Whether a subject has no empty token and no wildcard. */
function isLiteralBytes(bytes: Uint8Array, start: number, end: number): boolean {
  let tokenStart = start;
  for (let i = start; i <= end; i++) {
    if (i < end && bytes[i] !== 46) continue;
    if (i === tokenStart) return false;
    if (i - tokenStart === 1 && (bytes[tokenStart] === 42 || bytes[tokenStart] === 62)) return false;
    tokenStart = i + 1;
  }
  return true;
}

/**
 * A message as a PUB or HPUB in the common form, in memory of its own. Subject and reply (empty for none) are latin1; `sizes` is
 * the text of the sizes, `body` the header block followed by the payload.
 */
export function layOut(
  subject: string,
  reply: string,
  sizes: string,
  headerSize: number,
  body: Uint8Array,
): PublishOperation {
  const line = `${subject} ${reply === '' ? '' : `${reply} `}${sizes}\r\n`;
  const memory = new Memory(line.length + body.length + 2 + 4);
  memory.buffer.write(line, 0, 'latin1');
  memory.bytes.set(body, line.length);
  memory.buffer.write('\r\n', line.length + body.length, 'latin1');
  const operation = new PublishOperation();
  operation.memory = memory;
  operation.subjectEnd = subject.length;
  operation.hash = hashText(subject);
  operation.tailStart = subject.length + 1;
  if (reply !== '') {
    operation.replyStart = operation.tailStart;
    operation.replyEnd = operation.tailStart + reply.length;
  }
  operation.headerSize = headerSize;
  operation.size = body.length;
  operation.payloadStart = line.length;
  operation.tailEnd = line.length + body.length + 2;
  return operation;
}
