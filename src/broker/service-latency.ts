/**
 * How long services of one account take for others: which requests are measured, and the message that tells of each (system services,
 * section 3). Loaded where an export asks for it.
 */
import { createHash } from 'node:crypto';
import type { LatencyOptions } from '../config/options.js';
import { readText } from '../protocol/bytes.js';
import { layOut, type PublishOperation } from '../protocol/client-parser.js';
import { goJson, nanoseconds, utcTime } from '../protocol/json.js';
import { Nuid } from '../runtime/nuid.js';
import type { Broker } from './broker.js';
import type { BrokerAccount } from './broker-account.js';
import { type ClientInfo, clientInfo } from './client-info.js';
import type { ClientConnection } from './connection.js';
import type { Measured, Response, ResponseEnd } from './responses.js';
import type { LatencyProbe, ServiceImport } from './service-imports.js';

const TYPE = 'io.nats.server.metric.v1.service_latency';
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

const failures: Partial<Record<ResponseEnd, { status: number; description: string }>> = {
  undelivered: { status: 503, description: 'Service Unavailable' },
  timeout: { status: 504, description: 'Service Timeout' },
  lost: { status: 408, description: 'Request Timeout' },
};

/** What is measured; durations in nanoseconds. */
interface Latency {
  status: number;
  description?: string;
  requestor: ClientInfo | undefined;
  responder?: ClientInfo;
  header: Measured['header'];
  /** Milliseconds since 1970. */
  start: number;
  service: number;
  system: number;
  total: number;
}

export class ServiceLatency implements LatencyProbe {
  readonly replySuffix: string;
  readonly #broker: Broker;
  readonly #ids = new Nuid();

  constructor(broker: Broker) {
    this.#broker = broker;
    this.replySuffix = `.${serverHash(broker.serverName)}.T`;
  }

  sample({ sampling }: LatencyOptions, operation: PublishOperation): { header: Measured['header'] } | null {
    if (sampling >= 100) return { header: null };
    // One percent more than asked for, as officially.
    if (sampling > 0 && this.#broker.random.next() % 100 <= sampling) return { header: null };
    const header = tracingHeader(operation);
    return header === null ? null : { header };
  }

  answered(response: Response, responder: ClientConnection | null): void {
    const measured = response.measured!;
    const { requestor } = measured;
    if (requestor === null) return;
    measured.requestor = null;
    const { clock } = this.#broker;
    const now = clock.monotonic();
    const took = nanoseconds(now - measured.monotonic);
    const asking = clientInfo(requestor, response.request.share);
    const answering = responder === null ? undefined : clientInfo(responder, true);
    const [askingTrip, answeringTrip] = [asking.rtt ?? 0, answering?.rtt ?? 0];
    const system = answeringTrip > 0 ? nanoseconds(clock.monotonic() - now) : 0;
    this.#tell(response.request, {
      status: 200,
      requestor: asking,
      responder: answering,
      header: measured.header,
      start: measured.start - askingTrip / 1e6,
      service: Math.max(0, took - answeringTrip),
      system,
      total: askingTrip + took + system,
    });
  }

  failed(response: Response, reason: ResponseEnd): void {
    const { requestor, header, start } = response.measured!;
    const failure = failures[reason];
    if (failure === undefined || requestor === null) return;
    this.#tellFailure(response.request, requestor, failure, header, start);
  }

  badRequest(service: ServiceImport, requestor: ClientConnection | null, header: Measured['header']): void {
    if (requestor === null) return;
    const failure = { status: 400, description: 'Bad Request' };
    this.#tellFailure(service, requestor, failure, header, this.#broker.clock.now());
  }

  #tellFailure(
    service: ServiceImport,
    requestor: ClientConnection,
    failure: { status: number; description: string },
    header: Measured['header'],
    start: number,
  ): void {
    const asking = clientInfo(requestor, service.share);
    const begin = start - (asking.rtt ?? 0) / 1e6;
    this.#tell(service, {
      ...failure,
      requestor: asking,
      header,
      start: begin,
      service: 0,
      system: 0,
      total: 0,
    });
  }

  /** Publishes in the exporting account, once what is being delivered has been. */
  #tell(service: ServiceImport, latency: Latency): void {
    const { exporter } = service;
    const { subject } = service.export.latency!;
    const text = goJson(
      {
        type: TYPE,
        id: this.#ids.next(),
        timestamp: utcTime(this.#broker.clock.now()),
        status: latency.status,
        description: latency.description,
        requestor: latency.requestor,
        responder: latency.responder,
        header: latency.header ?? undefined,
        start: utcTime(latency.start),
        service: latency.service,
        system: latency.system,
        total: latency.total,
      },
      0,
    );
    setImmediate(() => this.#publish(exporter, subject, text));
  }

  #publish(account: BrokerAccount, subject: string, text: string): void {
    const body = Buffer.from(text);
    // With an empty reply subject, which is not the same bytes as none: so the official server sends it.
    this.#broker.publisher.publishInternal(account, layOut(subject, '', ` ${body.length}`, 0, body));
  }
}

/** What an official server calls itself in subjects. */
function serverHash(name: string): string {
  const sum = createHash('sha256').update(name).digest();
  return [...sum.subarray(0, 8)].map((byte) => DIGITS[byte % DIGITS.length]).join('');
}

type Headers = Map<string, string[]>;

/** The headers by which a request asks to be traced; null when it does not. */
export function tracingHeader(operation: PublishOperation): Record<string, string[]> | null {
  if (operation.headerSize === 0) return null;
  const { memory, payloadStart, headerSize } = operation;
  const headers = readHeaders(readText(memory.bytes, payloadStart, payloadStart + headerSize));
  if (headers === null) return null;
  const first = (name: string) => headers.get(name)?.[0];
  const uber = first('Uber-Trace-Id');
  if (uber !== undefined) {
    const extra = [...headers.keys()].filter((name) => name.startsWith('Uberctx-'));
    return uberSampled(uber) ? pick(headers, 'Uber-Trace-Id', ...extra) : null;
  }
  const sampled = first('X-B3-Sampled');
  if (sampled === '0') return null;
  if (sampled === '1' || headers.has('X-B3-Traceid')) {
    return pick(headers, 'X-B3-Sampled', 'X-B3-Traceid', 'X-B3-Parentspanid', 'X-B3-Spanid');
  }
  const b3 = first('B3');
  if (b3 !== undefined) {
    const parts = b3.split('-');
    const flag = parts.length > 2 ? parts[2] : parts.length === 1 ? parts[0] : '';
    return flag === '0' ? null : pick(headers, 'B3');
  }
  const parent = first('Traceparent');
  return parent !== undefined && parentSampled(parent) ? pick(headers, 'Traceparent', 'Tracestate') : null;
}

/** `479fefe9525eddb:5adb976bfc1f95c1:479fefe9525eddb:1`: the last bit of the flags. */
function uberSampled(value: string): boolean {
  const parts = value.split(':');
  return (
    parts.length === 4 && /^[0-9a-f]{1,2}$/i.test(parts[3]!) && (Number.parseInt(parts[3]!, 16) & 1) === 1
  );
}

/** `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`; flags above 7f are not read, as officially. */
function parentSampled(value: string): boolean {
  const parts = value.split('-');
  return (
    parts.length === 4 && /^[0-7][0-9a-f]$/i.test(parts[3]!) && (Number.parseInt(parts[3]!, 16) & 1) === 1
  );
}

function pick(headers: Headers, ...names: string[]): Record<string, string[]> {
  const found = names.filter((name) => headers.has(name)).sort();
  return Object.fromEntries(found.map((name) => [name, headers.get(name)!]));
}

/** Names as MIME spells them, values as UTF-8 text; null when the block cannot be read. */
function readHeaders(block: string): Headers | null {
  const headers: Headers = new Map();
  for (const line of block.split('\r\n').slice(1)) {
    if (line === '') continue;
    const colon = line.indexOf(':');
    if (colon <= 0) return null;
    const name = canonical(line.slice(0, colon));
    const values = headers.get(name) ?? [];
    values.push(Buffer.from(line.slice(colon + 1).trim(), 'latin1').toString('utf8'));
    headers.set(name, values);
  }
  return headers;
}

/** `x-b3-traceid` as `X-B3-Traceid`. */
function canonical(name: string): string {
  if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) return name;
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (letters) => letters.toUpperCase());
}
