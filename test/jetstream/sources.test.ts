// Mirrors and sources, in a world where time is moved and disks lose what was not synced.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { type Json, Lab } from './lab.js';

/** Enough for a first consumer, not for a second one. */
const SOON = 300;

async function withOrigin(count: number, more: Record<string, unknown> = {}): Promise<Lab> {
  const lab = new Lab();
  await lab.create({ name: 'O', subjects: ['o.>'], ...more });
  for (let i = 1; i <= count; i++) await lab.publish(`o.${i % 3}`, `m${i}`);
  return lab;
}

test('a mirror has the sequences, times and gaps of its origin, and keeps what is deleted there later', async () => {
  const lab = await withOrigin(9);
  await lab.api('STREAM.MSG.DELETE.O', { seq: 4 });
  await lab.create({ name: 'M', mirror: { name: 'O' } });
  await lab.pass(SOON);
  assert.deepEqual(lab.stored('M'), lab.stored('O'));
  await lab.api('STREAM.PURGE.O');
  await lab.publish('o.x', 'later');
  await lab.pass(SOON);
  assert.deepEqual(
    lab.stored('M').map(({ sequence }) => sequence),
    [1, 2, 3, 5, 6, 7, 8, 9, 10],
  );
  const { mirror, state } = await lab.info('M');
  assert.equal(state.num_deleted, 1);
  assert.equal(mirror.name, 'O');
  assert.equal(mirror.lag, 0);
  assert.ok(mirror.active >= 0 && mirror.active < 1e9);
  await lab.close();
});

test('a mirror filters, transforms, and begins where it is told', async () => {
  const lab = await withOrigin(9);
  await lab.create({ name: 'F', mirror: { name: 'O', filter_subject: 'o.1', opt_start_seq: 2 } });
  await lab.create({
    name: 'T',
    mirror: { name: 'O', subject_transforms: [{ src: 'o.*', dest: 't.{{wildcard(1)}}' }] },
  });
  await lab.pass(SOON);
  assert.deepEqual(lab.payloads('F'), ['m4', 'm7']);
  assert.equal(lab.stream('F').store.state.firstSequence, 4);
  assert.deepEqual(
    lab.stored('T').map(({ subject }) => subject),
    lab.stored('O').map(({ subject }) => subject.replace('o.', 't.')),
  );
  await lab.close();
});

test('a mirror goes on behind what it has after a restart, also where it has nothing left', async () => {
  const lab = await withOrigin(5);
  await lab.create({ name: 'M', mirror: { name: 'O' } });
  await lab.pass(SOON);
  await lab.api('STREAM.PURGE.M');
  await lab.restart();
  await lab.publish('o.1', 'm6');
  await lab.pass(SOON);
  assert.deepEqual(
    lab.stored('M').map(({ sequence, payload }) => [sequence, payload]),
    [[6, 'm6']],
  );
  await lab.close();
});

test('a mirror that is promoted takes messages of its own', async () => {
  const lab = await withOrigin(3);
  await lab.create({ name: 'M', mirror: { name: 'O' } });
  await lab.pass(SOON);
  await lab.update({ name: 'M', subjects: ['m.>'] });
  assert.equal((await lab.info('M')).mirror, undefined);
  assert.equal(await lab.publish('m.1', 'own'), 4);
  await lab.publish('o.1', 'not copied');
  await lab.pass(20_000);
  assert.deepEqual(lab.payloads('M'), ['m1', 'm2', 'm3', 'own']);
  await lab.close();
});

test('an origin that is not there is asked for less and less often, and at once when it comes', async () => {
  const lab = new Lab();
  await lab.create({ name: 'S', sources: [{ name: 'O' }] });
  await lab.pass(SOON);
  const { error, active } = (await lab.info('S')).sources[0];
  assert.deepEqual(error, { code: 404, err_code: 10059, description: 'stream not found' });
  assert.equal(active, -1);
  await lab.pass(60_000);
  assert.equal(
    lab.warnings.filter((text) => /create source consumer O: stream not found/.test(text)).length,
    3,
  );
  await lab.create({ name: 'O', subjects: ['o'] });
  await lab.publish('o', 'x');
  await lab.pass(2500);
  assert.deepEqual(lab.payloads('S'), ['x']);
  assert.equal((await lab.info('S')).sources[0].error, undefined);
  await lab.close();
});

test('what is sourced says where it is from, and only that', async () => {
  const lab = await withOrigin(0);
  await lab.create({ name: 'S', sources: [{ name: 'O', filter_subject: 'o.>' }] });
  await lab.create({ name: 'SS', sources: [{ name: 'S', subject_transforms: [{ src: 'o.*', dest: 'x' }] }] });
  await lab.publish('o.1', 'a', { 'Nats-Expected-Last-Sequence': '0', A: 'b' });
  await lab.pass(2500);
  const identity = (name: string) => /^.* (\S{8})\r/m.exec(lab.stored(name)[0]!.header)![1];
  assert.equal(
    lab.stored('S')[0]!.header,
    `NATS/1.0\r\nA: b\r\nNats-Stream-Source: O 1 o.> > o.1 ${identity('S')}\r\n\r\n`,
  );
  assert.equal(
    lab.stored('SS')[0]!.header,
    `NATS/1.0\r\nA: b\r\nNats-Stream-Source: S 1 o.* x o.1 ${identity('SS')}\r\n\r\n`,
  );
  await lab.close();
});

test('sources come and go on a live stream, and one that comes again goes on behind what is there', async () => {
  const lab = await withOrigin(2);
  await lab.create({ name: 'P', subjects: ['p.>'] });
  await lab.publish('p.1', 'n1');
  await lab.create({ name: 'S', sources: [{ name: 'O' }] });
  await lab.pass(SOON);
  await lab.update({ name: 'S', sources: [{ name: 'O' }, { name: 'P' }] });
  await lab.pass(SOON);
  assert.deepEqual(lab.payloads('S'), ['m1', 'm2', 'n1']);
  await lab.update({ name: 'S', sources: [{ name: 'P' }] });
  await lab.publish('o.1', 'm3');
  await lab.publish('p.1', 'n2');
  await lab.pass(SOON);
  assert.deepEqual(lab.payloads('S'), ['m1', 'm2', 'n1', 'n2']);
  await lab.update({ name: 'S', sources: [{ name: 'P' }, { name: 'O' }] });
  await lab.pass(SOON);
  assert.deepEqual(lab.payloads('S'), ['m1', 'm2', 'n1', 'n2', 'm3']);
  await lab.close();
});

test('an origin that was deleted and created anew is copied from its beginning, also when nobody looked', async () => {
  const lab = await withOrigin(3);
  await lab.create({ name: 'S', sources: [{ name: 'O' }] });
  await lab.pass(SOON);
  await lab.api('STREAM.DELETE.O');
  await lab.create({ name: 'O', subjects: ['o.>'] });
  await lab.publish('o.1', 'new');
  await lab.pass(5000);
  assert.deepEqual(lab.payloads('S'), ['m1', 'm2', 'm3', 'new']);
  assert.equal((await lab.info('S')).sources[0].seq, 1);
  await lab.close();
});

test('a deleted stream has its origin remove the consumer of its name, also where that made up another one', async () => {
  const lab = await withOrigin(1);
  const asked: string[] = [];
  lab.client.subscribe('$JS.API.CONSUMER.DELETE.>', ({ subject, reply }) =>
    asked.push(`${subject} ${reply}`),
  );
  await lab.create({ name: 'M', mirror: { name: 'O' } });
  await lab.pass(SOON);
  await lab.api('STREAM.DELETE.M');
  await lab.pass(SOON);
  assert.match(asked.join(), /^\$JS\.API\.CONSUMER\.DELETE\.O\.JS_MIRROR_\w{8} \$JSC\.R\.\w{8}$/);
  await lab.close();
});

test('a full stream that refuses gets the message again when it has room', async () => {
  const lab = await withOrigin(4);
  await lab.create({
    name: 'S',
    sources: [{ name: 'O' }],
    retention: 'workqueue',
    max_msgs: 2,
    discard: 'new',
  });
  await lab.pass(SOON);
  assert.deepEqual(lab.payloads('S'), ['m1', 'm2']);
  await lab.api('STREAM.MSG.DELETE.S', { seq: 1 });
  await lab.until('there is room', () => lab.payloads('S').includes('m3'));
  assert.deepEqual(lab.payloads('S'), ['m2', 'm3']);
  await lab.close();
});

test('a work queue forgets what is copied only when the copy is on disk', async () => {
  const lab = await withOrigin(20, { retention: 'workqueue' });
  await lab.create({ name: 'S', sources: [{ name: 'O' }] });
  await lab.until('all are copied', () => lab.stream('O').store.state.messages === 0);
  lab.die('cut');
  assert.equal(lab.payloads('S').length, 20);
  await lab.publish('o.1', 'm21');
  await lab.until('the last one is copied', () => lab.payloads('S').length >= 21);
  await lab.pass(30_000);
  assert.deepEqual(
    lab.payloads('S'),
    Array.from({ length: 21 }, (_, i) => `m${i + 1}`),
  );
  await lab.close();
});

test('what was sourced and consumed does not come again after any end of the server', async () => {
  for (const how of ['restart', 'crash', 'cut'] as const) {
    const lab = await withOrigin(6);
    await lab.create({ name: 'S', sources: [{ name: 'O' }], retention: 'workqueue' });
    await lab.pass(SOON);
    for (let seq = 1; seq <= 6; seq++) await lab.api('STREAM.MSG.DELETE.S', { seq });
    if (how === 'restart') await lab.restart();
    else lab.die(how);
    await lab.publish('o.1', 'm7');
    await lab.pass(15_000);
    assert.deepEqual(lab.payloads('S'), ['m7'], how);
    await lab.close();
  }
});

const OWN = { name: 'own', deliver_subject: 'to.s' };

/** A consumer for somebody else to copy by. */
function ownConsumer(lab: Lab, more: Record<string, unknown> = {}) {
  const config = { durable_name: 'own', deliver_subject: 'to.s', ack_policy: 'flow_control', ...more };
  return lab.api('CONSUMER.DURABLE.CREATE.O.own', { stream_name: 'O', config });
}

test('a consumer that somebody has made is read from its ack floor on, over restarts and cuts', async () => {
  for (const how of ['restart', 'crash', 'cut'] as const) {
    const lab = await withOrigin(7);
    await ownConsumer(lab, { max_ack_pending: 3 });
    await lab.create({ name: 'S', sources: [{ name: 'O', consumer: OWN }] });
    await lab.until('all are copied', () => lab.payloads('S').length === 7);
    if (how === 'restart') await lab.restart();
    else lab.die(how);
    await lab.publish('o.1', 'm8');
    await lab.until('the last one is copied', () => lab.payloads('S').length >= 8);
    await lab.pass(5000);
    assert.deepEqual(lab.payloads('S'), ['m1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7', 'm8'], how);
    const { ack_floor: floor, config } = await lab.api('CONSUMER.INFO.O.own');
    assert.equal(floor.stream_seq, 8);
    assert.equal(config.deliver_subject, 'to.s');
    await lab.close();
  }
});

test('a consumer without acks by flow control is refused', async () => {
  const lab = await withOrigin(1);
  await ownConsumer(lab, { ack_policy: 'explicit' });
  await lab.create({ name: 'S', sources: [{ name: 'O', consumer: OWN }] });
  await lab.create({ name: 'M', mirror: { name: 'O', consumer: OWN } });
  await lab.pass(SOON);
  const sourceError = (await lab.info('S')).sources[0].error;
  assert.deepEqual([sourceError.err_code, (await lab.info('M')).mirror.error.err_code], [10217, 10214]);
  assert.deepEqual(lab.payloads('S'), []);
  await lab.close();
});

/** An origin that is played by the test: what it is asked for, and a way to send. */
function playOrigin(lab: Lab) {
  const asked: { subject: string; body: Json; header: string; reply: string }[] = [];
  lab.client.subscribe('far.API.>', ({ subject, payload, reply, header }) => {
    const body = payload.length === 0 ? null : JSON.parse(payload.toString());
    asked.push({ subject, body, reply, header: header?.toString('latin1') ?? '' });
  });
  const answer = (body: unknown) => lab.client.publish(asked.at(-1)!.reply, JSON.stringify(body));
  const accept = (name = 'C') =>
    answer({ name, config: asked.at(-1)!.body.config, delivered: { stream_seq: 0 } });
  const control = (lines: string, reply = '') =>
    lab.client.publish(
      asked.at(-1)!.body.config.deliver_subject,
      '',
      reply,
      Buffer.from(`NATS/1.0 100 Idle Heartbeat\r\n${lines}\r\n`),
    );
  const send = (sequence: number, consumerSequence = sequence, name = 'C') =>
    lab.client.publish(
      asked.at(-1)!.body.config.deliver_subject,
      `m${sequence}`,
      `$JS.ACK.O.${name}.1.${sequence}.${consumerSequence}.1700000000000000000.0`,
    );
  return { asked, answer, accept, control, send };
}

const FAR = { name: 'O', external: { api: 'far.API', deliver: 'far.to' } };

test('an origin elsewhere is asked in the official form, and for less when it is older', async () => {
  const lab = new Lab();
  const { asked, answer } = playOrigin(lab);
  await lab.create({ name: 'S', sources: [{ ...FAR, filter_subject: 'a.>' }] });
  await lab.pass(SOON);
  assert.match(asked[0]!.subject, /^far\.API\.CONSUMER\.CREATE\.O\.JS_SRC_\w{8}\.a\.>$/);
  assert.match(
    asked[0]!.header,
    /^NATS\/1\.0\r\nNats-Required-Api-Level: 5\r\nNats-Stream-Identity: \r\n\r\n$/,
  );
  const { deliver_subject: to, name, metadata, ...config } = asked[0]!.body.config;
  assert.match(to, /^far\.to\.S\.\w{8}$/);
  assert.deepEqual(metadata, { '_nats.src.acc': '$G', '_nats.src.stream': 'S' });
  assert.deepEqual(config, {
    deliver_policy: 'all',
    ack_policy: 'none',
    ack_wait: 22 * 3600e9,
    max_deliver: 1,
    filter_subject: 'a.>',
    replay_policy: 'instant',
    flow_control: true,
    idle_heartbeat: 1e9,
    inactive_threshold: 10e9,
    num_replicas: 0,
    direct: true,
    sourcing: true,
  });
  answer({ error: { code: 412, err_code: 10185, description: 'JetStream minimum api level required' } });
  assert.equal(asked[1]!.header, 'NATS/1.0\r\nNats-Required-Api-Level: 4\r\n\r\n');
  answer({ error: { code: 400, err_code: 10025, description: 'invalid JSON' } });
  assert.equal(asked[2]!.header, '');
  assert.equal(asked[2]!.body.config.sourcing, undefined);
  assert.match(asked[2]!.body.config.name, new RegExp(`^${name}_\\w{8}$`));
  await lab.close();
});

test('a gap, a missing heartbeat and a silent origin lead to a new consumer behind what is stored', async () => {
  const lab = new Lab();
  const { asked, accept, send, control } = playOrigin(lab);
  await lab.create({ name: 'S', sources: [FAR] });
  await lab.pass(SOON);
  accept();
  send(1);
  send(5, 2);
  send(9, 5);
  assert.deepEqual(lab.payloads('S'), ['m1', 'm5']);
  await lab.pass(2500);
  assert.equal(asked.length, 2);
  assert.deepEqual(
    [asked[1]!.body.config.deliver_policy, asked[1]!.body.config.opt_start_seq],
    ['by_start_sequence', 6],
  );
  accept('D');
  // What the old consumer still sends does not count.
  send(6, 1, 'C');
  control('Nats-Last-Consumer: 1\r\nNats-Last-Stream: 6\r\n');
  await lab.pass(2500);
  assert.equal(asked.length, 3);
  accept('E');
  send(6, 1, 'E');
  await lab.pass(10_000);
  assert.equal(asked.length, 3);
  await lab.pass(200);
  assert.equal(asked.length, 4, 'nothing was heard for ten seconds');
  assert.deepEqual(lab.payloads('S'), ['m1', 'm5', 'm6']);
  await lab.close();
});

test('flow control is answered with what is on disk, and a stall is told', async () => {
  const lab = new Lab();
  const { accept, send, control } = playOrigin(lab);
  const answers: string[] = [];
  lab.client.subscribe('$JS.FC.>', ({ subject, header }) =>
    answers.push(`${subject} ${header?.toString('latin1').replaceAll('\r\n', '|')}`),
  );
  await lab.create({ name: 'S', sources: [FAR] });
  await lab.pass(SOON);
  accept();
  send(3, 1);
  control('', '$JS.FC.O.C.1');
  assert.deepEqual(answers, [], 'the message is not on disk yet');
  await lab.pass(10);
  assert.deepEqual(answers, ['$JS.FC.O.C.1 NATS/1.0|Nats-Last-Consumer: 1|Nats-Last-Stream: 3||']);
  for (let i = 0; i < 3; i++) control('Nats-Last-Consumer: 1\r\nNats-Consumer-Stalled: $JS.FC.O.C.2\r\n');
  assert.equal((await lab.info('S')).sources[0].error.err_code, 10228);
  control('Nats-Last-Consumer: 1\r\n');
  assert.equal((await lab.info('S')).sources[0].error, undefined);
  await lab.close();
});

test('no answer is waited for half a minute, then later and later', async () => {
  const lab = new Lab();
  const { asked } = playOrigin(lab);
  await lab.create({ name: 'M', mirror: FAR });
  await lab.pass(30_000);
  assert.equal(asked.length, 1);
  await lab.pass(11_000);
  assert.equal(asked.length, 2);
  await lab.pass(49_000);
  assert.equal(asked.length, 2);
  await lab.pass(2000);
  assert.equal(asked.length, 3);
  await lab.close();
});

const RARE = [
  'remove',
  'purge',
  'forget',
  'empty',
  'settle',
  'wait',
  'restart',
  'crash',
  'cut',
  'rush',
  'lose',
] as const;

interface Step {
  what: 'publish' | (typeof RARE)[number];
  pick: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  what: fc.oneof(
    { weight: 10, arbitrary: fc.constant('publish' as const) },
    { weight: 10, arbitrary: fc.constantFrom(...RARE) },
  ),
  pick: fc.nat(1000),
});

test('after any sequence of events every message of the origin is in the copies exactly once, in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 40 }),
      fc.constantFrom('limits', 'workqueue'),
      fc.constantFrom('limits', 'workqueue'),
      fc.nat(1e6),
      async (steps, origin, retention, seed) => {
        const model = new Copies(new Lab(seed + 1));
        await model.begin(origin, retention);
        for (const each of steps) await model.take(each);
        await model.settle();
        model.check();
        await model.lab.close();
      },
    ),
    { numRuns: 60 },
  );
});

/** What the naive reader of the rules expects of a mirror and a stream with a source. */
class Copies {
  #count = 0;
  /** Messages of the origin, by payload: what the copies have to do with them. */
  readonly #published: { payload: string; sequence: number }[] = [];
  /** Gone from the origin before the copies had surely seen them. */
  readonly #doubtful = new Set<string>();
  #unsettled: string[] = [];
  /** Removed from the stream with the source, from the mirror. */
  readonly #gone = { S: new Set<string>(), M: new Set<string>() };
  /** The same, but nobody was told that it is done. */
  readonly #maybeGone = { S: new Set<string>(), M: new Set<string>() };

  constructor(readonly lab: Lab) {}

  async begin(origin: string, retention: string): Promise<void> {
    const { lab } = this;
    await lab.create({ name: 'O', subjects: ['o.>'] });
    // A work queue cannot be the origin of two streams: it is one between them.
    const between = origin === 'workqueue' ? 'Q' : 'O';
    if (between === 'Q')
      await lab.create({ name: 'Q', sources: [{ name: 'O', filter_subject: 'o.1' }], retention: origin });
    await lab.create({ name: 'S', sources: [{ name: between, filter_subject: 'o.1' }], retention });
    await lab.create({ name: 'M', mirror: { name: 'O' } });
  }

  async take({ what, pick }: Step): Promise<void> {
    const { lab } = this;
    switch (what) {
      case 'publish': {
        for (let i = 0; i <= pick % 4; i++) {
          const payload = `${++this.#count}`;
          const sequence = await lab.publish(`o.${this.#count % 2}`, payload);
          this.#published.push({ payload, sequence });
          this.#unsettled.push(payload);
        }
        return;
      }
      case 'remove': {
        const all = lab.stored('O');
        if (all.length === 0) return;
        const { sequence, payload } = all[pick % all.length]!;
        this.#loses([payload]);
        await lab.api('STREAM.MSG.DELETE.O', { seq: sequence });
        return;
      }
      case 'purge':
        this.#loses(lab.payloads('O'));
        await lab.api('STREAM.PURGE.O');
        return;
      case 'forget': {
        const name = pick % 2 === 0 ? 'S' : 'M';
        const all = lab.stored(name);
        if (all.length === 0) return;
        const { sequence, payload } = all[pick % all.length]!;
        await lab.api(`STREAM.MSG.DELETE.${name}`, { seq: sequence });
        this.#gone[name].add(payload);
        return;
      }
      case 'empty': {
        const name = pick % 2 === 0 ? 'S' : 'M';
        const all = lab.payloads(name);
        await lab.api(`STREAM.PURGE.${name}`);
        for (const payload of all) this.#gone[name].add(payload);
        return;
      }
      case 'rush': {
        // Messages that nobody waited for: they are there after the cut, or they are not.
        const before = this.#count;
        for (let i = 0; i <= pick % 5; i++) lab.client.publish(`o.${++this.#count % 2}`, `${this.#count}`);
        await this.#cutSoon(pick);
        for (const { payload, sequence } of lab.stored('O')) {
          if (Number(payload) <= before) continue;
          this.#published.push({ payload, sequence });
          this.#unsettled.push(payload);
        }
        return;
      }
      case 'lose': {
        const name = pick % 2 === 0 ? 'S' : 'M';
        const all = lab.stored(name);
        if (all.length === 0) return;
        const { sequence, payload } = all[pick % all.length]!;
        lab.client.publish(`$JS.API.STREAM.MSG.DELETE.${name}`, `{"seq":${sequence}}`);
        this.#maybeGone[name].add(payload);
        return this.#cutSoon(pick);
      }
      case 'settle':
        return this.settle();
      case 'wait':
        return lab.pass(pick * 5);
      case 'restart':
        return lab.restart();
      default:
        lab.die(what);
    }
  }

  /** The power goes while something is under way. */
  async #cutSoon(pick: number): Promise<void> {
    for (let i = 0; i < pick % 7; i++) await turn();
    this.lab.die('cut');
  }

  #loses(payloads: string[]): void {
    for (const payload of payloads) if (this.#unsettled.includes(payload)) this.#doubtful.add(payload);
  }

  async settle(): Promise<void> {
    await this.lab.pass(16_000);
    this.#unsettled = [];
  }

  #isDoubtful(name: 'S' | 'M', payload: string): boolean {
    return this.#doubtful.has(payload) || this.#maybeGone[name].has(payload);
  }

  check(): void {
    for (const name of ['S', 'M'] as const) {
      const stored = this.lab.payloads(name);
      const expected = this.#published
        .filter(({ payload }) => name === 'M' || Number(payload) % 2 === 1)
        .map(({ payload }) => payload)
        .filter((payload) => !this.#gone[name].has(payload))
        .filter((payload) => stored.includes(payload) || !this.#isDoubtful(name, payload));
      assert.deepEqual(stored, expected, name);
    }
    const sequences = new Map(this.#published.map(({ payload, sequence }) => [payload, sequence]));
    for (const { payload, sequence } of this.lab.stored('M'))
      assert.equal(sequence, sequences.get(payload), 'a mirror keeps sequences');
  }
}
