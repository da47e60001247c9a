/** PROFILEZ: what the process is busy with, and what takes its memory, measured by V8. */
import { type Profiler as Inspected, Session } from 'node:inspector';
import { goDuration, goQuote } from '../config/go-format.js';
import type { Clock } from '../runtime/clock.js';
import { encodeProfile, type Frame, type ProfileSample } from './pprof.js';

const LONGEST = 15_000;
/** For how long allocations are watched, unless the request says it. Officially they are counted from the start. */
const ALLOCATIONS = 1000;
/** Bytes between two samples, on average. */
const ALLOCATION_PERIOD = 32 * 1024;
/** Of no interest: the process sleeps. */
const IDLE = new Set(['(idle)', '(root)']);

/** What V8 tells of allocations, as far as it is used. */
interface HeapNode {
  id: number;
  callFrame: Frame;
  selfSize: number;
  children: HeapNode[];
}

interface HeapProfile {
  head: HeapNode;
  samples: { nodeId: number }[];
}

export interface ProfileRequest {
  name: string;
  /** Nanoseconds. */
  duration: number;
}

/** `profile` is base64. */
export interface ProfileAnswer {
  profile: string | null;
  error: string;
}

export class Profiler {
  readonly #clock: Clock;
  #busy = false;
  #closed = false;
  #wake: (() => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async profile({ name, duration: nanoseconds }: ProfileRequest): Promise<ProfileAnswer> {
    const duration = nanoseconds / 1e6;
    const allowed = duration > 0 && duration <= LONGEST;
    if (name === '') return failed('Profile name not specified');
    if (name !== 'cpu' && name !== 'heap' && name !== 'allocs') {
      return failed(`Profile ${goQuote(name)} not found`);
    }
    if (!allowed && (name === 'cpu' || duration !== 0)) {
      return failed(`Duration ${goDuration(duration)} should be between 0s and 15s`);
    }
    if (this.#busy) return failed('Failed to start CPU profile: cpu profiling already in use');
    this.#busy = true;
    const session = new Session();
    session.connect();
    try {
      const made =
        name === 'cpu'
          ? await this.#processor(session, duration)
          : await this.#memory(session, duration || ALLOCATIONS, name === 'allocs');
      return { profile: made.toString('base64'), error: '' };
    } catch (error) {
      return failed(`Profile ${goQuote(name)} error: ${error instanceof Error ? error.message : error}`);
    } finally {
      session.disconnect();
      this.#busy = false;
    }
  }

  async #processor(session: Session, duration: number): Promise<Buffer> {
    const time = this.#clock.now();
    await post(session, 'Profiler.enable');
    await post(session, 'Profiler.start');
    await this.#pause(duration);
    const { profile } = (await post(session, 'Profiler.stop')) as Inspected.StopReturnType;
    const samples = processorSamples(profile);
    const count = Math.max(profile.samples?.length ?? 0, 1);
    const period = ((profile.endTime - profile.startTime) * 1000) / count;
    const cpu: [string, string] = ['cpu', 'nanoseconds'];
    const types: [string, string][] = [['samples', 'count'], cpu];
    return encodeProfile({ types, samples, time, duration, period, periodType: cpu });
  }

  async #memory(session: Session, duration: number, all: boolean): Promise<Buffer> {
    const time = this.#clock.now();
    await post(session, 'HeapProfiler.enable');
    await post(session, 'HeapProfiler.startSampling', {
      samplingInterval: ALLOCATION_PERIOD,
      includeObjectsCollectedByMajorGC: all,
      includeObjectsCollectedByMinorGC: all,
    });
    await this.#pause(duration);
    const { profile } = (await post(session, 'HeapProfiler.stopSampling')) as { profile: HeapProfile };
    const samples = memorySamples(profile);
    const what = all ? 'alloc' : 'inuse';
    return encodeProfile({
      types: [
        [`${what}_objects`, 'count'],
        [`${what}_space`, 'bytes'],
      ],
      samples,
      time,
      duration,
      period: ALLOCATION_PERIOD,
      periodType: ['space', 'bytes'],
    });
  }

  /** A profile that is being made ends now. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  #pause(duration: number): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#clock.after(duration, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

function failed(error: string): ProfileAnswer {
  return { profile: null, error };
}

function post(session: Session, method: string, parameters: object = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    session.post(method, parameters, (error, result) => (error === null ? resolve(result) : reject(error)));
  });
}

/** How often, and for how many nanoseconds, the process was seen in each place. */
function processorSamples({ nodes, samples = [], timeDeltas = [] }: Inspected.Profile): ProfileSample[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map<number, number>();
  for (const { id, children } of nodes) for (const child of children ?? []) parents.set(child, id);
  const seen = new Map<number, [count: number, time: number]>();
  samples.forEach((id, i) => {
    const values = seen.get(id) ?? [0, 0];
    seen.set(id, [values[0] + 1, values[1] + Math.max(timeDeltas[i] ?? 0, 0) * 1000]);
  });
  const result: ProfileSample[] = [];
  for (const [id, values] of seen) {
    if (IDLE.has(byId.get(id)!.callFrame.functionName)) continue;
    const stack: Frame[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const { callFrame } = byId.get(at)!;
      if (callFrame.functionName !== '(root)') stack.push(callFrame);
    }
    result.push({ stack, values });
  }
  return result;
}

/** How many objects, and bytes of them, were made in each place. */
function memorySamples({ head, samples }: HeapProfile): ProfileSample[] {
  const counts = new Map<number, number>();
  for (const { nodeId } of samples) counts.set(nodeId, (counts.get(nodeId) ?? 0) + 1);
  const result: ProfileSample[] = [];
  const visit = (node: HeapNode, outer: Frame[]): void => {
    const stack = node === head ? outer : [node.callFrame, ...outer];
    const count = counts.get(node.id) ?? 0;
    if (node.selfSize > 0) result.push({ stack, values: [count, node.selfSize] });
    for (const child of node.children) visit(child, stack);
  };
  visit(head, []);
  return result;
}
