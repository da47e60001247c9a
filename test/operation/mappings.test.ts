/** Subject mappings in a running server: traces, chance, reload. The official server does the same where it is at hand. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { officialBinary, weftBinary } from '../support/official.js';
import { client, lines, reload, start, tail } from './process.js';

const binaries = { weft: weftBinary(), ...(officialBinary() ? { official: officialBinary()! } : {}) };

for (const [name, binary] of Object.entries(binaries)) {
  describe(`mappings, ${name}`, () => {
    test('a trace between the operation and its payload', async () => {
      await using server = await start('mappings { a: b, l: [{dest: l, weight: 0}] }', ['-V'], binary);
      const from = server.log.length;
      const one = await client(server.port, {}, 'SUB b 1\r\n');
      await one.sync('PUB a 1\r\nx\r\nPUB l 1\r\ny\r\nPUB c 1\r\nz\r\n');
      // The official server may answer before its log is written.
      for (let i = 0; i < 100 && !server.log.slice(from).includes('["z"]'); i++)
        await new Promise((resolve) => setTimeout(resolve, 20));
      const traces = lines(server.log.slice(from))
        .filter((line) => line.includes('[TRC]') && !/\[(CONNECT|PING|PONG|SUB)/.test(line))
        .map((line) => line.replace(/^.*?(<<-|->>)/, '$1'));
      assert.deepEqual(traces, [
        '<<- [PUB a 1]',
        '<<- [MAPPING a -> b]',
        '<<- MSG_PAYLOAD: ["x"]',
        '->> [MSG b 1 1]',
        '->> MSG_PAYLOAD: ["x"]',
        '<<- [PUB l 1]',
        '<<- [MAPPING l -> ]',
        '<<- MSG_PAYLOAD: ["y"]',
        '<<- [PUB c 1]',
        '<<- MSG_PAYLOAD: ["z"]',
      ]);
    });

    test('weights are kept to, about', async () => {
      await using server = await start(
        'mappings { a: [{dest: b, weight: 20%}], l: [{dest: l, weight: 50}, {dest: b, weight: 10}] }',
        [],
        binary,
      );
      const one = await client(server.port, {}, 'SUB > 1\r\n');
      const count = (subject: string) => one.received.split(`MSG ${subject} `).length - 1;
      await one.sync('PUB a 0\r\n\r\n'.repeat(2000));
      assert.equal(count('a') + count('b'), 2000);
      assert.ok(count('b') > 250 && count('b') < 550, `${count('b')} of 2000 at 20 %`);
      const before = count('b');
      await one.sync('PUB l 0\r\n\r\n'.repeat(2000));
      assert.ok(count('l') > 800 && count('l') < 1200, `${count('l')} of 2000 at 50 %`);
      assert.ok(
        count('b') - before > 100 && count('b') - before < 320,
        `${count('b') - before} of 2000 at 10 %`,
      );
    });

    test('a reload changes them for clients that are there, one that fails does not', async () => {
      const conf = (mappings: string) =>
        `mappings { ${mappings} }\naccounts { A { users: [{user: u, password: p}], mappings { ${mappings} } } }\nno_auth_user: u`;
      await using server = await start(conf('a: b'), [], binary);
      const one = await client(server.port, {}, 'SUB b 1\r\nSUB c 2\r\nSUB a 3\r\n');
      const goesTo = async () => {
        await one.sync('PUB a 1\r\nx\r\n');
        await one.sync();
        return /MSG (.) \d 1\r\nx\r\n(?:PONG\r\n)+$/.exec(one.received)?.[1];
      };
      assert.equal(await goesTo(), 'b');
      assert.match(
        (await reload(server, conf('a: "c.*"')))[0]!,
        /Error adding mapping for "a" to "c\.\*" : invalid subject/,
      );
      assert.equal(await goesTo(), 'b');
      await reload(server, conf('a: c'));
      assert.equal(await goesTo(), 'c');
      await reload(server, conf(''));
      assert.equal(await goesTo(), 'a');
      await reload(server, conf('"*": c'));
      assert.equal(await goesTo(), 'c');
      assert.doesNotMatch(tail(one), /ERR/);
    });
  });
}
