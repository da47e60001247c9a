// Consumers on a simulated disk and by a clock that the test moves: what survives, and what time does.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { InternalMessage } from '../../src/broker/internal-client.js';
import { SeededRandom } from '../../src/runtime/random.js';
import { type Json, Lab } from './lab.js';

const SECOND = 1e9;

/** What comes on a subject. */
class Inbox {
  readonly lab: Lab;
  readonly subject: string;
  messages: InternalMessage[] = [];

  constructor(lab: Lab, subject = 'in') {
    this.lab = lab;
    this.subject = subject;
    lab.client.subscribe(subject, (message) => this.messages.push(message));
  }

  /** Messages of streams, without statuses. */
  get delivered(): InternalMessage[] {
    return this.messages.filter(({ reply }) => reply.startsWith('$JS.ACK.'));
  }

  get statuses(): string[] {
    return this.messages
      .filter(({ reply, header }) => reply === '' && header !== null)
      .map(({ header }) => header!.toString('latin1').split('\r\n')[0]!);
  }

  get payloads(): string[] {
    return this.delivered.map(({ payload }) => payload.toString());
  }

  next(consumer: string, request: unknown): Promise<void> {
    const { client } = this.lab;
    client.publish(`$JS.API.CONSUMER.MSG.NEXT.S.${consumer}`, JSON.stringify(request), this.subject);
    return settle();
  }

  take(): InternalMessage[] {
    const all = this.messages;
    this.messages = [];
    return all;
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 8; i++) await turn();
}

async function make(
  config: Record<string, unknown> = {},
  stream: Record<string, unknown> = {},
): Promise<Lab> {
  const lab = new Lab();
  await lab.create({ name: 'S', subjects: ['s.>'], ...stream });
  await consumer(lab, 'c', config);
  return lab;
}

async function consumer(lab: Lab, name: string, config: Record<string, unknown> = {}): Promise<Json> {
  const answer = await lab.api(`CONSUMER.CREATE.S.${name}`, {
    stream_name: 'S',
    config: { name, durable_name: name, ack_policy: 'explicit', ...config },
  });
  assert.equal(answer.error, undefined);
  return answer;
}

const info = (lab: Lab, name = 'c'): Promise<Json> => lab.api(`CONSUMER.INFO.S.${name}`);

async function publish(lab: Lab, count: number, subject = 's.a'): Promise<void> {
  for (let i = 0; i < count; i++) await lab.publish(subject, `${subject} ${i}`);
}

function sequenceOf({ reply }: InternalMessage): number {
  return Number(reply.split('.')[5]);
}

describe('what survives', () => {
  test('a confirmed ack survives a power cut, and messages without one come again', async () => {
    const lab = await make();
    await publish(lab, 6);
    const inbox = new Inbox(lab);
    await inbox.next('c', { batch: 5, no_wait: true });
    for (const message of inbox.delivered.slice(0, 3)) await lab.request(message.reply, '+ACK');
    lab.die('cut');
    const after = new Inbox(lab);
    assert.equal((await info(lab)).ack_floor.stream_seq, 3);
    await lab.pass(31_000);
    await after.next('c', { batch: 9, no_wait: true });
    assert.deepEqual(after.delivered.map(sequenceOf), [4, 5, 6]);
    await lab.close();
  });

  test('a consumer survives power cuts also where one has taken away the directory of all consumers', async () => {
    for (let round = 0; round < 10; round++) {
      const lab = new Lab(round);
      await lab.create({ name: 'S', subjects: ['s.>'] });
      await lab.restart();
      lab.disk.losesDirectories = true;
      const directory = '/store/jetstream/$G/streams/S';
      lab.disk.removeTree(`${directory}/obs`);
      lab.disk.syncDirectoryNow(directory);
      lab.die('crash');
      // What was there at the start is synced with the first change of it.
      await publish(lab, 1);
      await consumer(lab, 'd');
      lab.die('cut');
      assert.equal((await info(lab, 'd')).name, 'd', `round ${round}`);
      await lab.close();
    }
  });

  test('positions go on after a restart in good order', async () => {
    const lab = await make();
    await publish(lab, 4);
    const inbox = new Inbox(lab);
    await inbox.next('c', { batch: 3, no_wait: true });
    lab.client.publish(inbox.delivered[1]!.reply, '');
    lab.client.publish(inbox.delivered[2]!.reply, '-NAK');
    const before = await info(lab);
    await lab.restart();
    const { ts: _ts, delivered, ack_floor, ...rest } = await info(lab);
    assert.deepEqual([delivered.consumer_seq, delivered.stream_seq, ack_floor.stream_seq], [3, 3, 0]);
    assert.equal(rest.num_ack_pending, before.num_ack_pending);
    assert.equal(rest.num_pending, 1);
    await lab.close();
  });

  test('a message that was delivered too often is known below the floor', async () => {
    const lab = await make({ max_deliver: 1, ack_wait: SECOND }, { retention: 'interest' });
    await publish(lab, 2);
    const inbox = new Inbox(lab);
    await inbox.next('c', { batch: 2, no_wait: true });
    await lab.request(inbox.delivered[1]!.reply, '+ACK');
    await lab.pass(2000);
    await publish(lab, 1);
    await inbox.next('c', { batch: 1, no_wait: true });
    await lab.request(inbox.delivered.at(-1)!.reply, '');
    assert.equal((await info(lab)).ack_floor.stream_seq, 3);
    await lab.restart();
    assert.deepEqual(
      lab.stored('S').map(({ sequence }) => sequence),
      [1],
    );
    assert.equal((await info(lab)).num_ack_pending, 0);
    await lab.close();
  });

  test('an ack of all with a sequence that no consumer gets to is none, and harms nobody', async () => {
    const lab = await make({ ack_policy: 'all' });
    const inbox = new Inbox(lab);
    const answers = new Inbox(lab, 'answers');
    await publish(lab, 3);
    await inbox.next('c', { batch: 3, no_wait: true });
    const tokens = inbox.delivered[1]!.reply.split('.');
    for (const odd of ['x', '-1', '9007199254740990', '18446744073709551615']) {
      tokens[6] = odd;
      lab.client.publish(tokens.join('.'), '+ACK', 'answers');
      await settle();
    }
    assert.equal(answers.messages.length, 0);
    assert.deepEqual((await info(lab)).ack_floor, { consumer_seq: 0, stream_seq: 0 });
    lab.client.publish(inbox.delivered[1]!.reply, '+ACK', 'answers');
    await settle();
    assert.equal(answers.messages.length, 1);
    await lab.restart();
    const { ack_floor, num_ack_pending } = await info(lab);
    assert.deepEqual([ack_floor, num_ack_pending], [{ consumer_seq: 2, stream_seq: 2 }, 1]);
    await lab.close();
  });

  test('a pause lasts over a restart, and ends by the clock', async () => {
    const lab = await make();
    await publish(lab, 1);
    const until = new Date(lab.clock.now() + 60_000).toISOString();
    const answer = await lab.api('CONSUMER.PAUSE.S.c', { pause_until: until });
    assert.equal(answer.paused, true);
    lab.die('cut');
    assert.equal((await info(lab)).paused, true);
    const inbox = new Inbox(lab);
    await inbox.next('c', { batch: 1 });
    await lab.pass(59_000);
    assert.equal(inbox.delivered.length, 0);
    await lab.pass(1100);
    assert.equal(inbox.delivered.length, 1);
    await lab.close();
  });

  test('a deleted consumer stays away, an ephemeral one goes when nobody comes back', async () => {
    const lab = await make();
    await lab.api('CONSUMER.CREATE.S.e', {
      stream_name: 'S',
      config: { name: 'e', ack_policy: 'explicit', inactive_threshold: 10 * SECOND },
    });
    await lab.api('CONSUMER.DELETE.S.c');
    lab.die('cut');
    assert.deepEqual((await lab.api('CONSUMER.NAMES.S')).consumers, ['e']);
    await lab.pass(12_000);
    assert.deepEqual((await lab.api('CONSUMER.NAMES.S')).consumers, []);
    await lab.close();
  });

  test('nothing is delivered that a power cut takes away, and no confirmed ack is taken back', async () => {
    let confirmed = 0;
    for (let seed = 1; seed <= 25; seed++) confirmed += await play(seed);
    assert.ok(confirmed > 200, `only ${confirmed} acks were confirmed`);
  });
});

/** Publishes, delivers, acknowledges and dies, by chance. Gives how many acks were confirmed. */
async function play(seed: number): Promise<number> {
  const random = new SeededRandom(seed);
  const lab = new Lab(seed);
  await lab.create({ name: 'S', subjects: ['s.>'], retention: seed % 2 === 0 ? 'workqueue' : 'limits' });
  await consumer(lab, 'c', { ack_wait: 5 * SECOND });
  /** Payloads by sequence of all that was delivered, and sequences that were confirmed. */
  const seen = new Map<number, string>();
  const confirmed = new Set<number>();
  let number = 0;
  for (let life = 0; life < 5; life++) {
    const inbox = new Inbox(lab, `in${life}`);
    lab.client.subscribe('ok.*', ({ subject }) => confirmed.add(Number(subject.slice(3))));
    for (let i = 0; i < 25; i++) {
      const choice = random.next() % 5;
      if (choice < 2) lab.client.publish(`s.${random.next() % 3}`, `message ${seed} ${++number}`);
      else if (choice === 2) await inbox.next('c', { batch: 3, no_wait: true });
      else if (choice === 3) await lab.pass(random.next() % 4000);
      for (const message of inbox.take()) {
        if (!message.reply.startsWith('$JS.ACK.')) continue;
        const sequence = sequenceOf(message);
        assert.ok(!confirmed.has(sequence), `seed ${seed}: ${sequence} was acknowledged`);
        const text = message.payload.toString();
        assert.equal(seen.get(sequence) ?? text, text, `seed ${seed}: ${sequence} is another message`);
        seen.set(sequence, text);
        if (random.next() % 3 > 0) lab.client.publish(message.reply, '+ACK', `ok.${sequence}`);
      }
    }
    lab.die(random.next() % 2 === 0 ? 'crash' : 'cut');
  }
  await lab.close();
  return confirmed.size;
}

describe('time', () => {
  test('an ack wait, and one that was put off', async () => {
    const lab = await make({ ack_wait: 30 * SECOND });
    await publish(lab, 2);
    const inbox = new Inbox(lab);
    await inbox.next('c', { batch: 2, no_wait: true });
    const [first] = inbox.take();
    await inbox.next('c', { batch: 9 });
    await lab.pass(20_000);
    lab.client.publish(first!.reply, '+WPI');
    await lab.pass(10_100);
    assert.deepEqual(
      inbox.delivered.map(({ reply }) => reply.split('.').slice(4, 6)),
      [['2', '2']],
    );
    await lab.pass(20_000);
    assert.deepEqual(inbox.delivered.map(sequenceOf), [2, 1]);
    await lab.close();
  });

  test('requests end, and are told that nothing came', async () => {
    const lab = await make();
    const inbox = new Inbox(lab);
    await inbox.next('c', { batch: 1, expires: 10 * SECOND, idle_heartbeat: 4 * SECOND });
    await inbox.next('c', { batch: 2, expires: 3 * SECOND });
    await lab.pass(3100);
    assert.deepEqual(inbox.statuses, ['NATS/1.0 408 Request Timeout']);
    await lab.pass(7000);
    assert.deepEqual(inbox.statuses.slice(1), [
      'NATS/1.0 100 Idle Heartbeat',
      'NATS/1.0 100 Idle Heartbeat',
      'NATS/1.0 408 Request Timeout',
    ]);
    assert.equal((await info(lab)).num_waiting, 0);
    await lab.close();
  });

  test('a request that does not wait ends with its heartbeat, too many messages without an ack or not', async () => {
    const lab = await make({ max_ack_pending: 2 });
    await publish(lab, 5);
    const inbox = new Inbox(lab);
    const waits = { idle_heartbeat: 4 * SECOND, expires: 10 * SECOND };
    await inbox.next('c', { batch: 3, no_wait: true, ...waits });
    assert.deepEqual(inbox.take().map(sequenceOf), [1, 2]);
    await lab.pass(4100);
    assert.deepEqual(inbox.statuses, ['NATS/1.0 404 No Messages']);
    await lab.close();
  });

  test('heartbeats of a push consumer come while nothing else does', async () => {
    const lab = await make({ deliver_subject: 'd', idle_heartbeat: 2 * SECOND });
    const inbox = new Inbox(lab, 'd');
    await lab.pass(1500);
    await publish(lab, 1);
    await settle();
    await lab.pass(1500);
    assert.deepEqual(inbox.statuses, []);
    await lab.pass(600);
    assert.deepEqual(inbox.statuses, ['NATS/1.0 100 Idle Heartbeat']);
    await lab.pass(4000);
    assert.equal(inbox.statuses.length, 3);
    await lab.close();
  });

  test('a rate limit spreads messages', async () => {
    const lab = await make(
      { deliver_subject: 'd', ack_policy: 'none', rate_limit_bps: 8000 },
      { max_msg_size: 1000 },
    );
    const inbox = new Inbox(lab, 'd');
    for (let i = 0; i < 5; i++) await lab.publish('s.a', 'x'.repeat(950));
    await settle();
    assert.equal(inbox.delivered.length, 1);
    await lab.pass(2100);
    assert.equal(inbox.delivered.length, 3);
    await lab.pass(3000);
    assert.equal(inbox.delivered.length, 5);
    await lab.close();
  });

  test('a rate limit lets messages pass that are larger with their subjects than the largest one', async () => {
    const lab = await make(
      { deliver_subject: 'd', ack_policy: 'none', rate_limit_bps: 8000 },
      { max_msg_size: 10 },
    );
    const inbox = new Inbox(lab, 'd');
    for (let i = 0; i < 3; i++) await lab.publish('s.a', '0123456789');
    await lab.pass(300);
    assert.equal(inbox.delivered.length, 3);
    const sizes = inbox.delivered.map(({ reply }) => reply.length + '0123456789s.a'.length);
    assert.ok(Math.min(...sizes) > 10);
    await lab.close();
  });

  test('a pull consumer whose messages are being worked on does not go', async () => {
    const lab = await make({ inactive_threshold: 5 * SECOND, ack_wait: 20 * SECOND });
    await publish(lab, 1);
    const inbox = new Inbox(lab);
    await inbox.next('c', { batch: 1, no_wait: true });
    await lab.pass(15_000);
    assert.equal((await lab.api('CONSUMER.NAMES.S')).total, 1);
    await lab.pass(45_000);
    assert.equal((await lab.api('CONSUMER.NAMES.S')).total, 0);
    await lab.close();
  });

  test('of requests that come together the one with the highest priority is first', async () => {
    const lab = await make({ priority_policy: 'prioritized', priority_groups: ['g'] });
    await publish(lab, 4);
    const low = new Inbox(lab, 'low');
    const high = new Inbox(lab, 'high');
    const request = { batch: 2, group: 'g', expires: 5 * SECOND };
    await Promise.all([
      low.next('c', { ...request, priority: 3 }),
      high.next('c', { ...request, priority: 1 }),
    ]);
    assert.deepEqual(
      [high.delivered.map(sequenceOf), low.delivered.map(sequenceOf)],
      [
        [1, 2],
        [3, 4],
      ],
    );
    await lab.close();
  });

  test('the pin of a client that stays away goes to another', async () => {
    const pinned = {
      priority_policy: 'pinned_client',
      priority_groups: ['g'],
      priority_timeout: 10 * SECOND,
    };
    const lab = await make(pinned);
    const first = new Inbox(lab, 'first');
    const second = new Inbox(lab, 'second');
    await first.next('c', { batch: 5, group: 'g' });
    await second.next('c', { batch: 5, group: 'g' });
    await publish(lab, 2);
    await settle();
    assert.deepEqual([first.delivered.length, second.delivered.length], [2, 0]);
    const pin = /Nats-Pin-Id: (\w+)/.exec(first.delivered[0]!.header!.toString())![1];
    assert.equal((await info(lab)).priority_groups[0].pinned_client_id, pin);
    await lab.pass(10_100);
    await publish(lab, 2);
    await settle();
    assert.deepEqual([first.delivered.length, second.delivered.length], [2, 2]);
    assert.deepEqual(first.statuses, ['NATS/1.0 423 Nats-Wrong-Pin-Id']);
    await lab.close();
  });
});

describe('many', () => {
  test('a consumer is only looked at when a message is for it', async () => {
    const lab = await make();
    for (let i = 0; i < 300; i++) await consumer(lab, `f${i}`, { filter_subject: `s.${i}` });
    const inbox = new Inbox(lab);
    await inbox.next('f7', { batch: 2 });
    await inbox.next('f8', { batch: 2 });
    let pumped = 0;
    for (const each of lab.stream('S').consumers.all()) {
      const pump = each.pump.bind(each);
      each.pump = () => {
        pumped++;
        pump();
      };
    }
    await lab.publish('s.7', 'x');
    await settle();
    assert.equal(inbox.delivered.length, 1);
    assert.equal(pumped, 1);
    await lab.close();
  });

  test('replies of deliveries and their acks leave nothing in the cache of subjects', async () => {
    const lab = await make({ max_ack_pending: 5000 });
    await publish(lab, 50);
    const { cache } = lab.client.account;
    const inbox = new Inbox(lab);
    await inbox.next('c', { batch: 50, no_wait: true });
    const before = cache.size;
    for (const { reply } of inbox.delivered) lab.client.publish(reply, '');
    await settle();
    assert.equal((await info(lab)).num_ack_pending, 0);
    assert.ok(cache.size <= before + 2, `${cache.size - before} subjects more`);
    await lab.close();
  });

  test('a consumer whose filters are taken away gets what comes from then on, also where it waits for it', async () => {
    const filters = [{ filter_subject: 's.a' }, { filter_subjects: ['s.a', 's.b'] }];
    for (const [without, filter] of [{}, { filter_subjects: [] }].flatMap((each) =>
      filters.map((one) => [each, one] as const),
    )) {
      const lab = await make(filter);
      await consumer(lab, 'c', without);
      const inbox = new Inbox(lab);
      await inbox.next('c', { batch: 2, expires: 60 * SECOND });
      for (const subject of ['s.a', 's.c', 's.d']) await publish(lab, 1, subject);
      await settle();
      assert.deepEqual(inbox.delivered.map(sequenceOf), [1, 2]);
      assert.equal((await info(lab)).num_pending, 1);
      await lab.close();
    }
  });

  test('what is pending in the middle of a large stream is counted in turns, and told when it is known', async () => {
    const lab = new Lab();
    await lab.create({ name: 'S', subjects: ['s.*'] });
    const { store } = lab.stream('S');
    const payload = Buffer.alloc(2000);
    const count = 12_000;
    for (let i = 1; i <= count; i++) store.append(`s.${i % 3}`, null, payload, BigInt(i));
    // After a restart none of the blocks is in memory.
    await lab.restart();
    const inbox = new Inbox(lab);
    const start = { deliver_policy: 'by_start_sequence', opt_start_seq: 6000, ack_policy: 'explicit' };
    const config = { durable_name: 'c', filter_subject: 's.1', ...start };
    const created = lab.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config: { name: 'c', ...config } });
    const made = lab.stream('S').consumers.get('c')!;
    assert.ok(made.counting);
    const asked = lab.stream('S');
    await inbox.next('c', { batch: 1, no_wait: true });
    // One of each side, one of another subject, and one that comes.
    for (const sequence of [1, 7, 11_998, 11_997]) asked.store.remove(sequence);
    asked.store.append('s.1', null, payload, BigInt(count + 1));
    asked.consumers.stored('s.1');
    const { num_pending: pending } = await created;
    // From 6001 to 11998 every third, without the last and with the one that came.
    const wanted = 2000;
    assert.equal(pending, wanted);
    await settle();
    assert.equal(inbox.delivered.length, 1, 'who pulled meanwhile has got a message');
    const [, , , , , sequence, , , told] = inbox.delivered[0]!.reply.split('.');
    assert.deepEqual([sequence, told], ['6001', String(wanted - 1)]);
    assert.equal((await lab.api('CONSUMER.INFO.S.c')).num_pending, wanted - 1);
    await lab.close();
  });
});
