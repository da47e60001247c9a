/** Everything that the system account can be asked, by the names that `room.ts` subscribes under. */
import type { InternalMessage } from '../broker/internal-client.js';
import { readOneJson } from '../protocol/json-type.js';
import { commands } from './commands.js';
import { debugSubscribers, subscriptionCount } from './interest.js';
import { connectionsRequest, statszOptions } from './request-options.js';
import { userInfo } from './requester.js';
import { readRequest, textOf } from './respond.js';
import type { SystemRoom } from './room.js';
import { accountOf, accountServices, allAccountsStatz, type Service, serverServices } from './services.js';

export const answers: Readonly<Record<string, Service>> = {
  ...under('SERVER', serverServices),
  ...under('SERVER', commands),
  ...under('ACCOUNT', accountServices),
  'SERVER.IDZ': idz,
  'SERVER.STATSZ': statsz,
  'ACCOUNT.CONNS': connections,
  'ACCOUNTS.STATZ': allAccountsStatz,
  NSUBS: subscriptionCount,
  'USER.INFO': userInfo,
  SUBSCRIBERS: debugSubscribers,
};

function under(prefix: string, services: Readonly<Record<string, Service>>): Record<string, Service> {
  return Object.fromEntries(Object.entries(services).map(([name, each]) => [`${prefix}.${name}`, each]));
}

/** Who the server is, and no more. */
async function idz({ sender }: SystemRoom, { reply }: InternalMessage): Promise<void> {
  const { broker } = sender;
  if (reply === '') return;
  sender.answer(reply, { name: broker.serverName, host: broker.address.host, id: broker.identity.id });
}

/** A request that does not say where to answer is answered to everybody. */
async function statsz({ sender, statsz }: SystemRoom, message: InternalMessage): Promise<void> {
  if (!readRequest(sender, message, statszOptions)) return;
  if (message.reply === '') statsz.broadcastNow();
  else sender.answer(message.reply, statsz.message());
}

/** Servers ask each other for their share of an account. */
async function connections(room: SystemRoom, { subject, payload, reply }: InternalMessage): Promise<void> {
  const name = accountOf(subject);
  if (payload.length > 0) {
    try {
      const asked = readOneJson(connectionsRequest, payload).acc || name;
      if (asked !== name) {
        room.logError('Error unmarshalled account does not match subject');
        return;
      }
    } catch (error) {
      room.logError(`Error unmarshalling account connections request message: ${textOf(error)}`);
      return;
    }
  }
  const account = room.sender.broker.accounts.get(name);
  if (account === undefined || account.connections.size === 0 || reply === '') return;
  room.sender.answer(reply, room.events.connections(account));
}
