/** Requests that send a stream to a client as a backup, and that take one back. */
import { friendlyBytes, goDuration } from '../../config/go-format.js';
import { fromUtf8, toUtf8 } from '../../protocol/bytes.js';
import { bool, field, int, omitEmpty, struct, text } from '../../protocol/json-type.js';
import { advise } from '../advisories.js';
import { Backup } from '../backup.js';
import { backupState } from '../backup-codec.js';
import { isValidPublishSubject } from '../config-checks.js';
import { ApiError } from '../errors.js';
import { json, jsonObject } from '../info.js';
import { levelOfStream, REQUIRED_LEVEL, storedMetadata } from '../levels.js';
import { Restore, type RestoreEnd } from '../restore.js';
import { streamConfig } from '../stream-config.js';
import type { Endpoint } from './api.js';
import type { ApiRequest, Fields } from './request.js';
import { requestorJson } from './requestor.js';

const snapshotRequest = struct('JSApiStreamSnapshotRequest', {
  deliver_subject: field(text),
  no_consumers: omitEmpty(bool),
  chunk_size: omitEmpty(int),
  window_size: omitEmpty(int),
  jsck: omitEmpty(bool),
});

const restoreRequest = struct('JSApiStreamRestoreRequest', {
  config: field(streamConfig),
  state: field(backupState),
});

function nameOf({ tokens }: ApiRequest): string {
  return toUtf8(tokens.at(-1)!);
}

/** The client that asked, as advisories show it; absent where it was a room of the server. */
function clientOf({ message, account }: ApiRequest): string | undefined {
  return requestorJson(message, account.name) ?? undefined;
}

export const snapshotStream: Endpoint = {
  type: 'stream_snapshot_response',
  handle(request) {
    const { account } = request;
    if (request.isEmpty) throw new ApiError('badRequest');
    const stream = account.stream(nameOf(request));
    const wanted = request.read(snapshotRequest);
    if (!isValidPublishSubject(fromUtf8(wanted.deliver_subject)))
      throw new ApiError('snapshotDeliverSubjectInvalid');
    const { log, broker } = account.jetstream;
    const path = `${account.name} > ${stream.name}`;
    log.notice(`Starting ${wanted.jsck ? 'health check and ' : ''}snapshot for stream '${path}'`);
    const start = account.jetstream.now();
    const begin = broker.clock.monotonic();
    const backup = new Backup(stream, {
      deliverSubject: wanted.deliver_subject,
      withConsumers: !wanted.no_consumers,
      chunkSize: wanted.chunk_size,
      windowSize: wanted.window_size,
    });
    request.answer(this.type, [
      ['config', streamConfig.write(stream.config)],
      ['state', backup.state],
    ]);
    const name = json(stream.name);
    const client = clientOf(request);
    advise(account, `STREAM.SNAPSHOT_CREATE.${stream.name}`, 'snapshot_create', () => [
      ['stream', name],
      ['state', backup.state],
      ['client', client],
    ]);
    backup.start((error) => {
      const took = goDuration(Math.round(broker.clock.monotonic() - begin));
      advise(account, `STREAM.SNAPSHOT_COMPLETE.${stream.name}`, 'snapshot_complete', () => [
        ['stream', name],
        ['start', json(start)],
        ['end', json(account.jetstream.now())],
        ['client', client],
        ['error', error === null ? undefined : json(error.message)],
      ]);
      if (error === null)
        log.notice(`Completed snapshot of ${friendlyBytes(backup.bytes)} for stream '${path}' in ${took}`);
      else log.warn(`Snapshot for stream '${path}' failed after ${took}: ${error.message}`);
    });
  },
};

export const restoreStream: Endpoint = {
  type: 'stream_restore_response',
  zeros: [['deliver_subject', '""']],
  handle(request) {
    const { account } = request;
    if (request.isEmpty) throw new ApiError('badRequest');
    const { config: given } = request.read(restoreRequest);
    const name = nameOf(request);
    if (given.name === '') given.name = name;
    if (given.name !== name) throw new ApiError('streamMismatch');
    if (/[\\/]/.test(name)) throw new ApiError('streamNameContainsPathSeparators');
    // As officially, what says nothing of levels stays so.
    if (given.metadata?.[REQUIRED_LEVEL] !== undefined)
      given.metadata = storedMetadata(given.metadata, levelOfStream(given));
    const config = account.checkNewStream(given);
    if (account.streams.has(name) || account.restores.has(name))
      throw new ApiError('streamNameExistRestoreFailed');
    const { jetstream } = account;
    const start = jetstream.now();
    const begin = jetstream.broker.clock.monotonic();
    const client = clientOf(request);
    jetstream.log.notice(`Starting restore for stream '${account.name} > ${name}'`);
    advise(account, `STREAM.RESTORE_CREATE.${name}`, 'restore_create', () => [
      ['stream', json(name)],
      ['client', client],
    ]);
    const restore = new Restore(account, config, (end) => {
      account.restores.delete(name);
      advise(account, `STREAM.RESTORE_COMPLETE.${name}`, 'restore_complete', () => [
        ['stream', json(name)],
        ['start', json(start)],
        ['end', json(jetstream.now())],
        ['bytes', String(end.total)],
        ['client', client],
      ]);
      tell(request, name, end, jetstream.broker.clock.monotonic() - begin);
    });
    account.restores.set(name, restore);
    request.answer(this.type, [['deliver_subject', json(restore.subject)]]);
  },
};

/** The answer to the last chunk. */
function tell({ account }: ApiRequest, name: string, end: RestoreEnd, took: number): void {
  const { log } = account.jetstream;
  const { stream, error, total, reply } = end;
  const size = friendlyBytes(total);
  const path = `${account.name} > ${name}`;
  const duration = goDuration(Math.round(took));
  if (error === null) log.notice(`Completed restore of ${size} for stream '${path}' in ${duration}`);
  else log.warn(`Restore failed for ${size} for stream '${path}' in ${duration}`);
  if (reply === '') return;
  const shown = ['config', 'created', 'state', 'ts'];
  const fields: Fields =
    stream === null
      ? [['error', error!.json]]
      : stream.infoFields().filter(([field]) => shown.includes(field));
  const type = '"io.nats.jetstream.api.v1.stream_create_response"';
  account.client.publish(toUtf8(reply), jsonObject([['type', type], ...fields]));
}
