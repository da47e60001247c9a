/** The request of the system account that removes all streams of an account, also of one that is not there any more. */
import { ApiError } from '../errors.js';
import { jsonObject } from '../info.js';
import type { JetStream } from '../jetstream.js';

/** Requests about the whole server: without a cluster only that for a purge is answered, and nobody but the system account may ask. */
export function isServerRequest(tokens: readonly string[]): boolean {
  const request = tokens.join('.');
  return (
    tokens[0] === 'ACCOUNT' || /^(META\.(LEADER\.STEPDOWN|RESCUE)|SERVER\.(REMOVE|EVACUATE))$/.test(request)
  );
}

/** `answer` is called with the body once all of it is durable, or has failed. */
export function purgeAccount(jetstream: JetStream, name: string, answer: (body: string) => void): void {
  const { log, storage } = jetstream;
  const tell = (error: ApiError | null) =>
    answer(
      jsonObject([
        ['type', '"io.nats.jetstream.api.v1.account_purge_response"'],
        ['error', error?.json],
        ['initiated', error === null ? 'true' : undefined],
      ]),
    );
  if (/[\\/]/.test(name)) {
    tell(new ApiError('streamGeneralError', { err: 'account name can not contain path separators' }));
    return;
  }
  const account = jetstream.accounts.get(name);
  const streams = [...(account?.streams.values() ?? [])];
  const isKnown = jetstream.broker.accounts.has(name);
  log.notice(`Purge request for account ${name} (streams: ${streams.length}, hasAccount: ${isKnown})`);
  try {
    for (const restore of [...(account?.restores.values() ?? [])]) restore.cancel();
    for (const stream of streams) account!.deleteStream(stream);
    storage.purge(name);
  } catch (error) {
    const err = (error as Error).message;
    tell(error instanceof ApiError ? error : new ApiError('streamGeneralError', { err }));
    return;
  }
  storage.commit.after(() => tell(null));
}
