/** `/healthz`: whether the server does its work. */
import { goQuote } from '../config/go-format.js';
import type { Query } from './query.js';
import type { MonitorView } from './view.js';

export interface HealthzOptions {
  /** The old name of `jsEnabledOnly`. */
  jsEnabled: boolean;
  jsEnabledOnly: boolean;
  jsServerOnly: boolean;
  jsMetaOnly: boolean;
  account: string;
  stream: string;
  consumer: string;
  /** Lists every error with its kind, instead of the first one's text. */
  details: boolean;
}

type ErrorType = 'CONNECTION' | 'BAD_REQUEST' | 'JETSTREAM' | 'ACCOUNT' | 'STREAM' | 'CONSUMER';

export interface Health {
  status: 'ok' | 'error' | 'unavailable';
  /** The HTTP status; services put it into the answer, HTTP does not. */
  statusCode: number;
  error?: string;
  errors?: { type: ErrorType; error: string }[];
}

export function readHealthzOptions(query: Query): HealthzOptions {
  return {
    jsEnabled: query.bool('js-enabled'),
    jsEnabledOnly: query.bool('js-enabled-only'),
    jsServerOnly: query.bool('js-server-only'),
    jsMetaOnly: query.bool('js-meta-only'),
    details: query.bool('details'),
    account: query.text('account'),
    stream: query.text('stream'),
    consumer: query.text('consumer'),
  };
}

/** Without JetStream there is one thing to check: that clients can connect. */
export function healthz(view: MonitorView, options: HealthzOptions): Health {
  const { account, stream, consumer, details } = options;
  const failed = (statusCode: number, type: ErrorType, error: string): Health =>
    details
      ? { status: 'error', statusCode, errors: [{ type, error }] }
      : { status: 'error', statusCode, error };
  const missing = (name: string, what: string) =>
    failed(400, 'BAD_REQUEST', `${goQuote(name)} must not be empty when checking ${what} health`);
  if (account === '' && stream !== '') return missing('account', 'stream');
  if (stream === '' && consumer !== '') return missing('stream', 'consumer');
  if (!view.ready()) {
    return failed(500, 'CONNECTION', 'failed to be ready for connections after 1ms: server');
  }
  return { status: 'ok', statusCode: 200 };
}
