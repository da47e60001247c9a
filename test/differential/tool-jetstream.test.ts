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
jetstream { store_dir: "$DIR/js", sync_interval: "2m", max_mem: 64MB, max_file: 256MB }
accounts {
  A { users: [{user: a, password: a}], jetstream: enabled }
  S { users: [{user: s, password: s}] }
}
system_account: S
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

/** What fewer people use; what begins with `s:` is said by the system account. */
const rarer = [
  'stream add S --subjects s.> --storage file --defaults --allow-direct --max-msgs-per-subject 3 --allow-msg-ttl --allow-rollup',
  'stream add C --subjects c.> --storage memory --defaults --allow-counter --allow-direct',
  'stream add B --subjects b.> --defaults --allow-batch --allow-schedules --subject-del-markers-ttl 1h',
  'stream add M --mirror S --defaults',
  'stream add G --source S --defaults',
  'stream add P --subjects p.> --defaults --retention work --discard new --max-bytes 10MB --compression s2 --persist-mode async',
  'stream add R --subjects r.> --defaults --republish-source r.> --republish-destination again.> --transform-source r.* --transform-destination t.{{wildcard(1)}}',
  ...[
    'pub s.1 one --jetstream',
    'pub s.1 two --jetstream --ttl 1h',
    'pub s.2 {{Count}} --jetstream --count 5',
    'pub p.1 x -J',
    'pub r.1 x -J',
  ],
  'pub b.1 later --jetstream --schedule @hourly --schedule-target b.2',
  ...[
    'counter increment c.1 5',
    'counter decrement c.1 2',
    'counter get c.1',
    'counter view c.1',
    'counter list C',
  ],
  ...[
    'stream info S --json --no-select',
    'stream info M',
    'stream info G',
    'stream info R',
    'stream info B',
    'stream info P',
    'stream info C',
  ],
  ...[
    'stream state M',
    'stream subjects S --names',
    'stream subjects S s.1',
    'stream find --mirrored',
    'stream find --sourced',
    'stream find --empty',
  ],
  ...[
    'stream find --consumers 0',
    'stream find --idle 1h',
    'stream report',
    'stream ls --names',
    'stream view S --raw',
    'stream gaps S --force',
  ],
  ...[
    'stream get S --last-for s.2',
    'stream get S 1 --json',
    'stream purge S --seq 3 --force',
    'stream purge S --keep 1 --subject s.2 --force',
  ],
  ...[
    'stream edit S --deny-delete --force',
    'stream edit S --deny-purge --force',
    'stream edit P --retention limits --force',
    'stream edit M --mirror X --force',
  ],
  ...[
    'stream edit S --tag x --force',
    'stream edit S --metadata a:b --force',
    'stream edit S --replicas 3 --force',
    'stream cluster step-down S --force',
  ],
  'consumer add S pin --pull --defaults --pinned-groups g --pinned-ttl 5s',
  'consumer add S over --pull --defaults --overflow-groups g',
  'consumer add S prio --pull --defaults --prioritized-groups g',
  'consumer add S back --pull --defaults --backoff linear --backoff-steps 3 --backoff-min 1s --backoff-max 10s --max-deliver 10',
  'consumer add S filters --pull --defaults --filter s.1 --filter s.2 --headers-only --sample 50 --max-waiting 5 --inactive-threshold 1h',
  'consumer add S paused --pull --defaults --pause 2099-01-01T00:00:00Z',
  'consumer add S pushed --target to.me --defaults --heartbeat 1s --flow-control --replay original --deliver last',
  'consumer add S start --pull --defaults --deliver 2',
  'consumer add S since --pull --defaults --deliver 1h',
  'consumer add P one --pull --defaults',
  'consumer add P two --pull --defaults',
  ...['pin', 'over', 'prio', 'back', 'filters', 'paused', 'pushed', 'start', 'since'].map(
    (name) => `consumer info S ${name}`,
  ),
  ...[
    'consumer state S back',
    'consumer find S --pull',
    'consumer find S --pinned',
    'consumer find S --waiting 1',
    'consumer report S',
    'consumer ls S',
  ],
  ...[
    'consumer next S back --term',

    'consumer next S paused --timeout 1s',
  ],
  ...[
    'consumer unpin S pin g --force',
    'consumer unpin S over g --force',
    'consumer reset S back 1 --force',
    'consumer edit S back --max-deliver 20 --force',
  ],
  ...[
    'consumer edit S pushed --target other --force',
    'consumer edit S filters --filter s.1 --force',
    'consumer cluster step-down S back --force',
  ],
  'kv add K --history 3 --marker-ttl 1m --max-value-size 100 --max-bucket-size 1MB --compress',
  'kv add KM --mirror K',
  'kv add KS --source K',
  ...[
    'kv put K a 1',
    'kv put K b 2 --ttl 1h',
    'kv create K c 3 --ttl 1h',
    'kv put K a 4',
    `kv put K big ${'x'.repeat(200)}`,
    'kv get K a',
    'kv history K a',
  ],
  ...[
    'kv ls K -v',
    'kv info K',
    'kv info KM',
    'kv ls KM',
    'kv get KM a',
    'kv edit K --history 5 --description d',
    'kv edit K --ttl 1h',
    'kv purge K b --force --ttl 1h',
  ],
  ...[
    'kv watch K --include-history --timeout 1s',
    'kv compact K --force',
    'kv rm KM --force',
    'kv rm KS --force',
    'kv rm K --force',
  ],
  'object add O --ttl 1h --max-bucket-size 10MB --description d --compress --metadata a:b',
  ...[
    'object put O file.txt --description d --no-progress --force -H A:b',
    'object info O file.txt',
    'object ls O',
    'object edit O --description changed',
    'object rm O --force',
  ],
  ...[
    'backup stream S copy --no-progress',

    'backup validate copy',
    'backup account all --no-progress --force --consumers',
    'stream rm S --force',
  ],
  ...['backup restore stream copy --no-progress', 'stream info S', 'consumer ls S'],
  ...[
    'server check jetstream',
    'server check stream --stream M --lag-critical 5',
    'server check consumer --stream S --consumer back',
    'server check message --stream S --subject s.2',
  ],
  ...[
    'server check kv --bucket NONE',
    'account info',
    'account report connections',
    'account report statistics',
  ],
  ...[
    's:server report jetstream',
    's:server report jetstream --account A',
    's:server report health',
    's:server report accounts',
    's:server report downgrade 1',
  ],
  ...[
    's:server request jetstream',

    's:server request jetstream-health --account A --stream S',
    's:server request jetstream-health',
  ],
  ...[
    's:server check server --name srv --js-required',

    's:server ls 1',

    's:account info',
    's:stream ls',
  ],
  's:server account info A',
  's:server account purge A --force',
  'stream ls',
];

const missing = officialBinary() ? (officialTool() ? false : WITHOUT_TOOL) : WITHOUT_OFFICIAL;

for (const [title, list] of [
  ['JetStream by the official tool', commands],
  ['JetStream by the official tool: what fewer people use', rarer],
] as const)
  describe(title, { skip: missing }, () => {
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

    for (const [at, line] of list.entries()) {
      const user = line.startsWith('s:') ? 's' : 'a';
      const command = line.replace(/^s:/, '');
      test(`${at + 1}: ${line.slice(0, 120)}`, async () => {
        const [official, weft] = await Promise.all([
          tool(pair!.official, user, command, join(home, 'official')).output,
          tool(pair!.weft, user, command, join(home, 'weft')).output,
        ]);
        if (process.env.DIFFERENTIAL_SHOW) console.log(official);
        assert.equal(weft, official);
      });
    }
  });
