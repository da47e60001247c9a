/** `/jsz`: JetStream of the server, with accounts, streams and consumers as far as they are asked for. */
import { goQuote } from '../config/go-format.js';
import { utcTime } from '../protocol/json.js';
import { type Query, RequestError } from './query.js';
import type { MonitorView } from './view.js';

/** Accounts in one answer where nothing else is asked for. */
const DEFAULT_LIMIT = 1024;

export interface JszOptions {
  account: string;
  accounts: boolean;
  streams: boolean;
  consumers: boolean;
  directConsumers: boolean;
  config: boolean;
  leaderOnly: boolean;
  offset: number;
  limit: number;
  raftGroups: boolean;
  streamLeaderOnly: boolean;
}

export function readJszOptions(query: Query): JszOptions {
  return {
    account: query.text('acc'),
    accounts: query.bool('accounts'),
    streams: query.bool('streams'),
    consumers: query.bool('consumers'),
    directConsumers: query.bool('direct-consumers'),
    config: query.bool('config'),
    offset: query.int('offset'),
    limit: query.int('limit'),
    leaderOnly: query.bool('leader-only'),
    raftGroups: query.bool('raft'),
    streamLeaderOnly: query.bool('stream-leader-only'),
  };
}

/** Throws `RequestError` when only a leader is asked and there is none. */
export function jsz({ server: { broker, jetstream } }: MonitorView, options: JszOptions) {
  const head = { server_id: broker.identity.id, now: utcTime(broker.clock.now()) };
  if (jetstream === null) {
    if (options.leaderOnly) throw new RequestError('filtered response: not leader');
    return {
      memory: 0,
      storage: 0,
      reserved_memory: 0,
      reserved_storage: 0,
      accounts: 0,
      ha_assets: 0,
      api: { level: 0, total: 0, errors: 0 },
      ...head,
      disabled: true,
      config: { max_memory: 0, max_storage: 0 },
      streams: 0,
      consumers: 0,
      messages: 0,
      bytes: 0,
      total: 0,
    };
  }
  const { streams, consumers, messages, bytes } = jetstream.totals;
  const shown = accountsOf([...jetstream.accounts.values()], options);
  const details = shown.map((account) =>
    jetstream.detail(account, { ...options, streams: options.streams || options.consumers }),
  );
  // A single server leads everything.
  const leads = (count: number) => (options.raftGroups && count > 0 ? count : undefined);
  return {
    ...jetstream.stats,
    ...head,
    config: jetstream.config,
    limits: jetstream.limits,
    streams,
    streams_leader: leads(streams),
    consumers,
    consumers_leader: leads(consumers),
    messages,
    bytes,
    account_details: details.length === 0 ? undefined : details,
    total: jetstream.accounts.size,
  };
}

/** One account, or a page of them in the order of their names. */
function accountsOf<A extends { name: string }>(all: A[], options: JszOptions): A[] {
  const one = all.filter(({ name }) => name === options.account);
  if (one.length > 0) return one;
  const { accounts, streams, consumers, account } = options;
  if (!accounts && !((streams || consumers) && account === '')) return [];
  const limit = options.limit === 0 ? DEFAULT_LIMIT : options.limit;
  if (limit < 0) return all;
  const offset = Math.max(0, options.offset);
  return all.sort((a, b) => (a.name < b.name ? -1 : 1)).slice(offset, offset + limit);
}

/** JetStream of one account. Throws in official words where there is none. */
export function jszAccount(
  { server: { broker, jetstream } }: MonitorView,
  options: JszOptions,
  name: string,
): object {
  if (jetstream === null) throw new Error('jetstream not enabled');
  const account = jetstream.accounts.get(name);
  if (account !== undefined) return jetstream.detail(account, options);
  const known = broker.accounts.has(name);
  throw new Error(
    known ? `account ${goQuote(name)} not jetstream enabled` : `account ${goQuote(name)} not found`,
  );
}
