/** How a question to the service that decides about clients gets there and back: a request within the service's account. */
import { randomBytes } from 'node:crypto';
import { AUTH_CALLOUT_SUBJECT } from '../security/auth-callout.js';
import type { Question } from '../security/auth-service.js';
import type { Broker } from './broker.js';

/** Resolves with the payload of the first answer; null when none came in time. */
export function askAuthService(broker: Broker, question: Question): Promise<Uint8Array | null> {
  const client = broker.internalClient(broker.account(question.account));
  // Whoever could guess it could let anybody in.
  const inbox = `$SYS._INBOX.${randomBytes(16).toString('base64url')}`;
  return new Promise((resolve) => {
    const finish = (answer: Uint8Array | null): void => {
      timer.cancel();
      client.close();
      resolve(answer);
    };
    const timer = broker.clock.after(question.timeout, () => finish(null));
    client.subscribe(inbox, ({ payload }) => finish(payload));
    client.publish(AUTH_CALLOUT_SUBJECT, question.payload, inbox, question.header);
  });
}
