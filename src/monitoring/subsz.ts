/** `/subsz`: interest, how well it is cached, and the subscriptions themselves. */
import type { BrokerAccount } from '../broker/broker.js';
import type { Subscription } from '../broker/subscription.js';
import { fromUtf8 } from '../protocol/bytes.js';
import { utcTime } from '../protocol/json.js';
import { isValidLiteral } from '../subjects/subject.js';
import { subscriptionDetail } from './connection-info.js';
import { goJson } from './go-json.js';
import { jsonWithList } from './list-pieces.js';
import { type Query, RequestError } from './query.js';
import type { MonitorView } from './view.js';

const DEFAULT_LIMIT = 1024;

export interface SubszOptions {
  subscriptions: boolean;
  offset: number;
  /** 0 and less is the default. */
  limit: number;
  /** Empty is all accounts. */
  account: string;
  /** Only subscriptions that a message on this subject goes to. */
  test: string;
}

export function readSubszOptions(query: Query): SubszOptions {
  return {
    subscriptions: query.bool('subs'),
    offset: query.int('offset'),
    limit: query.int('limit'),
    account: query.text('acc'),
    test: query.text('test'),
  };
}

interface Entry {
  sub: Subscription;
  account: string;
}

/** The text of the page in pieces, each made when it is asked for. Throws `RequestError` before the first. */
export function subszPieces(
  view: MonitorView,
  options: SubszOptions,
  indent: 0 | 2 = 2,
): string | Iterable<string> {
  const { head, list } = subszPage(view, options);
  return list.length === 0
    ? goJson(head, indent)
    : jsonWithList(head, 'subscriptions_list', list, showEntry, indent);
}

const showEntry = ({ sub, account }: Entry) => subscriptionDetail(sub, account);

function subszPage(view: MonitorView, options: SubszOptions) {
  const { broker } = view.server;
  const test = fromUtf8(options.test);
  if (test !== '' && !isValidLiteral(test)) {
    throw new RequestError(`invalid test subject, must be valid publish subject: ${options.test}`);
  }
  const offset = Math.max(options.offset, 0);
  const limit = options.limit > 0 ? options.limit : DEFAULT_LIMIT;
  const accounts = [...broker.accounts.values()].filter(
    ({ name }) => options.account === '' || name === options.account,
  );
  const page = options.subscriptions ? select(accounts, test, offset, limit) : { total: 0, list: [] };
  const head = {
    server_id: broker.identity.id,
    now: utcTime(broker.clock.now()),
    ...interestStats(accounts),
    total: page.total,
    offset,
    limit,
  };
  return { head, list: page.list };
}

function select(accounts: BrokerAccount[], test: string, offset: number, limit: number) {
  const list: Entry[] = [];
  let total = 0;
  for (const account of accounts) {
    // With a subject to test, the interest graph knows the subscriptions without looking at all of them.
    const found = test === '' ? null : account.match(test);
    const count = found?.length ?? account.subscriptionCount;
    let at = total;
    total += count;
    if (total <= offset || list.length === limit) continue;
    for (const sub of found ?? account.subscriptions()) {
      if (at++ < offset) continue;
      // A shadow is its client's, in whatever account it stands.
      list.push({ sub, account: (sub.connection?.account ?? account).name });
      if (list.length === limit) break;
    }
  }
  return { total, list };
}

/** The figures of `sublist_stats`, over all the accounts. Fan-out is that of the subjects in the cache. */
export function interestStats(accounts: BrokerAccount[]) {
  const sum = { subscriptions: 0, inserts: 0, removes: 0, hits: 0, matches: 0 };
  const cached = { count: 0, fanout: 0, max: 0 };
  for (const { interest, cache, subscriptionCount } of accounts) {
    sum.subscriptions += subscriptionCount;
    sum.inserts += interest.inserts;
    sum.removes += interest.removes;
    sum.hits += cache.hits;
    sum.matches += cache.hits + cache.misses;
    for (const plan of cache.values()) {
      const fanout = plan.plain.length + plan.groups.length;
      cached.count++;
      cached.fanout += fanout;
      if (fanout > cached.max) cached.max = fanout;
    }
  }
  return {
    num_subscriptions: sum.subscriptions,
    num_cache: cached.count,
    num_inserts: sum.inserts,
    num_removes: sum.removes,
    num_matches: sum.matches,
    cache_hit_rate: sum.matches === 0 ? 0 : sum.hits / sum.matches,
    max_fanout: cached.max,
    avg_fanout: cached.fanout === 0 ? 0 : cached.fanout / cached.count,
  };
}
