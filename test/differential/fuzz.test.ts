// Thousands of generated conversations, most with something wrong in them, to the official server and to ours: what comes
// back until the end of the connection must be the same bytes. FUZZ_SEED and FUZZ_COUNT choose others than the usual ones.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { FrameGenerator } from '../stress/frame-generator.js';
import { officialBinary, WITHOUT_OFFICIAL } from '../support/official.js';
import { frames, maskInfo } from './normalise.js';
import { type Pair, startPair, stopPair } from './pair.js';

const SEED = Number(process.env.FUZZ_SEED ?? 7);
const COUNT = Number(process.env.FUZZ_COUNT ?? 1500);
/** Tells whether the connection was still alive behind the conversation. */
const LAST_WORD = '\r\nPING\r\n';

interface Setting {
  title: string;
  conf: string;
  maxPayload: number;
  maxControlLine: number;
  damage: number;
}

const settings: Setting[] = [
  { title: 'default limits', conf: '', maxPayload: 1024 * 1024, maxControlLine: 4096, damage: 8 },
  {
    title: 'small limits',
    conf: 'max_payload: 2000, max_control_line: 256',
    maxPayload: 2000,
    maxControlLine: 256,
    damage: 16,
  },
  {
    title: 'permissions',
    conf: `
      authorization {
        users = [ { user: u, password: p, permissions: {
          publish: { allow: ["foo.>", "a.*", "b", "_INBOX"], deny: "foo.b" }
          subscribe: { deny: ["bar.>", "*.foo", "a-b q2"] }
          allow_responses: { max: 2 }
        } } ]
      }
      no_auth_user: u`,
    maxPayload: 1024 * 1024,
    maxControlLine: 4096,
    damage: 2,
  },
];

for (const { title, conf, ...limits } of settings) {
  describe(`generated conversations, ${title}`, { skip: officialBinary() ? false : WITHOUT_OFFICIAL }, () => {
    let pair: Pair;
    before(async () => {
      pair = await startPair({ conf });
    });
    after(() => stopPair(pair));

    test(`${COUNT} conversations from seed ${SEED}`, { timeout: 120_000 }, async () => {
      const generator = new FrameGenerator(SEED, limits);
      const different: string[] = [];
      for (let i = 0; i < COUNT && different.length < 5; i++) {
        const input = generator.conversation(1 + generator.below(16));
        // A connection that ended may be in the books of the official server for a moment: look twice before complaining.
        let verdict = await compare(pair, input);
        for (let again = 0; again < 2 && verdict !== null; again++) verdict = await compare(pair, input);
        if (verdict !== null) different.push(`conversation ${i}: ${JSON.stringify(input)}\n${verdict}`);
      }
      assert.equal(different.join('\n\n'), '');
    });
  });
}

async function compare(pair: Pair, input: string): Promise<string | null> {
  const [official, weft] = await Promise.all([
    answerOf(pair.official.port, input),
    answerOf(pair.weft.port, input),
  ]);
  const at = official.findIndex((frame, index) => frame !== weft[index]);
  if (at === -1 && official.length === weft.length) return null;
  const from = at === -1 ? official.length : at;
  const show = (all: string[]) =>
    JSON.stringify(all.slice(from, from + 4).map((frame) => frame.slice(0, 300)));
  return `  official, from frame ${from} of ${official.length}: ${show(official)}\n  weft, of ${weft.length}: ${show(weft)}`;
}

/** The official server takes a PUB that two reads brought apart twice, and complains of its subject twice. */
function withoutRepeats(all: string[]): string[] {
  return all.filter((frame, i) => frame !== "-ERR 'Invalid Publish Subject'\r\n" || frame !== all[i - 1]);
}

/** Says everything at once, and then nothing more; resolves with all that came back. */
function answerOf(port: number, input: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const received: Buffer[] = [];
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const timer = setTimeout(() => {
      reject(new Error(`port ${port} does not end the connection after ${JSON.stringify(input)}`));
      socket.destroy();
    }, 10_000);
    socket.on('data', (data) => received.push(data));
    // A reset is an end like any other.
    socket.on('error', () => undefined);
    socket.on('end', () => socket.destroy());
    socket.on('close', () => {
      clearTimeout(timer);
      const text = Buffer.concat(received).toString('latin1');
      resolve(withoutRepeats(frames(maskInfo(text, Number(/"client_id":(\d+)/.exec(text)?.[1])))));
    });
    socket.end(Buffer.from(input + LAST_WORD, 'latin1'));
  });
}
