/** Services of the system account that do something: reload the configuration, end a client, ask one to leave. */
import type { InternalMessage } from '../broker/internal-client.js';
import { type JsonType, readOneJson } from '../protocol/json-type.js';
import { filterOptions, kickRequest, lameDuckRequest } from './request-options.js';
import { CommandError, respond, textOf } from './respond.js';
import type { SystemRoom } from './room.js';
import type { Service } from './services.js';

/** By the last token of `$SYS.REQ.SERVER.<id>.<name>`. */
export const commands: Readonly<Record<string, Service>> = {
  RELOAD: (room, message) => run(room, message, () => room.server.reload()),
  KICK: (room, message) =>
    onClient(room, message, kickRequest, (cid) => {
      const connection = room.sender.broker.connections.get(cid);
      if (connection === undefined) throw new Error('no such client or leafnode id');
      connection.close('Kicked');
    }),
  LDM: (room, message) =>
    onClient(room, message, lameDuckRequest, (cid) => {
      const connection = room.sender.broker.connections.get(cid);
      if (connection === undefined) throw new Error('no such client id');
      if (connection.options.protocol < 1 || !connection.firstPongSent) {
        throw new Error('client does not support Lame Duck Mode or is not ready to receive the notification');
      }
      connection.logDebug('Sending Lame Duck Mode info to client');
      connection.sendInfo({ ldm: true });
    }),
};

async function onClient(
  room: SystemRoom,
  message: InternalMessage,
  type: JsonType<{ cid: number }>,
  action: (cid: number) => void,
): Promise<void> {
  let cid: number;
  try {
    ({ cid } = readOneJson(type, message.payload));
  } catch (error) {
    // Officially for both of them.
    room.logError(`Error unmarshalling kick client request: ${textOf(error)}`);
    return;
  }
  await run(room, message, () => action(cid));
}

async function run(
  room: SystemRoom,
  message: InternalMessage,
  action: () => void | Promise<void>,
): Promise<void> {
  await respond(room.sender, message, filterOptions, async () => {
    try {
      await action();
    } catch (error) {
      throw new CommandError(textOf(error));
    }
  });
}
