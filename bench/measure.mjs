// One run: a fresh server, the load's generator processes, and what both of them say about it.
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { JetStreamControl } from './jetstream-control.mjs';
import { cpuOf, machineBusy } from './proc.mjs';
import { Role } from './role.mjs';
import { Server, StoreFolder } from './server.mjs';
import { jetStreamConfig } from './sides.mjs';
import { deliveredLength, expandSubjects, firstSid } from './wire.mjs';

const RUN_TIMEOUT = 60_000; // unless a load has its own
const WARM_UP = 0.15; // share of a run's messages that go first, uncounted, so that JIT and caches have settled
export const MEASURED_TIME = 1500; // ms, of a full run of a load that is run for some time
const WARM_UP_SLICE = 200; // ms
const WARM_UP_CPU = 400; // ms of the server's CPU time that such a load spends first, as on a busy machine time alone says little
const WARM_UP_LIMIT = 2000; // ms
const SHORTEST_JUDGED = 200; // ms; below it the clock ticks of /proc are too coarse
const BUSY_GENERATOR = 0.93; // share of one core
const FOREIGN_WORK = 0.2; // share of all cores, used by none of our processes
const KIB = 1024;
const MIB = 1024 * KIB;

/** What a load's function gets: the server, generator processes that end with the run, and the size of the run. */
export class Run {
  #roles = [];
  /** @type {JetStreamControl | undefined} */ #control;

  constructor(server, scale, certificate) {
    this.server = server;
    this.scale = scale;
    this.certificate = certificate;
    /** Remarks that belong beside the figures. @type {string[]} */
    this.notes = [];
  }

  /** Starts a generator process and opens its connections. */
  async role(name, params) {
    const role = new Role(name);
    this.#roles.push(role);
    await role.call('open', { port: this.server.port, ...params });
    return role;
  }

  /** A connection for JetStream's API. */
  async jetstream() {
    this.#control ??= await JetStreamControl.open(this.server.port);
    return this.#control;
  }

  /** Restarts the server, which ends the connection for the API. */
  async restart(timeout) {
    this.#control?.close();
    this.#control = undefined;
    return this.server.restart({ timeout });
  }

  /** A count of messages for this size of run. */
  count(full) {
    return Math.max(1, Math.round(full * this.scale));
  }

  /**
   * Server CPU and wall time of the calls, which report their own start and end.
   * @param {() => Promise<{start?: number, end?: number}[]>} action
   */
  async measure(action) {
    const before = this.#clocks();
    const results = await action();
    const after = this.#clocks();
    const start = Math.min(...results.map((result) => result.start ?? Number.POSITIVE_INFINITY));
    const end = Math.max(...results.map((result) => result.end ?? 0));
    this.#judge(before, after);
    return { results, seconds: (end - start) / 1000, cpu: after.server - before.server };
  }

  /**
   * Calls `action` again and again, uncounted, until the server has worked long enough for JIT and caches to have settled.
   * @param {(milliseconds: number) => Promise<unknown>} action
   */
  async warmUp(action) {
    const cpu = this.server.cpu();
    const start = performance.now();
    let spent = 0;
    do {
      await action(WARM_UP_SLICE);
      const elapsed = performance.now() - start;
      spent = elapsed > WARM_UP_LIMIT || cpu === undefined ? elapsed : this.server.cpu() - cpu;
    } while (spent < WARM_UP_CPU);
  }

  #clocks() {
    return {
      time: performance.now(),
      server: this.server.cpu() ?? Number.NaN,
      roles: this.#roles.map((role) => role.cpu()),
      own: cpuOf(process.pid) ?? 0,
      machine: machineBusy() ?? Number.NaN,
    };
  }

  /** Notes what makes figures doubtful: other work on the machine, a generator at its limit. */
  #judge(before, after) {
    const elapsed = after.time - before.time;
    if (elapsed < SHORTEST_JUDGED) return;
    let ours = after.server - before.server + after.own - before.own;
    for (const [i, role] of this.#roles.entries()) {
      const used = after.roles[i] - before.roles[i];
      ours += used;
      if (used / elapsed > BUSY_GENERATOR) this.notes.push(`${role.name} was the bottleneck for the rate`);
    }
    const foreign = (after.machine - before.machine - ours) / elapsed / cpus().length;
    if (foreign > FOREIGN_WORK) this.notes.push('other work kept the machine busy');
  }

  async close() {
    this.#control?.close();
    await Promise.all(this.#roles.map((role) => role.close()));
  }
}

/**
 * Messages from publishers to subscribers, or to nobody.
 * @typedef {object} Flow
 * @property {import('./wire.mjs').SubjectSpec} subjects what is published to
 * @property {number} size payload bytes
 * @property {number} count messages of a full run, over all connections
 * @property {number} [connections] publishing connections
 * @property {number} [chunkBytes]
 * @property {number} [windowBytes] delivered bytes that may be under way
 * @property {number} [window] messages per connection that may be under way, for flows to nobody
 * @property {string} [user] the publishers' user
 * @property {{connections?: number, subscriptions: import('./wire.mjs').SubjectSpec[], split?: boolean, queue?: string,
 *   user?: string, subject?: string, deliveries: number}} [to] the subscribing side; `deliveries` per published message,
 *   `subject` where messages arrive with another one than they are published with
 */

/** @param {Run} run @param {Flow} flow */
export async function runFlow(run, flow) {
  const { subjects, size, connections = 1, to, window, chunkBytes, user } = flow;
  const publisher = { subjects, size, connections, chunkBytes, window, user };
  if (!to) {
    const pump = await run.role('Publisher', publisher);
    return flowPhases(run, flow, (count) => [pump.call('run', { count })], 1);
  }
  const { counter, frame } = await openSubscriber(run, to, flow);
  const pump = await run.role('Publisher', { ...publisher, ...flowControl(flow, frame) });
  const start = (count) => [
    counter.call('expect', { count: count * connections * to.deliveries }),
    pump.call('run', { count }),
  ];
  const metrics = await flowPhases(run, flow, start, to.deliveries);
  const surplus = await counter.call('surplus');
  if (surplus !== 0) throw new Error(`${surplus} deliveries too many`);
  return metrics;
}

async function openSubscriber(run, to, { subjects, size, windowBytes = 4 * MIB }) {
  const { deliveries, ...params } = to;
  const subject = to.subject ?? expandSubjects({ ...subjects, from: 0, to: 1 })[0];
  const total = to.subscriptions.reduce((sum, spec) => sum + expandSubjects(spec).length, 0);
  const perConnection = to.split ? Math.ceil(total / (to.connections ?? 1)) : total;
  const frame = deliveredLength(subject, firstSid(perConnection), size);
  const ackStep = Math.max(1, Math.floor(windowBytes / 8 / frame));
  return { counter: await run.role('Subscriber', { ...params, subject, size, ackStep }), frame };
}

function flowControl({ connections = 1, to, windowBytes = 4 * MIB }, frame) {
  const ackFactor = to.deliveries * connections;
  const ackStep = Math.max(1, Math.floor(windowBytes / 8 / frame));
  return { ackStep, ackFactor, window: Math.max(1, Math.floor(windowBytes / frame / ackFactor)) };
}

/** Warm-up and the measured part of a flow. */
async function flowPhases(run, { count, connections = 1 }, start, deliveries) {
  const each = Math.max(1, Math.round(run.count(count) / connections));
  await Promise.all(start(Math.max(1, Math.round(each * WARM_UP))));
  const { seconds, cpu } = await run.measure(() => Promise.all(start(each)));
  const units = each * connections * deliveries;
  return { rate: units / seconds, cpu: (cpu * 1000) / units };
}

/**
 * Calls `run` of a role for some time: first uncounted, then measured. `done` counts both.
 * @param {Run} run @param {Role} role
 */
export async function runTimed(run, role) {
  let warmUp = 0;
  await run.warmUp(async (milliseconds) => {
    warmUp += (await role.call('run', { milliseconds })).count;
  });
  const { results, seconds, cpu } = await run.measure(async () => [
    await role.call('run', { milliseconds: MEASURED_TIME * run.scale }),
  ]);
  const [{ count, latency }] = results;
  const metrics = { rate: count / seconds, cpu: (cpu * 1000) / count, ...latency };
  return { metrics, done: warmUp + count };
}

/**
 * Runs a load against a fresh server.
 * @param {import('./loads.mjs').Load} load
 * @param {{side: string, program: string}} contestant
 * @param {{scale: number, certificate?: {cert: string, key: string}, directory?: string}} how `directory`: where stores are
 * @returns {Promise<{metrics?: Record<string, number>, notes: string[], failed?: string}>}
 */
export async function runOnce(load, { side, program }, { scale, certificate, directory }) {
  /** @type {Server | undefined} */ let server;
  /** @type {Run | undefined} */ let run;
  const store = load.jetstream ? new StoreFolder(directory) : undefined;
  let timer;
  try {
    const flags = load.tls ? ['--tls', '--tlscert', certificate.cert, '--tlskey', certificate.key] : [];
    const config = store ? jetStreamConfig(side, store.path) : load.config;
    server = await Server.start(program, flags, config);
    run = new Run(server, scale, certificate);
    if (store?.inMemory) run.notes.push('the store is in memory, where syncing costs nothing: see --dir');
    const timeout = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error('took too long')), load.timeout ?? RUN_TIMEOUT);
    });
    const metrics = await Promise.race([load.run(run), server.ended, timeout]);
    const { rss, peak } = server.memory();
    const varz = await server.varz();
    if (varz === undefined) run.notes.push('no /varz');
    else if (varz.slow_consumers > 0)
      throw new Error(`${varz.slow_consumers} slow consumers, figures are void`);
    return { metrics: { ...metrics, rss: rss / MIB, peak: peak / MIB }, notes: run.notes };
  } catch (error) {
    // A generator often sees the end of a server before its exit is known, but the exit says why.
    const ended = server?.ended.catch((reason) => reason);
    const cause = (await Promise.race([ended, sleep(200)])) ?? error;
    return { notes: run?.notes ?? [], failed: cause instanceof Error ? cause.message : String(cause) };
  } finally {
    clearTimeout(timer);
    await run?.close();
    await server?.stop();
    store?.remove();
  }
}
