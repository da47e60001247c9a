/** How a question to the service that decides about clients gets there and back: a request within the service's account. */
import { randomBytes } from 'node:crypto';
import type { ServerOptions } from '../config/options.js';
import { authTimeout } from '../config/validate.js';
import { AUTH_CALLOUT_SUBJECT } from '../security/auth-callout.js';
import { AuthService, type Question } from '../security/auth-service.js';
import { natsVersion } from '../version.js';
import type { Broker } from './broker.js';

/** The service that the options name, asked through the broker's accounts. */
export function createAuthService(broker: Broker, options: ServerOptions): AuthService {
  const { clock, log, identity } = broker;
  return new AuthService({
    ...{ clock, log, identity },
    callout: options.authorization.callout!,
    server: () => ({
      name: broker.serverName,
      host: broker.address.host,
      version: natsVersion,
      tags: options.serverTags,
    }),
    timeout: authTimeout(options),
    ask: (question) => ask(broker, question),
  });
}

/** Resolves with the payload of the first answer; null when none came in time. */
function ask(broker: Broker, question: Question): Promise<Uint8Array | null> {
  const client = broker.internalClient(broker.account(question.account));
  // Whoever could guess it could let anybody in.
  const inbox = `$SYS._INBOX.${randomBytes(16).toString('base64url')}`;
  return new Promise((resolve) => {
    const finish = (answer: Uint8Array | null): void => {
      timer.cancel();
      // Not while the answer is being delivered.
      queueMicrotask(() => client.close());
      resolve(answer);
    };
    const timer = broker.clock.after(question.timeout, () => finish(null));
    client.subscribe(inbox, ({ payload }) => finish(payload));
    client.publish(AUTH_CALLOUT_SUBJECT, question.payload, inbox, question.header);
  });
}
