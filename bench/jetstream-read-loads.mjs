// Loads that read from streams, and those of key-value buckets.
import { windowFor } from './jetstream-publish-loads.mjs';
import { MEASURED_TIME, runTimed } from './measure.mjs';
import { now } from './wire.mjs';

const STREAM = 'BENCH';
const MESSAGES = 100_000; // what consumers read, again and again
const KEYS = { pattern: '$KV.bench.key-#', sizes: [10_000] };
const FETCH_BATCH = 100;
const UNDER_WAY = 256; // requests of a client that does not wait for each
const SECOND = 1_000_000_000;

/** @typedef {import('./loads.mjs').Load} Load */
/** @typedef {import('./measure.mjs').Run} Run */

/** What the ordered consumer of the Go client asks for. */
const ORDERED = {
  deliver_policy: 'all',
  ack_policy: 'none',
  replay_policy: 'instant',
  inactive_threshold: 300 * SECOND,
  num_replicas: 1,
  mem_storage: true,
};

/** A durable consumer with the clients' defaults. */
const DURABLE = { deliver_policy: 'all', ack_policy: 'explicit', replay_policy: 'instant' };

/** What a watcher of the Go client asks for. */
const WATCH = {
  deliver_policy: 'last_per_subject',
  ack_policy: 'none',
  replay_policy: 'instant',
  max_deliver: 1,
  flow_control: true,
  idle_heartbeat: 5 * SECOND,
  num_replicas: 1,
  mem_storage: true,
};

/** Fills a stream, unmeasured. */
async function fill(run, subjects, count) {
  const pump = await run.role('AsyncPublisher', { subjects, size: 128, window: windowFor(128) });
  await pump.call('run', { count });
  await pump.close();
}

/**
 * Reads the same messages again and again, each time by a new consumer, until the time is up. The rate counts the reading
 * alone, the CPU time the consumers' creation, too: two requests per pass.
 * @param {Run} run
 * @param {number} count messages of a pass
 * @param {(name: string) => Promise<{start: number, end: number}>} pass
 */
async function passes(run, count, pass) {
  let [number, reading] = [0, 0];
  const readFor = async (milliseconds) => {
    const start = now();
    const first = number;
    reading = 0;
    do {
      const { start, end } = await pass(`pass${++number}`);
      reading += end - start;
    } while (now() - start < milliseconds);
    return [{ start, end: now(), passes: number - first }];
  };
  await run.warmUp(readFor);
  const { results, cpu } = await run.measure(() => readFor(MEASURED_TIME * run.scale));
  const messages = results[0].passes * count;
  return { rate: messages / (reading / 1000), cpu: (cpu * 1000) / messages };
}

/**
 * A stream that is read by pull consumers.
 * @param {string} id @param {string} title @param {object} config of the consumers
 * @param {(reader: any, what: {stream: string, consumer: string, count: number}) => Promise<any>} read
 * @returns {Load}
 */
function pulled(id, title, config, read) {
  return {
    id,
    title,
    unit: 'message',
    jetstream: true,
    targets: [{ metric: 'rate', min: 1.5 }],
    async run(run) {
      const count = run.count(MESSAGES);
      const control = await run.jetstream();
      await control.createStream(STREAM, ['bench']);
      await fill(run, ['bench'], count);
      await control.verify(STREAM, { messages: count });
      const reader = await run.role('Reader', {});
      return passes(run, count, async (consumer) => {
        const durable = config === DURABLE ? { durable_name: consumer } : {};
        await control.createConsumer(STREAM, consumer, { ...config, ...durable });
        const times = await read(reader, { stream: STREAM, consumer, count });
        await control.finishConsumer(STREAM, consumer, { count });
        await noSurplus(reader);
        await control.deleteConsumer(STREAM, consumer);
        return times;
      });
    },
  };
}

async function noSurplus(reader) {
  const surplus = await reader.call('surplus');
  if (surplus !== 0) throw new Error(`${surplus} messages too many`);
}

/** A bucket with its keys, each put once. */
async function openBucket(run) {
  const control = await run.jetstream();
  await control.createBucket('bench');
  await fill(run, KEYS, KEYS.sizes[0]);
  await control.verify('KV_bench', { messages: KEYS.sizes[0] });
  return control;
}

const BUCKET = { stream: 'KV_bench', keys: KEYS, open: openBucket };
const PLAIN = {
  stream: STREAM,
  keys: { pattern: 'direct.#', sizes: [10_000] },
  async open(run) {
    const control = await run.jetstream();
    await control.createStream(STREAM, ['direct.*'], { allow_direct: true });
    await fill(run, PLAIN.keys, MESSAGES);
    await control.verify(STREAM, { messages: MESSAGES });
  },
};

/** @returns {Load} */
function puts(id, title, clients) {
  return {
    id,
    title,
    unit: 'put',
    jetstream: true,
    targets: [{ metric: 'rate', min: 1.5 }],
    async run(run) {
      const control = await openBucket(run);
      const params = { subjects: KEYS, size: 128, answer: 'ack', ...clients };
      const { done, metrics } = await runTimed(run, await run.role('Caller', params));
      await control.verify('KV_bench', { messages: KEYS.sizes[0], last: KEYS.sizes[0] + done });
      return metrics;
    },
  };
}

/** Reads of the last message of a subject, by the request that clients make for `get`. @returns {Load} */
function gets(id, title, { stream, keys, open }, clients) {
  return {
    id,
    title,
    unit: 'get',
    jetstream: true,
    targets: [{ metric: 'rate', min: 1.5 }],
    async run(run) {
      await open(run);
      const subjects = { ...keys, pattern: `$JS.API.DIRECT.GET.${stream}.${keys.pattern}` };
      const params = { subjects, size: 0, answer: 'message', answerSize: 128, ...clients };
      return (await runTimed(run, await run.role('Caller', params))).metrics;
    },
  };
}

/** @type {Load} */
const watch = {
  id: 'js-kv-watch',
  title: 'KV watch: all of 10,000 keys',
  unit: 'key',
  jetstream: true,
  targets: [{ metric: 'rate', min: 1.5 }],
  async run(run) {
    const control = await openBucket(run);
    const count = KEYS.sizes[0];
    const watcher = await run.role('Reader', {});
    return passes(run, count, async (name) => {
      const subject = await watcher.call('subscribe', { count });
      const start = now();
      const received = watcher.call('receive');
      const created = control.createConsumer('KV_bench', name, {
        ...WATCH,
        deliver_subject: subject,
        filter_subject: '$KV.bench.>',
      });
      const [{ end }] = await Promise.all([received, created]);
      await noSurplus(watcher);
      await control.deleteConsumer('KV_bench', name);
      return { start, end };
    });
  },
};

/** @type {Load[]} */
export const readLoads = [
  pulled('js-ordered', 'Ordered consumer', ORDERED, (reader, what) =>
    reader.call('consume', { ...what, ack: false }),
  ),
  pulled('js-consume', 'Durable pull consumer, explicit acks', DURABLE, (reader, what) =>
    reader.call('consume', { ...what, ack: true }),
  ),
  pulled(
    'js-fetch',
    `Durable pull consumer, fetch of ${FETCH_BATCH}, explicit acks`,
    DURABLE,
    (reader, what) => reader.call('fetch', { ...what, batch: FETCH_BATCH }),
  ),
  puts('js-kv-put', `KV put, 1 client, ${UNDER_WAY} under way`, { window: UNDER_WAY }),
  puts('js-kv-put-16', 'KV put, 16 clients that wait for each', { connections: 16 }),
  gets('js-kv-get', 'KV get, 16 clients that wait for each', BUCKET, { connections: 16 }),
  watch,
  gets('js-direct-get', `Direct get by subject, 1 client, ${UNDER_WAY} under way`, PLAIN, {
    window: UNDER_WAY,
  }),
];
