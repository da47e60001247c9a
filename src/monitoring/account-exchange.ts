/** What `/accountz` says of an account's exports and imports, and of the answers that its services owe. */
import type { BrokerAccount } from '../broker/broker-account.js';
import type { Response } from '../broker/responses.js';
import type { ServiceImport } from '../broker/service-imports.js';
import type { LatencyOptions, ServiceResponseType } from '../config/options.js';
import { toUtf8 } from '../protocol/bytes.js';

const responseTypes: Readonly<Record<ServiceResponseType, string>> = {
  singleton: 'Singleton',
  stream: 'Streamed',
  chunked: 'Chunked',
};

/** Services first, then streams; undefined when there are none. */
export function exportsOf({ serviceExports, streamExports }: BrokerAccount) {
  const services = [...(serviceExports ?? [])].map(({ options, responseType, latency }) => ({
    subject: toUtf8(options.subject),
    type: 'service',
    response_type: responseTypes[responseType],
    service_latency: latencyOf(latency),
    approved_accounts: options.accounts,
  }));
  const streams = (streamExports ?? []).map(({ subject, accounts }) => ({
    subject: toUtf8(subject),
    type: 'stream',
    approved_accounts: accounts,
  }));
  return undefinedWhenEmpty([...services, ...streams]);
}

/** Streams first, then services, also those that every account has of the system account. */
export function importsOf(account: BrokerAccount) {
  const streams = (account.streamImports ?? []).map(({ from, to, exporter }) => ({
    subject: toUtf8(from),
    account: exporter.name,
    local_subject: toUtf8(to),
    type: 'stream',
    invalid: false,
    share: false,
    tracking: false,
  }));
  const services = (account.serviceImports ?? []).map(({ service }) => service);
  const automatic = account.systemImports?.of(account) ?? [];
  return undefinedWhenEmpty([...streams, ...[...services, ...automatic].map(serviceImport)]);
}

/** By the subject that is answered on; undefined when there are none. */
export function responsesOf({ responses }: BrokerAccount) {
  if (responses === null || responses.size === 0) return undefined;
  return Object.fromEntries([...responses.values()].map((each) => [each.subject, pendingResponse(each)]));
}

function serviceImport({ target, subject, exporter, share, export: { latency } }: ServiceImport) {
  return {
    subject: toUtf8(target),
    account: exporter.name,
    to: toUtf8(subject),
    local_subject: toUtf8(subject),
    type: 'service',
    invalid: false,
    share,
    tracking: false,
    latency: latencyOf(latency),
  };
}

function pendingResponse({ subject, reply, to, request, measured }: Response) {
  return {
    subject: toUtf8(reply),
    account: to.name,
    to: subject,
    local_subject: subject,
    type: 'service',
    invalid: false,
    share: request.share,
    tracking: measured !== null,
    tracking_header: measured?.header ?? undefined,
    latency: measured === null ? undefined : latencyOf(request.export.latency),
  };
}

function latencyOf(latency: LatencyOptions | null) {
  if (latency === null) return undefined;
  return {
    sampling: latency.sampling === 0 ? 'headers' : latency.sampling,
    results: toUtf8(latency.subject),
  };
}

function undefinedWhenEmpty<T>(list: T[]): T[] | undefined {
  return list.length === 0 ? undefined : list;
}
