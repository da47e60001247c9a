/**
 * Who gets the messages on one subject: for each subscription the finished head of its MSG, and the queue groups. Made once per
 * subject and kept until the interest in the subject changes.
 */
import type { MappedSubject } from '../accounts/mappings.js';
import { writeText } from '../protocol/bytes.js';
import type { Memory } from '../runtime/arena.js';
import type { Allocation } from '../subjects/subject-cache.js';
import type { ClientConnection } from './connection.js';
import type { Subscription } from './subscription.js';

/** One subscription of a plan. */
export class Delivery {
  readonly sub: Subscription;
  readonly connection: ClientConnection | null;
  readonly memory: Memory;
  /**
   * `HMSG <subject> <sid> `, where a MSG begins one byte later; of a passage to another account the subject there; else nothing.
   */
  readonly headStart: number;
  readonly headLength: number;

  constructor(sub: Subscription, memory: Memory, headStart: number, headLength: number) {
    this.sub = sub;
    this.connection = sub.connection;
    this.memory = memory;
    this.headStart = headStart;
    this.headLength = headLength;
  }
}

export class DeliveryPlan {
  /** Latin1 text of the subject's bytes. */
  readonly subject: string;
  readonly plain: Delivery[] = [];
  /** One list of members per queue group. */
  readonly groups: Delivery[][] = [];
  /** Clients may not publish here: the subject belongs to the server. */
  readonly reserved: boolean;
  /** Clients' messages go elsewhere, this says where. Messages that were mapped already are delivered here. */
  readonly mapping: MappedSubject<DeliveryPlan> | null;
  /** Publishing here needs a closer look: the subject is reserved or mapped. */
  readonly special: boolean;
  /** The permissions that allowed this subject last; compared by identity. */
  allowedFor: object | null = null;

  constructor(
    subject: string,
    subscriptions: Subscription[],
    reserved: boolean,
    mapping: MappedSubject<DeliveryPlan> | null,
    allocate: (size: number) => Allocation,
  ) {
    this.subject = subject;
    this.reserved = reserved;
    this.mapping = mapping;
    this.special = reserved || mapping !== null;
    let groups: Map<string, Delivery[]> | null = null;
    for (const sub of subscriptions) {
      const delivery = deliveryOf(sub, subject, allocate);
      if (sub.queue === null) {
        this.plain.push(delivery);
        continue;
      }
      groups ??= new Map();
      const members = groups.get(sub.queue);
      if (members === undefined) groups.set(sub.queue, [delivery]);
      else members.push(delivery);
    }
    if (groups !== null) this.groups.push(...groups.values());
  }
}

function deliveryOf(sub: Subscription, subject: string, allocate: (size: number) => Allocation): Delivery {
  const shown = sub.subjectFor(subject);
  if (sub.connection === null) {
    // What goes to another account is looked for there by these bytes.
    const length = sub.handler === null && sub.raw === null ? shown.length : 0;
    const { memory, start } = allocate(length);
    if (length > 0) writeText(shown, memory.bytes, start);
    return new Delivery(sub, memory, start, length);
  }
  const sid = String(sub.sid);
  const length = 5 + shown.length + 1 + sid.length + 1;
  const { memory, start } = allocate(length);
  let at = writeText('HMSG ', memory.bytes, start);
  at = writeText(shown, memory.bytes, at);
  at = writeText(' ', memory.bytes, at);
  at = writeText(sid, memory.bytes, at);
  writeText(' ', memory.bytes, at);
  return new Delivery(sub, memory, start, length);
}
