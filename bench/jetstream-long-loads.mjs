// Loads that take minutes, and run only when they are named or everything is asked for.
import { setTimeout as sleep } from 'node:timers/promises';
import { manyAtOnce } from './jetstream-control.mjs';
import { windowFor } from './jetstream-publish-loads.mjs';

const MINUTE = 60_000;
const AT_ONCE = 64; // requests under way while streams are made
const SETTLED = 2000; // milliseconds, before memory is read

/** @typedef {import('./loads.mjs').Load} Load */

/** A stream with five messages and a durable consumer that has two of them behind it. */
async function smallStream(control, number) {
  const name = `S${number}`;
  await control.createStream(name, [`small.${number}`]);
  for (let i = 0; i < 5; i++) await control.ask(`small.${number}`, 'x'.repeat(128));
  await control.createConsumer(name, 'worker', {
    durable_name: 'worker',
    deliver_policy: 'all',
    ack_policy: 'explicit',
    replay_policy: 'instant',
  });
  for (let i = 0; i < 2; i++) {
    const { reply } = await control.next(name, 'worker');
    await control.ask(reply, '+ACK');
  }
}

/** @type {Load} */
const restart = {
  id: 'js-restart',
  title: 'Restart with 10,000 small streams and as many consumers',
  unit: 'stream',
  jetstream: true,
  onlyNamed: true,
  timeout: 20 * MINUTE,
  targets: [{ metric: 'restart', max: 0.33 }],
  async run(run) {
    const count = run.scale < 1 ? 1000 : 10_000;
    if (count < 10_000) run.notes.push(`quick: ${count} streams`);
    const made = await run.jetstream();
    await manyAtOnce(count, AT_ONCE, (number) => smallStream(made, number));
    const { start } = await run.restart(5 * MINUTE);
    const control = await run.jetstream();
    // It may greet before everything is there.
    for (;;) {
      const { streams, consumers } = await control.api('INFO');
      if (streams === count && consumers === count) break;
      await sleep(20);
    }
    const restarted = performance.now() - start;
    const cpu = run.server.cpu() ?? Number.NaN;
    const last = `S${count - 1}`;
    await control.verify(last, { messages: 5 });
    const { ack_floor } = await control.api(`CONSUMER.INFO.${last}.worker`);
    if (ack_floor.stream_seq !== 2) throw new Error(`the consumer is at ${ack_floor.stream_seq}, not 2`);
    return { restart: restarted, cpu: (cpu * 1000) / count };
  },
};

/** @type {Load} */
const manyMessages = {
  id: 'js-10m',
  title: '10,000,000 messages on 1,000,000 subjects',
  unit: 'message',
  jetstream: true,
  onlyNamed: true,
  timeout: 20 * MINUTE,
  targets: [{ metric: 'rss', max: 1 }],
  async run(run) {
    const [messages, subjects] = run.scale < 1 ? [1_000_000, 100_000] : [10_000_000, 1_000_000];
    if (subjects < 1_000_000) run.notes.push(`quick: ${messages} messages on ${subjects} subjects`);
    const control = await run.jetstream();
    await control.createStream('BENCH', ['many.*']);
    const spec = { pattern: 'many.#', sizes: [subjects] };
    const pump = await run.role('AsyncPublisher', { subjects: spec, size: 128, window: windowFor(128) });
    const { seconds, cpu } = await run.measure(async () => [await pump.call('run', { count: messages })]);
    await control.verify('BENCH', { messages });
    const { state } = await control.api('STREAM.INFO.BENCH');
    if (state.num_subjects !== subjects) throw new Error(`${state.num_subjects} subjects of ${subjects}`);
    await sleep(SETTLED);
    return { rate: messages / seconds, cpu: (cpu * 1000) / messages };
  },
};

/** @type {Load[]} */
export const longLoads = [restart, manyMessages];
