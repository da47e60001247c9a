/**
 * What JetStream of a whole server holds at one moment, as bytes, and back: streams with their messages, consumers with their positions.
 * What a restart would not bring back is not in it: waiting requests, batches that are not committed.
 */
import type { AccountJetStream } from '../jetstream/account-jetstream.js';
import type { Consumer } from '../jetstream/consumer.js';
import { type ConsumerConfig, storedConsumer } from '../jetstream/consumer-config.js';
import type { JetStream } from '../jetstream/jetstream.js';
import type { StagedStream } from '../jetstream/storage.js';
import type { ConsumerPosition } from '../jetstream/store/consumer-store.js';
import { ttlOf } from '../jetstream/store/message-block-store.js';
import { StoredMessage } from '../jetstream/store/message-store.js';
import type { Stream } from '../jetstream/stream.js';
import { type StreamConfig, storedStream } from '../jetstream/stream-config.js';
import { readJson } from '../protocol/json-type.js';
import {
  type ConsumerHead,
  SnapshotError,
  SnapshotReader,
  SnapshotWriter,
  type StreamHead,
} from './snapshot-codec.js';

/**
 * Resolves when everything that was taken before the call is decided, stored or refused; then the whole state is read in one turn of the
 * event loop, so that streams and consumers fit each other. It may hold messages whose acks are still to come.
 */
export async function takeSnapshot(jetstream: JetStream): Promise<Uint8Array> {
  await new Promise<void>((resolve) => jetstream.storage.commit.after(resolve));
  const writer = new SnapshotWriter();
  for (const account of jetstream.accounts.values())
    for (const stream of account.streams.values()) writeStream(writer, stream);
  return writer.finish();
}

function writeStream(writer: SnapshotWriter, stream: Stream): void {
  const { store, account, config, created } = stream;
  const { firstSequence, firstTime, lastSequence, lastTime } = store.state;
  // Those by which other streams read are made anew by these.
  const consumers = [...stream.consumers.all()].filter((each) => !each.config.direct);
  writer.stream({
    account: account.name,
    meta: storedStream.write({ Created: created, ...config }),
    first: firstSequence,
    last: lastSequence,
    firstTime: String(firstTime),
    lastTime: String(lastTime),
    sources: stream.intake.positions,
    consumers: consumers.map(consumerHead),
  });
  const message = new StoredMessage();
  for (let next = 0; store.loadNext(null, next, message) !== null; next = message.sequence + 1)
    writer.message(message);
  writer.end();
}

function consumerHead({ name, config, created, acks }: Consumer): ConsumerHead {
  const { delivered, ackFloor, pending, redelivered } = acks.position();
  return {
    name,
    meta: storedConsumer.write({ Created: created, Name: name, ...config }),
    delivered: { ...delivered },
    ackFloor: { ...ackFloor },
    pending: [...pending].map(([sequence, each]) => [sequence, each.sequence, each.deliveredAt]),
    redelivered: [...redelivered],
  };
}

/** A stream that is on its way in. */
interface Incoming {
  account: AccountJetStream;
  stage: StagedStream;
}

/**
 * Makes what the snapshot holds the state of JetStream. Everything is written out of sight first; the change-over is one turn of the event
 * loop, in which streams that are there go. Rejects with `SnapshotError` for bytes that are no snapshot and for what does not fit this
 * server, and with the disk's errors; then nothing has changed, unless the disk refuses in the change-over itself.
 */
export async function restoreSnapshot(jetstream: JetStream, snapshot: Uint8Array): Promise<void> {
  const incoming: Incoming[] = [];
  try {
    const reader = new SnapshotReader(snapshot);
    for (let head = reader.stream(); head !== null; head = reader.stream())
      incoming.push(readStream(jetstream, head, reader));
  } catch (error) {
    for (const { stage } of incoming) stage.discard();
    throw error;
  }
  const completed = await Promise.allSettled(incoming.map(({ stage }) => complete(stage)));
  const failed = completed.find((each) => each.status === 'rejected');
  if (failed !== undefined) {
    for (const [at, { status }] of completed.entries())
      if (status === 'fulfilled') incoming[at]!.stage.discard();
    throw failed.reason;
  }
  changeOver(jetstream, incoming);
}

function complete(stage: StagedStream): Promise<void> {
  return new Promise((resolve, reject) => {
    stage.complete((error) => (error === null ? resolve() : reject(error)));
  });
}

function changeOver(jetstream: JetStream, incoming: readonly Incoming[]): void {
  let failure: unknown;
  const attempt = (step: () => void) => {
    try {
      step();
    } catch (error) {
      failure ??= error;
    }
  };
  for (const account of jetstream.accounts.values()) {
    for (const stream of [...account.streams.values()]) {
      attempt(() => {
        stream.destroy();
        account.streams.delete(stream.name);
      });
    }
  }
  const placed: Stream[] = [];
  for (const { account, stage } of incoming) attempt(() => placed.push(account.take(stage.place())));
  // Streams take messages once all of them are there: some copy others.
  for (const stream of placed) stream.start();
  if (failure !== undefined) throw failure;
}

function readStream(jetstream: JetStream, head: StreamHead, reader: SnapshotReader): Incoming {
  const { Created: created, ...config } = readJson(storedStream, Buffer.from(head.meta, 'utf8'), false);
  const { name } = config;
  const account = jetstream.accounts.get(head.account);
  if (account === undefined)
    throw new SnapshotError(
      `the snapshot has streams of account ${JSON.stringify(head.account)}, which has no JetStream here`,
    );
  const { problems } = jetstream.storage;
  if (problems.some((each) => each.unopened && each.account === head.account && each.stream === name))
    throw new SnapshotError(`stream ${JSON.stringify(name)} is stored here and could not be opened`);
  const stage = jetstream.storage.stage(head.account, config, created);
  try {
    fill(stage, head, config, reader);
  } catch (error) {
    stage.discard();
    throw error;
  }
  return { account, stage };
}

function fill(stage: StagedStream, head: StreamHead, config: StreamConfig, reader: SnapshotReader): void {
  const { store } = stage;
  if (head.first > 1 && head.first - 1 > store.state.lastSequence)
    store.skipTo(head.first - 1, BigInt(head.firstTime) || BigInt(head.lastTime));
  for (let message = reader.message(); message !== null; message = reader.message()) {
    const { sequence, subject, header, payload, time } = message;
    const ttl = header === null || !config.allow_msg_ttl ? 0 : ttlOf(header);
    store.appendAt(sequence, subject, header, payload, time, ttl);
  }
  if (store.state.lastSequence < head.last) store.skipTo(head.last, BigInt(head.lastTime));
  for (const consumer of head.consumers) addConsumer(stage, consumer);
  if (head.sources !== null) stage.saveSources(head.sources);
}

function addConsumer(stage: StagedStream, head: ConsumerHead): void {
  const stored = readJson(storedConsumer, Buffer.from(head.meta, 'utf8'), false);
  const { Created: created, Name: _name, ...config } = stored;
  const position: ConsumerPosition = {
    delivered: head.delivered,
    ackFloor: head.ackFloor,
    pending: new Map(head.pending.map(([at, sequence, deliveredAt]) => [at, { sequence, deliveredAt }])),
    redelivered: new Map(head.redelivered),
  };
  const add = (config as ConsumerConfig).mem_storage ? 'addMemoryConsumer' : 'addConsumer';
  stage[add](head.name, config, created, position);
}
