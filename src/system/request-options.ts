/** What requests to the system account may ask for, under the official server's names for it. */
import {
  bool,
  duration,
  embedded,
  field,
  int,
  list,
  named,
  struct,
  text,
  uint64,
  type ValueOf,
} from '../protocol/json-type.js';

/** Which servers are to answer. */
const filter = {
  server_name: field(text),
  cluster: field(text),
  host: field(text),
  /** The three above are the whole name, not a part of it. */
  exact_match: field(bool),
  tags: field(list(text)),
  domain: field(text),
};
const filters = embedded('EventFilterOptions', filter);

export const filterOptions = struct('EventFilterOptions', filter);
export type Filter = ValueOf<typeof filterOptions>;

const subscriptionFields = { subscriptions: field(bool), subscriptions_detail: field(bool) };

export const statszOptions = struct('StatszEventOptions', filters);
export const varzOptions = struct('VarzEventOptions', filters);
export const accountInfoOptions = struct('AccInfoEventOptions', filters);
export const expvarzOptions = struct('ExpvarzEventOptions', filters);

export const connzOptions = struct('ConnzEventOptions', {
  ...embedded('ConnzOptions', {
    sort: field(named('server.SortOpt', text)),
    auth: field(bool),
    ...subscriptionFields,
    offset: field(int),
    limit: field(int),
    cid: field(uint64),
    mqtt_client: field(text),
    state: field(named('server.ConnState', int)),
    user: field(text),
    acc: field(text),
    filter_subject: field(text),
  }),
  ...filters,
});

export const subszOptions = struct('SubszEventOptions', {
  ...embedded('SubszOptions', {
    offset: field(int),
    limit: field(int),
    subscriptions: field(bool),
    account: field(text),
    test: field(text),
  }),
  ...filters,
});

export const routezOptions = struct('RoutezEventOptions', {
  ...embedded('RoutezOptions', subscriptionFields),
  ...filters,
});

export const gatewayzOptions = struct('GatewayzEventOptions', {
  ...embedded('GatewayzOptions', {
    name: field(text),
    accounts: field(bool),
    account_name: field(text),
    ...subscriptionFields,
  }),
  ...filters,
});

export const leafzOptions = struct('LeafzEventOptions', {
  ...embedded('LeafzOptions', { subscriptions: field(bool), account: field(text) }),
  ...filters,
});

export const accountzOptions = struct('AccountzEventOptions', {
  ...embedded('AccountzOptions', { account: field(text) }),
  ...filters,
});

export const accountStatzOptions = struct('AccountStatzEventOptions', {
  ...embedded('AccountStatzOptions', { accounts: field(list(text)), include_unused: field(bool) }),
  ...filters,
});

export const jszOptions = struct('JszEventOptions', {
  ...embedded('JSzOptions', {
    account: field(text),
    accounts: field(bool),
    streams: field(bool),
    consumer: field(bool),
    direct_consumer: field(bool),
    config: field(bool),
    leader_only: field(bool),
    offset: field(int),
    limit: field(int),
    raft: field(bool),
    stream_leader_only: field(bool),
  }),
  ...filters,
});

export const healthzOptions = struct('HealthzEventOptions', {
  ...embedded('HealthzOptions', {
    'js-enabled': field(bool),
    'js-enabled-only': field(bool),
    'js-server-only': field(bool),
    'js-meta-only': field(bool),
    account: field(text),
    stream: field(text),
    consumer: field(text),
    details: field(bool),
  }),
  ...filters,
});

export const profilezOptions = struct('ProfilezEventOptions', {
  ...embedded('ProfilezOptions', { name: field(text), debug: field(int), duration: field(duration) }),
  ...filters,
});

export const ipqueueszOptions = struct('IpqueueszEventOptions', {
  ...filters,
  ...embedded('IpqueueszOptions', { all: field(bool), filter: field(text) }),
});

export const raftzOptions = struct('RaftzEventOptions', {
  ...filters,
  ...embedded('RaftzOptions', { account: field(text), group: field(text) }),
});

export const kickRequest = struct('KickClientReq', { cid: field(uint64) });
export const lameDuckRequest = struct('LDMClientReq', { cid: field(uint64) });
/** The sender's `server` is of no interest here. */
export const connectionsRequest = struct('accNumConnsReq', { acc: field(text) });
/** `queue` is base64; absent and `null` mean every queue group, and none. */
export const subscriptionsRequest = struct('accNumSubsReq', {
  acc: field(text),
  subject: field(text),
  queue: field(text),
});
