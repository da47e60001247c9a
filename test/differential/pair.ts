// Two servers with the same configuration, one official and one ours, and the loop that runs a table of cases
// against both and compares.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Monitor } from '../support/monitor.js';
import { officialBinary, WITHOUT_OFFICIAL, weftBinary } from '../support/official.js';
import { ServerProcess, type ServerProcessOptions } from '../support/server-process.js';
import { persistently } from './again.js';
import { type Case, runScript, subscriptionCount, type Transcript } from './transcript.js';

export interface Side {
  readonly process: ServerProcess;
  readonly port: number;
  /** Absent when the server has opened no monitoring port. */
  readonly monitor?: Monitor;
  /** Subscriptions that the server holds for itself. */
  readonly quiet: number;
  /** How often this server left a script waiting until it gave up. */
  silences: number;
}

export interface Pair {
  readonly official: Side;
  readonly weft: Side;
}

/** A server that lets so many cases time out is broken; the other cases would only take time. */
const PATIENCE = 12;
/** In all suites of the file, which is a process of its own. */
let silences = 0;

type Config = Omit<ServerProcessOptions, 'binary'> & {
  /** What `http_base_path` in the conf says. */
  readonly basePath?: string;
};

export async function startPair(config: Config): Promise<Pair> {
  const official = officialBinary();
  if (!official) throw new Error(WITHOUT_OFFICIAL);
  const started = await Promise.allSettled([
    startSide({ ...config, binary: official }),
    startSide({ ...config, binary: weftBinary() }),
  ]);
  const [first, second] = started;
  if (first.status === 'fulfilled' && second.status === 'fulfilled') {
    const pair = { official: first.value, weft: second.value };
    if (pair.weft.monitor) return pair;
    // Without monitoring on our side nobody is asked for reasons, so that the wire can be compared all the same.
    first.value.monitor?.close();
    return { official: { ...first.value, monitor: undefined }, weft: pair.weft };
  }
  for (const side of started) if (side.status === 'fulfilled') await stopSide(side.value);
  throw first.status === 'rejected' ? first.reason : (second as PromiseRejectedResult).reason;
}

export async function stopPair(pair: Pair | undefined): Promise<void> {
  if (pair) await Promise.all([stopSide(pair.official), stopSide(pair.weft)]);
}

async function startSide(options: Config & { binary: string }): Promise<Side> {
  const process = await ServerProcess.start(options);
  const monitor = process.hasHttp ? new Monitor(process.httpPort, options.basePath) : undefined;
  const quiet = monitor ? await subscriptionCount(monitor) : 0;
  return { process, port: process.port, monitor, quiet, silences: 0 };
}

async function stopSide(side: Side): Promise<void> {
  side.monitor?.close();
  await side.process.stop();
}

/** Something that runs beside a server as long as the cases do, such as a service. */
export interface Helper {
  close(): Promise<void>;
}

/**
 * Declares one test per case, all on one pair of servers with the configuration `conf`. `helper` starts what each of them needs.
 * DIFFERENTIAL_SHOW=1 prints the official server's transcripts.
 */
export function differential(
  title: string,
  conf: string,
  cases: readonly Case[],
  helper?: (side: Side) => Promise<Helper>,
): void {
  if (!officialBinary()) {
    test(title, { skip: WITHOUT_OFFICIAL });
    return;
  }
  describe(title, () => {
    let pair: Pair | undefined;
    let same = 0;
    const helpers: Helper[] = [];
    before(async () => {
      assertDistinctNames(cases);
      pair = await startPair({ conf });
      if (helper === undefined) return;
      const withHelper = async (side: Side): Promise<Side> => {
        helpers.push(await helper(side));
        return { ...side, quiet: side.monitor ? await subscriptionCount(side.monitor) : 0 };
      };
      pair = { official: await withHelper(pair.official), weft: await withHelper(pair.weft) };
    });
    after(async () => {
      for (const each of helpers) await each.close();
      await stopPair(pair);
      console.log(`${title}: ${same} of ${cases.length} transcripts identical`);
    });
    for (const item of cases) {
      test(item.name, { skip: item.differs ?? false }, () =>
        persistently(async () => {
          assert.ok(pair);
          assert.ok(silences < PATIENCE, 'a server kept silent too often, so the other cases were left out');
          const [expected, actual] = await runBoth(item, pair);
          if (process.env.DIFFERENTIAL_SHOW) show(title, item.name, expected);
          assert.deepEqual(actual, expected);
          same++;
        }),
      );
    }
  });
}

async function runBoth(item: Case, pair: Pair): Promise<[Transcript, Transcript]> {
  const sides = [pair.official, pair.weft];
  try {
    return (await Promise.all(sides.map((side) => runScript(item, side)))) as [Transcript, Transcript];
  } finally {
    for (const side of sides) {
      silences += side.silences;
      side.silences = 0;
    }
  }
}

function assertDistinctNames(cases: readonly Case[]): void {
  const names = cases.map((item) => item.name);
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  assert.deepEqual(twice, [], 'two cases have the same name');
}

function show(title: string, name: string, transcript: Transcript): void {
  console.log(`=== ${title} | ${name}`);
  for (const [key, value] of Object.entries(transcript)) {
    const parts = Array.isArray(value) ? value : [value];
    for (const part of parts) {
      const text = JSON.stringify(part);
      if (!text?.startsWith('"INFO ')) console.log(`  ${key}: ${text?.slice(0, 300)}`);
    }
  }
}
