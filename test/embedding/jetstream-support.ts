// Requests to JetStream's API by a client within the process, for tests of servers that a program runs in itself.
import type { LocalClient, WeftServer } from '../../src/index.js';

// biome-ignore lint/suspicious/noExplicitAny: answers are JSON of many shapes, which tests know.
export type Json = any;

export class JetStreamUser {
  readonly client: LocalClient;

  constructor(server: WeftServer, account?: string) {
    this.client = server.client(account);
  }

  /** Throws what the API answers. */
  async api(subject: string, body: unknown = ''): Promise<Json> {
    const text = body === '' ? '' : JSON.stringify(body);
    const answer: Json = JSON.parse((await this.client.request(`$JS.API.${subject}`, text)).text());
    if (answer.error) throw new Error(answer.error.description);
    return answer;
  }

  create(config: { name: string } & Record<string, unknown>): Promise<Json> {
    return this.api(`STREAM.CREATE.${config.name}`, config);
  }

  consumer(stream: string, config: { name: string } & Record<string, unknown>): Promise<Json> {
    const body = { stream_name: stream, config };
    return this.api(`CONSUMER.CREATE.${stream}.${config.name}`, body);
  }

  /** Gives the sequence. */
  async publish(subject: string, payload = '', headers: Record<string, string> = {}): Promise<number> {
    const answer: Json = JSON.parse((await this.client.request(subject, payload, { headers })).text());
    if (answer.error) throw new Error(answer.error.description);
    return answer.seq;
  }

  /** What a consumer gives at once, as `payload`, or `payload xN` for the Nth delivery. Acknowledged with `ack`, if it is given. */
  async fetch(stream: string, consumer: string, batch: number, ack = '+ACK'): Promise<string[]> {
    const got: string[] = [];
    const acks: Promise<unknown>[] = [];
    const inbox = `_INBOX.fetch.${consumer}`;
    await new Promise<void>((resolve) => {
      const sub = this.client.subscribe(inbox, (message) => {
        const over = message.status !== 0;
        if (!over) {
          const times = Number(message.reply.split('.')[4]);
          got.push(times > 1 ? `${message.text()} x${times}` : message.text());
          if (ack !== '') acks.push(this.client.request(message.reply, ack));
        }
        if (over || got.length === batch) {
          sub.unsubscribe();
          resolve();
        }
      });
      this.client.publish(
        `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
        JSON.stringify({ batch, no_wait: true }),
        { reply: inbox },
      );
    });
    await Promise.all(acks);
    return got;
  }
}
