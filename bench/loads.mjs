// The loads, what each of them counts, and the targets that Weft has set itself.
import { setTimeout as sleep } from 'node:timers/promises';
import { longLoads } from './jetstream-long-loads.mjs';
import { publishLoads, sizeLoads } from './jetstream-publish-loads.mjs';
import { readLoads } from './jetstream-read-loads.mjs';
import { runFlow } from './measure.mjs';
import { fileLimit } from './proc.mjs';

const KIB = 1024;
const MIB = 1024 * KIB;
const BACKGROUND_RATE = 200_000; // messages a second
const FEW_SUBJECTS = 10_000; // of the million, for the cost of matching before and after

/**
 * @typedef {object} Target
 * @property {string} metric
 * @property {number} [max]
 * @property {number} [min]
 * @property {'ratio' | 'absolute'} [of] Weft divided by the official server (default), or Weft alone
 * @property {'official' | 'always'} [than] the official server with its default settings (default), or when it syncs always
 */

/**
 * @typedef {object} Load
 * @property {string} id
 * @property {string} title
 * @property {string} unit what rate and CPU are counted in
 * @property {Target[]} targets
 * @property {number} [repeat] runs per side and round, for loads whose figures scatter
 * @property {boolean} [tls] the server needs a certificate
 * @property {string} [config] what the server is configured with
 * @property {boolean} [jetstream] the server has JetStream, in a fresh folder
 * @property {string[]} [sides] who takes turns, of those in sides.mjs; the official server and Weft where it is missing
 * @property {boolean} [onlyNamed] not part of a run of all loads: it has to be named, or everything asked for
 * @property {number} [timeout] of a run in milliseconds
 * @property {number} [size] payload bytes of a load that is a point of the plot over sizes
 * @property {(run: import('./measure.mjs').Run) => Promise<Record<string, number>>} run
 */

/** @returns {Load} */
function flow(id, title, unit, cpuTarget, shape, repeat = 1) {
  const targets = cpuTarget === undefined ? [] : [{ metric: 'cpu', max: cpuTarget }];
  return { id, title, unit, targets, repeat, run: (run) => runFlow(run, shape) };
}

const SUBJECT = { pattern: 'bench' };
const one = (deliveries = 1) => ({ connections: deliveries, subscriptions: [SUBJECT], deliveries });

const flows = [
  flow('pub-16', 'Publish only, 16 B', 'message', 0.55, { subjects: SUBJECT, size: 16, count: 5_000_000 }),
  flow('pub-128', 'Publish only, 128 B', 'message', 0.55, { subjects: SUBJECT, size: 128, count: 4_000_000 }),
  flow('1-1-16', '1:1, 16 B', 'message', 0.55, { subjects: SUBJECT, size: 16, count: 2_500_000, to: one() }),
  flow('1-1-128', '1:1, 128 B', 'message', 0.55, {
    subjects: SUBJECT,
    size: 128,
    count: 1_500_000,
    to: one(),
  }),
  flow('1-1-4k', '1:1, 4 KiB', 'message', 0.85, {
    subjects: SUBJECT,
    size: 4 * KIB,
    count: 250_000,
    to: one(),
  }),
  flow('1-1-64k', '1:1, 64 KiB', 'message', 0.85, {
    subjects: SUBJECT,
    size: 64 * KIB,
    count: 12_000,
    windowBytes: 8 * MIB,
    to: one(),
  }),
  flow('fan-4', 'Fan-out 1:4, 128 B', 'delivery', 0.55, {
    subjects: SUBJECT,
    size: 128,
    count: 600_000,
    to: one(4),
  }),
  flow(
    'fan-500',
    'Fan-out 1:500, 128 B',
    'delivery',
    0.55,
    { subjects: SUBJECT, size: 128, count: 3000, windowBytes: 16 * MIB, to: one(500) },
    2,
  ),
  flow('n-m', '4 publishers, 4 subscribers, 128 B', 'delivery', undefined, {
    subjects: SUBJECT,
    size: 128,
    count: 600_000,
    connections: 4,
    to: one(4),
  }),
  flow('subjects-1k', '1,000 subjects, 128 B', 'message', undefined, {
    subjects: { pattern: 's.#', sizes: [1000] },
    size: 128,
    count: 1_200_000,
    to: { subscriptions: [{ pattern: 's.>' }], deliveries: 1 },
  }),
  flow('subjects-100k', '100,000 subjects, 128 B', 'message', undefined, {
    subjects: { pattern: 's.#', sizes: [100_000] },
    size: 128,
    count: 600_000,
    to: { subscriptions: [{ pattern: 's.>' }], deliveries: 1 },
  }),
  flow('wildcards', '10,000 wildcard subscriptions, 100,000 subjects', 'delivery', undefined, {
    // Every subject matches two of the subscriptions.
    subjects: { pattern: 'w.a.#.#', sizes: [5000, 20] },
    size: 128,
    count: 300_000,
    to: {
      subscriptions: [
        { pattern: 'w.a.#.*', sizes: [5000] },
        { pattern: 'w.*.#.>', sizes: [5000] },
      ],
      deliveries: 2,
    },
  }),
  flow('queue-10', 'Queue group of 10, 128 B', 'message', undefined, {
    subjects: SUBJECT,
    size: 128,
    count: 1_000_000,
    to: { connections: 10, subscriptions: [SUBJECT], queue: 'workers', deliveries: 1 },
  }),
  flow('pub-conns-500', '500 publishing connections, 128 B', 'message', 0.55, {
    subjects: SUBJECT,
    size: 128,
    count: 2_000_000,
    connections: 500,
    chunkBytes: 8 * KIB,
    window: 256,
  }),
];

/** Two accounts that give each other streams and services; the users are called as the accounts are. */
const twoAccounts = `accounts {
  giver: {
    users: [{user: giver, password: giver}]
    exports: [{stream: "bench.>"}, {service: svc}]
    imports: [{stream: {account: taker, subject: _ack}}]
  }
  taker: {
    users: [{user: taker, password: taker}]
    exports: [{stream: _ack}]
    imports: [{stream: {account: giver, subject: "bench.>"}, prefix: from}, {service: {account: giver, subject: svc}}]
  }
}
`;

/** Messages through the import of a stream, to so many subscribers. @returns {Load} */
function streamImport(id, title, receivers, count) {
  return {
    ...flow(id, title, 'delivery', 0.6, {
      subjects: { pattern: 'bench.stream' },
      size: 128,
      count,
      user: 'giver',
      to: {
        ...one(receivers),
        user: 'taker',
        subject: 'from.bench.stream',
        subscriptions: [{ pattern: 'from.bench.stream' }],
      },
    }),
    config: twoAccounts,
  };
}

/** Requests, many at a time, to a service: of another account, or of the same one to compare with. @returns {Load} */
function serviceRequests(id, title, asker, cpuTarget) {
  return {
    id,
    title,
    unit: 'request',
    targets: [{ metric: 'cpu', max: cpuTarget }],
    config: twoAccounts,
    async run(run) {
      const common = { subject: 'svc', size: 128 };
      await run.role('Service', { ...common, user: 'giver' });
      const requester = await run.role('Asker', { ...common, user: asker, window: 256 });
      const count = run.count(150_000);
      await requester.call('run', { count: Math.round(count / 5) });
      const { seconds, cpu } = await run.measure(async () => [await requester.call('run', { count })]);
      return { rate: count / seconds, cpu: (cpu * 1000) / count };
    },
  };
}

const imports = [
  streamImport('import-stream', 'Through the import of a stream, 1:1, 128 B', 1, 1_500_000),
  streamImport('import-stream-4', 'Through the import of a stream, 1:4, 128 B', 4, 600_000),
  serviceRequests('import-service', 'Requests to a service of another account, 256 at a time', 'taker', 0.6),
  serviceRequests('requests-256', 'Requests within an account, 256 at a time', 'giver', 1),
];

async function openRequestReply(run, requesters, size = 16) {
  await run.role('Responder', { size, requesters });
  return run.role('Requester', { size, requesters });
}

/** @returns {Load} */
function requestReply(requesters) {
  return {
    id: `request-${requesters}`,
    title: `Request-reply, ${requesters} requester${requesters > 1 ? 's' : ''}`,
    unit: 'request',
    targets: [
      { metric: 'cpu', max: 1 },
      { metric: 'p50', max: 1 },
    ],
    repeat: 2,
    async run(run) {
      const requester = await openRequestReply(run, requesters);
      await requester.call('run', { milliseconds: 400 * Math.max(run.scale, 0.5) });
      const { results, seconds, cpu } = await run.measure(async () => [
        await requester.call('run', { milliseconds: 2500 * run.scale }),
      ]);
      const [{ count, latency }] = results;
      return { rate: count / seconds, cpu: (cpu * 1000) / count, ...latency };
    },
  };
}

/** @returns {Load} */
function requestsUnderLoad(requesters) {
  return {
    id: `request-${requesters}-busy`,
    title: `Request-reply, ${requesters} requester${requesters > 1 ? 's' : ''}, beside 200,000 msgs/s`,
    unit: 'request',
    targets: [{ metric: 'p99', max: 1.2 }],
    repeat: 3,
    async run(run) {
      const requester = await openRequestReply(run, requesters);
      const pacer = await run.role('Publisher', { subjects: { pattern: 'noise' }, size: 128 });
      await pacer.call('startPacing', { rate: BACKGROUND_RATE });
      await requester.call('run', { milliseconds: 400 * Math.max(run.scale, 0.5) });
      const { results, seconds, cpu } = await run.measure(async () => [
        await requester.call('run', { milliseconds: 2500 * run.scale }),
      ]);
      const { rate } = await pacer.call('stopPacing');
      if (rate < BACKGROUND_RATE * 0.97) run.notes.push(`background only ${Math.round(rate)} msgs/s`);
      const [{ count, latency }] = results;
      return { rate: count / seconds, busy: cpu / seconds / 10, ...latency };
    },
  };
}

/** @returns {Load} */
function connects(id, title, count, tls) {
  return {
    id,
    title,
    unit: 'connection',
    targets: [],
    tls,
    async run(run) {
      const connector = await run.role('Connector', { tls });
      const cycle = (share) => connector.call('cycle', { count: run.count(count * share), concurrency: 8 });
      await cycle(0.2);
      const { seconds, cpu } = await run.measure(async () => [await cycle(1)]);
      const done = run.count(count);
      return { rate: done / seconds, cpu: (cpu * 1000) / done };
    },
  };
}

/** @type {Load} */
const idleConnections = {
  id: 'idle-10k',
  title: '10,000 idle connections with a subscription each',
  unit: 'connection',
  targets: [{ metric: 'perConnection', max: 16, of: 'absolute' }],
  async run(run) {
    const limit = fileLimit();
    const wanted = run.scale < 1 ? 3000 : 10_000;
    const total = Number.isFinite(limit) ? Math.min(wanted, limit - 300) : wanted;
    if (total < wanted) run.notes.push(`only ${total} connections, the limit of open files is ${limit}`);
    else if (total < 10_000) run.notes.push(`quick: ${total} connections`);
    const holders = [await run.role('Connector', {}), await run.role('Connector', {})];
    await holders[0].call('cycle', { count: 20, concurrency: 4 });
    const before = run.server.memory().rss;
    const { seconds, cpu } = await run.measure(() =>
      Promise.all(
        holders.map((holder, i) =>
          holder.call('hold', { count: Math.floor(total / 2), prefix: `idle.${i}` }),
        ),
      ),
    );
    await sleep(1000);
    const after = run.server.memory().rss;
    for (const holder of holders) {
      const lost = await holder.call('lost');
      if (lost > 0) throw new Error(`the server closed ${lost} idle connections`);
    }
    const done = Math.floor(total / 2) * 2;
    return {
      rate: done / seconds,
      cpu: (cpu * 1000) / done,
      perConnection: (after - before) / KIB / done,
    };
  },
};

/** @type {Load} */
const millionSubscriptions = {
  id: 'subs-1m',
  title: '1,000,000 literal subscriptions',
  unit: 'subscription',
  targets: [{ metric: 'growth', max: 1 }],
  async run(run) {
    const wanted = run.scale < 1 ? 200_000 : 1_000_000;
    if (wanted < 1_000_000) run.notes.push(`quick: ${wanted} subscriptions`);
    const all = { pattern: 'lit.#', sizes: [wanted] };
    const few = { ...all, from: 0, to: FEW_SUBJECTS };
    const connections = 4;
    const counter = await run.role('Subscriber', {
      connections,
      split: true,
      subscriptions: [],
      subject: 'lit.000000',
      size: 16,
      ackStep: 5000,
    });
    const total = wanted / connections;
    const before = run.server.memory().rss;
    await counter.call('subscribe', { subscriptions: [few], total });
    const pump = await run.role('Publisher', {
      subjects: few,
      size: 16,
      ackStep: 5000,
      ackFactor: 1,
      window: 50_000,
    });
    const publish = async () => {
      const count = run.count(400_000);
      const send = (messages) => () =>
        Promise.all([counter.call('expect', { count: messages }), pump.call('run', { count: messages })]);
      await send(Math.round(count / 4))();
      return ((await run.measure(send(count))).cpu * 1000) / count;
    };
    const matchFew = await publish();
    const rest = { ...all, from: FEW_SUBJECTS };
    const { seconds, cpu } = await run.measure(async () => [
      await counter.call('subscribe', { subscriptions: [rest], total }),
    ]);
    await sleep(300);
    const growth = (run.server.memory().rss - before) / MIB;
    const matchMany = await publish();
    const added = wanted - FEW_SUBJECTS;
    const slowdown = matchMany / matchFew;
    return { rate: added / seconds, cpu: (cpu * 1000) / added, growth, matchFew, matchMany, slowdown };
  },
};

/** @type {Load[]} */
export const loads = [
  ...flows,
  ...imports,
  requestReply(1),
  requestReply(16),
  requestsUnderLoad(1),
  requestsUnderLoad(16),
  connects('connect', 'Connect and disconnect', 6000, false),
  connects('connect-tls', 'Connect and disconnect, TLS', 800, true),
  idleConnections,
  millionSubscriptions,
  ...publishLoads,
  ...readLoads,
  ...sizeLoads,
  ...longLoads,
];

/** What is measured; `better` says which direction is good. */
export const metrics = {
  rate: { label: 'rate', unit: '/s', better: 'more' },
  cpu: { label: 'server CPU', unit: 'us', better: 'less' },
  busy: { label: 'server CPU', unit: '% of a core', better: 'less' },
  p50: { label: 'p50', unit: 'us', better: 'less' },
  p90: { label: 'p90', unit: 'us', better: 'less' },
  p99: { label: 'p99', unit: 'us', better: 'less' },
  p999: { label: 'p99.9', unit: 'us', better: 'less' },
  perConnection: { label: 'memory per connection', unit: 'KB', better: 'less' },
  restart: { label: 'restart', unit: 'ms', better: 'less' },
  growth: { label: 'memory growth', unit: 'MB', better: 'less' },
  matchFew: { label: 'CPU per message, 10k subscriptions', unit: 'us', better: 'less' },
  matchMany: { label: 'CPU per message, all subscriptions', unit: 'us', better: 'less' },
  slowdown: { label: 'CPU per message, all / 10k', unit: 'x', better: 'less' },
  rss: { label: 'memory (RSS)', unit: 'MB', better: 'less' },
  peak: { label: 'memory peak', unit: 'MB', better: 'less' },
};
