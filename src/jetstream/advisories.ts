/** What JetStream tells about itself on `$JS.EVENT.>` of an account. Nothing is made where nobody listens. */
import type { AccountJetStream } from './account-jetstream.js';
import { json, jsonObject } from './info.js';

export type AdvisoryFields = (readonly [name: string, json: string | undefined])[];

const ADVISORY = 'io.nats.jetstream.advisory.v1.';
const METRIC = 'io.nats.jetstream.metric.v1.';

/**
 * Publishes an advisory. `topic` is the subject behind `$JS.EVENT.ADVISORY.`, `fields` are asked for only when somebody listens; the
 * domain comes last in each of them.
 */
export function advise(
  account: AccountJetStream,
  topic: string,
  type: string,
  fields: () => AdvisoryFields,
): void {
  publish(account, `$JS.EVENT.ADVISORY.${topic}`, ADVISORY + type, fields);
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
  account: AccountJetStream,
  subject: string,
  type: string,
  fields: () => AdvisoryFields,
): void {
  if (!account.hasInterest(subject)) return;
  const { domain } = account.jetstream.options;
  const body = jsonObject([
    ['type', JSON.stringify(type)],
    ['id', JSON.stringify(account.jetstream.nuid.next())],
    ['timestamp', JSON.stringify(account.jetstream.now())],
    ...fields(),
    ['domain', domain === '' ? undefined : json(domain)],
  ]);
  account.client.publish(subject, body);
}
