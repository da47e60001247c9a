/** One connection as `/connz` shows it, open or closed. */
import { clientType, userOf } from '../broker/client-info.js';
import type { ClosedConnection } from '../broker/closed-connections.js';
import type { ClientConnection } from '../broker/connection.js';
import type { Subscription } from '../broker/subscription.js';
import { toUtf8 } from '../protocol/bytes.js';
import { localTime, textOrAbsent } from '../protocol/json.js';
import { peerCertificateInfo } from '../security/peer-certificate.js';
import { roundTripText, uptimeText } from './go-json.js';

/** A connection and, when it has ended, how. */
export interface ConnectionRef {
  connection: ClientConnection;
  closed: ClosedConnection | null;
}

/** What is shown beyond the counters. */
export interface InfoOptions {
  auth: boolean;
  subscriptions: boolean;
  subscriptionsDetail: boolean;
}

const GLOBAL_ACCOUNT = '$G';
/** Shown as the connection of the server's own subscriptions. */
const SYSTEM_CID = 1;

/** The fields in the order they have on the wire; `undefined` is left out. `now` is when the page was asked for. */
export function connectionInfo(ref: ConnectionRef, options: InfoOptions, now: number) {
  const { connection, closed } = ref;
  const { transport, tls } = connection;
  const at = closed === null ? now : connection.stop;
  const port = transport.remotePort;
  const account = connection.account.name;
  const auth = options.auth && { user: userOf(connection), account };
  return {
    cid: connection.cid,
    kind: 'Client',
    type: clientType(connection),
    ip: port === 0 ? '' : transport.remoteAddress,
    port,
    start: localTime(connection.start),
    last_activity: localTime(connection.lastActivity),
    stop: closed === null ? undefined : localTime(connection.stop),
    reason: closed?.reason,
    rtt: roundTripText(connection.liveness.rtt),
    uptime: uptimeText(at - connection.start),
    idle: uptimeText(at - connection.lastActivity),
    pending_bytes: pendingBytes(ref),
    in_msgs: connection.inMsgs,
    out_msgs: connection.outMsgs,
    in_bytes: connection.inBytes,
    out_bytes: connection.outBytes,
    stalls: connection.stalls || undefined,
    subscriptions: subscriptionTotal(ref),
    name: textOrAbsent(connection.options.name),
    lang: textOrAbsent(connection.options.lang),
    version: textOrAbsent(connection.options.version),
    tls_version: tls?.version,
    tls_cipher_suite: tls?.cipher,
    tls_peer_certs:
      options.auth && closed === null && tls?.peer ? [peerCertificateInfo(tls.peer)] : undefined,
    tls_first: tls?.handshakeFirst || undefined,
    authorized_user: auth ? textOrAbsent(auth.user) : undefined,
    account: auth && account !== GLOBAL_ACCOUNT ? account : undefined,
    ...subscriptionLists(ref, options),
    // A closed connection of the global account has forgotten its account.
    name_tag: auth && (closed === null || account !== GLOBAL_ACCOUNT) ? account : undefined,
    proxy: connection.identity?.trustedProxyKey ? { key: connection.identity.trustedProxyKey } : undefined,
  };
}

export type ConnectionInfo = ReturnType<typeof connectionInfo>;

export function pendingBytes({ connection, closed }: ConnectionRef): number {
  return closed === null ? connection.out.pending : closed.pendingBytes;
}

export function subscriptionTotal({ connection, closed }: ConnectionRef): number {
  return closed === null ? connection.subs.size : closed.subscriptionCount;
}

/** A subscription in a detailed list; account and tag only where lists of several accounts are shown. */
export function subscriptionDetail(sub: Subscription, account?: string) {
  return {
    account,
    account_tag: account,
    subject: toUtf8(sub.subject),
    qgroup: sub.queue === null ? undefined : toUtf8(sub.queue),
    sid: toUtf8(String(sub.sid)),
    msgs: sub.delivered,
    max: sub.max || undefined,
    cid: sub.connection?.cid ?? SYSTEM_CID,
  };
}

function subscriptionLists({ connection, closed }: ConnectionRef, options: InfoOptions) {
  if (!options.subscriptions && !options.subscriptionsDetail) return null;
  const subs = closed === null ? [...connection.subs.values()] : closed.subscriptions;
  if (subs.length === 0) return null;
  if (!options.subscriptionsDetail) return { subscriptions_list: subs.map((sub) => toUtf8(sub.subject)) };
  const account = closed === null ? undefined : connection.account.name;
  return { subscriptions_list_detail: subs.map((sub) => subscriptionDetail(sub, account)) };
}
