// Exports and imports come and go while clients stay connected: what they get before, between and after the reloads is the same as
// from the official server.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { officialBinary, WITHOUT_OFFICIAL, weftBinary } from '../support/official.js';
import { ServerProcess } from '../support/server-process.js';
import { WireClient } from '../support/wire-client.js';
import { frames, maskCrossing } from './normalise.js';
import { connect, pub } from './transcript.js';

const account = (name: string, more: string) => `${name}: { users: [{user: ${name}, password: x}], ${more} }`;
const conf = (a: string, b: string, c = '') =>
  `accounts {\n${account('A', a)}\n${account('B', b)}\n${account('C', c)}\n}`;

const giving = 'exports: [{stream: "s.>"}, {service: "q.*"}]';
const taking = 'imports: [{stream: {account: A, subject: "s.>"}}, {service: {account: A, subject: "q.*"}}]';

/** Configurations one after the other; those that do not fit are refused. */
const runs: Record<string, string[]> = {
  'imports come and go': [
    conf('', ''),
    conf(giving, ''),
    conf(giving, taking),
    conf(giving, ''),
    conf('', ''),
  ],
  'a prefix, a transform and other subjects': [
    conf(giving, taking),
    conf(
      giving,
      'imports: [{stream: {account: A, subject: "s.>"}, prefix: p}, {service: {account: A, subject: "q.*"}, to: "ask.*"}]',
    ),
    conf(
      giving,
      'imports: [{stream: {account: A, subject: "s.*"}, to: "t.$1"}, {service: {account: A, subject: "q.1"}, share: true}]',
    ),
    conf(
      giving,
      'imports: [{stream: {account: A, subject: "s.1"}}, {service: {account: A, subject: "q.1"}, to: "q.2"}]',
    ),
    conf(giving, taking),
  ],
  'from another account': [
    conf(giving, taking, giving),
    conf(giving, taking.replaceAll('A,', 'C,'), giving),
    conf(giving, taking, giving),
  ],
  'what does not fit changes nothing': [
    conf(giving, taking),
    conf('', taking),
    conf(giving, taking.replaceAll('A,', 'X,')),
    conf(giving.replace('"s.>"', '"s.>", accounts: [C]'), taking),
    conf(giving, taking),
  ],
  'the way of answers': [
    conf(giving, taking),
    conf(giving.replace('"q.*"', '"q.*", response: stream'), taking),
    conf(giving.replace('"q.*"', '"q.*", response: stream, threshold: "1h"'), taking),
    conf(giving, taking),
  ],
};

/** What clients of A (and of C) publish and clients of B get, and the other way round. */
async function exchange(clients: Record<string, WireClient>): Promise<string[]> {
  const { A, B, C } = clients as Record<'A' | 'B' | 'C', WireClient>;
  const starts = Object.values(clients).map((client) => client.received.length);
  await A.sync(['s.1', 's.2', 's.1.2'].map((subject) => pub(subject, subject)).join(''));
  await C.sync(pub('s.1', 'from C'));
  await B.sync(['q.1', 'q.2', 'ask.1'].map((subject) => pub(subject, subject, 'in')).join(''));
  for (const one of [A, C]) {
    await one.sync();
    const replies = one.received.slice(starts[one === A ? 0 : 2]).match(/_R_\.\w+\.\w+/g) ?? [];
    // The second answer counts where answers are streams.
    await one.sync(replies.map((reply) => pub(reply, 'one') + pub(reply, 'two')).join(''));
  }
  await B.sync();
  return Object.values(clients).map((client, i) =>
    frames(client.received.slice(starts[i]))
      .filter((frame) => frame !== 'PONG\r\n' && frame !== 'PING\r\n')
      .map(maskCrossing)
      .join(''),
  );
}

async function run(binary: string, [first, ...rest]: string[]): Promise<unknown[]> {
  await using server = await ServerProcess.start({ binary, conf: first!, http: false });
  const clients: Record<string, WireClient> = {};
  for (const name of ['A', 'B', 'C']) {
    const client = await WireClient.connect(server.port);
    clients[name] = client;
    const fields = { user: name, pass: 'x', headers: true, no_responders: true };
    const subscriptions = name === 'B' ? ['s.*', 's.>', 'p.>', 't.*', 'in'] : ['q.*'];
    await client.sync(
      connect(fields) + subscriptions.map((subject, i) => `SUB ${subject} ${i}\r\n`).join(''),
    );
  }
  const seen: unknown[] = [await exchange(clients)];
  for (const next of rest) {
    const before = server.log.length;
    writeFileSync(join(server.folder, 'server.conf'), `listen: "127.0.0.1:-1"\n\n${next}\n`);
    server.kill('SIGHUP');
    const outcome = /Reloaded server configuration|Failed to reload/;
    for (let i = 0; i < 400 && !outcome.test(server.log.slice(before)); i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    seen.push(outcome.exec(server.log.slice(before))?.[0], await exchange(clients));
  }
  for (const client of Object.values(clients)) {
    assert.equal(client.closed, false);
    client.destroy();
  }
  return seen;
}

describe('reloads of imports against the official server', {
  skip: officialBinary() ? false : WITHOUT_OFFICIAL,
}, () => {
  for (const [name, configurations] of Object.entries(runs)) {
    test(name, async () => {
      const [theirs, ours] = await Promise.all([
        run(officialBinary()!, configurations),
        run(weftBinary(), configurations),
      ]);
      assert.deepEqual(ours, theirs);
      for (const part of [/MSG s\.1 0 /, /HMSG q\.1 /, /MSG in 4 /])
        assert.match(JSON.stringify(theirs), part);
    });
  }
});
