/**
 * Services of the system account that show something: of this server, `$SYS.REQ.SERVER.<id>.<name>` (`PING` for the id asks all
 * servers), and of an account, `$SYS.REQ.ACCOUNT.<account>.<name>`. What they show is the business of `monitoring/`.
 */
import type { InternalMessage } from '../broker/internal-client.js';
import { accountInfo, accountStatz, accountz } from '../monitoring/accounts.js';
import { type ConnectionState, type ConnzOptions, connzPieces } from '../monitoring/connz.js';
import { type HealthzOptions, healthz } from '../monitoring/healthz.js';
import { type JszOptions, jsz, jszAccount } from '../monitoring/jsz.js';
import { gatewayz, leafz, routez } from '../monitoring/peers.js';
import { expvarVariables } from '../monitoring/runtime.js';
import { subszPieces } from '../monitoring/subsz.js';
import { varz } from '../monitoring/varz.js';
import type { MonitorView } from '../monitoring/view.js';
import { toUtf8 } from '../protocol/bytes.js';
import type { JsonType, ValueOf } from '../protocol/json-type.js';
import * as requests from './request-options.js';
import { Pieces, respond, SILENCE } from './respond.js';
import type { SystemRoom } from './room.js';

const ACCOUNT_TOKEN = 3;

/** Answers a request. */
export type Service = (room: SystemRoom, message: InternalMessage) => Promise<void>;

function service<O extends requests.Filter>(
  options: JsonType<O>,
  answer: (view: MonitorView, options: O, subject: string) => unknown,
): Service {
  return (room, message) =>
    respond(room.sender, message, options, (read) => answer(room.view, read, message.subject));
}

/** By the last token of the subject. IDZ and STATSZ are not among them: they have answers of their own form. */
export const serverServices: Readonly<Record<string, Service>> = {
  VARZ: service(requests.varzOptions, varz),
  CONNZ: service(
    requests.connzOptions,
    (view, options) => new Pieces(connzPieces(view, connzRequest(options), 0)),
  ),
  SUBSZ: service(requests.subszOptions, (view, options) => new Pieces(subszPieces(view, options, 0))),
  ROUTEZ: service(requests.routezOptions, routez),
  GATEWAYZ: service(requests.gatewayzOptions, gatewayz),
  LEAFZ: service(requests.leafzOptions, leafz),
  ACCOUNTZ: service(requests.accountzOptions, accountz),
  JSZ: service(requests.jszOptions, (view, options) =>
    // Only leaders are to answer: a single server with JetStream leads.
    options.leader_only && view.server.jetstream === null ? SILENCE : jsz(view, jszRequest(options)),
  ),
  HEALTHZ: service(requests.healthzOptions, health),
  PROFILEZ: (room, message) =>
    respond(room.sender, message, requests.profilezOptions, async (options) =>
      (await room.profiler()).profile(options),
    ),
  EXPVARZ: service(requests.expvarzOptions, () => {
    const { cmdline, memstats } = expvarVariables();
    return { memstats, cmdline };
  }),
  IPQUEUESZ: service(requests.ipqueueszOptions, (_, { filter }) => queues(filter)),
  RAFTZ: service(requests.raftzOptions, () => ({})),
};

/** By the last token of the subject. */
export const accountServices: Readonly<Record<string, Service>> = {
  SUBSZ: service(
    requests.subszOptions,
    (view, options, subject) =>
      new Pieces(subszPieces(view, { ...options, subscriptions: true, account: accountOf(subject) }, 0)),
  ),
  CONNZ: service(
    requests.connzOptions,
    (view, options, subject) =>
      new Pieces(connzPieces(view, { ...connzRequest(options), account: accountOf(subject) }, 0)),
  ),
  LEAFZ: service(requests.leafzOptions, leafz),
  JSZ: service(requests.jszOptions, (view, options, subject) =>
    jszAccount(view, jszRequest(options), accountOf(subject)),
  ),
  INFO: service(requests.accountInfoOptions, (view, _, subject) => accountInfo(view, accountOf(subject))),
  STATZ: service(requests.accountStatzOptions, (view, options, subject) => {
    const account = accountOf(subject);
    // The subject with PING is another service, below.
    return account === 'PING' ? SILENCE : statz(view, { ...options, accounts: [account] });
  }),
};

/** `$SYS.REQ.ACCOUNT.PING.STATZ`: of the accounts that are named in the request, or of all. */
export const allAccountsStatz = service(requests.accountStatzOptions, statz);

/** The account in `$SYS.REQ.ACCOUNT.<account>.<name>`, as the broker knows it. */
export function accountOf(subject: string): string {
  return toUtf8(subject.split('.')[ACCOUNT_TOKEN]!);
}

/** Nothing is said where there is nothing to say. */
function statz(view: MonitorView, options: ValueOf<typeof requests.accountStatzOptions>): unknown {
  const { accounts, include_unused: includeUnused } = options;
  const answer = accountStatz(view, { accounts: accounts ?? [], includeUnused });
  return answer.account_statz.length === 0 && !includeUnused ? SILENCE : answer;
}

function health(view: MonitorView, options: ValueOf<typeof requests.healthzOptions>) {
  const { status, statusCode, error, errors, warnings } = healthz(view, healthzRequest(options));
  return { status, status_code: statusCode, error, errors, warnings };
}

/** Requests wait in one queue, which is never seen but while one of them is answered. */
function queues(filter: string): object {
  const name = 'System recvQ';
  return name.includes(filter) ? { [name]: { pending: 0, in_progress: 1 } } : {};
}

const states: readonly ConnectionState[] = ['open', 'closed', 'all'];

function connzRequest(options: ValueOf<typeof requests.connzOptions>): ConnzOptions {
  return {
    sort: options.sort,
    auth: options.auth,
    subscriptions: options.subscriptions,
    subscriptionsDetail: options.subscriptions_detail,
    offset: options.offset,
    limit: options.limit,
    cid: options.cid,
    mqttClient: options.mqtt_client,
    // Of another state there are no connections.
    state: states[options.state] ?? 'none',
    user: options.user,
    account: options.acc,
    filterSubject: options.filter_subject,
  };
}

function jszRequest(options: ValueOf<typeof requests.jszOptions>): JszOptions {
  return {
    account: options.account,
    accounts: options.accounts,
    streams: options.streams,
    consumers: options.consumer,
    directConsumers: options.direct_consumer,
    config: options.config,
    leaderOnly: options.leader_only,
    offset: options.offset,
    limit: options.limit,
    raftGroups: options.raft,
    streamLeaderOnly: options.stream_leader_only,
  };
}

function healthzRequest(options: ValueOf<typeof requests.healthzOptions>): HealthzOptions {
  return {
    jsEnabled: options['js-enabled'],
    jsEnabledOnly: options['js-enabled-only'],
    jsServerOnly: options['js-server-only'],
    jsMetaOnly: options['js-meta-only'],
    account: options.account,
    stream: options.stream,
    consumer: options.consumer,
    details: options.details,
  };
}
