/** What the server says in the system account: to whom it may matter, and who says it. */
import type { Broker, BrokerAccount } from '../broker/broker.js';
import type { InternalClient } from '../broker/internal-client.js';
import { featureFlags } from '../config/feature-flags.js';
import { fromUtf8 } from '../protocol/bytes.js';
import { layOut } from '../protocol/client-parser.js';
import { goJson, utcTime } from '../protocol/json.js';
import { natsVersion } from '../version.js';

const NO_HEADER = Buffer.alloc(0);
/** JetStream, snapshots of streams in binary, raft traffic in the account concerned. */
const JETSTREAM_FLAGS = 1 | 2 | 4;
/** Would end a subject on the wire; account names may have them. */
const BREAKS_SUBJECT = /[\s\0]/;

/** Who speaks, as every message of the server begins: the official server's `ServerInfo`, in its order of fields. */
export type ServerInfo = ReturnType<Sender['serverInfo']>;

export class Sender {
  readonly broker: Broker;
  readonly client: InternalClient;
  /** Subscriptions of the server itself in the system account, which are none to events. */
  quiet = 0;
  #sequence = 0;

  constructor(broker: Broker) {
    this.broker = broker;
    this.client = broker.internalClient(broker.account(broker.systemAccountName));
  }

  /** A number and the time are new in each. */
  serverInfo() {
    const { broker } = this;
    const { serverTags, serverMetadata, featureFlags: flags, jetstream } = broker.options;
    const metadata = Object.entries(serverMetadata).sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      name: broker.serverName,
      host: broker.address.host,
      id: broker.identity.id,
      domain: (jetstream.enabled && jetstream.domain) || undefined,
      ver: natsVersion,
      tags: serverTags.length === 0 ? undefined : serverTags,
      metadata: metadata.length === 0 ? undefined : Object.fromEntries(metadata),
      feature_flags: featureFlags(flags),
      jetstream: jetstream.enabled,
      flags: jetstream.enabled ? JETSTREAM_FLAGS : 0,
      seq: ++this.#sequence,
      time: utcTime(broker.clock.now()),
    };
  }

  /** Whether anybody but the server itself subscribes in the system account. */
  get heard(): boolean {
    return this.client.account.interest.count !== this.quiet;
  }

  /** Whether a message on the subject would reach anybody. */
  isHeard(subject: string, { interest }: BrokerAccount = this.client.account): boolean {
    return (
      interest.count > 0 && !BREAKS_SUBJECT.test(subject) && interest.match(fromUtf8(subject)).length > 0
    );
  }

  /** Sends JSON. */
  send(subject: string, value: object): void {
    this.client.publish(subject, goJson(value, 0));
  }

  /** Sends JSON to who asked; `reply` is latin1 text, as messages have it. */
  answer(reply: string, value: unknown): void {
    this.answerBytes(reply, Buffer.from(goJson(value, 0)));
  }

  /** Sends bytes, with a header block where there is one. */
  answerBytes(reply: string, body: Buffer, header: Buffer = NO_HEADER): void {
    const whole = header.length === 0 ? body : Buffer.concat([header, body]);
    const sizes = header.length === 0 ? `${whole.length}` : `${header.length} ${whole.length}`;
    const operation = layOut(reply, '', sizes, header.length, whole);
    this.broker.publisher.publishInternal(this.client.account, operation);
  }
}
