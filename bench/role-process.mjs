// The child side of a generator process: makes the object named on the command line and calls its methods on request.
import { AsyncPublisher } from './roles/async-publisher.mjs';
import { Caller } from './roles/caller.mjs';
import { Connector } from './roles/connector.mjs';
import { Publisher } from './roles/publisher.mjs';
import { Reader } from './roles/reader.mjs';
import { Requester, Responder } from './roles/request-reply.mjs';
import { Asker, Service } from './roles/service.mjs';
import { Subscriber } from './roles/subscriber.mjs';

const roles = {
  Asker,
  AsyncPublisher,
  Caller,
  Connector,
  Publisher,
  Reader,
  Requester,
  Responder,
  Service,
  Subscriber,
};
const role = new roles[process.argv[2]]();

process.on('message', async ({ id, method, args }) => {
  try {
    process.send?.({ id, result: await role[method](args) });
  } catch (error) {
    process.send?.({ id, error: error instanceof Error ? error.message : String(error) });
  }
});
// The parent is gone or has finished with this process.
process.on('disconnect', () => process.exit(0));
