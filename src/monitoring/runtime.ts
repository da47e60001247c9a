/** What the process knows of itself: `/stacksz`, `/debug/vars`, `/ipqueuesz`. */
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8';
import { goJson } from './go-json.js';
import { redactArguments } from './redact-arguments.js';
import type { MonitorView } from './view.js';

/** Length of the lists of collector pauses in Go's memory statistics. */
const PAUSES = 256;

/**
 * Queues between parts of the server that have entries, or with `all` every queue. There are none: a message is handled in
 * the turn of the event loop in which it arrives.
 */
export function ipqueuesz(_options: { all: boolean; queues: string }): Record<string, { pending: number }> {
  return {};
}

/** In place of the stacks of goroutines: what keeps the event loop busy, and where the memory is. */
export function stacks({ server }: MonitorView): string {
  const { broker } = server;
  const { utilization, active, idle } = performance.eventLoopUtilization();
  const sections: [string, [string, number | string][]][] = [
    [
      'process',
      [
        ['node', process.versions.node],
        ['pid', process.pid],
        ['uptime_s', process.uptime()],
      ],
    ],
    [
      'event loop',
      [
        ['utilization', utilization],
        ['active_ms', active],
        ['idle_ms', idle],
      ],
    ],
    ['active resources', counted(process.getActiveResourcesInfo())],
    ['memory', Object.entries(process.memoryUsage())],
    ['heap', Object.entries(getHeapStatistics())],
    ...getHeapSpaceStatistics().map(({ space_name, ...sizes }): [string, [string, number][]] => [
      `heap ${space_name}`,
      Object.entries(sizes),
    ]),
    ['resources', Object.entries(process.resourceUsage())],
    [
      'broker',
      [
        ['connections', broker.connections.size],
        ['chunks_in_use', broker.arena.chunksInUse],
      ],
    ],
  ];
  return sections
    .map(([name, lines]) => `${name}:\n${lines.map(([key, value]) => `\t${key} ${value}\n`).join('')}`)
    .join('\n');
}

function counted(names: string[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
}

export interface ExpvarVariables {
  cmdline: string[];
  memstats: ReturnType<typeof memoryStatistics>;
}

/** The variables of Go's `expvar`, with secrets of the command line taken out. */
export function expvarVariables(): ExpvarVariables {
  return { cmdline: redactArguments(process.argv.slice(1)), memstats: memoryStatistics() };
}

/** The text of `/debug/vars`. */
export function expvarText(): string {
  const { cmdline, memstats } = expvarVariables();
  return `{\n"cmdline": ${goJson(cmdline, 0)},\n"memstats": ${goJson(memstats, 0)}\n}\n`;
}

/** Go's memory statistics as far as V8 has something like them; the rest is 0. */
function memoryStatistics() {
  const heap = getHeapStatistics();
  const { rss, external } = process.memoryUsage();
  return {
    Alloc: heap.used_heap_size,
    TotalAlloc: heap.used_heap_size,
    Sys: rss,
    Lookups: 0,
    Mallocs: 0,
    Frees: 0,
    HeapAlloc: heap.used_heap_size,
    HeapSys: heap.total_heap_size,
    HeapIdle: Math.max(heap.total_heap_size - heap.used_heap_size, 0),
    HeapInuse: heap.used_heap_size,
    HeapReleased: Math.max(heap.total_heap_size - heap.total_physical_size, 0),
    HeapObjects: 0,
    StackInuse: 0,
    StackSys: 0,
    MSpanInuse: 0,
    MSpanSys: 0,
    MCacheInuse: 0,
    MCacheSys: 0,
    BuckHashSys: 0,
    GCSys: 0,
    OtherSys: external + heap.malloced_memory,
    NextGC: heap.heap_size_limit,
    LastGC: 0,
    PauseTotalNs: 0,
    PauseNs: new Array<number>(PAUSES).fill(0),
    PauseEnd: new Array<number>(PAUSES).fill(0),
    NumGC: 0,
    NumForcedGC: 0,
    GCCPUFraction: 0,
    EnableGC: true,
    DebugGC: false,
    BySize: [],
  };
}
