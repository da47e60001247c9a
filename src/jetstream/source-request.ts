/**
 * How a copying stream asks its origin for a consumer: a new one, or that somebody else's one starts over. Servers of earlier versions are
 * asked again for less.
 */
import type { Subscription } from '../broker/subscription.js';
import type { Timer } from '../runtime/clock.js';
import { type ConsumerConfig, consumerConfig, createConsumerRequest } from './consumer-config.js';
import { headerBlock, headerText, headerValue } from './headers.js';
import { json } from './info.js';
import { REQUIRED_LEVEL_HEADER } from './levels.js';
import { MILLISECOND, SECOND } from './names.js';
import { IDENTITY_HEADER } from './source-names.js';
import type { Copier } from './source-reader.js';

/** Where requests go without a domain. */
const API = '$JS.API';
/** How long an answer is waited for, milliseconds; a consumer that is there has less to do. */
const CREATE_TIMEOUT = 30_000;
const RESET_TIMEOUT = 5000;
const REMOVE_TIMEOUT = 10_000;
const ACK_WAIT = 22 * 3600 * SECOND;
const INACTIVE_THRESHOLD = 10_000 * MILLISECOND;
/** From this API level on an origin tells its identity, and knows consumers for copying. */
const IDENTITY_LEVEL = 5;
const SOURCING_LEVEL = 4;
/** Error codes of a server that does not know something in the request. */
const REQUIRED_API_LEVEL = 10185;
const INVALID_JSON = 10025;

/** What is looked at of the answer. */
export interface ConsumerAnswer {
  error?: { code?: number; err_code?: number; description?: string };
  name?: string;
  config?: { deliver_subject?: string; ack_policy?: string };
  delivered?: { stream_seq?: number };
  num_pending?: number;
}

export interface RequestOutcome {
  /** `identity` is that of the origin, '' when it does not tell. */
  answered(answer: ConsumerAnswer, identity: string): void;
  unanswered(): void;
  /** An answer came that is none. */
  garbled(): void;
}

export class SourceRequest {
  readonly #copier: Copier;
  readonly #outcome: RequestOutcome;
  #listener: Subscription | null = null;
  #timer: Timer | null = null;

  constructor(copier: Copier, outcome: RequestOutcome) {
    this.#copier = copier;
    this.#outcome = outcome;
  }

  get #account() {
    return this.#copier.stream.account;
  }

  /** Asks; one of the outcomes follows. */
  ask(): void {
    if (this.#copier.source.consumer === undefined) this.#create(this.#copier.level, this.#config());
    else this.#reset(this.#copier.level);
  }

  /** No outcome follows any more. */
  cancel(): void {
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#listener !== null) this.#account.client.unsubscribe(this.#listener);
    this.#listener = null;
  }

  /**
   * Has the origin remove the consumer of this very name, as officially whether or not there is one: most origins make up a name, and
   * have that consumer end by itself. A failure is told where it was `known` to be there.
   */
  remove(known: boolean): void {
    const { client, jetstream, name: account } = this.#account;
    const { kind, source, consumerName, stream } = this.#copier;
    const ended = (problem: string): void => {
      timer.cancel();
      client.unsubscribe(listener);
      if (!known || problem === '') return;
      const consumer = `'${source.name} > ${consumerName}'`;
      jetstream.log.warn(
        `Cleanup of ${kind} consumer ${consumer} failed for stream '${account} > ${stream.name}': ${problem}`,
      );
    };
    const reply = `$JSC.R.${jetstream.shortId()}`;
    const listener = client.subscribe(reply, ({ payload }) => ended(problemOf(payload)));
    const timer = jetstream.broker.clock.after(REMOVE_TIMEOUT, () => ended('timed out'));
    client.publish(this.#subject(`CONSUMER.DELETE.${source.name}.${consumerName}`), '', reply);
  }

  #subject(rest: string): string {
    const { domain } = this.#account.jetstream.options;
    const given = this.#copier.source.external?.api ?? API;
    // The name of the own domain: clients have that mapped.
    const api = domain !== '' && given === `$JS.${domain}.API` ? API : given;
    return `${api}.${rest}`.replaceAll('..', '.');
  }

  #config(): ConsumerConfig {
    const { kind, source, consumerName, stream } = this.#copier;
    const { domain } = this.#account.jetstream.options;
    const about = kind === 'mirror' ? '_nats.mirror' : '_nats.src';
    const filters = source.subject_transforms?.map(({ src }) => src) ?? [];
    const one = source.filter_subject || (filters.length === 1 ? filters[0]! : '');
    return {
      ...consumerConfig.zero(),
      ...this.#copier.start(),
      name: consumerName,
      deliver_subject: this.#deliverSubject(),
      ack_policy: 'none',
      ack_wait: ACK_WAIT,
      max_deliver: 1,
      filter_subject: one,
      filter_subjects: one === '' && filters.length > 0 ? filters : undefined,
      flow_control: true,
      idle_heartbeat: SECOND,
      inactive_threshold: INACTIVE_THRESHOLD,
      direct: true,
      sourcing: true,
      metadata: {
        [`${about}.stream`]: stream.name,
        [`${about}.acc`]: this.#account.name,
        ...(domain === '' ? {} : { [`${about}.domain`]: domain }),
      },
    };
  }

  #deliverSubject(): string {
    const prefix = this.#copier.source.external?.deliver || '$JS';
    const letter = this.#copier.kind === 'mirror' ? 'M' : 'S';
    return `${prefix}.${letter}.${this.#account.jetstream.shortId()}`.replaceAll('..', '.');
  }

  #create(level: number, config: ConsumerConfig): void {
    const { name: origin } = this.#copier.source;
    const filtered = config.filter_subject === '' ? '' : `.${config.name}.${config.filter_subject}`;
    const body = createConsumerRequest.write({
      stream_name: origin,
      config,
      action: '',
      pedantic: false,
    });
    this.#send(`CONSUMER.CREATE.${origin}${filtered}`, level, body, CREATE_TIMEOUT, (answer, identity) => {
      const number = answer.error?.err_code;
      const isOld = number === REQUIRED_API_LEVEL || number === INVALID_JSON;
      if (isOld && level > SOURCING_LEVEL) {
        this.#create(SOURCING_LEVEL, config);
      } else if (isOld && level > 0) {
        // A server that does not know of sourcing gives no names of its own.
        const name = `${config.name}_${this.#account.jetstream.shortId()}`;
        this.#create(0, { ...config, sourcing: false, name });
      } else {
        this.#outcome.answered(answer, identity);
      }
    });
  }

  /** Somebody else's consumer starts over behind what it has seen acknowledged. */
  #reset(level: number): void {
    const { name, consumer } = this.#copier.source;
    const subject = `CONSUMER.RESET.${name}.${consumer!.name}`;
    this.#send(subject, level, '', RESET_TIMEOUT, (answer, identity) => {
      if (answer.error?.err_code === REQUIRED_API_LEVEL && level > SOURCING_LEVEL)
        this.#reset(SOURCING_LEVEL);
      else this.#outcome.answered(answer, identity);
    });
  }

  #send(
    subject: string,
    level: number,
    body: string,
    timeout: number,
    answered: (answer: ConsumerAnswer, identity: string) => void,
  ): void {
    const { client, jetstream } = this.#account;
    const reply = `$JSC.R.${jetstream.shortId()}`;
    const listener = client.subscribe(reply, ({ payload, header }) => {
      if (this.#listener !== listener) return;
      const answer = this.#read(payload);
      if (answer === null) return;
      this.cancel();
      answered(answer, headerValue(headerText(header), IDENTITY_HEADER) ?? '');
    });
    this.#listener = listener;
    this.#timer = jetstream.broker.clock.after(timeout, () => {
      this.cancel();
      this.#outcome.unanswered();
    });
    client.publish(this.#subject(subject), body, reply, this.#header(level));
  }

  #header(level: number): Buffer | null {
    if (level === 0) return null;
    const headers: Record<string, string | number> = { [REQUIRED_LEVEL_HEADER]: level };
    if (level >= IDENTITY_LEVEL) headers[IDENTITY_HEADER] = this.#copier.identity;
    return Buffer.from(headerBlock(headers), 'latin1');
  }

  #read(payload: Buffer): ConsumerAnswer | null {
    const text = payload.toString('utf8');
    try {
      return JSON.parse(text) as ConsumerAnswer;
    } catch {
      this.#account.jetstream.log.warn(
        `JetStream bad ${this.#copier.kind} consumer create response: ${json(text)}`,
      );
      this.#outcome.garbled();
      return null;
    }
  }
}

/** Why an answer is none that one hoped for; '' where it is. */
function problemOf(payload: Buffer): string {
  try {
    const { error } = JSON.parse(payload.toString('utf8')) as ConsumerAnswer;
    return error === undefined ? '' : `${error.description} (${error.err_code})`;
  } catch (error) {
    return (error as Error).message;
  }
}
