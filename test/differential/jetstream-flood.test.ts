// More API requests than a server can take, beside the official server: what is dropped, who is told, and what goes on.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { officialBinary, WITHOUT_OFFICIAL } from '../support/official.js';
import { WireClient } from '../support/wire-client.js';
import { type Pair, type Side, startPair, stopPair } from './pair.js';

const conf = `
server_name: srv
jetstream { store_dir: "$DIR/js", max_mem: 64MB, max_file: 64MB, domain: hub, request_queue_limit: 60, info_queue_limit: 40 }
accounts {
  A { users: [{user: a, password: a}], jetstream: enabled }
  SYS { users: [{user: s, password: s}] }
}
system_account: SYS
`;

/** Far more than the limits. */
const FLOOD = 5000;

async function client(side: Side, user: string): Promise<WireClient> {
  const connected = await WireClient.connect(side.port);
  const options = JSON.stringify({ verbose: false, user, pass: user, headers: true, no_responders: true });
  await connected.write(`CONNECT ${options}\r\nSUB answers.* 1\r\nPING\r\n`);
  await connected.until(() => connected.pongs > 0);
  return connected;
}

const request = (subject: string, body: string, reply: string) =>
  `PUB ${subject} ${reply} ${body.length}\r\n${body}\r\n`;

/** The advisories and lines of the log that a flood of requests of one kind makes; what is told of the last one, masked. */
async function flood(
  side: Side,
  subject: string,
): Promise<{ advisory: string; line: string; alive: boolean }> {
  const listener = await client(side, 's');
  await listener.write('SUB $JS.EVENT.ADVISORY.API.LIMIT_REACHED 2\r\nPING\r\n');
  await listener.until(() => listener.pongs > 1);
  const sender = await client(side, 'a');
  await sender.write(request(subject, '', 'answers.flood').repeat(FLOOD));
  await listener.until(() => /api_limit_reached.*\r\n/.test(listener.received), 5000);
  let alive = false;
  // What comes while the queue is full is dropped with it.
  for (let i = 0; i < 20 && !alive; i++) {
    await sender.write(request('$JS.API.STREAM.MSG.GET.X', '{"seq":1}', 'answers.last'));
    alive = await sender.until(() => /MSG answers\.last 1 \d+\r\n\{.*\}/.test(sender.received), 500);
  }
  const advisory = /\{"type":"io\.nats\.jetstream\.advisory.*\}/.exec(listener.received)?.[0] ?? '(none)';
  const line = /JetStream API.*/g.exec(
    side.process.log.split('\n').findLast((each) => /API.*queue/.test(each)) ?? '',
  );
  listener.destroy();
  sender.destroy();
  return {
    advisory: advisory
      .replace(/"id":"[^"]{22}"/, '"id":""')
      .replace(/"timestamp":"[^"]*"/, '"timestamp":""')
      .replace(/"dropped":[1-9]\d*/, '"dropped":0'),
    line: line?.[0].replace(/\d+/, 'n') ?? '(none)',
    alive,
  };
}

describe('floods of API requests', { skip: officialBinary() ? false : WITHOUT_OFFICIAL }, () => {
  let pair: Pair;
  before(async () => {
    pair = await startPair({ conf });
  });
  after(() => stopPair(pair));

  for (const [kind, subject] of [
    ['requests that ask', '$JS.API.STREAM.INFO.X'],
    ['requests that change something', '$JS.API.STREAM.DELETE.X'],
  ] as const) {
    test(`${kind} are dropped, which is told`, async () => {
      // Both tell the log the same thing once in a while only.
      await delay(2200);
      const [official, weft] = await Promise.all([flood(pair.official, subject), flood(pair.weft, subject)]);
      assert.deepEqual(weft, official);
      assert.match(official.advisory, /"server":"srv","domain":"hub","dropped":0/);
      assert.ok(official.alive);
    });
  }
});
