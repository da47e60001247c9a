/** How many subscribe to a subject: `$SYS.DEBUG.SUBSCRIBERS`, for people, and `$SYS.REQ.ACCOUNT.NSUBS`, for servers. */
import type { BrokerAccount } from '../broker/broker.js';
import type { InternalMessage } from '../broker/internal-client.js';
import type { Subscription } from '../broker/subscription.js';
import { fromUtf8 } from '../protocol/bytes.js';
import { readOneJson } from '../protocol/json-type.js';
import { hasWildcard, isSubsetOf } from '../subjects/subject.js';
import { subscriptionsRequest } from './request-options.js';
import { requesterOf } from './requester.js';
import { textOf } from './respond.js';
import type { SystemRoom } from './room.js';

/** The payload is a subject, and maybe a queue group behind it. */
export async function debugSubscribers(room: SystemRoom, message: InternalMessage): Promise<void> {
  const info = requesterOf(message);
  if (info === null) return;
  const { broker, client } = room.sender;
  const name = info.svc || info.acc;
  const account = name ? broker.accounts.get(name) : client.account;
  if (account === undefined) return;
  const [subject = '', queue] = message.payload.toString('latin1').trim().split(' ');
  if (message.reply !== '')
    room.sender.answer(message.reply, countSubscribers(account, subject, queue ?? null));
}

/** Of one account; servers ask each other, and those that have no clients in it say nothing. */
export async function subscriptionCount(room: SystemRoom, message: InternalMessage): Promise<void> {
  const { payload, reply } = message;
  if (payload.length === 0) {
    room.logError('request requires a body');
    return;
  }
  try {
    const { acc, subject, queue } = readOneJson(subscriptionsRequest, payload);
    const account = room.sender.broker.accounts.get(acc);
    if (account === undefined || account.connections.size === 0 || reply === '') return;
    const group = queue === '' ? null : Buffer.from(queue, 'base64').toString('latin1');
    room.sender.answer(reply, countSubscribers(account, fromUtf8(subject), group));
  } catch (error) {
    room.logError(`Error unmarshalling account nsubs request message: ${textOf(error)}`);
  }
}

/**
 * Subscriptions of clients that get messages on a subject, or, for one with wildcards, that lie within it. `queue` null counts
 * those of every queue group and of none.
 */
function countSubscribers(account: BrokerAccount, subject: string, queue: string | null): number {
  const counts = (sub: Subscription): boolean =>
    sub.connection !== null && (queue === null || sub.queue === queue);
  let count = 0;
  if (!hasWildcard(subject)) {
    for (const sub of account.interest.match(subject)) if (counts(sub)) count++;
    return count;
  }
  for (const sub of account.interest.all()) if (counts(sub) && isSubsetOf(sub.subject, subject)) count++;
  return count;
}
