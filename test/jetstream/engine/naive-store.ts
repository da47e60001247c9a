/** A store as plainly as it can be written: an array of messages. What the real ones are compared with. */
import { subjectMatches } from '../../../src/subjects/subject.js';

export interface NaiveMessage {
  sequence: number;
  subject: string;
  header: string;
  payload: string;
  time: bigint;
  ttl: number;
}

export interface NaiveLimits {
  maxMessages: number;
  maxBytes: number;
  maxMessagesPerSubject: number;
}

export class NaiveStore {
  messages: NaiveMessage[] = [];
  last = 0;
  limits: NaiveLimits = { maxMessages: -1, maxBytes: -1, maxMessagesPerSubject: -1 };

  constructor(readonly sizeOf: (message: NaiveMessage) => number) {}

  get bytes(): number {
    return this.messages.reduce((sum, message) => sum + this.sizeOf(message), 0);
  }

  get first(): number {
    return this.messages[0]?.sequence ?? (this.last === 0 ? 0 : this.last + 1);
  }

  append(subject: string, header: string, payload: string, time: bigint, sequence = this.last + 1, ttl = 0) {
    this.messages.push({ sequence, subject, header, payload, time, ttl });
    this.last = sequence;
    const { maxMessages, maxBytes, maxMessagesPerSubject } = this.limits;
    const same = this.messages.filter((each) => each.subject === subject);
    if (maxMessagesPerSubject > 0) {
      for (const old of same.slice(0, Math.max(0, same.length - maxMessagesPerSubject)))
        this.remove(old.sequence);
    }
    while (
      this.messages.length > 0 &&
      ((maxMessages > 0 && this.messages.length > maxMessages) || (maxBytes > 0 && this.bytes > maxBytes))
    ) {
      this.messages.shift();
    }
  }

  skipTo(sequence: number) {
    this.last = Math.max(this.last, sequence);
  }

  load(sequence: number) {
    return this.messages.find((message) => message.sequence === sequence);
  }

  matching(patterns: string[]) {
    if (patterns.length === 0) return this.messages;
    return this.messages.filter(({ subject }) =>
      patterns.some((pattern) => subjectMatches(subject, pattern)),
    );
  }

  remove(sequence: number) {
    const before = this.messages.length;
    this.messages = this.messages.filter((message) => message.sequence !== sequence);
    return this.messages.length < before;
  }

  purge(patterns: string[], before: number, keep: number) {
    const found = this.matching(patterns).filter((message) => before === 0 || message.sequence < before);
    const all = patterns.length === 0;
    const gone = keep > 0 ? found.slice(0, Math.max(0, found.length - keep)) : found;
    if (all && before > this.last + 1) this.last = before - 1;
    this.messages = this.messages.filter((message) => !gone.includes(message));
    return gone.length;
  }

  truncate(sequence: number) {
    if (sequence >= this.last) return;
    this.messages = this.messages.filter((message) => message.sequence <= sequence);
    this.last = sequence;
  }
}
