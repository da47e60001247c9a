/** `/healthz`: whether the server does its work. */
import { goQuote } from '../config/go-format.js';
import type { JetStream } from '../jetstream/jetstream.js';
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

interface HealthError {
  type: ErrorType;
  account?: string;
  stream?: string;
  consumer?: string;
  error: string;
}

export interface Health {
  status: 'ok' | 'error' | 'unavailable';
  /** The HTTP status; services put it into the answer, HTTP does not. */
  statusCode: number;
  error?: string;
  errors?: HealthError[];
  /** What was damaged and is set aside: the server does its work, but somebody should look. Absent where nothing is. */
  warnings?: HealthError[];
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

export function healthz(view: MonitorView, options: HealthzOptions): Health {
  const { account, stream, consumer, details } = options;
  const failed = (statusCode: number, status: 'error' | 'unavailable', errors: HealthError[]): Health =>
    details ? { status: 'error', statusCode, errors } : { status, statusCode, error: errors[0]!.error };
  const missing = (name: string, what: string) => {
    const error = `${goQuote(name)} must not be empty when checking ${what} health`;
    return failed(400, 'error', [{ type: 'BAD_REQUEST', error }]);
  };
  if (account === '' && stream !== '') return missing('account', 'stream');
  if (stream === '' && consumer !== '') return missing('stream', 'consumer');
  if (!view.ready()) {
    const error = 'failed to be ready for connections after 1ms: server';
    return failed(500, 'error', [{ type: 'CONNECTION', error }]);
  }
  const ok: Health = { status: 'ok', statusCode: 200 };
  const { broker, jetstream } = view.server;
  if (options.jsServerOnly || !broker.options.jetstream.enabled) return ok;
  if (jetstream === null)
    return failed(503, 'unavailable', [{ type: 'JETSTREAM', error: 'JetStream not enabled (10076)' }]);
  if (options.jsEnabledOnly || options.jsEnabled) return ok;
  const absent = notThere(jetstream, options);
  if (absent !== null) return failed(404, 'unavailable', [absent]);
  const errors = assetErrors(jetstream, options);
  if (errors.length > 0) return failed(503, 'unavailable', errors);
  const warnings = warningsOf(jetstream, options);
  return warnings.length > 0 ? { ...ok, warnings } : ok;
}

type Wanted = Pick<HealthzOptions, 'account' | 'stream' | 'consumer'>;

/** Whether it is what was asked about; everything is where nothing in particular was. */
function isWanted({ account, stream }: { account: string; stream: string }, wanted: Wanted): boolean {
  return (
    (wanted.account === '' || wanted.account === account) &&
    (wanted.stream === '' || wanted.stream === stream)
  );
}

/** What was asked about and is not there, as far as anybody knows. */
function notThere(
  { accounts, storage }: JetStream,
  { account, stream, consumer }: Wanted,
): HealthError | null {
  if (account === '') return null;
  const found = accounts.get(account);
  const stored = storage.problems.filter((problem) => problem.account === account && problem.unopened);
  if (found === undefined && !storage.accounts().includes(account))
    return { type: 'ACCOUNT', account, error: `JetStream account ${goQuote(account)} not found` };
  if (stream === '') return null;
  const asset = found?.streams.get(stream);
  if (asset === undefined && !stored.some((problem) => problem.stream === stream)) {
    const error = `JetStream stream ${goQuote(stream)} not found on account ${goQuote(account)}`;
    return { type: 'STREAM', account, stream, error };
  }
  if (consumer === '' || asset === undefined || asset.consumers.get(consumer) !== undefined) return null;
  if (stored.some((problem) => problem.stream === stream && problem.consumer === consumer)) return null;
  const place = `for stream ${goQuote(stream)} on account ${goQuote(account)}`;
  const error = `JetStream consumer ${goQuote(consumer)} not found ${place}`;
  return { type: 'CONSUMER', account, stream, consumer, error };
}

function assetErrors({ accounts, storage }: JetStream, wanted: Wanted): HealthError[] {
  const errors: HealthError[] = [];
  for (const problem of storage.problems) {
    if (!problem.unopened || problem.offline !== undefined || !isWanted(problem, wanted)) continue;
    const { account, stream, consumer } = problem;
    const path = [account, stream, ...(consumer === '' ? [] : [consumer])].join(' > ');
    const kind = consumer === '' ? 'stream' : 'consumer';
    const error = `JetStream ${kind} '${path}' could not be recovered`;
    if (consumer === '') errors.push({ type: 'STREAM', account, stream, error });
    else errors.push({ type: 'CONSUMER', account, stream, consumer, error });
  }
  for (const { name: account, streams } of accounts.values()) {
    for (const { name: stream, writeError } of streams.values()) {
      if (writeError === null || !isWanted({ account, stream }, wanted)) continue;
      const error = `JetStream stream '${account} > ${stream}' write error: ${writeError.message}`;
      errors.push({ type: 'STREAM', account, stream, error });
    }
  }
  return errors;
}

function warningsOf({ storage }: JetStream, wanted: Wanted): HealthError[] {
  return storage.problems
    .filter((problem) => !problem.unopened && isWanted(problem, wanted))
    .map(({ account, stream, consumer, reason }) => ({
      type: consumer === '' ? 'STREAM' : 'CONSUMER',
      account,
      stream,
      ...(consumer === '' ? {} : { consumer }),
      error: reason,
    }));
}
