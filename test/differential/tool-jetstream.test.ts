// Streams, consumers, buckets and objects by the official tool `nats`, on both servers: what it prints, without the numbers.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { officialBinary, officialTool, WITHOUT_OFFICIAL, WITHOUT_TOOL } from '../support/official.js';
import { tool } from './nats-tool.js';
import { type Pair, startPair, stopPair } from './pair.js';

const conf = `
server_name: srv
jetstream { store_dir: "$DIR/js", max_mem: 64MB, max_file: 256MB }
accounts { A { users: [{user: a, password: a}], jetstream: enabled } }
`;

/** One after the other, each on what the ones before have left. */
const commands = [
  ...['account info', 'stream ls', 'stream info NONE', 'kv ls', 'object ls'],
  'stream add S --subjects s.> --storage file --defaults',
  'stream add S --subjects s.> --storage file --defaults',
  'stream add BAD --subjects s.x --storage file --defaults',
  ...['pub s.1 one', 'pub s.2 two -H X:y', 'pub s.3 three --jetstream', 'request s.1 four'],
  ...['stream info S', 'stream ls', 'stream ls -n', 'stream ls -a', 'stream state S', 'stream subjects S'],
  ...[
    'stream get S 2',
    'stream get S --last-for s.1',
    'stream get S 99',
    'stream report',
    'stream find --subject s.1',
  ],
  'stream edit S --max-msgs 100 --max-age 1h --description changed --force',
  'stream copy S COPY --subjects copy.>',
  'consumer add S pull --pull --defaults',
  'consumer add S push --target there --deliver-group g --defaults',
  'consumer add S bad --pull --filter other.> --ack none --max-pending 5 --defaults',
  ...['consumer info S pull', 'consumer ls S', 'consumer ls S -n', 'consumer report S'],
  ...['consumer next S pull --ack', 'consumer next S pull --count 2 --no-ack', 'consumer info S NONE'],
  'consumer edit S pull --description changed --force',
  ...['consumer pause S pull 1h --force', 'consumer info S pull', 'consumer resume S pull --force'],
  ...['consumer copy S pull pull2', 'consumer reset S pull2 --force', 'consumer rm S pull2 --force'],
  ...[
    'stream rmm S 2 --force',
    'stream gaps S --force',
    'stream purge S --subject s.3 --force',
    'stream info S',
  ],
  ...[
    'stream backup S backup',
    'stream rm S --force',
    'stream restore backup',
    'stream info S',
    'consumer ls S',
  ],
  ...[
    'stream seal COPY --force',
    'stream purge COPY --force',
    'stream rm COPY --force',
    'stream rm NONE --force',
  ],
  'kv add B --history 5 --ttl 1h --description bucket',
  ...[
    'kv put B key one',
    'kv put B key two',
    'kv create B key three',
    'kv create B other four',
    'kv update B key five 99',
  ],
  ...[
    'kv update B key five 2',
    'kv get B key',
    'kv get B key --raw',
    'kv get B none',
    'kv get B key --revision 1',
  ],
  ...[
    'kv history B key',
    'kv ls B',
    'kv ls B --verbose --display-value',
    'kv ls',
    'kv info B',
    'kv del B other --force',
  ],
  ...[
    'kv get B other',
    'kv purge B key --force',
    'kv history B key',
    'kv compact B --force',
    'kv revert B key 1 --force',
  ],
  'kv del B --force',
  'object add O --description store',
  ...[
    'object put O file.txt --no-progress --force',
    'object put O big.bin --name large --no-progress --force',
  ],
  ...[
    'object ls',
    'object ls O',
    'object info O',
    'object info O large',
    'object get O file.txt --output out --no-progress --force',
  ],
  ...[
    'object rm O file.txt --force',
    'object info O file.txt',
    'object ls O',
    'object seal O --force',
    'object rm O large --force',
  ],
  'object del O --force',
  ...['account info', 'account tls', 'server check jetstream', 'server check stream --stream S', 'rtt'],
];

const missing = officialBinary() ? (officialTool() ? false : WITHOUT_TOOL) : WITHOUT_OFFICIAL;

describe('JetStream by the official tool', { skip: missing }, () => {
  const home = mkdtempSync(join(tmpdir(), 'weft-tool-'));
  let pair: Pair | undefined;
  before(async () => {
    pair = await startPair({ conf });
    for (const folder of ['official', 'weft']) {
      mkdirSync(join(home, folder));
      writeFileSync(join(home, folder, 'file.txt'), 'content\n');
      writeFileSync(join(home, folder, 'big.bin'), Buffer.alloc(700_000, 'abc'));
    }
  });
  after(async () => {
    await stopPair(pair);
    rmSync(home, { recursive: true, force: true });
  });

  for (const [at, command] of commands.entries()) {
    test(`${at + 1}: ${command}`, async () => {
      const [official, weft] = await Promise.all([
        tool(pair!.official, 'a', command, join(home, 'official')).output,
        tool(pair!.weft, 'a', command, join(home, 'weft')).output,
      ]);
      if (process.env.DIFFERENTIAL_SHOW) console.log(official);
      assert.equal(weft, official);
    });
  }
});
