/**
 * Every `-ERR` a client can get, with what it means: the source of the reference page. The texts themselves are those of
 * `errors.ts`, so that the page cannot say something else than the server does.
 */
import { type ClosedReason, clientErrors } from './errors.js';

export interface ErrorEntry {
  text: string;
  /** `reason` in `/connz` of the connection that it ends; null when the connection goes on. */
  closes: ClosedReason | null;
  /** When it is sent. */
  when: string;
}

export const errorReference: readonly ErrorEntry[] = [
  {
    text: clientErrors.unknownOperation,
    closes: 'Protocol Violation',
    when: 'The bytes are no operation of the protocol, or a payload does not end with CR LF.',
  },
  {
    text: clientErrors.controlLineExceeded,
    closes: 'Maximum Control Line Exceeded',
    when: 'The arguments of an operation are longer than `max_control_line`.',
  },
  {
    text: clientErrors.payloadExceeded,
    closes: 'Maximum Message Payload Exceeded',
    when: 'A message announces more bytes than `max_payload` of the server or of the account.',
  },
  {
    text: clientErrors.authorization,
    closes: 'Authentication Failure',
    when: 'The credentials are missing or wrong, or something else than CONNECT came first.',
  },
  {
    text: clientErrors.authTimeout,
    closes: 'Authentication Timeout',
    when: 'No CONNECT came within `authorization.timeout`.',
  },
  {
    text: clientErrors.authExpired,
    closes: 'Authentication Expired',
    when: 'The time is over for which an auth callout service has let the client in.',
  },
  {
    text: clientErrors.connectionsExceeded,
    closes: 'Maximum Connections Exceeded',
    when: 'There are `max_connections` already.',
  },
  {
    text: clientErrors.accountConnectionsExceeded,
    closes: 'Maximum Account Connections Exceeded',
    when: 'The account has `limits.max_connections` already.',
  },
  {
    text: clientErrors.throttled,
    closes: 'Maximum Connections Exceeded',
    when: 'More TLS handshakes in a second than `tls.connection_rate_limit`.',
  },
  {
    text: clientErrors.clientProtocol,
    closes: 'Bad Client Protocol Version',
    when: '`protocol` of CONNECT is neither 0 nor 1.',
  },
  {
    text: clientErrors.noRespondersNeedHeaders,
    closes: 'No Responders Requires Headers',
    when: 'CONNECT asks for `no_responders` without `headers`.',
  },
  {
    text: clientErrors.tlsRequired,
    closes: 'TLS Handshake Failure',
    when: 'No TLS handshake was done within `tls.timeout`.',
  },
  {
    text: clientErrors.stale,
    closes: 'Stale Connection',
    when: '`ping_max` PINGs were not answered.',
  },
  {
    text: clientErrors.subscriptionsExceeded,
    closes: null,
    when: 'The connection has `max_subscriptions` already; the SUB is dropped.',
  },
  {
    text: clientErrors.invalidSubject,
    closes: null,
    when: 'A SUB has an empty token, or something behind `>`; it is dropped.',
  },
  {
    text: clientErrors.invalidPublishSubject,
    closes: null,
    when: 'A pedantic client publishes to a subject with a wildcard or an empty token; the message is delivered.',
  },
  {
    text: 'Permissions Violation for Publish to "<subject>"',
    closes: null,
    when: 'The user may not publish there, or the subject is reserved; the message is dropped.',
  },
  {
    text: 'Permissions Violation for Publish with Reply of "<reply>"',
    closes: null,
    when: 'The reply subject is reserved; the message is dropped.',
  },
  {
    text: 'Permissions Violation for Subscription to "<subject>"',
    closes: null,
    when: 'The user may not subscribe there. With a queue group, ` using queue "<queue>"` follows.',
  },
  {
    text: 'Permissions Violation for Subscription to "<subject>" (sid "<sid>")',
    closes: null,
    when: 'A reload took the permission for a subscription away; it is removed.',
  },
  {
    text: 'Permissions Violation for Subscription to "<subject>", too many tokens',
    closes: null,
    when: 'The subject has more tokens than `max_subscription_tokens`.',
  },
];
