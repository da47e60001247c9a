/** What an account lets others have and has from them, as `/accountz` shows it: the official server's `ExtExport` and `ExtImport`. */
import type { BrokerAccount } from '../broker/broker-account.js';
import type { Response } from '../broker/responses.js';
import type { ServiceExport } from '../broker/service-exports.js';
import type { ServiceImport } from '../broker/service-imports.js';
import type { StreamImport } from '../broker/stream-imports.js';
import type { ExportOptions, LatencyOptions, ServiceResponseType } from '../config/options.js';
import { toUtf8 } from '../protocol/bytes.js';

const responseTypes: Readonly<Record<ServiceResponseType, string>> = {
  singleton: 'Singleton',
  stream: 'Streamed',
  chunked: 'Chunked',
};
/** Go's number of the type: in a map it does not write the name. */
const SERVICE = 2;

/** The API of JetStream: officially an import of all accounts that reach it, which the system account exports to them. */
const API = '$JS.API.>';
const apiExport = { subject: API, type: 'service', response_type: responseTypes.singleton };
const apiImport = (system: string) => ({
  subject: API,
  account: system,
  to: API,
  local_subject: API,
  type: 'service',
  invalid: false,
  share: true,
  tracking: false,
});

/** `undefined` where there is none of a kind. `api` is the system account where the account reaches JetStream; '' where it does not. */
export function exchangeOf(account: BrokerAccount, api: string) {
  const services = [...(account.serviceImports ?? [])].map((each) => each.service);
  services.push(...(account.systemImports?.of(account) ?? []));
  const exports: object[] = [
    ...[...(account.serviceExports ?? [])].map(serviceExport),
    ...(account.streamExports ?? []).map(streamExport),
  ];
  const imports: object[] = [
    ...(account.streamImports ?? []).map(streamImport),
    ...services.map(serviceImport),
  ];
  if (api === account.name) exports.push(apiExport);
  else if (api !== '') imports.push(apiImport(api));
  return {
    exports: exports.length === 0 ? undefined : exports,
    imports: imports.length === 0 ? undefined : imports,
  };
}

/** Answers that are awaited from the account, by the subjects on which they come. */
export function responsesOf(account: BrokerAccount) {
  if (account.responses === null || account.responses.size === 0) return undefined;
  const all = [...account.responses.values()].map((each): [string, object] => [
    toUtf8(each.subject),
    response(each),
  ]);
  return Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function serviceExport({ options, responseType, latency }: ServiceExport) {
  return {
    subject: toUtf8(options.subject),
    type: 'service',
    response_type: responseTypes[responseType],
    service_latency: latencyOf(latency),
    approved_accounts: approved(options),
  };
}

function streamExport(options: ExportOptions) {
  return { subject: toUtf8(options.subject), type: 'stream', approved_accounts: approved(options) };
}

function approved({ accounts }: ExportOptions) {
  return accounts === undefined || accounts.length === 0 ? undefined : accounts;
}

function streamImport({ from, to, exporter }: StreamImport) {
  return {
    subject: toUtf8(from),
    account: exporter.name,
    local_subject: toUtf8(to),
    type: 'stream',
    invalid: false,
    share: false,
    tracking: false,
  };
}

function serviceImport({ target, subject, exporter, share, export: source }: ServiceImport) {
  return {
    subject: toUtf8(target),
    account: exporter.name,
    to: toUtf8(subject),
    local_subject: toUtf8(subject),
    type: 'service',
    invalid: false,
    share,
    tracking: false,
    latency: latencyOf(source.latency),
  };
}

function response({ subject, reply, to, request, measured }: Response) {
  return {
    subject: toUtf8(reply),
    account: to.name,
    to: toUtf8(subject),
    local_subject: toUtf8(subject),
    type: SERVICE,
    invalid: false,
    share: request.share,
    tracking: measured !== null,
    latency: measured === null ? undefined : latencyOf(request.export.latency),
  };
}

/** Sampled by headers where there is no percentage. */
function latencyOf(latency: LatencyOptions | null) {
  if (latency === null) return undefined;
  return { sampling: latency.sampling || 'headers', results: toUtf8(latency.subject) };
}
