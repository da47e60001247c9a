/** Starts JetStream as the options ask for it. Loaded by servers that have it switched on. */
import { mkdirSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Broker } from '../broker/broker.js';
import { friendlyBytes, goDuration, goQuote } from '../config/go-format.js';
import {
  type JetStreamAccountLimits,
  type JetStreamOptions,
  noJetStreamLimits,
} from '../config/jetstream-options.js';
import type { ServerOptions } from '../config/options.js';
import { type Disk, NodeDisk } from '../runtime/disk.js';
import { HighwayHash } from '../runtime/highway-hash.js';
import { MemoryDisk } from '../runtime/memory-disk.js';
import { FileStorage } from './file-storage.js';
import { JetStream } from './jetstream.js';
import { API_LEVEL } from './levels.js';
import { scheduleOf } from './schedule.js';
import { Slices } from './slices.js';
import type { Storage } from './storage.js';
import { GroupCommit } from './store/group-commit.js';
import { JETSTREAM_DIR } from './store/layout.js';
import { StoreMemory } from './store/message-block-cache.js';

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

/** The accounts that have JetStream, with what they may have of it. The system account has none, as officially. */
export function jetStreamAccounts(options: ServerOptions): Map<string, JetStreamAccountLimits> {
  const accounts = new Map<string, JetStreamAccountLimits>();
  const own = options.accounts.filter(({ name }) => name !== (options.systemAccount ?? '$SYS'));
  if (own.length === 0) accounts.set('$G', noJetStreamLimits);
  for (const { name, jetstream } of own) if (jetstream !== undefined) accounts.set(name, jetstream);
  return accounts;
}

/**
 * Opens the store and what is in it, and answers requests from then on. Throws when the folder cannot be used. `disk` is what a program
 * has brought in place of the machine's.
 */
export function startJetStream(broker: Broker, disk: Disk | null = null): JetStream {
  const { options, log, clock } = broker;
  const { jetstream } = options;
  const begin = clock.monotonic();
  log.notice('Starting JetStream');
  if (jetstream.tpmKeysFile !== '') throw new Error(tpmProblem(jetstream));
  const own = disk !== null && jetstream.storeDir === undefined;
  const directory = own ? `/${JETSTREAM_DIR}` : storeDirectory(jetstream);
  if (jetstream.storeDir === undefined && disk === null)
    log.warn('Temporary storage directory used, data could be lost on system reboot');
  if (disk === null) openDirectory(directory);
  else disk.makeDirectory(directory);
  const maxMemory = jetstream.maxMemory ?? Math.floor(totalmem() / 4) * 3;
  const maxStore = jetstream.maxStore ?? (disk === null ? availableStore(directory) : maxMemory);
  for (const line of banner) log.notice(line);
  log.notice('---------------- JETSTREAM ----------------');
  if (jetstream.strict) log.notice(`  Strict:          ${jetstream.strict}`);
  log.notice(`  Max Memory:      ${friendlyBytes(maxMemory)}`);
  log.notice(`  Max Storage:     ${friendlyBytes(maxStore)}`);
  log.notice(`  Store Directory: ${goQuote(directory)}`);
  if (jetstream.domain !== '') log.notice(`  Domain:          ${jetstream.domain}`);
  const { encryption } = jetstream;
  if (encryption !== undefined && encryption.key !== '')
    log.notice(`  Encryption:      ${encryption.cipher === 'aes' ? 'AES-GCM' : 'ChaCha20-Poly1305'}`);
  log.notice(`  API Level:       ${API_LEVEL}`);
  log.notice('-------------------------------------------');
  const stores = new StoreMemory({ clock });
  const slices = new Slices();
  const storage = makeStorage(
    broker,
    disk ?? new NodeDisk(jetstream.maxConcurrentIo),
    directory,
    stores,
    slices,
  );
  const server = new JetStream({
    broker,
    options: jetstream,
    storage,
    maxMemory,
    maxStore,
    directory,
    stores,
    slices,
  });
  for (const [name, limits] of jetStreamAccounts(options)) server.enable(broker.account(name), limits);
  server.refuseOthers();
  // What streams hold already is not missing from what they may hold; the limit is three quarters of that, too.
  if (jetstream.maxStore === undefined) server.maxStore += Math.floor(server.store / 4) * 3;
  log.notice(`Took ${goDuration(Math.round((clock.monotonic() - begin) * 1e6) / 1e6)} to start JetStream`);
  return server;
}

/** In official words: the official server can use a TPM on Windows only, and Node offers no way to one. */
function tpmProblem({ encryption }: JetStreamOptions): string {
  if (encryption !== undefined && encryption.key !== '')
    return 'JetStream encryption key may not be used with TPM options';
  return 'TPM functionality is not supported on this platform';
}

/** Makes the folder where it is missing, and sees that files can be written there. Throws in official words. */
function openDirectory(directory: string): void {
  const found = lookAt(directory);
  if (found === 'nothing') {
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new Error(`could not create storage directory - ${(error as Error).message}`);
    }
  } else if (found !== 'directory') {
    throw new Error('storage directory is not a directory');
  }
  const path = join(directory, `_test_${process.pid}`);
  try {
    writeFileSync(path, '', { mode: 0o600 });
    rmSync(path);
  } catch {
    throw new Error('storage directory is not writable');
  }
}

/** `other` is also what lies below a file, or cannot be looked at. */
function lookAt(path: string): 'directory' | 'nothing' | 'other' {
  try {
    return statSync(path).isDirectory() ? 'directory' : 'other';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'nothing' : 'other';
  }
}

/** Changes over to what options of a reload say of JetStream, which is running and stays. */
export async function reloadJetStream(server: JetStream, options: ServerOptions): Promise<void> {
  const { jetstream } = options;
  server.options = jetstream;
  if (jetstream.maxMemory !== undefined) server.maxMemory = jetstream.maxMemory;
  if (jetstream.maxStore !== undefined) server.maxStore = jetstream.maxStore;
  const wanted = jetStreamAccounts(options);
  for (const account of [...server.accounts.values()])
    if (!wanted.has(account.name)) await server.disable(account);
  for (const [name, limits] of wanted) server.enable(server.broker.account(name), limits);
  server.refuseOthers();
}

function makeStorage(
  { clock, options, log }: Broker,
  disk: Disk,
  directory: string,
  memory: StoreMemory,
  slices: Slices,
): Storage {
  const { jetstream } = options;
  const hash = new HighwayHash();
  // In memory there is no sync to save.
  const journal = disk instanceof MemoryDisk ? {} : { journal: { hash, directory, log } };
  const commit = new GroupCommit(disk, { clock, interval: jetstream.syncInterval, ...journal });
  const { encryption } = jetstream;
  return new FileStorage({
    disk,
    clock,
    log,
    commit,
    memory,
    hash,
    slices,
    directory,
    encryption: encryption === undefined || encryption.key === '' ? null : encryption,
    scheduleOf: (headers, time) => scheduleOf(headers, time, BigInt(Math.floor(clock.now())) * 1_000_000n),
    maxPayload: (name) => options.accounts.find((each) => each.name === name)?.limits?.maxPayload ?? 0,
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
