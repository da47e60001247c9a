// Clients of a JetStream server in another process, for tests that end it in the middle of its work.
import type { Msg, NatsConnection, RequestOptions } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';

export async function open(port: number): Promise<NatsConnection> {
  return connect({ port, reconnect: false, pingInterval: 60_000 });
}

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into field by field
export async function api(nc: NatsConnection, subject: string, body: unknown = ''): Promise<any> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const { data } = await nc.request(`$JS.API.${subject}`, text, { timeout: 30_000 });
  return JSON.parse(new TextDecoder().decode(data));
}

/** A request that also ends with its connection. */
async function ask(nc: NatsConnection, subject: string, body: string, options: RequestOptions): Promise<Msg> {
  const ended = nc.closed().then(() => {
    throw new Error('the connection has ended');
  });
  return Promise.race([nc.request(subject, body, options), ended]);
}

/** What was promised to clients, over all lives of a server. */
export class Promises {
  /** What was published under which sequence. */
  readonly stored = new Map<number, string>();
  /** Sequences whose acks were confirmed, by consumer. */
  readonly confirmed = new Map<string, Set<number>>();
  readonly broken: string[] = [];
  #count = 0;

  /** Publishes until the connection ends, `window` messages at a time. */
  async publish(nc: NatsConnection, subject: string, window: number): Promise<void> {
    const one = async () => {
      for (;;) {
        const body = `${subject} ${++this.#count}`;
        let answer: { seq?: number; error?: unknown };
        try {
          const { data } = await ask(nc, subject, body, { timeout: 30_000 });
          answer = JSON.parse(new TextDecoder().decode(data));
        } catch {
          return;
        }
        if (answer.seq === undefined || answer.error !== undefined) continue;
        if (this.stored.has(answer.seq)) this.broken.push(`sequence ${answer.seq} was given twice`);
        this.stored.set(answer.seq, body);
      }
    };
    await Promise.all(Array.from({ length: window }, one));
  }

  /** Takes messages and confirms them until the connection ends. */
  async consume(nc: NatsConnection, stream: string, consumer: string): Promise<void> {
    const confirmed = this.confirmed.get(consumer) ?? new Set();
    this.confirmed.set(consumer, confirmed);
    try {
      for (;;) {
        const next = await ask(
          nc,
          `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
          '{"batch":1,"expires":500000000}',
          {
            timeout: 10_000,
            // The answer is the message itself, on its own subject.
            noMux: true,
          },
        );
        if (next.headers?.code) continue;
        const sequence = Number(next.reply!.split('.')[5]);
        if (confirmed.has(sequence))
          this.broken.push(`${consumer} got ${sequence} again, whose ack was confirmed`);
        await ask(nc, next.reply!, '+ACK', { timeout: 10_000 });
        confirmed.add(sequence);
      }
    } catch {
      // The connection has ended.
    }
  }

  /** Looks at everything that was promised. */
  async check(nc: NatsConnection, stream: string): Promise<void> {
    const all = [...this.stored];
    while (all.length > 0) {
      const some = all.splice(0, 500);
      await Promise.all(
        some.map(async ([seq, body]) => {
          const { message } = await api(nc, `STREAM.MSG.GET.${stream}`, { seq });
          const found = message === undefined ? 'nothing' : Buffer.from(message.data, 'base64').toString();
          if (found !== body) this.broken.push(`sequence ${seq} is ${found} and not ${body}`);
        }),
      );
    }
  }
}
