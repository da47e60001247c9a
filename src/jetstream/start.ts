/** Starts JetStream as the options ask for it. Loaded by servers that have it switched on. */
import { mkdirSync, statfsSync } from 'node:fs';
import { tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Broker } from '../broker/broker.js';
import { goQuote } from '../config/go-format.js';
import {
  type JetStreamAccountLimits,
  type JetStreamOptions,
  noJetStreamLimits,
} from '../config/jetstream-options.js';
import type { ServerOptions } from '../config/options.js';
import { NodeDisk } from '../runtime/disk.js';
import { HighwayHash } from '../runtime/highway-hash.js';
import { FileStorage } from './file-storage.js';
import { JetStream } from './jetstream.js';
import { API_LEVEL } from './levels.js';
import type { Storage } from './storage.js';
import { GroupCommit } from './store/group-commit.js';
import { JETSTREAM_DIR } from './store/layout.js';
import { StoreMemory } from './store/message-block-cache.js';

/** Room for records that are hashed where they are written. */
const HASH_WORK = 1024 * 1024;
/** Where nothing better is known. */
const DEFAULT_MAX_STORE = 1024 ** 4;

const banner = [
  '    _ ___ _____ ___ _____ ___ ___   _   __  __',
  ' _ | | __|_   _/ __|_   _| _ \\ __| /_\\ |  \\/  |',
  '| || | _|  | | \\__ \\ | | |   / _| / _ \\| |\\/| |',
  ' \\__/|___| |_| |___/ |_| |_|_\\___/_/ \\_\\_|  |_|',
  '',
  '         https://docs.nats.io/jetstream',
  '',
];

/** The folder that everything is stored in. */
export function storeDirectory({ storeDir }: JetStreamOptions): string {
  return join(storeDir ?? join(tmpdir(), 'nats'), JETSTREAM_DIR);
}

/** The accounts that have JetStream, with what they may have of it. */
export function jetStreamAccounts(options: ServerOptions): Map<string, JetStreamAccountLimits> {
  const accounts = new Map<string, JetStreamAccountLimits>();
  if (options.accounts.length === 0) accounts.set('$G', noJetStreamLimits);
  for (const { name, jetstream } of options.accounts)
    if (jetstream !== undefined) accounts.set(name, jetstream);
  return accounts;
}

/** Opens the store and what is in it, and answers requests from then on. Throws when the folder cannot be used. */
export function startJetStream(broker: Broker): JetStream {
  const { options, log, clock } = broker;
  const { jetstream } = options;
  const begin = clock.monotonic();
  log.notice('Starting JetStream');
  const directory = storeDirectory(jetstream);
  if (jetstream.storeDir === undefined)
    log.warn('Temporary storage directory used, data could be lost on system reboot');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const maxMemory = jetstream.maxMemory ?? Math.floor(totalmem() / 4) * 3;
  const maxStore = jetstream.maxStore ?? availableStore(directory);
  for (const line of banner) log.notice(line);
  log.notice('---------------- JETSTREAM ----------------');
  log.notice(`  Strict:          ${jetstream.strict}`);
  log.notice(`  Max Memory:      ${friendlyBytes(maxMemory)}`);
  log.notice(`  Max Storage:     ${friendlyBytes(maxStore)}`);
  log.notice(`  Store Directory: ${goQuote(directory)}`);
  if (jetstream.domain !== '') log.notice(`  Domain:          ${jetstream.domain}`);
  log.notice(`  API Level:       ${API_LEVEL}`);
  log.notice('-------------------------------------------');
  const server = new JetStream({
    broker,
    options: jetstream,
    storage: makeStorage(broker, directory),
    maxMemory,
    maxStore,
  });
  for (const [name, limits] of jetStreamAccounts(options)) server.enable(broker.account(name), limits);
  server.refuseOthers();
  log.notice(`Took ${(clock.monotonic() - begin).toFixed(3)}ms to start JetStream`);
  return server;
}

function makeStorage({ clock, options, log }: Broker, directory: string): Storage {
  const { jetstream, accounts } = options;
  const disk = new NodeDisk();
  const commit = new GroupCommit(disk, { clock, interval: jetstream.syncInterval });
  const { encryption } = jetstream;
  return new FileStorage({
    disk,
    clock,
    log,
    commit,
    memory: new StoreMemory(),
    hash: new HighwayHash(HASH_WORK),
    directory,
    encryption: encryption === undefined || encryption.key === '' ? null : encryption,
    maxPayload: (name) => accounts.find((each) => each.name === name)?.limits?.maxPayload ?? 0,
  });
}

/** Three quarters of what the disk has left. */
function availableStore(directory: string): number {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return Math.floor((bavail * bsize) / 4) * 3;
  } catch {
    return DEFAULT_MAX_STORE;
  }
}

const UNITS = ['K', 'M', 'G', 'T', 'P', 'E'];

/** Bytes with the unit that fits, as the official log shows them. */
function friendlyBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const power = Math.min(Math.floor(Math.log(bytes) / Math.log(1024)), UNITS.length);
  return `${(bytes / 1024 ** power).toFixed(2)} ${UNITS[power - 1]}B`;
}
