/** What JetStream tells about itself on `$JS.EVENT.>` of an account. Nothing is made where nobody listens. */
import type { BrokerAccount } from '../broker/broker-account.js';
import type { AccountJetStream } from './account-jetstream.js';
import { json, jsonObject } from './info.js';
import type { JetStream } from './jetstream.js';

export type AdvisoryFields = (readonly [name: string, json: string | undefined])[];

const ADVISORY = 'io.nats.jetstream.advisory.v1.';
const METRIC = 'io.nats.jetstream.metric.v1.';

/**
 * Publishes an advisory. `topic` is the subject behind `$JS.EVENT.ADVISORY.`, `fields` are asked for only when somebody listens; the
 * domain comes last in most of them, else the fields have it.
 */
export function advise(
  account: AccountJetStream,
  topic: string,
  type: string,
  fields: () => AdvisoryFields,
): void {
  publish(account, `$JS.EVENT.ADVISORY.${topic}`, ADVISORY + type, fields);
}

/** The same in an account that has no JetStream itself. */
export function adviseIn(
  jetstream: JetStream,
  account: BrokerAccount,
  topic: string,
  type: string,
  fields: () => AdvisoryFields,
): void {
  const client = jetstream.broker.internalClient(account);
  publish({ jetstream, client }, `$JS.EVENT.ADVISORY.${topic}`, ADVISORY + type, fields);
}

/** The same for what concerns the whole server, in its system account. */
export function adviseSystem(
  jetstream: JetStream,
  topic: string,
  type: string,
  fields: () => AdvisoryFields,
): void {
  const { broker } = jetstream;
  const account = broker.accounts.get(broker.systemAccountName);
  if (account !== undefined) adviseIn(jetstream, account, topic, type, fields);
}

/** The same for a measurement, on `$JS.EVENT.METRIC.`. */
export function measure(
  account: AccountJetStream,
  topic: string,
  type: string,
  fields: () => AdvisoryFields,
): void {
  publish(account, `$JS.EVENT.METRIC.${topic}`, METRIC + type, fields);
}

function publish(
  { jetstream, client }: Pick<AccountJetStream, 'jetstream' | 'client'>,
  subject: string,
  type: string,
  fields: () => AdvisoryFields,
): void {
  if (client.account.hasInterest(subject)) client.publish(subject, text(jetstream, type, fields()));
}

/** As JSON; undefined where the server has none. */
export function domainOf({ options: { domain } }: JetStream): string | undefined {
  return domain === '' ? undefined : json(domain);
}

function text(jetstream: JetStream, type: string, fields: AdvisoryFields): string {
  const placed = fields.some(([name]) => name === 'domain');
  return jsonObject([
    ['type', JSON.stringify(type)],
    ['id', JSON.stringify(jetstream.nuid.next())],
    ['timestamp', JSON.stringify(jetstream.now())],
    ...fields,
    ['domain', placed ? undefined : domainOf(jetstream)],
  ]);
}
