// Loads that publish to streams. The targets compare Weft as it is by default, which syncs before it acknowledges, with the official server
// as it is by default, which syncs every two minutes, and where it says so with that server when it syncs, too.
import { manyAtOnce } from './jetstream-control.mjs';
import { runTimed } from './measure.mjs';

const KIB = 1024;
const MIB = 1024 * KIB;
const STREAM = 'BENCH';
const WINDOW = 4000; // what the Go client lets be unacknowledged
const WINDOW_BYTES = 8 * MIB; // and no more bytes than that

/** All four: each server with both kinds of `sync_interval`. */
const BOTH_MODES = ['official', 'always', 'weft', 'lazy'];

/** @typedef {import('./loads.mjs').Load} Load */
/** @typedef {import('./measure.mjs').Run} Run */

/** Messages of a connection that may be under way. */
export const windowFor = (size) => Math.max(16, Math.min(WINDOW, Math.floor(WINDOW_BYTES / (size + 64))));

/** @param {Run} run @param {{connections?: number, size?: number, storage?: string}} shape */
async function publishAsync(run, { connections = 1, size = 128, storage = 'file' }) {
  const control = await run.jetstream();
  await control.createStream(STREAM, ['bench'], { storage });
  const pump = await run.role('AsyncPublisher', {
    subjects: ['bench'],
    size,
    connections,
    window: windowFor(size),
  });
  const { metrics, done: published } = await runTimed(run, pump);
  await control.verify(STREAM, { messages: published });
  return metrics;
}

/** @returns {Load} */
function asynchronous(connections) {
  return {
    id: `js-async-${connections}`,
    title: `Asynchronous publish, ${connections} client${connections > 1 ? 's' : ''}`,
    unit: 'message',
    jetstream: true,
    targets: [{ metric: 'rate', min: 2 }],
    run: (run) => publishAsync(run, { connections }),
  };
}

/** @returns {Load} */
function synchronous(connections, targets) {
  return {
    id: `js-sync-${connections}`,
    title: `Synchronous publish, ${connections} client${connections > 1 ? 's' : ''}`,
    unit: 'message',
    jetstream: true,
    sides: BOTH_MODES,
    targets,
    async run(run) {
      const control = await run.jetstream();
      await control.createStream(STREAM, ['bench']);
      const clients = await run.role('Caller', {
        subjects: ['bench'],
        size: 128,
        connections,
        answer: 'ack',
      });
      const { metrics, done: published } = await runTimed(run, clients);
      await control.verify(STREAM, { messages: published });
      return metrics;
    },
  };
}

/** @type {Load} */
const manyStreams = {
  id: 'js-streams-100',
  title: '100 streams, each with a synchronous publisher',
  unit: 'message',
  jetstream: true,
  targets: [{ metric: 'rate', min: 1 }],
  async run(run) {
    const control = await run.jetstream();
    const names = Array.from({ length: 100 }, (_, i) => `s${String(i).padStart(2, '0')}`);
    await manyAtOnce(names.length, 16, (i) => control.createStream(`BENCH_${names[i]}`, [names[i]]));
    const params = { subjects: names, own: true, size: 128, connections: names.length, answer: 'ack' };
    const { metrics, done: published } = await runTimed(run, await run.role('Caller', params));
    let messages = 0;
    for (const name of names) messages += (await control.api(`STREAM.INFO.BENCH_${name}`)).state.messages;
    if (messages !== published) throw new Error(`the streams have ${messages} messages of ${published}`);
    return metrics;
  },
};

/** @type {Load} */
const memory = {
  id: 'js-memory',
  title: 'Asynchronous publish, 1 client, memory storage',
  unit: 'message',
  jetstream: true,
  targets: [{ metric: 'rate', min: 2 }],
  run: (run) => publishAsync(run, { storage: 'memory' }),
};

const sizes = { 16: 16, 128: 128, '1k': KIB, '4k': 4 * KIB, '16k': 16 * KIB, '64k': 64 * KIB };

/** One point of the plot of throughput over message size. @returns {Load} */
function ofSize([name, size]) {
  return {
    id: `js-sizes-${name}`,
    title: `Asynchronous publish, 1 client, ${name.endsWith('k') ? `${name.slice(0, -1)} KiB` : `${name} B`}`,
    unit: 'message',
    jetstream: true,
    onlyNamed: true,
    size,
    sides: BOTH_MODES,
    targets: [],
    run: (run) => publishAsync(run, { size }),
  };
}

/** @type {Load[]} */
export const publishLoads = [
  asynchronous(1),
  asynchronous(4),
  synchronous(1, [{ metric: 'p50', max: 1.11, than: 'always' }]),
  synchronous(16, [
    { metric: 'rate', min: 1 },
    { metric: 'rate', min: 5, than: 'always' },
  ]),
  manyStreams,
  memory,
];

/** @type {Load[]} */
export const sizeLoads = Object.entries(sizes).map(ofSize);
