/** `/accountz` and `/accstatz`: accounts and what they moved. */
import type { BrokerAccount } from '../broker/broker.js';
import { reachesApi } from '../config/domain-mappings.js';
import { systemAccountOf } from '../config/validate.js';
import { toUtf8 } from '../protocol/bytes.js';
import { utcTime } from '../protocol/json.js';
import { exchangeOf, responsesOf } from './exchange.js';
import { RequestError } from './query.js';
import { interestStats } from './subsz.js';
import { accountTraffic, type MonitorView } from './view.js';

/** The names of all accounts, or one account in detail. Throws `RequestError` when it is not there. */
export function accountz(view: MonitorView, options: { account: string }) {
  const { broker } = view.server;
  const head = {
    server_id: broker.identity.id,
    now: utcTime(broker.clock.now()),
    system_account: systemAccountOf(broker.options),
  };
  if (options.account === '') return { ...head, accounts: [...broker.accounts.keys()] };
  return { ...head, account_detail: accountInfo(view, options.account) };
}

/** One account in detail. Throws `RequestError` when it is not there. */
export function accountInfo(view: MonitorView, name: string) {
  const account = view.server.broker.accounts.get(name);
  if (account === undefined) throw new RequestError(`Account ${name} does not exist`);
  return {
    account_name: account.name,
    // Accounts come from the configuration, so they are as old as it is.
    update_time: utcTime(view.server.configLoadTime),
    is_system: account.name === systemAccountOf(view.server.broker.options) || undefined,
    expired: false,
    complete: true,
    jetstream_enabled: view.server.jetstream?.accounts.has(name) ?? false,
    leafnode_connections: 0,
    client_connections: account.connections.size,
    subscriptions: account.subscriptionCount,
    mappings: mappingInfo(account),
    ...exchangeOf(account, apiOf(view, name)),
    name_tag: account.name,
    sublist_stats: interestStats([account]),
    responses: responsesOf(account),
  };
}

/** The system account, where the account reaches the API of JetStream by it; '' where it does not. */
function apiOf({ server: { broker, jetstream } }: MonitorView, name: string): string {
  const system = systemAccountOf(broker.options);
  if (jetstream === null || system === undefined) return '';
  const options = broker.options.accounts.find((each) => each.name === name);
  return name === system || reachesApi(options) ? system : '';
}

/** By source, in the order of Go's maps; absent where there are none. */
function mappingInfo({ mappings }: BrokerAccount): object | undefined {
  const all = mappings?.describe() ?? [];
  if (all.length === 0) return undefined;
  const sorted = all.sort((a, b) => (a.source < b.source ? -1 : 1));
  return Object.fromEntries(
    sorted.map(({ source, destinations }) => [
      toUtf8(source),
      destinations.map((each) => ({ ...each, subject: toUtf8(each.subject) })),
    ]),
  );
}

export interface AccountStatzOptions {
  /** Empty is all accounts. */
  accounts: string[];
  /** Also those without connections. */
  includeUnused: boolean;
}

export function accountStatz(view: MonitorView, options: AccountStatzOptions) {
  const { broker } = view.server;
  const names = options.accounts.length === 0 ? [...broker.accounts.keys()] : options.accounts;
  const accounts = names
    .map((name) => broker.accounts.get(name))
    .filter((account) => account !== undefined)
    .filter(({ connections }) => options.includeUnused || connections.size > 0);
  return {
    server_id: broker.identity.id,
    now: utcTime(broker.clock.now()),
    account_statz: accounts.map(accountStat),
  };
}

/** The figures of one account; also those of the account's own statistics service. */
export function accountStat(account: BrokerAccount) {
  const traffic = accountTraffic(account);
  return {
    acc: account.name,
    name: account.name,
    conns: account.connections.size,
    leafnodes: 0,
    total_conns: account.connections.size,
    num_subscriptions: account.subscriptionCount,
    sent: dataStats(traffic.outMsgs, traffic.outBytes),
    received: dataStats(traffic.inMsgs, traffic.inBytes),
    slow_consumers: account.slowConsumers,
  };
}

function dataStats(msgs: number, bytes: number) {
  const none = { msgs: 0, bytes: 0 };
  return { msgs, bytes, gateways: none, routes: none, leafs: none };
}
